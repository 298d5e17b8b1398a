"""Where a page ended, as the text that is handed out and comes back for the next one."""

from typing import TypeVar

import msgspec

from pilothouse.errors import InvalidRequest

T = TypeVar("T", bound=msgspec.Struct)


def write(place: msgspec.Struct) -> str:
    """Return a place as a cursor."""
    return msgspec.json.encode(place).hex()


def read(text: str, places: msgspec.json.Decoder[T]) -> T:
    """Return the place that a cursor says; raises `InvalidRequest` when it is none."""
    try:
        return places.decode(bytes.fromhex(text))
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidRequest("the cursor is not valid", param="cursor") from error
