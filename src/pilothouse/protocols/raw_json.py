"""Careful reading of a request's JSON where text must survive: members stay raw until a kind is asked for.

Every function raises `InvalidRequest` that names the path, for a value of another kind.
"""

from typing import Any

import msgspec

from pilothouse.errors import InvalidRequest
from pilothouse.protocols.loose import ANY

OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_NULL = msgspec.Raw(b"null")


def members(raw: msgspec.Raw | bytes, path: str) -> dict[str, msgspec.Raw]:
    """Return an object's members without its nulls."""
    try:
        found = OBJECT.decode(raw)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"{path}: must be an object", param=path) from error
    if _NULL not in found.values():
        return found
    return {key: value for key, value in found.items() if value != _NULL}


def items(raw: msgspec.Raw | None, path: str) -> list[msgspec.Raw]:
    """Return a list's items, none when there is no list."""
    if raw is None:
        return []
    try:
        return _LIST.decode(raw)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"{path}: must be a list", param=path) from error


def value(raw: msgspec.Raw) -> Any:
    """Return a decoded value of any kind."""
    return ANY.decode(raw)


def text(raw: msgspec.Raw | None, path: str) -> str:
    """Return a string, empty when it is missing."""
    found = "" if raw is None else ANY.decode(raw)
    if not isinstance(found, str):
        raise InvalidRequest(f"{path}: must be a string", param=path)
    return found


def flag(raw: msgspec.Raw | None, path: str) -> bool | None:
    """Return a boolean, None when it is missing."""
    found = None if raw is None else ANY.decode(raw)
    if found is not None and not isinstance(found, bool):
        raise InvalidRequest(f"{path}: must be true or false", param=path)
    return found


def whole(raw: msgspec.Raw | None, path: str) -> int | None:
    """Return a whole number, None when it is missing."""
    found = None if raw is None else ANY.decode(raw)
    if found is not None and (not isinstance(found, int) or isinstance(found, bool)):
        raise InvalidRequest(f"{path}: must be a whole number", param=path)
    return found


def number(raw: msgspec.Raw | None, path: str) -> float | None:
    """Return a number, None when it is missing."""
    found = None if raw is None else ANY.decode(raw)
    if found is not None and (not isinstance(found, int | float) or isinstance(found, bool)):
        raise InvalidRequest(f"{path}: must be a number", param=path)
    return found


def rest(found: dict[str, msgspec.Raw], *known: str) -> dict[str, Any]:
    """Return the decoded members that are not in `known`."""
    return {key: ANY.decode(raw) for key, raw in found.items() if key not in known}
