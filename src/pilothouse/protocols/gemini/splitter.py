"""A streamed answer cut into its documents: server-sent events, or the elements of one JSON array."""

import re

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import sse

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
"""Above the largest document that holds inline media; a stream without breaks cannot fill memory."""

_MARKS = re.compile(rb'["\\{}]')


class Splitter:
    """Takes bytes as they come and returns pairs: the bytes of a frame, and the document in it (empty in a comment).

    The frames one after the other are the bytes that came. The first byte tells an array from events.
    """

    def __init__(self) -> None:
        self.array: bool | None = None
        """None until the first byte that is not white."""
        self.closed = False
        """Whether an array's closing bracket came."""
        self._rest = bytearray()
        self._at = 0
        self._from = -1
        self._depth = 0
        self._quoted = False

    def feed(self, chunk: bytes) -> list[tuple[bytes, bytes]]:
        """Return the frames that are whole now; raises `UpstreamProtocol` when one never ends."""
        start = len(self._rest)
        self._rest += chunk
        if self.array is None:
            bare = self._rest.lstrip()
            if not bare:
                return []
            self.array = bare.startswith(b"[")
        out = self._elements() if self.array else self._events(start)
        if len(self._rest) > MAX_DOCUMENT_BYTES:
            raise UpstreamProtocol("the provider's stream has a piece without end")
        return out

    def end(self) -> list[tuple[bytes, bytes]]:
        """Return the last frame at the clean end of the body: an event without its blank line, or an array's end."""
        tail = bytes(self._rest)
        self._rest.clear()
        if self.array:
            self.closed = tail.strip() == b"]"
            return [(tail, b"")] if self.closed else []
        if not tail.strip():
            return [(tail, b"")] if tail else []
        data = sse.parse(tail)[1]
        return [(tail.rstrip(b"\r\n") + b"\n\n", data)] if data else []

    def _events(self, start: int) -> list[tuple[bytes, bytes]]:
        end = sse.last_boundary(self._rest, max(start - 3, 0))
        if not end:
            return []
        ready = bytes(self._rest[:end])
        del self._rest[:end]
        return [(frame, sse.parse(frame)[1]) for frame in sse.frames(ready)]

    def _elements(self) -> list[tuple[bytes, bytes]]:
        out: list[tuple[bytes, bytes]] = []
        begin = 0
        while True:
            found = _MARKS.search(self._rest, self._at)
            if found is None:
                self._at = len(self._rest)
                break
            mark, self._at = found[0], found.end()
            if mark == b"\\":
                if found.end() == len(self._rest):
                    # What is escaped is still to come, and may be a quote.
                    self._at = found.start()
                    break
                self._at += 1
            elif self._step(mark, found.start()):
                out.append((bytes(self._rest[begin : self._at]), bytes(self._rest[self._from : self._at])))
                begin = self._at
        del self._rest[:begin]
        self._at -= begin
        self._from -= begin
        return out

    def _step(self, mark: bytes, place: int) -> bool:
        """Take a mark and return whether an element ends with it."""
        if mark == b'"':
            self._quoted = not self._quoted
        elif not self._quoted:
            if mark == b"{":
                if self._depth == 0:
                    self._from = place
                self._depth += 1
            else:
                self._depth -= 1
                return self._depth == 0
        return False
