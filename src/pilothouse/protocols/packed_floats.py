"""Vectors as base64 of little-endian 32-bit floats."""

import base64
import binascii
import struct

from pilothouse.errors import UpstreamProtocol

_FLOAT_BYTES = 4


def pack(vector: tuple[float, ...]) -> str:
    """Return a vector's text; raises `UpstreamProtocol` for a number that 32 bits cannot hold."""
    try:
        packed = struct.pack(f"<{len(vector)}f", *vector)
    except OverflowError as error:
        raise UpstreamProtocol("a number in the provider's vectors is too large for 32 bits") from error
    return base64.b64encode(packed).decode()


def unpack(value: str) -> tuple[float, ...]:
    """Return the vector of a text; raises `ValueError` for what is none."""
    try:
        packed = base64.b64decode(value, validate=True)
        return struct.unpack(f"<{len(packed) // _FLOAT_BYTES}f", packed)
    except (binascii.Error, struct.error) as error:
        raise ValueError("not base64 of 32-bit floats") from error
