"""Protobuf's outermost form, for what is too small or too broken to be read and written by message definitions."""

LENGTH_DELIMITED = 2
"""The wire type of texts, bytes and messages."""


def varint(value: int) -> bytes:
    """Return a whole number that is not negative, seven bits a byte."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def field(number: int, content: bytes) -> bytes:
    """Return a field that holds a text, bytes or a message."""
    return varint(number << 3 | LENGTH_DELIMITED) + varint(len(content)) + content
