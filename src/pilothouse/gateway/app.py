"""The gateway as a plain ASGI application: paths, bodies and sockets; the work itself is the pipeline's."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, cast

from pilothouse.domain.call import Outcome
from pilothouse.domain.ids import IdSource, parse_traceparent
from pilothouse.errors import BodyTooLarge, ClientDisconnected, InvalidRequest, PilothouseError
from pilothouse.gateway.call import Arrival, Call, Ending, Receive, Reply, Send
from pilothouse.gateway.pipeline import Parts, fold, stages
from pilothouse.gateway.replies import identity_headers
from pilothouse.gateway.side import Side
from pilothouse.protocols.base import Dialect
from pilothouse.protocols.table import dialect

DIALECTS = ("openai_chat", "openai_embeddings")
"""Names of the dialects served, each at its own path."""

_WATCH_AFTER_S = 0.02
"""A call that is answered sooner needs no watch for its client going away."""


class GatewayApp:
    """Serves model calls, and a few side paths through `side`."""

    def __init__(self, parts: Parts, side: Side) -> None:
        self._parts = parts
        self._side = side
        self._handle = fold(stages(parts))
        self._dialects = {item.path: item for item in map(dialect, DIALECTS)}
        self._ids = IdSource(parts.clock.now_ns)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            raise RuntimeError(f"the gateway serves http only, not {scope['type']}")
        spoken = self._dialects.get(scope["path"])
        if spoken is None or scope["method"] != "POST":
            await self._side(scope, send, allowed="POST" if spoken else "")
            return
        arrival = self._arrive(spoken, scope["headers"])
        client = _Client(receive, self._parts.options.max_body_bytes, arrival.headers)
        call = Call(arrival, client.read_body, self._parts.clock.monotonic_ns)
        try:
            reply = await self._handle(call)
            await self._deliver(call, reply, send)
        except asyncio.CancelledError:
            # A client that went away is an ordinary end of a call; any other cancellation is the server stopping.
            if not client.gone:
                raise
            cast("asyncio.Task[None]", asyncio.current_task()).uncancel()
        finally:
            client.release()

    def _arrive(self, spoken: Dialect, raw_headers: list[tuple[bytes, bytes]]) -> Arrival:
        headers = dict(raw_headers)
        traceparent = headers.get(b"traceparent")
        context = parse_traceparent(traceparent) if traceparent else None
        return Arrival(
            id=self._ids.uuid7(),
            trace_id=context.trace_id if context else self._ids.trace_id(),
            span_id=self._ids.span_id(),
            parent_span_id=context.parent_span_id if context else "",
            started_at_ns=self._parts.clock.now_ns(),
            started_ns=self._parts.clock.monotonic_ns(),
            dialect=spoken,
            headers=headers,
        )

    async def _deliver(self, call: Call, reply: Reply, send: Send) -> None:
        streamed = reply.rest is not None
        headers = identity_headers(call.arrival) + reply.headers
        if not streamed:
            headers.append((b"content-length", b"%d" % len(reply.first)))
        try:
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await send({"type": "http.response.body", "body": reply.first, "more_body": streamed})
            if reply.rest is not None:
                ending = await self._deliver_rest(call, reply, send)
            else:
                ending = Ending(Outcome.ANSWERED)
        except asyncio.CancelledError:
            reply.end(Ending(Outcome.CANCELLED, ClientDisconnected("the client went away before the answer's end")))
            raise
        reply.end(ending)

    async def _deliver_rest(self, call: Call, reply: Reply, send: Send) -> Ending:
        limit_bytes = self._parts.options.record_body_bytes
        ending = Ending(Outcome.ANSWERED)
        async with contextlib.aclosing(cast("AsyncGenerator[bytes, None]", reply.rest)) as rest:
            try:
                async for event in rest:
                    reply.note_sent(event, limit_bytes)
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            except PilothouseError as error:
                ending = Ending(Outcome.CUT, error)
                tail = call.arrival.dialect.render_stream_error(error, call.arrival.id)
                reply.note_sent(tail, limit_bytes)
                await send({"type": "http.response.body", "body": tail, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return ending


class _Client:
    """The caller's side of one call: its body, and whether it is still there."""

    __slots__ = ("_headers", "_limit_bytes", "_receive", "_timer", "_watch", "gone")

    def __init__(self, receive: Receive, limit_bytes: int, headers: dict[bytes, bytes]) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._headers = headers
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None
        self.gone = False

    async def read_body(self) -> bytes:
        """Return the whole body, and from then on watch for the client going away."""
        self._check_headers()
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if message["type"] == "http.disconnect" or message.get("more_body"):
            body = await self._read_more(message, body)
        elif len(body) > self._limit_bytes:
            raise self._too_large()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_WATCH_AFTER_S, self._begin_watch, asyncio.current_task())
        return body

    def release(self) -> None:
        """Stop watching; the call is over."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()

    def _check_headers(self) -> None:
        length = self._headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > self._limit_bytes:
            raise self._too_large()
        encoding = self._headers.get(b"content-encoding", b"identity").lower()
        if encoding != b"identity":
            raise InvalidRequest(
                f"the gateway takes no content-encoding {encoding.decode('latin-1')!r}; send the body as it is",
                param="content-encoding",
            )

    async def _read_more(self, message: Any, body: bytes) -> bytes:
        parts = [body]
        size = len(body)
        while message["type"] == "http.request" and message.get("more_body"):
            message = await self._receive()
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > self._limit_bytes:
                raise self._too_large()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("the client went away while it sent the body")
        return b"".join(parts)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"the body is larger than {self._limit_bytes} bytes; raise gateway.max_body_bytes to allow it"
        )

    def _begin_watch(self, task: asyncio.Task[Any] | None) -> None:
        if task is not None:
            self._watch = asyncio.ensure_future(self._wait_for_disconnect(task))

    async def _wait_for_disconnect(self, task: asyncio.Task[Any]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        task.cancel()
