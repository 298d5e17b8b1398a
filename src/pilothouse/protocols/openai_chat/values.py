"""Reading loosely typed JSON values of a chat request or answer."""

from typing import Any, cast

import msgspec

from pilothouse.errors import InvalidRequest
from pilothouse.protocols import json_body

NAME = "openai_chat"
VENDOR = "openai"
ENCODER = msgspec.json.Encoder()
ANY = msgspec.json.Decoder()


def document(body: bytes) -> dict[str, Any]:
    """Return a request body as an object; raises `InvalidJson` or `InvalidRequest`."""
    try:
        found: Any = ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        # Says what is wrong, and where.
        json_body.read_object(body)
        raise InvalidRequest("the request body must be a JSON object")
    return cast("dict[str, Any]", found)


def mapping(value: Any) -> dict[str, Any]:
    """Return an object, an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list."""
    if not isinstance(value, list):
        return []
    return [cast("dict[str, Any]", item) for item in cast("list[Any]", value) if isinstance(item, dict)]


def text(value: Any) -> str:
    """Return a string, an empty one for anything else."""
    return value if isinstance(value, str) else ""


def json_text(value: Any) -> str:
    """Return a string as it is, any other value as JSON text, nothing for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else ENCODER.encode(value).decode()


def number(value: Any) -> float | None:
    """Return a number, None for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def integer(value: Any) -> int | None:
    """Return a whole number, None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
