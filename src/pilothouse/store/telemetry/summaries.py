"""One row of the trace list out of the spans of a trace."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from pilothouse.domain.reading import TraceSummary
from pilothouse.domain.span import SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.store.telemetry.batches import BUCKETS
from pilothouse.store.telemetry.conditions import moment, sound, within
from pilothouse.store.telemetry.connection import Connection, Query
from pilothouse.store.telemetry.figures import COUNTED, FIRST, OUTPUT_TOTAL, RATE, ROOT_FIRST, UNPRICED

REACH_NS = 24 * 3600 * 10**9
"""How far from a known span of a trace the others are looked for."""


class _Row(msgspec.Struct):
    trace_id: str
    head: tuple[str, str, str]
    trace_name: str
    started_ns: int
    ended_ns: int
    ttft_ns: int | None
    tokens_per_s: float | None
    errors: int
    cancelled: int
    error_code: str
    error_http_status: int
    http_status: int
    models: list[str]
    providers: list[str]
    key_ids: list[str]
    user_id: str
    session_id: str
    span_count: int
    call_count: int
    streamed: bool
    tokens: list[int]
    usage_inconsistent: bool
    cost_usd: Decimal | None
    unpriced_count: int
    running: bool


_COLUMNS = (
    "trace_id",
    # The root comes first; a trace whose root is not ours, or not here yet, begins with its earliest span.
    f"argMin((name, input_preview, output_preview), {ROOT_FIRST}) AS head",
    f"argMinIf(trace_name, {ROOT_FIRST}, trace_name != '') AS trace_name",
    "toUnixTimestamp64Nano(min(started_at)) AS started_ns",
    "max(toUnixTimestamp64Nano(started_at) + toInt64(duration_ns)) AS ended_ns",
    f"argMinIf(first_token_ns, {FIRST}, is_call AND first_token_ns IS NOT NULL) AS ttft_ns",
    f"argMinIf({RATE}, {FIRST}, is_call AND {RATE} IS NOT NULL) AS tokens_per_s",
    "countIf(status = 'error') AS errors",
    "countIf(status = 'cancelled') AS cancelled",
    f"argMinIf(error_code, {FIRST}, status = 'error') AS error_code",
    f"argMinIf(http_status, {FIRST}, status = 'error') AS error_http_status",
    f"argMinIf(http_status, {FIRST}, http_status != 0) AS http_status",
    "arraySort(groupUniqArrayIf(50)(model, model != '')) AS models",
    "arraySort(groupUniqArrayIf(50)(provider, provider != '')) AS providers",
    "arraySort(groupUniqArrayIf(50)(key_id, key_id != '')) AS key_ids",
    f"argMinIf(user_id, {FIRST}, user_id != '') AS user_id",
    f"argMinIf(session_id, {FIRST}, session_id != '') AS session_id",
    "count() AS span_count",
    f"countIf({COUNTED}) AS call_count",
    "max(streamed) AS streamed",
    f"[{', '.join(f'sumIf({bucket}, {COUNTED})' for bucket in BUCKETS)}] AS tokens",
    "max(usage_inconsistent) AS usage_inconsistent",
    f"sumIf(cost_usd, {COUNTED} AND cost_status = 'priced') AS cost_usd",
    f"countIf({COUNTED} AND {UNPRICED}) AS unpriced_count",
    "max(running) AS running",
)
OF_TRACES = "PREWHERE project_id = {project_id:String} AND has({trace_ids:Array(String)}, trace_id)"
"""Looks at ids before rows are read. With FINAL the engine does so by itself for no condition; these are the same for
all versions of a span."""
_SQL = "\n".join((
    "SELECT",
    ",\n".join(f"    {column}" for column in _COLUMNS),
    "FROM (SELECT *, is_call, model, %OUTPUT% AS output_total FROM spans FINAL",
    OF_TRACES, "WHERE %WHERE%)",
    "GROUP BY trace_id",
)).replace("%OUTPUT%", OUTPUT_TOTAL)  # fmt: skip


async def fetch(
    connection: Connection, project_id: str, trace_ids: Sequence[str], from_ns: int, to_ns: int
) -> dict[str, tuple[int, TraceSummary]]:
    """Return start in nanoseconds and summary of each trace, from its spans within the range."""
    if not trace_ids:
        return {}
    where = within(project_id, from_ns, to_ns).plus(trace_ids=[sound(trace_id) for trace_id in trace_ids])
    query = Query("summaries", _SQL.replace("%WHERE%", where.sql), where.parameters)
    return {row.trace_id: (row.started_ns, _summary(row)) for row in await connection.select(query, _Row)}


def usage(tokens: Sequence[int], *, inconsistent: bool) -> Usage:
    """Return the usage out of the token columns in their order."""
    return msgspec.convert({**dict(zip(BUCKETS, tokens, strict=True)), "inconsistent": inconsistent}, Usage)


def _summary(row: _Row) -> TraceSummary:
    name, input_preview, output_preview = row.head
    status = SpanStatus.ERROR if row.errors else SpanStatus.CANCELLED if row.cancelled else SpanStatus.OK
    return TraceSummary(
        trace_id=row.trace_id,
        name=row.trace_name or name,
        started_at=moment(row.started_ns),
        duration_ms=(row.ended_ns - row.started_ns) / 1e6,
        ttft_ms=None if row.ttft_ns is None else row.ttft_ns / 1e6,
        tokens_per_s=row.tokens_per_s,
        status=status,
        error_code=row.error_code,
        http_status=row.error_http_status if row.errors else row.http_status,
        models=tuple(row.models),
        providers=tuple(row.providers),
        key_ids=tuple(row.key_ids),
        user_id=row.user_id,
        session_id=row.session_id,
        span_count=row.span_count,
        call_count=row.call_count,
        streamed=row.streamed,
        usage=usage(row.tokens, inconsistent=row.usage_inconsistent),
        cost_usd=row.cost_usd,
        unpriced_count=row.unpriced_count,
        running=row.running,
        input_preview=input_preview,
        output_preview=output_preview,
    )
