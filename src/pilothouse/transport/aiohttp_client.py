"""The same port on aiohttp: slower, and widely proven.

Laxer than the pool in what it takes from an upstream: folded header lines, bytes behind an answer or on an idle
connection that then count as the next answer, and a reset that passes for the end of an answer without a length. The
gauge of open connections stays untouched.
"""

import asyncio
import contextlib
import io
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from functools import partial
from typing import Any

import aiohttp
from msgspec import Struct
from yarl import URL

from pilothouse import instruments
from pilothouse.domain.networks import reachable
from pilothouse.errors import (
    ShuttingDown,
    UpstreamCut,
    UpstreamError,
    UpstreamProtocol,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from pilothouse.transport.base import Origin, Request, Timeouts
from pilothouse.transport.dial import Address, AddressRefused, Dialer, explain
from pilothouse.transport.head import HeadWriter
from pilothouse.transport.options import TransportOptions

_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class _Stale(Exception):
    """A reused connection died before any byte of the answer."""


class _Path(Struct):
    """How a call got its connection; filled in by aiohttp's tracing."""

    connected: bool = False
    reused: bool = False


class AiohttpTransport:
    """Sends requests through aiohttp sessions; a second session without reuse serves the retries of stale ones."""

    def __init__(self, options: TransportOptions | None = None) -> None:
        self._options = options or TransportOptions()
        self._dialer = Dialer(self._options)
        self._writers: dict[Origin, HeadWriter] = {}
        self._sessions: tuple[aiohttp.ClientSession, aiohttp.ClientSession] | None = None
        self._open = 0
        self._empty = asyncio.Event()
        self._closed = False

    async def send(self, request: Request) -> "AiohttpResponse":
        """Send and return once the head of the answer has arrived; see the port for the errors."""
        if self._closed:
            raise ShuttingDown("the transport is closed")
        writer = self._writers.get(request.origin)
        if writer is None:
            writer = self._writers[request.origin] = HeadWriter(b"", b"")
        # Its rules are ours; aiohttp then writes the same head once more.
        writer.render(request)
        if self._sessions is None:
            self._sessions = self._session(reuse=True), self._session(reuse=False)
        total_at = asyncio.get_running_loop().time() + request.timeouts.total_s
        path = _Path()
        try:
            return await self._attempt(self._sessions[1 if request.once else 0], request, total_at, path)
        except _Stale:
            return await self._attempt(self._sessions[1], request, total_at, _Path())

    async def close(self) -> None:
        """Refuse new calls, let open ones end within the grace time, close all connections."""
        self._closed = True
        if self._open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.close_grace_s):
                    await self._empty.wait()
        for session in self._sessions or ():
            await session.close()

    def left(self) -> None:
        """Note that an answer has been closed."""
        self._open -= 1
        if not self._open:
            self._empty.set()

    def _session(self, *, reuse: bool) -> aiohttp.ClientSession:
        options = self._options
        connect = partial(
            aiohttp.TCPConnector,
            limit=0,
            limit_per_host=options.max_connections_per_origin,
            ssl=self._dialer.tls,
            use_dns_cache=False,
            resolver=aiohttp.ThreadedResolver(),
            socket_factory=_socket,
        )
        return aiohttp.ClientSession(
            connector=connect(keepalive_timeout=options.idle_s) if reuse else connect(force_close=True),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTOMATIC,
            trace_configs=[_trace()],
            read_bufsize=options.buffer_bytes // 2,
            max_line_size=options.max_header_bytes,
            max_field_size=options.max_header_bytes,
        )

    async def _attempt(
        self, session: aiohttp.ClientSession, request: Request, total_at: float, path: _Path
    ) -> "AiohttpResponse":
        peer = request.origin.netloc
        timeouts = request.timeouts
        proxy = self._dialer.proxy_for(request.origin)
        sent = (*request.headers, *request.more_headers)
        headers = [(name.decode(), value.decode()) for name, value in sent]
        if not any(name.lower() == b"accept-encoding" for name, _ in sent):
            headers.append(("accept-encoding", "identity"))
        pass_on = {"proxy-authorization": proxy.authorization.decode()} if proxy and proxy.authorization else {}
        if request.origin.scheme == "http":
            headers += pass_on.items()
        self._open += 1
        self._empty.clear()
        try:
            with _errors(peer, path):
                async with _until(total_at, peer):
                    response = await session.request(
                        request.method.decode(),
                        URL(
                            f"{request.origin.scheme}://{request.origin.netloc}{request.target.decode()}", encoded=True
                        ),
                        data=io.BytesIO(request.body) if request.body else None,
                        headers=headers,
                        allow_redirects=False,
                        timeout=self._timeout(timeouts),
                        proxy=f"http://{proxy.host}:{proxy.port}" if proxy else None,
                        proxy_headers=pass_on if request.origin.scheme == "https" else None,
                        trace_request_ctx=path,
                    )
        except BaseException:
            self.left()
            raise
        answer = AiohttpResponse(self, response, path.reused, Bounds(peer, timeouts.between_bytes_s, total_at))
        if answer.status == 101 or sum(len(n) + len(v) + 4 for n, v in answer.headers) > self._options.max_header_bytes:
            await answer.close()
            raise UpstreamProtocol(f"the answer from {peer} switches protocols unasked or has too long a head")
        return answer

    def _timeout(self, timeouts: Timeouts) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=None,
            connect=self._options.queue_s + timeouts.connect_s,
            sock_connect=timeouts.connect_s,
            sock_read=timeouts.first_byte_s,
        )


