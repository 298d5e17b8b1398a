"""One upstream connection: HTTP/1.1 framing, deadlines and back-pressure, one call at a time.

A connection is idle, waiting (written, no head yet), in a body, or dead. Its slot in the pool belongs to whoever
called `start` until the head arrives, and to the connection itself afterwards.
"""

import asyncio
from typing import Protocol, cast

import httptools

from pilothouse import instruments
from pilothouse.errors import UpstreamCut, UpstreamError, UpstreamProtocol, UpstreamTimeout
from pilothouse.transport.base import Request, Timeouts
from pilothouse.transport.burst import Burst
from pilothouse.transport.response import PooledResponse, Stale

_JOIN_BYTES = 65536
_MAX_TRAILERS = 128
_NO_TIMEOUTS = Timeouts()


class Owner(Protocol):
    """What a connection needs of the pool it belongs to."""

    peer: str
    max_header_bytes: int
    buffer_bytes: int
    burst: Burst
    """Takes the writes of requests that are not big."""
    alive: "set[Connection]"
    """Connections whose socket is open; they enter and leave it themselves."""

    def release(self, connection: "Connection") -> None:
        """Take the connection back; its answer ended cleanly."""
        ...

    def lost(self, connection: "Connection") -> None:
        """Forget a connection that died between calls."""
        ...

    def vacate(self) -> None:
        """Free the slot of a connection that died inside an answer or may not be used again."""
        ...


