"""uvicorn's HTTP protocol made lean for the hot path.

An answer's head and the first piece of its body go out in one write instead of two, and the writes of one turn of the
event loop in one burst: every write is a system call, and to a sleeping reader also a wake-up. uvicorn looks at each
header with two regular expressions; here one look at the finished head tells that no header could break out of its
line. What is the same for all requests of a connection is made once, and one timer per connection ends those that are
idle, in place of one for each answer.
"""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from pilothouse.transport.burst import Burst

_NAME_END = b": "
_LINE_END = b"\r\n"
_BODILESS = (204, 304)
_CLOSE = b"connection: close\r\n"
SERVED = "pilothouse.served"
"""The ASGI extension by which an application finds the `JoinedCycle`: what it has beyond ASGI."""


class JoinedWritesProtocol(HttpToolsProtocol):
    """Serves connections with `JoinedCycle` in place of uvicorn's own.

    For applications that send a piece of the body right after every head, as the gateway does; the head of a stream
    that begins later would be held back until then. Takes no upgrades and sets no limit of concurrent requests.
    """

    def __init__(self, *args: Any, burst: Burst | None = None, **options: Any) -> None:
        """`burst` takes the writes of all connections of a server; all else is uvicorn's."""
        super().__init__(*args, **options)
        self.burst = burst or Burst()
        self._default_headers: list[tuple[bytes, bytes]] = []
        self._default_lines = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Prepare what is the same for all requests of the connection; called by the event loop."""
        super().connection_made(transport)
        config: Any = self.config
        self.application: Any = config.loaded_app
        self._idle_since = 0.0
        self._common: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
        }
        self.kept: dict[str, Any] = {}
        """For the application, as long as the connection lives."""
        # Most requests of a connection ask for the same as the one before.
        self._request_line: tuple[bytes, bytes, str] = b"", b"", ""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application; called by the event loop."""
        super().connection_lost(exc)
        self.kept.clear()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        if isinstance(self.cycle, JoinedCycle):
            self.cycle.lost()

    def default_lines(self) -> bytes:
        """The header lines of every answer, such as its date, rendered anew only when the server has changed them."""
        headers = self.server_state.default_headers
        if headers is not self._default_headers:
            self._default_headers, self._default_lines = headers, _lines(headers)
        return self._default_lines

    def on_message_begin(self) -> None:
        """Begin a request; called by the parser, like all that follow."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Start the application, or queue the request behind the one that is being answered."""
        parser: Any = self.parser
        version = parser.get_http_version()
        request_line = parser.get_method(), self.url, version
        if request_line != self._request_line:
            self._read_request_line(*request_line)
        scope: Any = self._common.copy()
        scope["headers"] = self.headers
        scope["state"] = self.app_state.copy()
        before: Any = self.cycle
        cycle = self.cycle = JoinedCycle(self, scope, keep_alive=version != "1.0" and parser.should_keep_alive())
        scope["extensions"] = {SERVED: cycle}
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.application)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.application))

    def _read_request_line(self, method: bytes, url: bytes, version: str) -> None:
        raw_path, query = url, b""
        if not raw_path.startswith(b"/") or b"?" in raw_path or b"#" in raw_path:
            parsed = httptools.parse_url(raw_path)
            raw_path, query = parsed.path, parsed.query or b""
        path = raw_path.decode("ascii")
        path = self.root_path + (unquote(path) if "%" in path else path)
        self._common |= {
            "method": method.decode("ascii"),
            "http_version": version,
            "path": path,
            "raw_path": self.root_path.encode("ascii") + raw_path,
            "query_string": query,
        }
        self._request_line = method, url, version

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body to the application."""
        cycle = self.cycle
        if isinstance(cycle, JoinedCycle) and not cycle.response_complete and cycle.take(body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """Tell the application that the body is whole."""
        cycle = self.cycle
        if isinstance(cycle, JoinedCycle) and not cycle.response_complete:
            cycle.end_body()

    def on_response_complete(self) -> None:
        """Go on with the next request that waits on this connection, else note that it is idle."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection when it has been idle for the whole time."""
        self.timeout_keep_alive_task = None
        if self.transport.is_closing():
            return
        if not self.cycle.response_complete:
            self._look_again_in(self.timeout_keep_alive)
            return
        left_s = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._look_again_in(left_s)
        else:
            self.close()

    def close(self) -> None:
        """Close the connection behind all that was written to it."""
        self.burst.flush()
        self.transport.close()

    def shutdown(self) -> None:
        """Close the connection, now or behind the answer that is under way; called by the server."""
        self.burst.flush()
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, and close the connection."""
        self.burst.flush()
        super().send_400_response(msg)

    def _look_again_in(self, delay_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(delay_s, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        """Leave the timer alone: it finds out by itself what has happened meanwhile."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        task = self.loop.create_task(cycle.run_asgi(app))
        self.tasks.add(task)
        if isinstance(cycle, JoinedCycle):
            cycle.task = task


