"""Frames of `application/vnd.amazon.eventstream`, both ways.

A frame is its length, the length of its headers, a CRC-32 of these two, the headers, the payload, and a CRC-32 of
everything before; numbers are big-endian.
"""

import struct
import zlib
from collections.abc import Mapping
from typing import TypeAlias
from uuid import UUID

import msgspec

from pilothouse.errors import UpstreamProtocol

CONTENT_TYPE = b"application/vnd.amazon.eventstream"
MAX_HEADERS_BYTES = 128 * 1024
MAX_FRAME_BYTES = 24 * 1024 * 1024
"""The format's own bound; a length beyond it is no frame."""

_PRELUDE = struct.Struct(">II")
_U32 = struct.Struct(">I")
_U16 = struct.Struct(">H")
_HEAD_BYTES = 12
_AROUND_BYTES = 16
_NUMBERS = {2: struct.Struct(">b"), 3: struct.Struct(">h"), 4: struct.Struct(">i"), 5: struct.Struct(">q")}
_TIMESTAMP, _BYTES, _STRING, _UUID = 8, 6, 7, 9

Value: TypeAlias = bool | int | bytes | str | UUID


class Frame(msgspec.Struct, frozen=True):
    """One frame: its headers by name, and its payload."""

    headers: dict[str, Value]
    payload: bytes

    def text(self, name: str) -> str:
        """Return a header that is a text; empty when it is missing or none."""
        found = self.headers.get(name)
        return found if isinstance(found, str) else ""


class Splitter:
    """Cuts bytes into whole frames, however they come."""

    def __init__(self) -> None:
        self._tail = bytearray()

    @property
    def partial(self) -> bool:
        """Whether the bytes so far end inside a frame."""
        return bool(self._tail)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the frames that are whole now, byte for byte; raises `UpstreamProtocol` when a sum is wrong."""
        tail = self._tail
        if tail:
            tail += chunk
            if len(tail) < _HEAD_BYTES or len(tail) < _length(tail, 0):
                return []
            chunk = bytes(tail)
            tail.clear()
        frames: list[bytes] = []
        start, size = 0, len(chunk)
        while size - start >= _HEAD_BYTES:
            end = start + _length(chunk, start)
            if end > size:
                break
            frame = chunk[start:end]
            if _U32.unpack_from(frame, len(frame) - 4)[0] != zlib.crc32(memoryview(frame)[:-4]):
                raise UpstreamProtocol("a frame of the provider's stream does not match its checksum")
            frames.append(frame)
            start = end
        tail += chunk[start:]
        return frames


def _length(buffer: bytes | bytearray, start: int) -> int:
    """Return the length of the frame that begins at `start`; raises `UpstreamProtocol` when none can begin there."""
    total, headers = _PRELUDE.unpack_from(buffer, start)
    if _U32.unpack_from(buffer, start + 8)[0] != zlib.crc32(buffer[start : start + 8]):
        raise UpstreamProtocol("the provider's stream is not made of event-stream frames")
    if total > MAX_FRAME_BYTES or headers > MAX_HEADERS_BYTES or total < headers + _AROUND_BYTES:
        raise UpstreamProtocol(f"a frame of the provider's stream claims {total} bytes, its headers {headers}")
    return total


def parse(frame: bytes) -> Frame:
    """Return a whole frame's headers and payload; raises `UpstreamProtocol` when the headers are not as they must be.

    The sums are not looked at again: `Splitter` has.
    """
    end = _HEAD_BYTES + _PRELUDE.unpack_from(frame, 0)[1]
    headers: dict[str, Value] = {}
    place = _HEAD_BYTES
    try:
        while place < end:
            name_end = place + 1 + frame[place]
            name = frame[place + 1 : name_end].decode()
            headers[name], place = _value(frame, name_end)
    except (IndexError, struct.error, UnicodeDecodeError, ValueError) as error:
        raise UpstreamProtocol("a frame's headers in the provider's stream are broken") from error
    if place != end:
        raise UpstreamProtocol("a frame's headers in the provider's stream are broken")
    return Frame(headers, frame[end:-4])


def _value(frame: bytes, place: int) -> tuple[Value, int]:
    kind = frame[place]
    place += 1
    if kind <= 1:
        return kind == 0, place
    number = _NUMBERS.get(kind)
    if number is not None:
        return number.unpack_from(frame, place)[0], place + number.size
    if kind == _TIMESTAMP:
        return _NUMBERS[5].unpack_from(frame, place)[0], place + 8
    if kind == _UUID:
        return UUID(bytes=frame[place : place + 16]), place + 16
    if kind not in (_BYTES, _STRING):
        raise ValueError(f"unknown type {kind}")
    begin = place + 2
    end = begin + _U16.unpack_from(frame, place)[0]
    if end > len(frame):
        raise ValueError("too long")
    found = frame[begin:end]
    return (found.decode() if kind == _STRING else found), end


def build(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return a frame with text headers."""
    head = bytearray()
    for name, said in headers.items():
        name_bytes, value_bytes = name.encode(), said.encode()
        head += bytes((len(name_bytes),)) + name_bytes + bytes((_STRING,)) + _U16.pack(len(value_bytes)) + value_bytes
    prelude = _PRELUDE.pack(len(head) + len(payload) + _AROUND_BYTES, len(head))
    whole = prelude + _U32.pack(zlib.crc32(prelude)) + bytes(head) + payload
    return whole + _U32.pack(zlib.crc32(whole))


def event(kind: str, payload: bytes) -> bytes:
    """Return the frame of an event of a stream whose payloads are JSON."""
    return build({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception(kind: str, payload: bytes) -> bytes:
    """Return the frame of an error that ends a stream."""
    return build({":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}, payload)
