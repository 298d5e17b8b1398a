"""Provide: the innermost stage, one attempt at one upstream account."""

import asyncio
from collections.abc import Awaitable

import msgspec

from pilothouse.domain.ids import render_traceparent
from pilothouse.errors import ClientDisconnected, PilothouseError, UpstreamError, UpstreamProtocol
from pilothouse.gateway.attempt import AttemptClock
from pilothouse.gateway.call import Admission, Call, Headers, Next, Reply, Routing, admitted
from pilothouse.gateway.convert import Means, convert, upstream_dialect
from pilothouse.gateway.replies import call_headers, converted_headers
from pilothouse.gateway.stream import Stream, refuse_page
from pilothouse.gateway.telling import Telling
from pilothouse.protocols.base import JSON, Dialect
from pilothouse.protocols.conversion import Conversion
from pilothouse.providers.base import Outbound, Pooled
from pilothouse.transport.base import Request, Response, Timeouts, Transport

_ERROR_BODY_BYTES = 64 * 1024
_MOST_KEYS = 16
"""Attempts of one call at one account, each with another of its keys."""
_DROPPED_HEADERS = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer", b"upgrade",
    b"transfer-encoding", b"content-length", b"set-cookie", b"server", b"date", b"alt-svc", b"via", b"vary",
    b"strict-transport-security", b"x-content-type-options", b"access-control-allow-origin", b"cf-ray",
    b"cf-cache-status", b"traceparent", b"tracestate",
})  # fmt: skip
"""Of the hop, of the provider's own web edge, or set anew by the gateway."""
_DROPPED_AND_TYPE = _DROPPED_HEADERS | {b"content-type"}


class Way(msgspec.Struct, frozen=True):
    """How one attempt reaches its account."""

    routing: Routing
    spoken: Dialect
    converted: Conversion | None
    """None when the account speaks the caller's own dialect."""


