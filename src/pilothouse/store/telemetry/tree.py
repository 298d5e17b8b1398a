"""One trace in pages of light rows, which of its spans hold a text, and one span with all that is known of it."""

import asyncio
from datetime import datetime
from decimal import Decimal

import msgspec

from pilothouse.domain.money import CostStatus
from pilothouse.domain.reading import SpanDetail, TraceFilter
from pilothouse.domain.span import AttemptDetail, SpanKind, SpanStatus
from pilothouse.domain.tree import SpanMatches, TreePage, TreeSpan
from pilothouse.store.telemetry import cursors, scores, summaries, traces
from pilothouse.store.telemetry.conditions import Conditions, moment, nanoseconds, of_spans, sound, within
from pilothouse.store.telemetry.connection import Connection, Query
from pilothouse.store.telemetry.figures import INPUT_TOTAL, OUTPUT_TOTAL
from pilothouse.store.telemetry.search import EXACT

FIRST_PAGE, NEXT_PAGES = 2_000, 30_000
"""Spans a page: the first is drawn while the others are on their way."""
MAX_MATCHES = 10_000
_EPOCH = moment(0)


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Where a page ended; the trace's start and the range that it was found in stay those of the first page."""

    trace_started_ns: int
    from_ns: int
    to_ns: int
    started_ns: int
    span_id: str


class _Row(msgspec.Struct):
    span_id: str
    parent_span_id: str
    name: str
    kind: SpanKind
    started_ns: int
    duration_ns: int
    first_token_ns: int | None
    status: SpanStatus
    error_code: str
    level: str
    model: str
    input_total: int
    output_total: int
    cost_usd: Decimal | None
    cost_status: CostStatus
    running: bool
    abandoned: bool
    wrapper: bool
    has_body: bool
    attempts: str


class _Id(msgspec.Struct):
    span_id: str


class _Starts(msgspec.Struct):
    trace_ns: int
    parent_ns: int


_COMPUTED = {
    "started_ns": "toUnixTimestamp64Nano(started_at)",
    "input_total": INPUT_TOTAL,
    "output_total": OUTPUT_TOTAL,
    # By their sizes, so that the bodies themselves are not read.
    "has_body": "toBool(input_size_bytes + output_size_bytes > 0)",
}
_SQL = "\n".join((
    "SELECT",
    ", ".join(f"{_COMPUTED[name]} AS {name}" if name in _COMPUTED else name for name in _Row.__struct_fields__),
    "FROM spans FINAL WHERE %WHERE%",
    "ORDER BY started_at, span_id LIMIT {limit:UInt32}",
))  # fmt: skip
_MATCHES_SQL = "\n".join((
    "SELECT span_id FROM spans FINAL WHERE %WHERE% ORDER BY started_at, span_id LIMIT {limit:UInt32}", EXACT,
))  # fmt: skip
_AFTER = "(toUnixTimestamp64Nano(started_at), span_id) > ({after_ns:Int64}, {after_span:String})"
_OF_TRACE = "trace_id = {trace_id:String}"
_places = msgspec.json.Decoder(_Place)
_attempts = msgspec.json.Decoder(tuple[AttemptDetail, ...])


async def first(connection: Connection, project_id: str, trace_id: str, around: datetime | None) -> TreePage | None:
    """Return the first page with summary and scores, None when there is no such trace."""
    looked = traces.ranges(connection, project_id, trace_id, around)
    place, given = await asyncio.gather(anext(looked, None), scores.fetch(connection, project_id, [trace_id]))
    while place is not None:
        rows, found = await asyncio.gather(
            _rows(connection, _where(project_id, trace_id, *place), FIRST_PAGE + 1),
            summaries.fetch(connection, project_id, [trace_id], *place),
        )
        if rows and trace_id in found:
            started_ns, summary = found[trace_id]
            spans, cursor = _page(rows, FIRST_PAGE, _Place(started_ns, *place, 0, ""))
            return TreePage(summary=summary, spans=spans, next_cursor=cursor, scores=given)
        place = await anext(looked, None)
    return None


async def following(connection: Connection, project_id: str, trace_id: str, cursor: str) -> TreePage:
    """Return the page behind another; raises `InvalidRequest` for a cursor that is none."""
    place = cursors.read(cursor, _places)
    where = _where(project_id, trace_id, place.from_ns, place.to_ns).plus(
        _AFTER, after_ns=place.started_ns, after_span=sound(place.span_id)
    )
    spans, behind = _page(await _rows(connection, where, NEXT_PAGES + 1), NEXT_PAGES, place)
    return TreePage(spans=spans, next_cursor=behind)


