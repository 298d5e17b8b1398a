"""uvicorn's HTTP protocol with a leaner answer: head and first piece of the body in one write instead of two.

On the hot path every write is a system call, and on loopback also a wake-up of the reader. uvicorn looks at each header
with two regular expressions; here one look at the finished head tells that no header could break out of its line.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

_CHUNKED = (b"transfer-encoding", b"chunked")
_BODILESS = (204, 304)


class JoinedWritesProtocol(HttpToolsProtocol):
    """Serves connections with `JoinedCycle` in place of uvicorn's own.

    For applications that send a piece of the body right after every head, as the gateway does; the head of a stream
    that begins later would be held back until then.
    """

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = JoinedCycle
        super()._start_asgi_task(cycle, app)


class JoinedCycle(RequestResponseCycle):
    """One request and its answer; the head waits for the body message that ASGI requires to follow."""

    _head: bytes = b""

    async def send(self, message: Any) -> None:
        """Take one ASGI message; raises `RuntimeError` for one out of turn or with a header that breaks its line."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            if message["type"] != "http.response.start":
                raise RuntimeError(f"expected 'http.response.start', got {message['type']!r}")
            self._take_head(message["status"], message["headers"])
        elif self.response_complete or message["type"] != "http.response.body":
            raise RuntimeError(f"unexpected ASGI message {message['type']!r}")
        else:
            self._take_body(message["body"], more=message["more_body"])

    def _take_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        lines = [STATUS_LINE[status]]
        for name, value in (*self.default_headers, *headers):
            if name == b"content-length":
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive = False
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in _BODILESS:
            self.chunked_encoding = True
            lines.append(b"%b: %b\r\n" % _CHUNKED)
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise RuntimeError("a header of the answer holds a line break")
        self._head = head + b"\r\n"

    def _take_body(self, body: bytes, *, more: bool) -> None:
        head, self._head = self._head, b""
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            data = head
        elif self.chunked_encoding:
            end = b"" if more else b"0\r\n\r\n"
            data = b"%b%x\r\n%b\r\n%b" % (head, len(body), body, end) if body else head + end
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("the answer is longer than its content-length")
            data = head + body
        if data:
            self.transport.write(data)
        if not more:
            self._complete()

    def _complete(self) -> None:
        if self.expected_content_length != 0:
            raise RuntimeError("the answer is shorter than its content-length")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
