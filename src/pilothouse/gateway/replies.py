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

_JSON = (b"content-type", b"application/json")
_PASSED_ON = (UpstreamInvalid, UpstreamNotFound, UpstreamRateLimited)
"""Kinds of provider error of which the caller sees the provider's own status."""


def refusal(call: Call, error: PilothouseError) -> Reply:
    """Return the error as a reply in the caller's dialect, with the headers that clients act on."""
    dialect = call.arrival.dialect
    headers: Headers = [_JSON, (b"x-pilothouse-error", error.code.encode()), *dialect.error_headers(error)]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(max(1, round(error.retry_after_s))).encode()))
        headers.append((b"retry-after-ms", str(max(1, round(error.retry_after_s * 1000))).encode()))
    status = dialect.error_status(error, _status_of(error))
    return Reply(status, headers, dialect.render_error(error, call.arrival.id))


def _status_of(error: PilothouseError) -> int:
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


def call_headers(call: Call, attempts: int) -> Headers:
    """Return the headers that say what the gateway did: attempts, its own share of the time, the model that served."""
    exchange, routing = call.exchange, call.routing
    headers = [
        (b"x-pilothouse-attempts", b"%d" % attempts),
        (b"x-pilothouse-overhead-ms", b"%.3f" % (exchange.overhead_ns / 1e6)),
    ]
    if exchange.losses:
        # Field names are the caller's own text.
        dropped = ", ".join(loss.field for loss in exchange.losses)[:1024]
        headers.append(
            (
                b"x-pilothouse-dropped",
                "".join(c if c.isprintable() else "?" for c in dropped).encode("ascii", "replace"),
            )
        )
    if routing is not None:
        target = routing.target
        served = f"{target.account}/{exchange.model_served or target.model}"
        if not served.isprintable():
            # The name is the upstream's own text, and a line break in it would be a header of the upstream's choice.
            served = "".join(char if char.isprintable() else "?" for char in served)
        headers.append((b"x-pilothouse-model", served.encode("ascii", "replace")))
    return headers
