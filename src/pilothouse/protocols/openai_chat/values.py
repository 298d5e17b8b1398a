"""Reading loosely typed JSON values of a chat request or answer."""

from typing import Any, cast

import msgspec

NAME = "openai_chat"
VENDOR = "openai"
ENCODER = msgspec.json.Encoder()
ANY = msgspec.json.Decoder()


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


def is_json(value: str) -> bool:
    """Return whether a text is whole JSON."""
    try:
        ANY.decode(value)
    except (ValueError, RecursionError):
        return False
    return True


def number(value: Any) -> float | None:
    """Return a number, None for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def integer(value: Any) -> int | None:
    """Return a whole number, None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
