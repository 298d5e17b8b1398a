"""Attribute values as the kind that is asked for; of another kind they count as missing."""

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import msgspec

from pilothouse.otlp.signals import Attributes
from pilothouse.protocols.loose import listing, mapping

_any = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder(decimal_format="number")
_MOST = 2**53
"""Greater counts are no counts."""


def as_text(value: Any) -> str:
    """Return any value as text: text as it is, anything else as JSON, bytes as base64."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value) if not isinstance(value, bool) else "true" if value else "false"
    if isinstance(value, bytes):
        return _encoder.encode(value).decode().strip('"')
    if isinstance(value, float) and value != value:
        return "NaN"
    try:
        return _encoder.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        return str(value)


def as_texts(attributes: Attributes) -> dict[str, str]:
    """Return all attributes with their values as text."""
    return {key: value if isinstance(value, str) else as_text(value) for key, value in attributes.items()}


def text(attributes: Attributes, *names: str) -> str | None:
    """Return the first of the attributes that holds a text, a number or a truth value; None when none does."""
    for name in names:
        value = attributes.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, str):
            return value
        if isinstance(value, int | float):
            return as_text(value)
    return None


def document(attributes: Attributes, *names: str) -> str | None:
    """Return the first of the attributes that is there, as text or JSON."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return as_text(value)
    return None


def number(attributes: Attributes, *names: str) -> float | None:
    """Return the first of the attributes that holds a number, also as text."""
    for name in names:
        value = attributes.get(name)
        if value is not None:
            found = _number(value)
            if found is not None:
                return found
    return None


def whole(value: Any) -> int | None:
    """Return a whole number, also as text; None for anything else, and for what is too great to be a count."""
    if type(value) is int:
        return value if -_MOST <= value <= _MOST else None
    found = _number(value)
    return int(found) if found is not None and abs(found) <= _MOST else None


def count(attributes: Attributes, *names: str) -> int | None:
    """Return the first of the attributes that holds a whole number, also as text; negative ones too."""
    return whole(number(attributes, *names))


def later_ns(start_ns: int, after: float | None, unit_ns: int) -> int | None:
    """Return the moment that lies some units after another; None where that is not said, or is no time."""
    return start_ns + round(after * unit_ns) if after is not None and abs(after) <= _MOST else None


def flag(attributes: Attributes, *names: str) -> bool | None:
    """Return the first of the attributes that holds a truth value, also as text."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
    return None


def money(value: Any) -> Decimal | None:
    """Return an amount that is said as a number or as text; None for what is none, and for negative ones."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found < 10**12 else None


def loaded(value: Any) -> Any:
    """Return a value that may have been sent as JSON text; text that is no JSON, or a JSON scalar, comes back as it is.

    Python's own form of an object is read too: some SDKs send that.
    """
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return _any.decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _of_python(value)


def unquoted(value: Any) -> Any:
    """Return the value of a JSON text of any kind, scalars too; other text as it is."""
    if not isinstance(value, str):
        return value
    try:
        return _any.decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return value


def moment_ns(value: Any) -> int | None:
    """Return the nanoseconds since 1970 of an ISO 8601 text, with quotes around it or not."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip('"'))
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1e6) * 1000
    except (ValueError, OverflowError, OSError):
        return None


def listed(value: Any) -> tuple[str, ...]:
    """Return a list of texts that came as a list, as JSON, or as text with commas."""
    if value is None:
        return ()
    found = loaded(value)
    if isinstance(found, str):
        found = found.split(",")
    texts = (as_text(item).strip() for item in listing(found) if item is not None)
    return tuple(item for item in texts if item)


def below(attributes: Attributes, prefix: str) -> Attributes:
    """Return the attributes whose names begin so, without that beginning."""
    size = len(prefix)
    return {key[size:]: value for key, value in attributes.items() if key.startswith(prefix)}


def nested(attributes: Attributes, prefix: str) -> list[Any]:
    """Return a list that was sent as one attribute for each leaf, such as `prefix0.message.role`."""
    root: dict[str, Any] = {}
    size = len(prefix)
    for key, value in attributes.items():
        if not key.startswith(prefix):
            continue
        *path, leaf = key[size:].split(".", _DEEPEST)
        held = root
        for step in path:
            inner = held.get(step)
            if not isinstance(inner, dict):
                held[step] = {}
            held = cast("dict[str, Any]", held[step])
        held[leaf] = value
    return listing(_lists(root))


_DEEPEST = 12
"""Steps of a name; what comes after stays in one piece."""


def _lists(value: Any) -> Any:
    held = mapping(value)
    if not held:
        return value
    if all(key.isdigit() for key in held):
        return [_lists(held[key]) for key in sorted(held, key=int)]
    return {key: _lists(item) for key, item in held.items()}


def _number(value: Any) -> float | None:
    if type(value) is int:
        return value
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < float("inf") else None


def _of_python(value: str) -> Any:
    if "'" not in value or len(value) > 10_000:
        return value
    try:
        return json.loads(value.replace("'", '"').replace("None", "null").replace("True", "true"))
    except (ValueError, RecursionError):
        return value