class JoinedCycle(RequestResponseCycle):
    """One request and its answer; the head waits for the body message that ASGI requires to follow."""

    access_log = False
    message_event = asyncio.Event()
    """uvicorn sets it; nobody waits for it."""
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding = None
    expected_content_length = 0
    _head = b""
    _untold = b""
    _told_end = False
    _leave: Callable[[], None] | None = None
    _waiter: asyncio.Future[None] | None = None
    task: asyncio.Task[None] | None = None
    """In which the application runs; asking the event loop for it would cost more."""

    def __init__(self, protocol: JoinedWritesProtocol, scope: Any, *, keep_alive: bool) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.scope: Any = scope
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.waiting_for_100_continue = protocol.expect_100_continue
        self.keep_alive = keep_alive
        self._headless = scope["method"] == "HEAD"
        self.kept = protocol.kept
        self._protocol = protocol
        self._burst = protocol.burst

    async def run_asgi(self, app: Any) -> None:
        """Run the application; whatever it raises is logged and answered with 500 if nothing was sent yet."""
        # Let go of, for what it holds leads back here.
        scope, self.scope = self.scope, None
        try:
            await app(scope, self.receive, self.send)
        except BaseException as error:  # noqa: BLE001 - border: a fault of the application must not leave its client waiting
            await self._give_up("Exception in ASGI application\n", error)
        else:
            if not self.response_complete and not self.disconnected:
                await self._give_up("ASGI callable returned without completing response.", None)
        finally:
            self._protocol.tasks.discard(self.task)  # type: ignore[arg-type]

    async def _give_up(self, why: str, error: BaseException | None) -> None:
        self._protocol.logger.error(why, exc_info=error)
        if self.response_started:
            self._close()
        else:
            await self.send_500_response()

    def _close(self) -> None:
        self._burst.flush()
        self.transport.close()

    def take(self, body: bytes) -> int:
        """Keep a piece of the body for the application; returns how many bytes it has not been told of."""
        untold = self._untold = self._untold + body if self._untold else body
        if self._waiter is not None:
            self.wake()
        return len(untold)

    def when_gone(self, leave: Callable[[], None] | None) -> None:
        """Have `leave` called when the client goes away before the end of its answer; None calls it off."""
        self._leave = leave
        if leave is not None:
            self.flow.resume_reading()
            if self.disconnected:
                leave()

    def lost(self) -> None:
        """Note that the connection is gone."""
        self.wake()
        if self.disconnected and self._leave is not None:
            self._leave()

    def end_body(self) -> None:
        """Note that the body is whole."""
        self.more_body = False
        if self._waiter is not None:
            self.wake()

    def wake(self) -> None:
        """Let a waiting `receive` look again."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def whole_body(self) -> bytes | None:
        """Return the whole body, in place of `receive`; None when it has not come whole yet, or was told of before."""
        if self.more_body or self._told_end or self.disconnected:
            return None
        body, self._untold = self._untold, b""
        self._told_end = True
        return body

    async def receive(self) -> Any:
        """Return the next ASGI message: a piece of the body or its end, and then the end of the connection."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self._burst.write(self.transport, b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        while not self.disconnected and not self.response_complete:
            body, more = self._untold, self.more_body
            if body or not (more or self._told_end):
                self._untold = b""
                self._told_end = not more
                return {"type": "http.request", "body": body, "more_body": more}
            self.flow.resume_reading()
            self._waiter = self._protocol.loop.create_future()
            await self._waiter
        return {"type": "http.disconnect"}

    def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send a whole answer at once; False, with nothing sent, where only `send` can, which waits for slow clients.

        `headers` hold nothing about framing. Raises `RuntimeError` for one that breaks its line.
        """
        if self.response_started or self.disconnected or self.flow.write_paused:
            return False
        if self._headless or status in _BODILESS:
            return False
        lines = _lines(headers)
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        start = (STATUS_LINE[status], self._protocol.default_lines(), lines)
        end = b"\r\n" if self.keep_alive else _CLOSE + b"\r\n"
        self._burst.write(self.transport, b"%b%b%bcontent-length: %d\r\n%b%b" % (*start, len(body), end, body))
        self._complete()
        return True

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
        known = dict(headers)
        length = known.get(b"content-length")
        framing = b""
        if length is not None:
            self.expected_content_length = int(length)
            self.chunked_encoding = False
        elif not self._headless and status not in _BODILESS:
            self.chunked_encoding = True
            framing = b"transfer-encoding: chunked\r\n"
        if known.get(b"connection", b"").lower() == b"close":
            self.keep_alive = False
        elif not self.keep_alive:
            framing += _CLOSE
        self._head = STATUS_LINE[status] + self._protocol.default_lines() + _lines(headers) + framing + b"\r\n"

    def _take_body(self, body: bytes, *, more: bool) -> None:
        head, self._head = self._head, b""
        if self._headless:
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
            self._burst.write(self.transport, data)
        if not more:
            self._complete()

    def _complete(self) -> None:
        if self.expected_content_length != 0:
            raise RuntimeError("the answer is shorter than its content-length")
        self.response_complete = True
        if self._waiter is not None:
            self.wake()
        if not self.keep_alive:
            self._close()
        self._protocol.on_response_complete()


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the headers as lines; raises `RuntimeError` for one that breaks its line."""
    if not headers:
        return b""
    lines = _LINE_END.join(map(_NAME_END.join, headers))
    count = len(headers) - 1
    if lines.count(b"\n") != count or lines.count(b"\r") != count:
        raise RuntimeError("a header of the answer holds a line break")
    return lines + _LINE_END