class Bounds(Struct, frozen=True):
    """What the body of an answer is held to; `total_at` is a time of the event loop."""

    peer: str
    between_bytes_s: float
    total_at: float


class AiohttpResponse:
    """An answer held by aiohttp."""

    def __init__(
        self, transport: AiohttpTransport, response: aiohttp.ClientResponse, reused: bool, bounds: Bounds
    ) -> None:
        self.status = response.status
        self.headers = [(name.lower(), value) for name, value in response.raw_headers]
        self.reused = reused
        self._transport = transport
        self._response = response
        self._bounds = bounds
        self._closed = False
        connection = response.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = bounds.between_bytes_s
            connection.protocol.start_timeout()
            closed = connection.protocol.closed
            if closed is not None:
                closed.add_done_callback(self._lost)

    def at_hand(self, limit_bytes: int) -> bytes | None:
        """Return None: even of what is here already aiohttp tells only to who waits."""
        del limit_bytes

    async def read(self, limit_bytes: int) -> bytes:
        """Return the whole body; raises `UpstreamProtocol` over the limit, `UpstreamCut`, `UpstreamTimeout`."""
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) > limit_bytes:
                await self.close()
                raise UpstreamProtocol(
                    f"the answer from {self._bounds.peer} is over the limit of {limit_bytes} bytes",
                    upstream_status=self.status,
                )
        await self.close()
        return bytes(body)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes off the socket; see the port for the errors."""
        content = self._response.content
        try:
            while not content.at_eof():
                with _errors(self._bounds.peer, None):
                    async with _until(self._bounds.total_at, self._bounds.peer):
                        chunk = await content.readany()
                if chunk:
                    yield chunk
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Give the connection back when the body was read to its end, else close it; may be called again."""
        if self._closed:
            return
        self._closed = True
        content = self._response.content
        if content.is_eof() and content.exception() is None:
            self._response.release()
        else:
            self._response.close()
        self._transport.left()

    def _lost(self, closed: asyncio.Future[None]) -> None:
        """End an answer whose framing broke: aiohttp closes the connection then, but leaves the reader waiting."""
        closed.exception()
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(UpstreamProtocol(f"the answer from {self._bounds.peer} is not valid HTTP"))


def _trace() -> aiohttp.TraceConfig:
    config = aiohttp.TraceConfig()

    async def reused(session: aiohttp.ClientSession, context: Any, _: object) -> None:
        context.trace_request_ctx.reused = context.trace_request_ctx.connected = True

    async def created(session: aiohttp.ClientSession, context: Any, _: object) -> None:
        context.trace_request_ctx.connected = True
        instruments.TRANSPORT_CONNECTS.inc("ok")

    config.on_connection_reuseconn.append(reused)
    config.on_connection_create_end.append(created)
    return config


@contextlib.asynccontextmanager
async def _until(total_at: float, peer: str) -> AsyncGenerator[None]:
    limit = asyncio.timeout_at(total_at)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise UpstreamTimeout(f"the call to {peer} took longer than its total limit") from error


def _socket(address: Address) -> socket.socket:
    family, kind, protocol, _, (host, port, *_) = address
    if not reachable(host, port, host):
        raise AddressRefused
    return socket.socket(family, kind, protocol)


@contextlib.contextmanager
def _errors(peer: str, path: _Path | None) -> Generator[None]:
    """Translate aiohttp's errors by their types; `path` is given before the head has arrived."""
    try:
        yield
    except aiohttp.ClientError as error:
        if path is not None and not path.connected:
            raise _unconnected(error, peer) from error
        raise _broken_off(error, peer, path) from error


def _unconnected(error: aiohttp.ClientError, peer: str) -> UpstreamError:
    """Return the error for a connection that was not made, counted."""
    outcome, why = "failed", "the way there broke off"
    if isinstance(error, aiohttp.ClientConnectorError):
        outcome, why = explain(error.os_error)
    elif isinstance(error, aiohttp.ClientHttpProxyError):
        outcome, why = "proxy", f"the proxy refused a tunnel with status {error.status}"
    elif isinstance(error, aiohttp.ServerTimeoutError):
        instruments.TRANSPORT_CONNECTS.inc("timeout")
        return UpstreamTimeout(f"no connection to {peer} in time")
    instruments.TRANSPORT_CONNECTS.inc(outcome)
    return UpstreamUnreachable(f"no connection to {peer}: {why}")


def _broken_off(error: aiohttp.ClientError, peer: str, path: _Path | None) -> Exception:
    """Return the error for a call that went wrong on its connection."""
    if isinstance(error, aiohttp.ServerTimeoutError):
        return UpstreamTimeout(f"{peer} was silent for too long")
    if isinstance(error, aiohttp.ClientConnectionError):
        # Half a head is kept in the error; without one, nothing of an answer was seen.
        unseen = getattr(error, "message", "") in ("", "Server disconnected")
        if path is not None and path.reused and unseen:
            return _Stale()
        return UpstreamCut(f"{peer} closed the connection before its answer ended")
    if isinstance(error, aiohttp.ClientPayloadError):
        return UpstreamCut(f"{peer} closed the connection inside its answer")
    return UpstreamProtocol(f"the answer from {peer} is not valid HTTP")
