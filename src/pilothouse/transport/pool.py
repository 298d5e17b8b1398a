"""The pooled upstream client: the default implementation of the port, made for the hot path."""

import asyncio
import contextlib
import re
from collections import deque

from pilothouse import instruments
from pilothouse.domain.networks import reachable
from pilothouse.errors import (
    InvalidRequest,
    ShuttingDown,
    UpstreamCut,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from pilothouse.transport.base import Origin, Request, Timeouts
from pilothouse.transport.burst import Burst
from pilothouse.transport.connection import Connection
from pilothouse.transport.dial import Dialer, Fit, explain
from pilothouse.transport.head import HeadWriter
from pilothouse.transport.options import TransportOptions
from pilothouse.transport.response import PooledResponse, Stale

_HOST = re.compile(r"[0-9A-Za-z_.:-]+")


class PooledTransport:
    """Sends requests over kept-alive connections, the most recently used first."""

    def __init__(self, options: TransportOptions | None = None, fit: Fit = reachable) -> None:
        """`fit` says which addresses may be connected to; by itself none where a machine's own credentials are."""
        self._options = options or TransportOptions()
        self._dialer = Dialer(self._options, fit)
        self._burst = Burst()
        self._pools: dict[Origin, OriginPool] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, request: Request) -> PooledResponse:
        """Send and return once the head of the answer has arrived; see the port for the errors."""
        pool = self._pools.get(request.origin)
        if pool is None:
            pool = self._add(request.origin)
        head = pool.writer.render(request)
        timeouts = request.timeouts
        total_at = pool.loop.time() + timeouts.total_s
        connection = await pool.connect(request, total_at) if request.once or not pool.idle else pool.idle.pop()
        waiter = connection.start(head, request, total_at)
        try:
            return await waiter
        except Stale:
            if request.once:
                _give_up(waiter, connection, pool)
                raise UpstreamCut(f"{pool.peer} closed the connection without an answer") from None
            # The peer closed a kept-alive connection as we wrote; nothing of an answer was seen. The slot is ours.
            connection = await pool.dial(timeouts, total_at)
        except BaseException:
            _give_up(waiter, connection, pool)
            raise
        waiter = connection.start(head, request, total_at)
        try:
            return await waiter
        except BaseException as error:
            _give_up(waiter, connection, pool)
            if isinstance(error, Stale):
                raise UpstreamCut(f"{pool.peer} closes its connections at once") from None
            raise

    async def close(self) -> None:
        """Refuse new calls, let open ones end within the grace time, close all connections."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        pools = list(self._pools.values())
        for pool in pools:
            pool.shut()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.close_grace_s):
                for pool in pools:
                    await pool.empty.wait()
        for pool in pools:
            pool.abort()
        # One turn of the loop lets the sockets close.
        await asyncio.sleep(0)

    def _add(self, origin: Origin) -> "OriginPool":
        if self._closed:
            raise ShuttingDown("the transport is closed")
        if origin.scheme not in ("http", "https") or not _HOST.fullmatch(origin.host):
            raise InvalidRequest("the origin's scheme or host is not valid", param="origin")
        pool = self._pools[origin] = OriginPool(origin, self._options, self._dialer, self._burst)
        if self._sweeper is None:
            self._sweeper = pool.loop.call_later(self._options.idle_s / 4, self._sweep)
        return pool

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._options.idle_s
        for origin, pool in list(self._pools.items()):
            pool.evict(oldest)
            if pool.count == 0 and not pool.queue:
                del self._pools[origin]
        again = self._options.idle_s / 4
        self._sweeper = loop.call_later(again, self._sweep) if self._pools else None


def _give_up(waiter: asyncio.Future[PooledResponse], connection: Connection, pool: "OriginPool") -> None:
    """Undo a call that ended in an error or was cancelled before its response was handed out."""
    if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
        waiter.result().abandon()
        return
    connection.abort()
    pool.vacate()


class OriginPool:
    """The connections to one origin. Each open, opening or reserved connection holds one of `limit` slots."""

    def __init__(self, origin: Origin, options: TransportOptions, dialer: Dialer, burst: Burst) -> None:
        self.loop = asyncio.get_running_loop()
        self.peer = origin.netloc
        self.max_header_bytes = options.max_header_bytes
        self.buffer_bytes = options.buffer_bytes
        self.burst = burst
        self.idle: list[Connection] = []
        self.count = 0
        self.queue: deque[asyncio.Future[Connection | None]] = deque()
        self.empty = asyncio.Event()
        self._origin = origin
        self._limit = options.max_connections_per_origin
        self._queue_s = options.queue_s
        self._dialer = dialer
        self.alive: set[Connection] = set()
        self._shut = False
        self.writer = _writer(origin, dialer)

    async def connect(self, request: Request, total_at: float) -> Connection:
        """Return a connection of the caller's own, for what goes out once a new one: none that the peer may close."""
        if request.once and self.idle:
            self.idle.pop().abort()
            return await self.dial(request.timeouts, total_at)
        return await self.acquire(request.timeouts, total_at)

    async def acquire(self, timeouts: Timeouts, total_at: float) -> Connection:
        """Return a connection of the caller's own: a new one while there are slots, else the next that comes free."""
        if self._shut:
            raise ShuttingDown("the transport is closed")
        if self.count < self._limit:
            self.count += 1
            self.empty.clear()
            return await self.dial(timeouts, total_at)
        turn: asyncio.Future[Connection | None] = self.loop.create_future()
        self.queue.append(turn)
        timer = self.loop.call_at(min(self.loop.time() + self._queue_s, total_at), self._expire, turn)
        try:
            connection = await turn
        except asyncio.CancelledError:
            self._pass_on(turn)
            raise
        finally:
            timer.cancel()
        return connection or await self.dial(timeouts, total_at)

    async def dial(self, timeouts: Timeouts, total_at: float) -> Connection:
        """Return a new connection in a slot that the caller holds; frees the slot on failure."""
        deadline = min(self.loop.time() + timeouts.connect_s, total_at)
        outcome = "cancelled"
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self._dialer.open(self._origin, self._connection)
            outcome = "ok"
        except TimeoutError as error:
            outcome = "timeout"
            limit = "its connect limit" if deadline < total_at else "the call's total limit"
            raise UpstreamTimeout(f"no connection to {self.peer} within {limit}") from error
        except UpstreamError:
            outcome = "proxy"
            raise
        except OSError as error:
            outcome, why = explain(error)
            raise UpstreamUnreachable(f"no connection to {self.peer}: {why}") from error
        finally:
            instruments.TRANSPORT_CONNECTS.inc(outcome)
            if outcome != "ok":
                self.vacate()
        return connection

    def release(self, connection: Connection) -> None:
        """Hand the connection to the longest waiting call, else keep it."""
        queue = self.queue
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if self._shut:
            connection.abort()
            self.vacate()
            return
        connection.idle_since = self.loop.time()
        self.idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """Forget a connection that died between calls; one that is reserved keeps its caller's slot."""
        if connection in self.idle:
            self.idle.remove(connection)
            self.vacate()

    def vacate(self) -> None:
        """Free one slot: the longest waiting call may dial in it."""
        while self.queue:
            turn = self.queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.count -= 1
        if not self.count:
            self.empty.set()

    def evict(self, oldest: float) -> None:
        """Close connections that are idle since before `oldest`; the list is in the order of last use."""
        keep = next((index for index, held in enumerate(self.idle) if held.idle_since > oldest), len(self.idle))
        expired, self.idle = self.idle[:keep], self.idle[keep:]
        for connection in expired:
            connection.abort()
            self.vacate()

    def shut(self) -> None:
        """Close idle connections and let nobody in; calls under way go on."""
        self._shut = True
        self.evict(float("inf"))
        if not self.count:
            self.empty.set()

    def abort(self) -> None:
        """End the calls that still wait for a connection, and close those of the others."""
        for turn in self.queue:
            if not turn.done():
                turn.set_exception(ShuttingDown("the transport is closed"))
        for connection in list(self.alive):
            connection.fail(UpstreamUnreachable(f"the call to {self.peer} was ended by shutdown"))

    def _connection(self) -> Connection:
        return Connection(self.loop, self)

    def _expire(self, turn: asyncio.Future[Connection | None]) -> None:
        if not turn.done():
            self.queue.remove(turn)
            turn.set_exception(UpstreamTimeout(f"no free connection to {self.peer} within {self._queue_s:g} s"))

    def _pass_on(self, turn: asyncio.Future[Connection | None]) -> None:
        if turn.cancelled() or not turn.done() or turn.exception() is not None:
            return
        connection = turn.result()
        if connection is None or connection.dead:
            self.vacate()
        else:
            self.release(connection)


def _writer(origin: Origin, dialer: Dialer) -> HeadWriter:
    host = b"host: " + origin.authority.encode() + b"\r\n"
    proxy = dialer.proxy_for(origin)
    if proxy is None or origin.scheme == "https":
        return HeadWriter(b"", host)
    if proxy.authorization:
        host += b"proxy-authorization: " + proxy.authorization + b"\r\n"
    return HeadWriter(b"http://" + origin.authority.encode(), host)
