"""A gateway call's record as the span that the store keeps."""

import logging
from datetime import UTC, datetime

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.call import Attempt, CallRecord, Operation, Outcome
from pilothouse.domain.money import Cost, CostStatus
from pilothouse.domain.span import AttemptDetail, Span, SpanKind, SpanStatus
from pilothouse.errors import SettingsInvalid
from pilothouse.protocols.table import dialect

_log = logging.getLogger(__name__)

SOURCE = "gateway"

INPUT_CUT = "pilothouse.input.cut"
"""Attribute of a span whose recorded request is shorter than the request was."""
OUTPUT_CUT = "pilothouse.output.cut"
OUTPUT_RAW = "pilothouse.output.raw"
"""Attribute of a span whose recorded stream could not be put together and is shown as it came."""
_UNITS = ("tier", "images", "audio_s", "characters", "searches", "estimated")
"""Of a usage, what is no token; kept as attributes."""
UPSTREAM_DIALECT = "pilothouse.upstream.dialect"
"""Attribute of a span whose call was converted: what was spoken with the provider."""
DROPPED = "pilothouse.dropped"
"""Attributes, numbered, of a span whose request held what its provider could not take: `field: reason`."""
USAGE_ASKED = "pilothouse.usage.asked_for_caller"

_KINDS = {
    Operation.EMBEDDINGS: SpanKind.EMBEDDING,
    Operation.RERANK: SpanKind.RETRIEVER,
    Operation.COUNT_TOKENS: SpanKind.OTHER,
}
"""Of operations that are not a model's answer."""
_STATUSES = {Outcome.ANSWERED: SpanStatus.OK, Outcome.CANCELLED: SpanStatus.CANCELLED}


def record_to_span(record: CallRecord, catalog: Catalog) -> Span:
    """Return the span of a recorded call; bytes that are not UTF-8 are replaced."""
    attributes = _attributes(record)
    output = _output(record, attributes)
    return _assemble(record, _text(output), _cost(record, catalog), attributes)


def _assemble(record: CallRecord, output: str, cost: Cost, attributes: dict[str, str]) -> Span:
    return Span(
        project_id=record.project_id,
        trace_id=record.trace_id,
        span_id=record.span_id,
        parent_span_id=record.parent_span_id,
        name=f"{record.operation} {record.model_requested}".rstrip(),
        kind=_KINDS.get(record.operation, SpanKind.LLM),
        source=SOURCE,
        started_at_ns=record.started_at_ns,
        duration_ns=record.duration_ns,
        first_token_ns=record.first_token_ns,
        last_token_ns=record.last_token_ns,
        overhead_ns=record.overhead_ns,
        status=_STATUSES.get(record.outcome, SpanStatus.ERROR),
        outcome=record.outcome,
        http_status=record.status,
        error_code=record.error_code,
        error_detail=record.error_detail,
        operation=record.operation,
        dialect=record.dialect,
        streamed=record.streamed,
        model_requested=record.model_requested,
        model_served=record.model_served,
        account=record.account,
        provider=record.provider,
        alias=record.alias,
        finish_reason=record.finish_reason,
        input=_text(record.request_body),
        output=output,
        input_size_bytes=max(record.request_size_bytes, len(record.request_body)),
        output_size_bytes=max(record.response_size_bytes, len(record.response_body)),
        usage=record.usage,
        cost_usd=cost.amount_usd,
        cost_status=cost.status,
        cost_detail=cost.detail,
        price_version=cost.price_version,
        key_id=record.key_id,
        user_id=record.user_id,
        session_id=record.session_id,
        environment=record.environment,
        request_id=record.id,
        metadata=record.metadata,
        attributes=attributes,
        attempts=tuple(_attempt(attempt) for attempt in record.attempts),
        request_headers=record.request_headers,
        response_headers=record.response_headers,
    )


def _attributes(record: CallRecord) -> dict[str, str]:
    attributes: dict[str, str] = {}
    if record.path:
        attributes["url.path"] = record.path
    if record.request_size_bytes > len(record.request_body):
        attributes[INPUT_CUT] = "true"
    if record.response_size_bytes > len(record.response_body):
        attributes[OUTPUT_CUT] = "true"
    if record.usage_asked_for_caller:
        attributes[USAGE_ASKED] = "true"
    if record.usage is not None:
        units = ((name, getattr(record.usage, name)) for name in _UNITS)
        attributes.update({f"pilothouse.usage.{name}": str(value) for name, value in units if value})
    if record.upstream_dialect:
        attributes[UPSTREAM_DIALECT] = record.upstream_dialect
    for number, loss in enumerate(record.losses):
        attributes[f"{DROPPED}.{number}"] = loss
    return attributes


def _output(record: CallRecord, attributes: dict[str, str]) -> bytes:
    if not record.streamed or not record.response_body:
        return record.response_body
    try:
        fold = dialect(record.dialect).fold
        return fold(record.response_body) if fold else record.response_body
    except SettingsInvalid:
        attributes[OUTPUT_RAW] = "true"
    except Exception:  # noqa: BLE001 - border: a dialect is a plug-in, and a stream it cannot fold is still worth showing
        _log.exception("the stream of call %s cannot be folded", record.id)
        attributes[OUTPUT_RAW] = "true"
    return record.response_body


def _cost(record: CallRecord, catalog: Catalog) -> Cost:
    """Price by the most telling name of the model: what the answer says, what was sent upstream, what was asked for."""
    at = datetime.fromtimestamp(record.started_at_ns / 1e9, UTC)
    sent = record.attempts[-1].model if record.attempts else ""
    names = [name for name in (record.model_served, sent, record.model_requested) if name] or [""]
    first = catalog.price(record.provider, names[0], record.usage, at, record.account)
    if first.status is not CostStatus.UNPRICED:
        return first
    for name in names[1:]:
        cost = catalog.price(record.provider, name, record.usage, at, record.account)
        if cost.status is CostStatus.PRICED:
            return cost
    return first


def _attempt(attempt: Attempt) -> AttemptDetail:
    return AttemptDetail(
        account=attempt.account,
        provider=attempt.provider,
        model=attempt.model,
        start_ms=attempt.started_ns / 1e6,
        first_byte_ms=None if attempt.first_byte_ns is None else attempt.first_byte_ns / 1e6,
        end_ms=attempt.ended_ns / 1e6,
        status=attempt.status,
        error_code=attempt.error_code,
        error_detail=attempt.error_detail,
        upstream_request_id=attempt.upstream_request_id,
    )


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
