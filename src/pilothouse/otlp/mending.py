"""A protobuf body that does not parse as a whole, without the parts that are to blame.

Protobuf refuses a whole request for one text that is no UTF-8 or one value that is nested too deep; here that costs the
field that holds it. What was dropped from an item is said by an attribute of it.
"""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from pilothouse.otlp.wire import LENGTH_DELIMITED, field

MARK = "pilothouse.unreadable_fields"
"""The attribute that says how many fields of an item were dropped."""

_DOWN = (1, 2, 2)
"""The field by which each level of a request holds the next: resource groups, scope groups, items. The same for all
three signals."""


def mended(kind: type[Message], body: bytes) -> bytes:
    """Return the request without its unreadable fields; raises `ValueError` when its outermost frame is broken."""
    levels: list[type[Message]] = [kind]
    for number in _DOWN:
        held: Any = levels[-1].DESCRIPTOR.fields_by_number[number].message_type
        levels.append(GetMessageClass(held))
    kept, _dropped, torn = _sifted(levels, body)
    if torn:
        raise ValueError("the body is cut off or is no protobuf")
    return kept


def _sifted(levels: list[type[Message]], data: bytes) -> tuple[bytes, int, bool]:
    """Return the readable fields of a message, how many others there were, and whether its end is missing."""
    kind, below = levels[0], levels[1:]
    down = _DOWN[len(_DOWN) - len(below)] if below else 0
    kept: list[bytes] = []
    dropped, torn = 0, False
    try:
        for number, wire, head, raw in _fields(data):
            if number == down and wire == LENGTH_DELIMITED:
                payload, lost, cut = _sifted(below, raw[head:])
                if lost or cut:
                    payload += _mark(below, lost + cut)
                kept.append(field(number, payload))
            elif _parses(kind, raw):
                kept.append(raw)
            else:
                dropped += 1
    except ValueError:
        torn = True
    return b"".join(kept), dropped, torn


def _mark(below: list[type[Message]], dropped: int) -> bytes:
    """Return the mark as a field of an item; levels above the items, and metrics, have no place for it."""
    if len(below) > 1 or "attributes" not in below[0].DESCRIPTOR.fields_by_name:
        return b""
    pair = KeyValue(key=MARK, value=AnyValue(int_value=dropped)).SerializeToString()
    return field(below[0].DESCRIPTOR.fields_by_name["attributes"].number, pair)


def _parses(kind: type[Message], raw: bytes) -> bool:
    try:
        kind.FromString(raw)
    except DecodeError:
        return False
    return True


def _fields(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield number, wire type, length of the head and all bytes of each field; raises `ValueError` where they end."""
    at = 0
    while at < len(data):
        start = at
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == LENGTH_DELIMITED:
            size, at = _varint(data, at)
            head, at = at - start, at + size
        elif wire == 0:
            head = at - start
            _value, at = _varint(data, at)
        elif wire in (1, 5):
            head, at = at - start, at + (8 if wire == 1 else 4)
        else:
            raise ValueError("groups are not part of OTLP")
        if at > len(data):
            raise ValueError("a field goes beyond its message")
        yield tag >> 3, wire, head, data[start:at]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    found = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        found |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return found, at
        shift += 7
    raise ValueError("a number is cut off")
