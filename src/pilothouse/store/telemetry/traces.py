"""One trace with all its spans."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import msgspec

from pilothouse.domain.money import CostStatus
from pilothouse.domain.reading import SpanDetail, Trace
from pilothouse.domain.span import AttemptDetail, SpanKind, SpanStatus
from pilothouse.store.telemetry import summaries
from pilothouse.store.telemetry.batches import BUCKETS
from pilothouse.store.telemetry.conditions import moment, nanoseconds, sound, within
from pilothouse.store.telemetry.connection import Connection, Query
from pilothouse.store.telemetry.summaries import OUTPUT_TOTAL, RATE

MAX_SPANS = 10_000
"""Of one trace; later ones are left out."""
_EVER: tuple[int, int] = (0, 2**63 - 1)


class _Row(msgspec.Struct):
    span_id: str
    parent_span_id: str
    name: str
    kind: SpanKind
    source: str
    started_ns: int
    duration_ns: int
    first_token_ns: int | None
    tokens_per_s: float | None
    overhead_ns: int | None
    status: SpanStatus
    outcome: str
    http_status: int
    error_code: str
    error_detail: str
    operation: str
    dialect: str
    streamed: bool
    model_requested: str
    model_served: str
    account: str
    provider: str
    alias: str
    finish_reason: str
    input: str
    output: str
    input_size_bytes: int
    output_size_bytes: int
    metered: bool
    tokens: list[int]
    usage_inconsistent: bool
    cost_usd: Decimal | None
    cost_status: CostStatus
    cost_detail: str
    price_version: str
    key_id: str
    user_id: str
    session_id: str
    environment: str
    request_id: str
    tags: tuple[str, ...]
    metadata: dict[str, str]
    attributes: dict[str, str]
    attempts: str
    request_headers: dict[str, str]
    response_headers: dict[str, str]


_COMPUTED = {
    "started_ns": "toUnixTimestamp64Nano(started_at)",
    "tokens_per_s": RATE.replace("output_total", OUTPUT_TOTAL),
    "tokens": f"[{', '.join(BUCKETS)}]",
}
_SQL = "\n".join((
    "SELECT",
    ", ".join(f"{_COMPUTED[name]} AS {name}" if name in _COMPUTED else name for name in _Row.__struct_fields__),
    "FROM spans FINAL",
    "WHERE %WHERE%",
    "ORDER BY started_at, span_id",
    "LIMIT {max_spans:UInt32}",
))  # fmt: skip
_attempts = msgspec.json.Decoder(tuple[AttemptDetail, ...])


async def fetch(connection: Connection, project_id: str, trace_id: str, around: datetime | None) -> Trace | None:
    """Return the trace, None when there is none; `around` is a time near it, which makes the search cheap."""
    ranges = [_EVER]
    if around is not None:
        at_ns = nanoseconds(around)
        ranges.insert(0, (at_ns - summaries.REACH_NS, at_ns + summaries.REACH_NS))
    for from_ns, to_ns in ranges:
        where = within(project_id, from_ns, to_ns).plus(
            "trace_id = {trace_id:String}", trace_id=sound(trace_id), max_spans=MAX_SPANS
        )
        query = Query("trace", _SQL.replace("%WHERE%", where.sql), where.parameters)
        rows, found = await asyncio.gather(
            connection.select(query, _Row), summaries.fetch(connection, project_id, [trace_id], from_ns, to_ns)
        )
        if rows and trace_id in found:
            started_ns, summary = found[trace_id]
            return Trace(summary=summary, spans=[_detail(row, started_ns) for row in _parents_first(rows)])
    return None


def _parents_first(rows: list[_Row]) -> Iterator[_Row]:
    """Yield each span after its parent, siblings by start time; survives orphans and circles."""
    known = {row.span_id for row in rows}
    children: dict[str, list[_Row]] = {}
    for row in rows:
        children.setdefault(row.parent_span_id if row.parent_span_id in known else "", []).append(row)
    done: set[str] = set()
    # Spans in a circle hang under no root; whatever is left over is taken as a root itself.
    stack = [*reversed(rows), *reversed(children.get("", []))]
    while stack:
        row = stack.pop()
        if row.span_id in done:
            continue
        done.add(row.span_id)
        yield row
        stack.extend(reversed(children.get(row.span_id, [])))


def _detail(row: _Row, trace_started_ns: int) -> SpanDetail:
    return SpanDetail(
        span_id=row.span_id,
        parent_span_id=row.parent_span_id,
        name=row.name,
        kind=row.kind,
        source=row.source,
        started_at=moment(row.started_ns),
        start_ms=(row.started_ns - trace_started_ns) / 1e6,
        duration_ms=row.duration_ns / 1e6,
        ttft_ms=_milliseconds(row.first_token_ns),
        tokens_per_s=row.tokens_per_s,
        overhead_ms=_milliseconds(row.overhead_ns),
        status=row.status,
        outcome=row.outcome,
        http_status=row.http_status,
        error_code=row.error_code,
        error_detail=row.error_detail,
        operation=row.operation,
        dialect=row.dialect,
        streamed=row.streamed,
        model_requested=row.model_requested,
        model_served=row.model_served,
        account=row.account,
        provider=row.provider,
        alias=row.alias,
        finish_reason=row.finish_reason,
        input=row.input,
        output=row.output,
        input_size_bytes=row.input_size_bytes,
        output_size_bytes=row.output_size_bytes,
        usage=summaries.usage(row.tokens, inconsistent=row.usage_inconsistent) if row.metered else None,
        cost_usd=row.cost_usd,
        cost_status=row.cost_status,
        cost_detail=row.cost_detail,
        price_version=row.price_version,
        key_id=row.key_id,
        user_id=row.user_id,
        session_id=row.session_id,
        environment=row.environment,
        request_id=row.request_id,
        tags=row.tags,
        metadata=row.metadata,
        attributes=row.attributes,
        attempts=_attempts.decode(row.attempts) if row.attempts else (),
        request_headers=row.request_headers,
        response_headers=row.response_headers,
    )


def _milliseconds(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e6
