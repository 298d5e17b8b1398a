"""What goes back to the caller besides the provider's own bytes: error replies and the headers of every reply."""

from pilothouse.domain.ids import render_traceparent
from pilothouse.errors import (
    ClientDisconnected,
    PilothouseError,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamRateLimited,
)
from pilothouse.gateway.call import Arrival, Call, Headers, Reply
from pilothouse.protocols.answer_check import Verdict
from pilothouse.providers.limits import read as read_limits

_JSON = (b"content-type", b"application/json")
_PASSED_ON = (UpstreamInvalid, UpstreamNotFound, UpstreamRateLimited)
"""Kinds of provider error of which the caller sees the provider's own status."""


def refusal(call: Call, error: PilothouseError) -> Reply:
    """Return the error as a reply in the caller's dialect, with the headers that clients act on."""
    dialect = call.arrival.dialect
    headers: Headers = [_JSON, (b"x-pilothouse-error", error.code.encode()), *dialect.error_headers(error)]
    headers += wait_headers(error)
    status = dialect.error_status(error, status_of(error))
    return Reply(status, headers, dialect.render_error(error, call.arrival.id))


def wait_headers(error: PilothouseError) -> Headers:
    """Return the headers that say when to try again, none when nobody knows."""
    if error.retry_after_s is None:
        return []
    return [
        (b"retry-after", str(max(1, round(error.retry_after_s))).encode()),
        (b"retry-after-ms", str(max(1, round(error.retry_after_s * 1000))).encode()),
    ]


def status_of(error: PilothouseError) -> int:
    """Return the HTTP status of an error, the provider's own where that tells the caller more."""
    if isinstance(error, ClientDisconnected):
        return ClientDisconnected.status
    if isinstance(error, _PASSED_ON) and 400 <= error.upstream_status < 500:
        return error.upstream_status
    return error.status


def identity_headers(arrival: Arrival) -> Headers:
    """Return the headers by which a caller finds the call again."""
    return [
        (b"x-request-id", arrival.id.encode()),
        (b"traceparent", render_traceparent(arrival.trace_id, arrival.span_id).encode()),
        (b"x-pilothouse-trace-id", arrival.trace_id.encode()),
    ]


def converted_headers(call: Call, upstream: Headers) -> Headers:
    """Return what an answer of another dialect says in its own headers, in the words of the caller's."""
    arrival, dialect = call.arrival, call.arrival.dialect
    now_s = (arrival.started_at_ns + call.elapsed_ns()) / 1e9
    limits = read_limits(upstream, now_s)
    headers: Headers = [*dialect.limit_headers(limits, now_s)] if limits else []
    if dialect.request_id_header:
        headers.append((dialect.request_id_header, arrival.id.encode()))
    if not headers:
        return headers
    known = {name for name, _ in upstream}
    return [pair for pair in headers if pair[0] not in known]


def call_headers(call: Call, attempts: int) -> Headers:
    """Return the headers that say what the gateway did: attempts, its own share of the time, the model that served."""
    exchange, routing = call.exchange, call.routing
    headers = [
        (b"x-pilothouse-attempts", b"%d" % attempts),
        (b"x-pilothouse-overhead-ms", b"%.3f" % (exchange.overhead_ns / 1e6)),
    ]
    if exchange.losses or exchange.unsaid:
        # Field names are the caller's own text.
        dropped = ", ".join(loss.field for loss in (*exchange.losses, *exchange.unsaid))[:1024]
        headers.append(
            (
                b"x-pilothouse-dropped",
                "".join(c if c.isprintable() else "?" for c in dropped).encode("ascii", "replace"),
            )
        )
    if exchange.check is not None and exchange.check.verdict in (Verdict.BROKEN, Verdict.UNCHECKED):
        headers.append((b"x-pilothouse-schema", exchange.check.verdict.encode()))
    if routing is not None:
        target = routing.target
        served = f"{target.account}/{exchange.model_served or target.model}"
        if not served.isprintable():
            # The name is the upstream's own text, and a line break in it would be a header of the upstream's choice.
            served = "".join(char if char.isprintable() else "?" for char in served)
        headers.append((b"x-pilothouse-model", served.encode("ascii", "replace")))
    return headers