class Connection(asyncio.Protocol):
    """The protocol object of one socket; httptools calls its `on_...` methods."""

    __slots__ = (
        "_between_s", "_big", "_complete", "_deadline", "_fault", "_fed", "_head_only", "_headers",
        "_least_s", "_owner", "_parser", "_parts", "_paused", "_response", "_sink", "_spent", "_timeouts", "_timer",
        "_timer_at", "_total_at", "_transport", "_unread", "_waiter", "dead", "idle_since", "loop", "peer", "served",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        self.loop = loop
        self.peer = owner.peer
        self.served = 0
        self.idle_since = 0.0
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[PooledResponse] | None = None
        self._response: PooledResponse | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._sink: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._fault: UpstreamError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timeouts = _NO_TIMEOUTS
        self._least_s = self._between_s = self._timer_at = self._deadline = self._total_at = 0.0
        self._fed = self._unread = 0
        self.dead = self._complete = self._spent = self._paused = self._head_only = self._big = False

    # --- calls ---------------------------------------------------------------------------------------------------

    def start(self, head: bytes, request: Request, total_at: float) -> asyncio.Future[PooledResponse]:
        """Write the request and return the future of its answer's head; the connection must be idle."""
        loop = self.loop
        waiter: asyncio.Future[PooledResponse] = loop.create_future()
        transport = self._transport
        if self.dead or transport is None:
            waiter.set_exception(Stale())
            return waiter
        self._waiter = waiter
        self._headers = []
        self._parts = []
        self._fed = 0
        self._complete = False
        self._head_only = request.method == b"HEAD"
        timeouts = request.timeouts
        now = loop.time()
        if timeouts is not self._timeouts:
            self._timeouts = timeouts
            self._between_s = timeouts.between_bytes_s
            self._least_s = min(timeouts.first_byte_s, timeouts.between_bytes_s, timeouts.total_s)
        deadline = now + timeouts.first_byte_s
        self._total_at = total_at
        self._deadline = deadline if deadline < total_at else total_at
        # The timer is armed no later than the nearest deadline this call can come to have, so that most calls on a
        # busy connection never touch it.
        soonest = now + self._least_s
        if soonest > total_at:
            soonest = total_at
        if self._timer is None or self._timer_at > soonest:
            self._arm(soonest)
        body = request.body
        if len(body) < _JOIN_BYTES:
            self._owner.burst.write(transport, head + body)
            self._big = False
        else:
            self._owner.burst.flush()
            transport.write(head)
            transport.write(body)
            self._big = True
        return waiter

    def drained(self) -> None:
        """Note that the reader has taken everything that was buffered."""
        self._unread = 0
        if self._paused and self._transport is not None and not self.dead:
            self._paused = False
            self._deadline = min(self.loop.time() + self._between_s, self._total_at)
            self._transport.resume_reading()

    def fail(self, error: UpstreamError | Stale) -> None:
        """Close the connection at once and hand the error to whoever waits; does nothing on a dead one."""
        if self.dead:
            return
        self.abort()
        waiter, self._waiter = self._waiter, None
        response, self._response = self._response, None
        if waiter is not None and (response is None or waiter.done()):
            # Until the head has arrived the slot is the waiter's, see `PooledTransport.send`.
            if not waiter.done():
                waiter.set_exception(error)
        elif response is None:
            self._owner.lost(self)
        else:
            if waiter is not None:
                # A fault that came along with the head is told the same way as one that comes later.
                waiter.set_result(response)
            if isinstance(error, UpstreamError):
                response.settle(error)
            self._owner.vacate()

    def abort(self) -> None:
        """Close the socket without telling anybody."""
        self.dead = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()

    # --- the socket ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the transport; called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._owner.alive.add(self)
        instruments.TRANSPORT_OPEN.inc()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then act on what it found; called by the event loop."""
        waiter = self._waiter
        if waiter is not None:
            if waiter.done():
                # Its task was cancelled and is about to close this connection.
                return
        elif self._response is None:
            # Bytes that no request asked for: an answer smuggled ahead, or a server's farewell.
            self.fail(Stale())
            return
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                self.fail(self._fault or self._broken(str(error)))
                return
            self._spent = True
        response = self._response
        if self._complete and response is not None:
            self._finish(response)
        elif not self._go_on(len(data)):
            return
        if response is None:
            return
        if waiter is None:
            response.wake()
        else:
            self._waiter = None
            waiter.set_result(response)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell an answer that ends with its connection from one that was cut; called by the event loop."""
        instruments.TRANSPORT_OPEN.inc(by=-1)
        self._owner.alive.discard(self)
        self._transport = None
        if self.dead:
            return
        if self._waiter is not None and not self._fed:
            if self.served:
                self.fail(Stale())
            else:
                self.fail(UpstreamCut(f"{self.peer} closed the connection without an answer"))
        elif self._response is not None and exc is None and self._ends_with_close(self._response):
            self._spent = True
            response = self._response
            self._finish(response)
        else:
            self.fail(UpstreamCut(f"{self.peer} closed the connection inside its answer"))

    # --- the parser ----------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Note bytes behind the end of the answer."""
        if self._complete:
            self._spent = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; those behind the head (trailers) land in the sink."""
        self._headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        """Make the response, unless the answer is interim."""
        if self._complete:
            return
        status = self._parser.get_status_code()
        headers = self._headers
        if status < 200:
            if status == 101:
                self._fault = self._broken("it switches protocols unasked")
                raise self._fault
            headers.clear()
            return
        self._check_head(headers)
        self._headers = self._sink
        self._response = PooledResponse(self, status, headers, self._parts)
        if self._head_only:
            self._complete = True
            self._spent = not self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        if self._complete:
            self._spent = True
        else:
            self._parts.append(data)

    def on_message_complete(self) -> None:
        """Mark the end of the answer; an interim one does not count."""
        if self._response is not None and not self._complete:
            self._complete = True
            self._spent = not self._parser.should_keep_alive()

    # --- inside --------------------------------------------------------------------------------------------------

    def _check_head(self, headers: list[tuple[bytes, bytes]]) -> None:
        # httptools refuses conflicting lengths itself, but lets codings pass that would then be read as content.
        for name, value in headers:
            if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
                self._fault = self._broken("it uses a transfer coding that was not offered")
                raise self._fault
        if not self.served and self._parser.get_http_version() not in ("1.1", "1.0"):
            self._fault = self._broken("its version of HTTP is neither 1.1 nor 1.0")
            raise self._fault
        if self._fed > self._owner.max_header_bytes:
            size = sum(len(name) + len(value) + 4 for name, value in headers)
            if size > self._owner.max_header_bytes:
                self._fault = self._too_long()
                raise self._fault

    def _finish(self, response: PooledResponse) -> None:
        """End the answer; keep the connection where both sides may use it again."""
        transport = self._transport
        self._waiter = self._response = None
        self._unread = 0
        if self._sink:
            self._sink.clear()
        if self._spent or transport is None or (self._big and transport.get_write_buffer_size()):
            self.abort()
            self._owner.vacate()
        else:
            if self._head_only:
                self._parser = httptools.HttpResponseParser(self)
            if self._paused:
                self._paused = False
                transport.resume_reading()
            self.served += 1
            self._owner.release(self)
        response.settle(None)

    def _go_on(self, size: int) -> bool:
        """Guard the limits of an answer that has not ended; return False when it broke one."""
        owner = self._owner
        if self._response is None or (self._waiter is None and not self._parts):
            # A head, a chunk extension or a trailer that does not end.
            if self._fed > owner.max_header_bytes or len(self._sink) > _MAX_TRAILERS:
                self.fail(self._too_long())
                return False
            return True
        self._fed = 1
        self._deadline = min(self.loop.time() + self._between_s, self._total_at)
        self._unread += size
        if self._unread > owner.buffer_bytes and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        return True

    def _ends_with_close(self, response: PooledResponse) -> bool:
        framing = (b"content-length", b"transfer-encoding")
        return not any(name in framing for name, _ in response.headers)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self.loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self.dead or (self._waiter is None and self._response is None):
            return
        now = self.loop.time()
        deadline = self._total_at if self._paused else self._deadline
        if now < deadline:
            self._arm(max(min(deadline, now + self._least_s), now + 0.001))
        elif deadline >= self._total_at:
            self.fail(UpstreamTimeout(f"the call to {self.peer} took longer than its total limit"))
        elif self._response is None:
            self.fail(UpstreamTimeout(f"{self.peer} sent no answer within {self._timeouts.first_byte_s:g} s"))
        else:
            self.fail(UpstreamTimeout(f"{self.peer} was silent for {self._between_s:g} s inside its answer"))

    def _broken(self, why: str) -> UpstreamProtocol:
        return UpstreamProtocol(f"the answer from {self.peer} is not valid HTTP: {why}")

    def _too_long(self) -> UpstreamProtocol:
        return UpstreamProtocol(
            f"the head or framing of the answer from {self.peer} is over {self._owner.max_header_bytes} bytes"
        )
