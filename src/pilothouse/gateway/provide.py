"""Provide: the innermost stage, one attempt at one upstream account."""

import asyncio

from pilothouse.domain.ids import render_traceparent
from pilothouse.errors import ClientDisconnected, PilothouseError
from pilothouse.gateway.attempt import AttemptClock
from pilothouse.gateway.call import Admission, Call, Headers, Next, Reply, Routing, admitted
from pilothouse.gateway.options import GatewayOptions
from pilothouse.gateway.replies import call_headers
from pilothouse.gateway.stream import Stream
from pilothouse.providers.base import Outbound
from pilothouse.transport.base import Request, Response, Timeouts, Transport

_ERROR_BODY_BYTES = 64 * 1024
_EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
"""Whatever the upstream said: a server that ignores `stream` answers with JSON, which the scan turns into events."""
_DROPPED_HEADERS = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer", b"upgrade",
    b"transfer-encoding", b"content-length", b"set-cookie", b"server", b"date", b"alt-svc", b"via", b"vary",
    b"strict-transport-security", b"x-content-type-options", b"access-control-allow-origin", b"cf-ray",
    b"cf-cache-status", b"traceparent", b"tracestate",
})  # fmt: skip
"""Of the hop, of the provider's own web edge, or set anew by the gateway."""


class Provide:
    """Sends the call to its target and pulls the first event of the answer inside the attempt.

    A failure before content is therefore a proper HTTP error, whatever status the upstream began with.
    """

    def __init__(self, transport: Transport, options: GatewayOptions) -> None:
        self._transport = transport
        self._reply_limit_bytes = options.max_reply_bytes
        self._silence_ns = int(options.between_bytes_timeout_s * 1e9)
        self._timeouts = Timeouts(
            connect_s=options.connect_timeout_s,
            first_byte_s=options.first_byte_timeout_s,
            between_bytes_s=options.between_bytes_timeout_s,
            total_s=options.total_timeout_s,
        )

    async def __call__(self, call: Call, following: Next) -> Reply:
        """Return the upstream's answer; raises an `UpstreamError` when it gives none."""
        admission, routing = admitted(call), call.routing
        if routing is None:
            raise AssertionError("a stage ran before route")
        attempt = AttemptClock(call, routing, call.elapsed_ns())
        try:
            request = self._request(call, admission, routing)
            attempt.sent()
            response = await self._transport.send(request)
            attempt.answered(response)
            return await self._read(call, admission, routing, attempt, response)
        except PilothouseError as error:
            attempt.end(error)
            raise
        except asyncio.CancelledError:
            attempt.end(ClientDisconnected("the client went away"))
            raise

    def _request(self, call: Call, admission: Admission, routing: Routing) -> Request:
        dialect, head, body = call.arrival.dialect, admission.head, admission.body
        ask_usage = head.streamed and not head.wants_usage and dialect.scan is not None
        call.exchange.usage_asked_for_caller = ask_usage
        model = routing.target.model
        if ask_usage or model != head.model_name or dialect.needs_canonical(body):
            body = dialect.rewrite(body, model=model, ask_usage=ask_usage)
        trace = render_traceparent(call.arrival.trace_id, call.arrival.span_id)
        outbound = Outbound(dialect.name, body, model, head.streamed, trace=trace, timeouts=self._timeouts)
        return routing.deployment.provider.request(outbound)

    async def _read(
        self, call: Call, admission: Admission, routing: Routing, attempt: AttemptClock, response: Response
    ) -> Reply:
        try:
            if response.status != 200:
                body = await response.read(_ERROR_BODY_BYTES)
                raise routing.deployment.provider.failure(response.status, response.headers, body)
            if admission.head.streamed and call.arrival.dialect.scan is not None:
                return await self._stream(call, attempt, response)
            body = await response.read(self._reply_limit_bytes)
            attempt.received()
        except BaseException:
            await response.close()
            raise
        found = call.arrival.dialect.read_reply(body)
        if found.error is not None:
            raise routing.deployment.provider.failure(found.error.status or 200, response.headers, found.error.raw)
        exchange = call.exchange
        exchange.model_served, exchange.usage, exchange.finish_reason = found.model, found.usage, found.finish_reason
        attempt.end(None)
        return _reply(call, response, attempt, body)

    async def _stream(self, call: Call, attempt: AttemptClock, response: Response) -> Reply:
        make_scan = call.arrival.dialect.scan
        if make_scan is None:
            raise AssertionError("a dialect that does not stream was asked to")
        scan = make_scan(call.arrival.ask, hide_usage=call.exchange.usage_asked_for_caller)
        rest = Stream(call, attempt, response, scan, self._silence_ns).events()
        first = await anext(rest, b"")
        reply = _reply(call, response, attempt, first)
        reply.headers = [_EVENT_STREAM, *(item for item in reply.headers if item[0] != b"content-type")]
        reply.rest = rest
        return reply


def _reply(call: Call, response: Response, attempt: AttemptClock, first: bytes) -> Reply:
    headers: Headers = [
        (b"x-upstream-request-id" if name == b"x-request-id" else name, value)
        for name, value in response.headers
        if name not in _DROPPED_HEADERS and not name.startswith(b"x-pilothouse-")
    ]
    reply = Reply(200, headers, first)
    attempt.ready()
    reply.about = call_headers(call, attempt.number)
    return reply
