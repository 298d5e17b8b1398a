"""A gateway call's record as the span that the store keeps."""

import logging
from collections.abc import Callable, Iterable
from decimal import Decimal
from operator import attrgetter

import msgspec

from pilothouse.catalog.charges import charge
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.call import Attempt, CallRecord, Operation, Outcome
from pilothouse.domain.money import Cost, CostStatus
from pilothouse.domain.redaction.records import REDACTED
from pilothouse.domain.span import GATEWAY, AttemptDetail, Span, SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.errors import SettingsInvalid
from pilothouse.protocols.table import dialect

_log = logging.getLogger(__name__)

INPUT_CUT = "pilothouse.input.cut"
"""Attribute of a span whose recorded request is shorter than the request was."""
OUTPUT_CUT = "pilothouse.output.cut"
OUTPUT_RAW = "pilothouse.output.raw"
"""Attribute of a span whose recorded stream could not be put together and is shown as it came."""
_UNITS = ("tier", "images", "audio_s", "characters", "searches", "pages", "annotated_pages", "estimated")
"""Of a usage, what is no token; kept as attributes."""
UNITS = tuple(f"pilothouse.usage.{name}" for name in _UNITS)
_units_of: Callable[[Usage], tuple[object, ...]] = attrgetter(*_UNITS)
UPSTREAM_DIALECT = "pilothouse.upstream.dialect"
"""Attribute of a span whose call was converted: what was spoken with the provider."""
DROPPED = "pilothouse.dropped"
"""Attributes, numbered, of a span whose request held what its provider could not take: `field: reason`."""
FETCHED = "pilothouse.fetched"
"""Attributes, numbered, of a span for whose request something was fetched: `host: type, bytes, time`."""
SCHEMA = "pilothouse.schema"
"""Attribute of a span whose answer was checked against the caller's schema: what came of it."""
USAGE_ASKED = "pilothouse.usage.asked_for_caller"
BATCH = "pilothouse.batch.id"
"""Attribute of a span whose call was a line of a batch."""

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


def usage_units(usage: Usage) -> dict[str, str]:
    """Return what a usage counts besides tokens, as attributes of its span."""
    counts = _units_of(usage)
    return {name: str(value) for name, value in zip(UNITS, counts, strict=True) if value} if any(counts) else {}


def usage_of(span: Span) -> Usage | None:
    """Return the usage of a gateway's span with what it counts besides tokens, which the store keeps as attributes."""
    units = {name: span.attributes[key] for name, key in zip(_UNITS, UNITS, strict=True) if key in span.attributes}
    if span.usage is None or not units:
        return span.usage
    try:
        return msgspec.convert({**msgspec.structs.asdict(span.usage), **units}, Usage, strict=False)
    except msgspec.ValidationError:
        return span.usage


def cost_of_call(row: Span, usage: Usage | None, catalog: Catalog) -> Cost:
    """Price a kept call with all that the gateway knew, such as the account and the name that was sent upstream."""
    sent = row.attempts[-1].model if row.attempts else ""
    names = row.model_served, sent, row.model_requested
    return charge(catalog, row.provider, row.account, names, (usage, row.started_at_ns))


def _assemble(record: CallRecord, output: str, cost: Cost, attributes: dict[str, str]) -> Span:
    return Span(
        project_id=record.project_id,
        trace_id=record.trace_id,
        span_id=record.span_id,
        parent_span_id=record.parent_span_id,
        name=f"{record.operation} {record.model_requested}".rstrip(),
        kind=_KINDS.get(record.operation, SpanKind.LLM),
        source=GATEWAY,
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
    told = {
        "url.path": record.path,
        BATCH: record.batch_id,
        UPSTREAM_DIALECT: record.upstream_dialect,
        SCHEMA: record.schema_check,
    }
    attributes = {name: text for name, text in told.items() if text}
    attributes.update(dict.fromkeys(_cuts(record), "true"))
    for rule, count in (record.redacted or {}).items():
        attributes[f"{REDACTED}{rule}"] = str(count)
    if record.usage_asked_for_caller:
        attributes[USAGE_ASKED] = "true"
    if record.usage is not None:
        attributes.update(usage_units(record.usage))
    for number, note in enumerate(record.fetched):
        attributes[f"{FETCHED}.{number}"] = note
    for number, loss in enumerate(record.losses):
        attributes[f"{DROPPED}.{number}"] = loss
    return attributes


def _cuts(record: CallRecord) -> Iterable[str]:
    if record.redacted is not None:
        return (f"pilothouse.{part}.cut" for part in record.cut)
    sizes = (
        (INPUT_CUT, record.request_size_bytes, record.request_body),
        (OUTPUT_CUT, record.response_size_bytes, record.response_body),
    )
    return (name for name, size_bytes, body in sizes if size_bytes > len(body))


def _output(record: CallRecord, attributes: dict[str, str]) -> bytes:
    if record.withheld_body:
        # What the model said tells more than the error that stood in for it, which the span has anyway.
        return record.withheld_body
    if record.whole or not record.streamed or not record.response_body:
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
    if record.told_cost_usd:
        # What the caller was told stands, whatever the prices have become since.
        return Cost(CostStatus.PRICED, Decimal(record.told_cost_usd), record.told_price_version)
    sent = record.attempts[-1].model if record.attempts else ""
    names = record.model_served, sent, record.model_requested
    return charge(catalog, record.provider, record.account, names, (record.usage, record.started_at_ns))


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
