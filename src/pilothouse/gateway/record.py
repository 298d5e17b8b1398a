"""Record: every call that arrives ends in exactly one record, whatever happened to it."""

import asyncio
import logging
from functools import partial

from pilothouse import instruments
from pilothouse.domain.call import CallRecord, Outcome
from pilothouse.errors import Blame, ClientDisconnected, InternalError, PilothouseError, ShuttingDown, SpoolFull
from pilothouse.gateway.call import Call, Ending, Next, Reply
from pilothouse.gateway.options import GatewayOptions
from pilothouse.gateway.replies import refusal
from pilothouse.spool import SpoolWriter

_log = logging.getLogger(__name__)

_RECORDED_HEADERS = frozenset({
    b"user-agent", b"content-type", b"accept", b"traceparent", b"tracestate", b"x-request-id", b"openai-organization",
    b"openai-project", b"openai-beta", b"x-stainless-lang", b"x-stainless-package-version", b"x-stainless-runtime",
    b"x-stainless-retry-count", b"x-pilothouse-user-id", b"x-pilothouse-session-id", b"x-pilothouse-environment",
})  # fmt: skip


_FULL_RETRY_S = 5.0
_NO_ROOM = (
    "calls cannot be recorded, because the spool is full, and this installation serves none unrecorded "
    "(spool.on_full = refuse); is the telemetry store away?"
)


class Record:
    """The outermost stage: turns errors into replies in the caller's dialect, and records the call at its end."""

    def __init__(self, spool: SpoolWriter, options: GatewayOptions) -> None:
        self._spool = spool
        self._limit_bytes = options.record_body_bytes
        self._needs_room = spool.options.on_full == "refuse"

    async def __call__(self, call: Call, following: Next) -> Reply:
        """Return the reply to deliver; never raises but for cancellation, which it records."""
        if self._needs_room and self._spool.full:
            return refusal(call, SpoolFull(_NO_ROOM, retry_after_s=_FULL_RETRY_S))
        try:
            reply = await following(call)
        except asyncio.CancelledError:
            self._write(call, None, Ending(Outcome.CANCELLED, ClientDisconnected("the client went away")))
            raise
        except ClientDisconnected as error:
            reply = refusal(call, error)
            self._write(call, None, Ending(Outcome.CANCELLED, error))
            return reply
        except PilothouseError as error:
            reply = refusal(call, error)
            reply.on_end = partial(self._refused, call, reply, error)
            return reply
        except Exception:  # noqa: BLE001 - border: a request must be answered and recorded whatever breaks
            _log.exception("call %s failed inside the gateway", call.arrival.id)
            fault = InternalError(f"the gateway failed; its log has the cause under request id {call.arrival.id}")
            reply = refusal(call, fault)
            reply.on_end = partial(self._refused, call, reply, fault)
            return reply
        reply.on_end = partial(self._write, call, reply)
        return reply

    def _refused(self, call: Call, reply: Reply, error: PilothouseError, ending: Ending) -> None:
        if ending.outcome is not Outcome.ANSWERED:
            self._write(call, reply, ending)
            return
        tried = bool(call.attempts) or error.blame is not Blame.CALLER
        self._write(call, reply, Ending(Outcome.FAILED if tried else Outcome.REFUSED, error))

    def _write(self, call: Call, reply: Reply | None, ending: Ending) -> None:
        instruments.GATEWAY_CALLS.inc(ending.outcome)
        self._spool.offer(self._record(call, reply, ending))

    def _record(self, call: Call, reply: Reply | None, ending: Ending) -> CallRecord:
        arrival, routing, exchange = call.arrival, call.routing, call.exchange
        error = ending.error
        body, head = call.body, call.head
        headers = arrival.headers
        sent = reply.sent if reply else []
        duration_ns = call.elapsed_ns()
        return CallRecord(
            id=arrival.id,
            trace_id=arrival.trace_id,
            span_id=arrival.span_id,
            parent_span_id=arrival.parent_span_id,
            project_id=call.key.project_id if call.key else "",
            key_id=call.key.id if call.key else "",
            started_at_ns=arrival.started_at_ns,
            duration_ns=duration_ns,
            overhead_ns=exchange.overhead_ns,
            first_token_ns=exchange.first_token_ns,
            last_token_ns=exchange.last_token_ns,
            outcome=ending.outcome,
            status=_status(reply, ending),
            error_code=error.code if error else "",
            error_detail=error.detail if error else "",
            operation=arrival.dialect.operation,
            dialect=arrival.dialect.name,
            path=arrival.dialect.path,
            streamed=bool(head and head.streamed),
            model_requested=head.model_name if head else "",
            model_served=exchange.model_served,
            account=routing.target.account if routing else "",
            provider=routing.deployment.account.provider if routing else "",
            alias=routing.alias if routing else "",
            usage=exchange.usage,
            usage_asked_for_caller=exchange.usage_asked_for_caller,
            finish_reason=exchange.finish_reason,
            attempts=tuple(call.attempts),
            request_headers={n.decode(): v.decode("latin-1") for n, v in headers.items() if n in _RECORDED_HEADERS},
            response_headers={n.decode(): v.decode("latin-1") for n, v in reply.headers} if reply else {},
            request_body=body[: self._limit_bytes],
            response_body=b"".join(sent)[: self._limit_bytes] if len(sent) != 1 else sent[0][: self._limit_bytes],
            request_size_bytes=len(body),
            response_size_bytes=reply.sent_bytes if reply else 0,
            user_id=_text(headers, b"x-pilothouse-user-id") or (head.user_id if head else ""),
            session_id=_text(headers, b"x-pilothouse-session-id"),
            environment=_text(headers, b"x-pilothouse-environment"),
            metadata=head.labels if head else {},
        )


def _status(reply: Reply | None, ending: Ending) -> int:
    if ending.outcome is Outcome.CANCELLED:
        return ShuttingDown.status if isinstance(ending.error, ShuttingDown) else ClientDisconnected.status
    return reply.status if reply else InternalError.status


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    value = headers.get(name)
    return value.decode("utf-8", "replace")[:256] if value else ""