async def span(
    connection: Connection, project_id: str, trace_id: str, span_id: str, around: datetime | None
) -> SpanDetail | None:
    """Return one span with its times from the start of its trace, None when there is none."""
    async for from_ns, to_ns in traces.ranges(connection, project_id, trace_id, around):
        where = _where(project_id, trace_id, from_ns, to_ns)
        wanted = where.plus("span_id = {span_id:String}", span_id=sound(span_id))
        found = (await traces.details(connection, wanted, 1)).get((trace_id, span_id))
        if found is not None:
            starts = await _starts(connection, where, found.parent_span_id)
            return msgspec.structs.replace(
                found,
                start_ms=(nanoseconds(found.started_at) - starts.trace_ns) / 1e6,
                before_parent_ms=max(0.0, (starts.parent_ns - nanoseconds(found.started_at)) / 1e6),
            )
    return None


async def matches(
    connection: Connection, project_id: str, trace_id: str, text: str, around: datetime | None
) -> SpanMatches:
    """Return the spans of a trace that hold a text, by start time, at most `MAX_MATCHES`."""
    wanted = of_spans(TraceFilter(project_id=project_id, from_at=_EPOCH, to_at=_EPOCH, text=text))
    async for from_ns, to_ns in traces.ranges(connection, project_id, trace_id, around):
        where = _where(project_id, trace_id, from_ns, to_ns).plus(*wanted.parts, **wanted.parameters)
        sql = _MATCHES_SQL.replace("%WHERE%", where.sql)
        query = Query("span matches", sql, {**where.parameters, "limit": MAX_MATCHES + 1})
        found = [row.span_id for row in await connection.select(query, _Id)]
        if found:
            return SpanMatches(found[:MAX_MATCHES], len(found) > MAX_MATCHES)
    return SpanMatches([], more=False)


async def _rows(connection: Connection, where: Conditions, limit: int) -> list[_Row]:
    query = Query("tree", _SQL.replace("%WHERE%", where.sql), {**where.parameters, "limit": limit})
    return await connection.select(query, _Row)


async def _starts(connection: Connection, where: Conditions, parent_span_id: str) -> _Starts:
    sql = "\n".join((
        "SELECT toUnixTimestamp64Nano(min(started_at)) AS trace_ns,",
        "toUnixTimestamp64Nano(minIf(started_at, span_id = {parent:String})) AS parent_ns",
        "FROM spans FINAL WHERE", where.sql,
    ))  # fmt: skip
    query = Query("span starts", sql, {**where.parameters, "parent": sound(parent_span_id)})
    return (await connection.select(query, _Starts))[0]


def _where(project_id: str, trace_id: str, from_ns: int, to_ns: int) -> Conditions:
    return within(project_id, from_ns, to_ns).plus(_OF_TRACE, trace_id=sound(trace_id))


def _page(rows: list[_Row], size: int, place: _Place) -> tuple[list[TreeSpan], str | None]:
    spans = [_light(row, place.trace_started_ns) for row in rows[:size]]
    if len(rows) <= size:
        return spans, None
    last = rows[size - 1]
    behind = msgspec.structs.replace(place, started_ns=last.started_ns, span_id=last.span_id)
    return spans, cursors.write(behind)


def _light(row: _Row, trace_started_ns: int) -> TreeSpan:
    return TreeSpan(
        span_id=row.span_id,
        parent_span_id=row.parent_span_id,
        name=row.name,
        kind=row.kind,
        start_ms=(row.started_ns - trace_started_ns) / 1e6,
        duration_ms=row.duration_ns / 1e6,
        ttft_ms=None if row.first_token_ns is None else row.first_token_ns / 1e6,
        status=row.status,
        error_code=row.error_code,
        level=row.level,
        model=row.model,
        input_tokens=row.input_total,
        output_tokens=row.output_total,
        cost_usd=row.cost_usd,
        cost_status=row.cost_status,
        running=row.running,
        abandoned=row.abandoned,
        wrapper=row.wrapper,
        has_body=row.has_body,
        attempts=_attempts.decode(row.attempts) if row.attempts else (),
    )