class Provide:
    """Sends the call to its target and pulls the first event of the answer inside the attempt.

    A failure before content is therefore a proper HTTP error, whatever status the upstream began with.
    """

    def __init__(self, transport: Transport, means: Means, telling: Telling | None = None) -> None:
        options = means.options
        self._transport = transport
        self._telling = telling
        self._means = means
        self._reply_limit_bytes = options.max_reply_bytes
        self._silence_ns = int(options.between_bytes_timeout_s * 1e9)
        self._timeouts = Timeouts(
            connect_s=options.connect_timeout_s,
            first_byte_s=options.first_byte_timeout_s,
            between_bytes_s=options.between_bytes_timeout_s,
            total_s=options.total_timeout_s,
        )

    def __call__(self, call: Call, following: Next) -> Awaitable[Reply]:
        """Return the upstream's answer; raises an `UpstreamError` when it gives none."""
        routing = call.routing
        if routing is None:
            raise AssertionError("a stage ran before route")
        spoken = upstream_dialect(call, routing)
        if spoken is not call.arrival.dialect:
            return self._converted(call, routing, spoken)
        return self._attempts(call, Way(routing, spoken, None))

    async def _converted(self, call: Call, routing: Routing, spoken: Dialect) -> Reply:
        converted = await convert(call, routing, spoken, self._means)
        return await self._attempts(call, Way(routing, spoken, converted))

    async def _attempts(self, call: Call, way: Way) -> Reply:
        """Return the answer; where the account's key was refused and rests now, that to another one that is fit."""
        prepared = way.routing.deployment.prepared
        while True:
            attempt = AttemptClock(call, way.routing)
            try:
                if prepared is not None and not prepared.ready:
                    await prepared.prepare(self._transport.send)
                request = self._request(call, way)
                attempt.sent(request)
                response = await self._transport.send(request)
                attempt.answered(response)
                body = None
                if response.status == 200 and not call.streamed:
                    body = response.at_hand(self._reply_limit_bytes)
                if body is not None:
                    return self._whole(call, way, attempt, response, body)
                return await self._read(call, way, attempt, response)
            except PilothouseError as error:
                attempt.end(error)
                if not _may_try_again(call, way, attempt.request, error):
                    raise
            except asyncio.CancelledError:
                attempt.end(ClientDisconnected("the client went away"))
                raise

    def _request(self, call: Call, way: Way) -> Request:
        arrival, admission, model, variant = call.arrival, admitted(call), way.routing.target.model, ""
        if way.converted is None:
            body, content_type = self._body(call, admission, model), arrival.ask.content_type or JSON
            variant = arrival.ask.variant
        else:
            body, content_type = way.converted.body, JSON
        outbound = Outbound(
            way.spoken.name, body, model, call.streamed, content_type, variant,
            render_traceparent(arrival.trace_id, arrival.span_id), arrival.said.passed_on, self._timeouts,
        )  # fmt: skip
        return way.routing.deployment.provider.request(outbound)

    def _body(self, call: Call, admission: Admission, model: str) -> bytes:
        dialect, head, body = call.arrival.dialect, admission.head, admission.body
        ask_usage = dialect.asks_usage and call.streamed and not head.wants_usage
        call.exchange.usage_asked_for_caller = ask_usage
        if ask_usage or model != head.model_name or dialect.needs_canonical(body):
            if dialect.multipart:
                content_type = call.arrival.ask.content_type
                return dialect.rewrite(body, model=model, ask_usage=False, content_type=content_type)
            return dialect.rewrite(body, model=model, ask_usage=ask_usage)
        return body

    async def _read(self, call: Call, way: Way, attempt: AttemptClock, response: Response) -> Reply:
        try:
            if response.status != 200:
                body = await response.read(_ERROR_BODY_BYTES)
                raise way.routing.deployment.provider.failure(response.status, response.headers, body)
            if call.streamed and way.spoken.scan is not None and not _came_whole(way.spoken, response):
                return await self._stream(call, way, attempt, response)
            body = await response.read(self._reply_limit_bytes)
            attempt.received()
        except BaseException:
            await response.close()
            raise
        return self._whole(call, way, attempt, response, body)

    def _whole(self, call: Call, way: Way, attempt: AttemptClock, response: Response, body: bytes) -> Reply:
        try:
            found = way.spoken.read_reply(body)
        except UpstreamProtocol as error:
            refuse_page(response, error)
            raise
        if found.error is not None:
            provider = way.routing.deployment.provider
            raise provider.failure(found.error.status or 200, response.headers, found.error.raw)
        exchange = call.exchange
        exchange.model_served, exchange.usage, exchange.finish_reason = found.model, found.usage, found.finish_reason
        if way.converted is not None:
            body = _checked(call, way.converted, body)
        reply = _reply(call, response, attempt, body, b"" if way.converted is None else JSON)
        attempt.end(None, attempt.ready_ns)
        if self._telling is not None:
            reply.about += self._telling.headers(call)
        if way.converted is not None:
            reply.headers += converted_headers(call, response.headers)
        return reply

    async def _stream(self, call: Call, way: Way, attempt: AttemptClock, response: Response) -> Reply:
        arrival, fail = call.arrival, None
        if way.converted is not None:
            scan = way.converted.scan()
            fail = scan.fail
        elif way.spoken.scan is not None:
            if way.spoken.codec is None:
                # What is only passed on could be anything, a web page too.
                refuse_page(response)
            scan = way.spoken.scan(arrival.ask, hide_usage=call.exchange.usage_asked_for_caller)
            fail = None if way.spoken.stream_error is None else way.spoken.stream_error(arrival.ask)
        else:
            raise AssertionError("a dialect that does not stream was asked to")
        rest = Stream(call, attempt, response, scan, self._silence_ns).events()
        if self._telling is not None and self._telling.tells_stream(call, arrival.dialect.stream_type(arrival.ask)):
            rest = self._telling.stream(call, scan, rest)
        first = await anext(rest, b"")
        content_type = b"" if arrival.dialect.binary else arrival.dialect.stream_type(arrival.ask)
        reply = _reply(call, response, attempt, first, content_type)
        if way.converted is not None:
            reply.headers += converted_headers(call, response.headers)
        reply.rest, reply.fail = rest, fail
        return reply


def _may_try_again(call: Call, way: Way, request: Request | None, error: PilothouseError) -> bool:
    provider = way.routing.deployment.provider
    if request is None or not isinstance(error, UpstreamError) or not isinstance(provider, Pooled):
        return False
    return provider.failed(request, error) and len(call.attempts) < _MOST_KEYS


def _came_whole(spoken: Dialect, response: Response) -> bool:
    """Return whether JSON came in place of a stream that is only passed on, so that its usage or error is read."""
    if spoken.codec is not None:
        return False
    return any(name == b"content-type" and value.startswith(JSON) for name, value in response.headers)


def _checked(call: Call, converted: Conversion, body: bytes) -> bytes:
    """Return an answer in the caller's dialect; raises `AnswerOffSchema`, the answer withheld but recorded."""
    out = converted.reply(body)
    refusal = converted.check.refusal if converted.check is not None else None
    if refusal is not None:
        call.exchange.withheld = out
        raise refusal
    return out


def _reply(call: Call, response: Response, attempt: AttemptClock, first: bytes, content_type: bytes) -> Reply:
    """Return the reply with the upstream's headers; a content type given says what is sent whatever the upstream said.

    For a server that ignores `stream` answers with JSON, and is scanned.
    """
    dropped = _DROPPED_AND_TYPE if content_type else _DROPPED_HEADERS
    headers: Headers = [
        (b"x-upstream-request-id" if name == b"x-request-id" else name, value)
        for name, value in response.headers
        if name not in dropped and not name.startswith(b"x-pilothouse-")
    ]
    if content_type:
        headers.insert(0, (b"content-type", content_type))
    reply = Reply(200, headers, first)
    attempt.ready()
    reply.about = call_headers(call, attempt.number)
    return reply
