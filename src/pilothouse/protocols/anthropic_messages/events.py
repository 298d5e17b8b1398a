"""The events of a Messages stream as bytes: split off on their way in, written on their way out."""

from typing import Any

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import loose, sse

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Above the largest event any provider sends; a stream without breaks cannot fill memory."""


class Splitter:
    """Gives bytes back in whole events, however they were cut."""

    def __init__(self) -> None:
        self._tail = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        """Return the whole events that there are now; raises `UpstreamProtocol` when one is larger than 16 MiB."""
        tail = self._tail
        if not tail:
            end = len(chunk) if chunk.endswith(b"\n\n") else sse.last_boundary(chunk)
            if end == len(chunk):
                return chunk
            tail += chunk[end:]
            return chunk[:end]
        start = max(0, len(tail) - 3)
        tail += chunk
        end = sse.last_boundary(tail, start)
        if end == 0 and len(tail) > MAX_EVENT_BYTES:
            raise UpstreamProtocol(f"one event of the provider's stream is larger than {MAX_EVENT_BYTES} bytes")
        ready = bytes(tail[:end])
        del tail[:end]
        return ready

    def end(self) -> bytes:
        """Return what is left: an event without its blank line, or a part of one."""
        tail = bytes(self._tail)
        self._tail.clear()
        return tail


def decode(frame: bytes) -> tuple[str, dict[str, Any] | None, bytes]:
    """Return an event's type, its decoded data (None when that is no JSON object) and the data itself.

    The type stands in the data; the name of the event is the second choice.
    """
    name, data = sse.parse(frame)
    if not data:
        return "", None, data
    try:
        document: Any = loose.ANY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return name.decode(errors="replace"), None, data
    if not isinstance(document, dict):
        return name.decode(errors="replace"), None, data
    fields = loose.mapping(document)
    kind = loose.text(fields.get("type")) or name.decode(errors="replace")
    if not kind and fields.get("error"):
        kind = "error"
    return kind, fields, data


def encode(document: dict[str, Any]) -> bytes:
    """Return an event with its name."""
    kind: str = document["type"]
    return b"event: " + kind.encode() + b"\ndata: " + loose.ENCODER.encode(document) + b"\n\n"
