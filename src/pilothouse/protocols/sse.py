"""Server-sent events on byte level: lines end at LF or CRLF and nowhere else, so no character of a text is a break."""

from collections.abc import Iterator

from pilothouse.errors import UpstreamProtocol

_LONGEST_BREAK = 3
"""How much of a blank line, less one byte, may stand at the end of what came before."""


def last_boundary(buffer: bytes | bytearray, start: int = 0) -> int:
    """Return where the last whole event at or after `start` ends, 0 when none does."""
    lf = buffer.rfind(b"\n\n", start)
    crlf = buffer.rfind(b"\n\r\n", start)
    return max(lf + 2 if lf >= 0 else 0, crlf + 3 if crlf >= 0 else 0)


def frames(buffer: bytes) -> Iterator[bytes]:
    """Yield the events with their blank lines, byte for byte; the last may lack its end."""
    start, size = 0, len(buffer)
    while start < size:
        end = _next_boundary(buffer, start, size)
        yield buffer[start:end]
        start = end


def _next_boundary(buffer: bytes, start: int, size: int) -> int:
    lf = buffer.find(b"\n\n", start)
    # The search for a CRLF end stops where the LF one was found, so that no byte is searched twice per event.
    crlf = buffer.find(b"\n\r\n", start, lf if lf >= 0 else size)
    if crlf >= 0:
        return crlf + 3
    return lf + 2 if lf >= 0 else size


def parse(frame: bytes) -> tuple[bytes, bytes]:
    """Return an event's name and data; data is empty for a comment.

    A line `error: …` counts as data of an event `error`, as older llama.cpp servers write it.
    """
    if frame.startswith(b"data:") and frame.count(b"\n") == 2 and frame.endswith(b"\n\n"):
        return b"", frame[5:-2].strip()
    name = b""
    data: list[bytes] = []
    for line in frame.lstrip(b"\xef\xbb\xbf").split(b"\n"):
        field, _, value = line.rstrip(b"\r").partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
        elif field == b"error":
            name = b"error"
            data.append(value)
    return name, b"\n".join(data).strip()


class Splitter:
    """Gives a stream's bytes back in whole events, however they were cut; an event without end cannot fill memory."""

    def __init__(self, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._tail = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        """Return the whole events that there are now; raises `UpstreamProtocol` for an event that is too large."""
        tail = self._tail
        if not tail:
            end = len(chunk) if chunk.endswith(b"\n\n") else last_boundary(chunk)
            if end == len(chunk):
                return chunk
            self.hold(chunk[end:])
            return chunk[:end]
        start = max(0, len(tail) - _LONGEST_BREAK)
        tail += chunk
        end = last_boundary(tail, start)
        if end == 0:
            self._check()
            return b""
        ready = bytes(tail[:end])
        del tail[:end]
        return ready

    def hold(self, chunk: bytes) -> None:
        """Keep bytes of a body that is no stream until `end`; raises `UpstreamProtocol` when there are too many."""
        self._tail += chunk
        self._check()

    def end(self) -> bytes:
        """Return what is left: an event without its blank line, a part of one, or all that was held."""
        tail = bytes(self._tail)
        self._tail.clear()
        return tail

    def _check(self) -> None:
        if len(self._tail) > self._max_event_bytes:
            raise UpstreamProtocol(f"one event of the provider's stream is larger than {self._max_event_bytes} bytes")
