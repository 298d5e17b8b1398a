"""What every part of the dialect shares: its name, JSON both ways, and careful looks into unknown structures."""

from typing import Any

import msgspec

from pilothouse.domain.chat import Extra
from pilothouse.errors import InvalidRequest

NAME = "openai_responses"
VENDOR = "openai"

_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def decode(data: bytes) -> Any:
    """Return the value; None when the bytes are not JSON."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def encode(value: Any) -> bytes:
    """Return the value as JSON."""
    return _ENCODER.encode(value)


def rest(value: dict[str, Any], known: frozenset[str]) -> Extra | None:
    """Return the fields that are not known and not null; None when there are none."""
    left = {key: item for key, item in value.items() if key not in known and item is not None}
    return Extra(NAME, left) if left else None


def own(extra: Extra | None) -> dict[str, Any]:
    """Return the fields that came in this dialect."""
    return extra.fields if extra is not None and extra.dialect == NAME else {}


def string(value: dict[str, Any], key: str, where: str) -> str:
    """Return a field that must be a string; raises `InvalidRequest`."""
    found = value.get(key)
    if not isinstance(found, str):
        raise InvalidRequest(f"{where}.{key} must be a string", param=f"{where}.{key}")
    return found
