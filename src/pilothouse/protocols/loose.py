"""Looks into decoded JSON of unknown shape: a value of another kind than the one looked for counts as missing."""

from typing import Any, cast

import msgspec

ANY = msgspec.json.Decoder()
ENCODER = msgspec.json.Encoder()


def mapping(value: Any) -> dict[str, Any]:
    """Return an object, an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """Return a list, an empty one for anything else."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list, none for anything else."""
    return [cast("dict[str, Any]", item) for item in listing(value) if isinstance(item, dict)]


def text(value: Any) -> str:
    """Return a string, an empty one for anything else."""
    return value if isinstance(value, str) else ""


def scalar(value: Any) -> str:
    """Return a JSON scalar as text; empty for null, lists and objects."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else ""


def scalars(value: Any) -> dict[str, str]:
    """Return the scalars of an object as text; anything else in it is left out."""
    return {key: scalar(item) for key, item in mapping(value).items() if isinstance(item, str | int | float)}


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


def count(value: Any) -> int:
    """Return a whole number, 0 for anything else."""
    return integer(value) or 0


def clean(said: str) -> str:
    """Return the text without halves of surrogate pairs, which UTF-8 cannot hold."""
    return said.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if not said.isascii() else said
