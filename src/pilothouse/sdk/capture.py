"""Values of the app as JSON text, within bounds: however large, deep, circular or broken a value is."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Any, Final, cast
from uuid import UUID

import msgspec

MOST_CHARS: Final = 256 * 1024
"""Characters of one value, and about what its JSON may take."""
MOST_ITEMS: Final = 1_000
"""Members of one list or mapping."""
MOST_DEPTH: Final = 16
_CUT: Final = "… cut"
_encoder = msgspec.json.Encoder(decimal_format="string")


def as_text(value: Any) -> str:
    """Return text as it is and anything else as JSON, both cut off at `MOST_CHARS`; never raises."""
    if isinstance(value, str):
        return _short(value, MOST_CHARS)
    plain = _Walk().plain(value, MOST_DEPTH)
    try:
        return _encoder.encode(plain).decode()
    except (TypeError, ValueError, UnicodeError, OverflowError):
        return _short(_shown(plain), MOST_CHARS)


class _Walk:
    """One value on its way to plain JSON, and the characters that are left for it."""

    def __init__(self) -> None:
        self._left = MOST_CHARS

    def plain(self, value: Any, depth: int) -> Any:
        self._left -= 8
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return self.plain(value.value, depth)
        if isinstance(value, int | Decimal | UUID | date | time | datetime | timedelta):
            return value if not isinstance(value, int) or abs(value) < 2**63 else self._text(str(value))
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(cast('bytes', value))} bytes>"
        return self._inner(value, depth) if depth and self._left > 0 else _CUT

    def _inner(self, value: Any, depth: int) -> Any:
        try:
            if isinstance(value, Mapping):
                return self._mapping(cast("Mapping[Any, Any]", value).items(), depth)
            if isinstance(value, list | tuple | set | frozenset):
                return self._listing(cast("Iterable[Any]", value), depth)
            members = _members(value)
            return self._text(_shown(value)) if members is None else self._mapping(members, depth)
        except Exception:  # noqa: BLE001 - border: the app's own classes run here, and no fault of theirs may get out
            return self._text(_shown(value))

    def _mapping(self, pairs: Iterable[tuple[Any, Any]], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in islice(pairs, MOST_ITEMS + 1):
            if len(found) == MOST_ITEMS or self._left <= 0:
                found[_CUT] = True
                break
            found[self._text(name if isinstance(name, str) else _shown(name))] = self.plain(value, depth - 1)
        return found

    def _listing(self, items: Iterable[Any], depth: int) -> list[Any]:
        found: list[Any] = []
        for item in islice(items, MOST_ITEMS + 1):
            if len(found) == MOST_ITEMS or self._left <= 0:
                found.append(_CUT)
                break
            found.append(self.plain(item, depth - 1))
        return found

    def _text(self, value: str) -> str:
        found = _short(value, max(0, self._left))
        self._left -= len(found)
        return found


def _members(value: Any) -> list[tuple[str, Any]] | None:
    """Return the fields of a value that has such: a dataclass, a msgspec Struct, a pydantic model."""
    if is_dataclass(value) and not isinstance(value, type):
        return [(one.name, getattr(value, one.name, None)) for one in fields(value)]
    if isinstance(value, msgspec.Struct):
        return [(name, getattr(value, name)) for name in value.__struct_fields__]
    dump = None if isinstance(value, type) else getattr(value, "model_dump", None)
    if callable(dump):
        dumped = dump()
        return list(cast("Mapping[str, Any]", dumped).items()) if isinstance(dumped, Mapping) else None
    return None


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - border: a `repr` of the app's may raise anything
        return f"<{type(value).__name__}>"


def _short(text: str, most: int) -> str:
    # a lone surrogate cannot be sent
    kept = text if text.isascii() else text[: most + 1].encode("utf-8", "replace").decode()
    return kept if len(kept) <= most else f"{kept[:most]}{_CUT}"
