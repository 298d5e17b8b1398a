"""The gateway as a plain ASGI application: paths, bodies and sockets; the work itself is the pipeline's."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, cast

from pilothouse.domain.call import Outcome
from pilothouse.domain.ids import IdSource, parse_traceparent
from pilothouse.errors import ClientDisconnected, InternalError, PilothouseError
from pilothouse.gateway import caller_headers
from pilothouse.gateway.call import Arrival, Call, Ending, Receive, Reply, Send
from pilothouse.gateway.caller_headers import CallerHeaders
from pilothouse.gateway.client import Client, Served
from pilothouse.gateway.pipeline import Parts, fold, stages
from pilothouse.gateway.replies import identity_headers
from pilothouse.gateway.router import Router
from pilothouse.gateway.side import Side
from pilothouse.protocols import table
from pilothouse.protocols.base import NO_ASK, Ask, Dialect

_ANSWERED = Ending(Outcome.ANSWERED)
_SERVED = "pilothouse.served"
"""The ASGI extension of our own server, a `Served`."""
_NO_EXTENSIONS: dict[str, Any] = {}


class GatewayApp:
    """Serves model calls, and a few side paths through `side`."""

    def __init__(self, parts: Parts, side: Side) -> None:
        self._parts = parts
        self._side = side
        self._handle = fold(stages(parts))
        self._router = Router(map(table.dialect, table.names()))
        self._dialects = self._router.exact
        self._now_ns, self._monotonic_ns = parts.clock.now_ns, parts.clock.monotonic_ns
        self._ids = IdSource(self._now_ns)
        self._max_body_bytes = parts.options.max_body_bytes

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            raise RuntimeError(f"the gateway serves http only, not {scope['type']}")
        spoken, ask = self._dialects.get(scope["path"]), NO_ASK
        headers = dict(scope["headers"])
        if spoken is None or scope["query_string"] or spoken.multipart:
            found = self._router.find(scope["path"], scope["query_string"], headers.get(b"content-type", b""))
            spoken, ask = found or (None, NO_ASK)
        if spoken is None or scope["method"] != "POST":
            await self._side(scope, receive, send, allowed="POST" if spoken else "")
            return
        served: Served | None = scope.get("extensions", _NO_EXTENSIONS).get(_SERVED)
        arrival = self._arrive(spoken, ask, headers, _said(headers, served), scope)
        client = Client(receive, self._max_body_bytes, headers, served)
        call = Call(arrival, client.read_body, self._monotonic_ns)
        try:
            reply = await self._handle(call)
            if served is None or reply.rest is not None or not self._answer(call, reply, served):
                await self._deliver(call, reply, send)
        except asyncio.CancelledError:
            # A client that went away is an ordinary end of a call; any other cancellation is the server stopping.
            if not client.gone:
                raise
            cast("asyncio.Task[None]", asyncio.current_task()).uncancel()
        finally:
            client.release()

    def _arrive(
        self, spoken: Dialect, ask: Ask, headers: dict[bytes, bytes], said: CallerHeaders, scope: dict[str, Any]
    ) -> Arrival:
        traceparent = headers.get(b"traceparent")
        context = parse_traceparent(traceparent) if traceparent else None
        now_ns = self._now_ns()
        call_id, trace_id, span_id = self._ids.of_call(now_ns)
        parent_span_id = ""
        if context is not None:
            trace_id, parent_span_id = context.trace_id, context.parent_span_id
        return Arrival(
            call_id, trace_id, span_id, parent_span_id, now_ns, self._monotonic_ns(), spoken, headers, said,
            ask, scope["path"], scope["query_string"],
        )  # fmt: skip

    def _answer(self, call: Call, reply: Reply, served: Served) -> bool:
        """Send a whole answer in one step; False where the server cannot do so now."""
        headers = [*identity_headers(call.arrival), *reply.about, *reply.headers]
        try:
            if not served.answer(reply.status, headers, reply.first):
                return False
        except Exception:  # border: whatever breaks, the call is recorded, and the server closes the connection
            reply.end(_broken())
            raise
        reply.end(_ANSWERED)
        return True

    async def _deliver(self, call: Call, reply: Reply, send: Send) -> None:
        streamed = reply.rest is not None
        headers = [*identity_headers(call.arrival), *reply.about, *reply.headers]
        if not streamed:
            headers.append((b"content-length", b"%d" % len(reply.first)))
        try:
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await send({"type": "http.response.body", "body": reply.first, "more_body": streamed})
            if reply.rest is not None:
                ending = await self._deliver_rest(call, reply, send)
            else:
                ending = _ANSWERED
        except asyncio.CancelledError:
            reply.end(Ending(Outcome.CANCELLED, ClientDisconnected("the client went away before the answer's end")))
            raise
        except Exception:  # border: whatever breaks, the call is recorded, and the server closes the connection
            reply.end(_broken())
            raise
        reply.end(ending)

    async def _deliver_rest(self, call: Call, reply: Reply, send: Send) -> Ending:
        limit_bytes = self._parts.options.record_body_bytes
        ending = _ANSWERED
        async with contextlib.aclosing(cast("AsyncGenerator[bytes, None]", reply.rest)) as rest:
            try:
                async for event in rest:
                    reply.note_sent(event, limit_bytes)
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            except PilothouseError as error:
                ending = Ending(Outcome.CUT, error)
                if _is_sound(call, reply):
                    # It has no place for an error; the connection closes before the answer's end.
                    return ending
                fail = reply.fail or call.arrival.dialect.render_stream_error
                tail = fail(error, call.arrival.id)
                reply.note_sent(tail, limit_bytes)
                await send({"type": "http.response.body", "body": tail, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return ending


def _said(headers: dict[bytes, bytes], served: Served | None) -> CallerHeaders:
    if served is None:
        return caller_headers.read(headers)
    said = served.kept["said"] = caller_headers.read(headers, served.kept.get("said"))
    return said


def _is_sound(call: Call, reply: Reply) -> bool:
    kind = next((value for name, value in reply.headers if name == b"content-type"), b"")
    return call.arrival.dialect.binary and not kind.startswith(b"text/event-stream")


def _broken() -> Ending:
    return Ending(Outcome.CUT, InternalError("the gateway failed while it sent the answer; its log says why"))
