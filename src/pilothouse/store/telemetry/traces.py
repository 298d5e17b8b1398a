"""One trace with all its spans."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

from pilothouse.domain.reading import SpanDetail, Trace
from pilothouse.store.telemetry import nearby, scores, summaries
from pilothouse.store.telemetry.batches import BUCKETS
from pilothouse.store.telemetry.conditions import Conditions, moment, nanoseconds, sound, within
from pilothouse.store.telemetry.connection import Connection, Query
from pilothouse.store.telemetry.figures import OUTPUT_TOTAL, RATE
from pilothouse.store.telemetry.rows import PACKED, SpanRow, unpacked

MAX_SPANS = 10_000
"""Of one trace; later ones are left out."""


class _Row(SpanRow, kw_only=True):
    started_ns: int
    tokens_per_s: float | None


class _RowOfAny(_Row, kw_only=True):
    trace_id: str


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
_SAME = tuple(name for name in _Row.__struct_fields__ if name in SpanDetail.__struct_fields__ and name not in PACKED)


async def fetch(connection: Connection, project_id: str, trace_id: str, around: datetime | None) -> Trace | None:
    """Return the trace, None when there is none; `around` is a time near it, which makes the search cheap."""
    looked = ranges(connection, project_id, trace_id, around)
    # Scores of a trace need no range, and the store runs few queries at a time.
    place, given = await asyncio.gather(anext(looked, None), scores.fetch(connection, project_id, [trace_id]))
    while place is not None:
        where = within(project_id, *place).plus(
            "trace_id = {trace_id:String}", trace_id=sound(trace_id), max_spans=MAX_SPANS
        )
        query = Query("trace", _SQL.replace("%WHERE%", where.sql), where.parameters)
        rows, found = await asyncio.gather(
            connection.select(query, _Row), summaries.fetch(connection, project_id, [trace_id], *place)
        )
        if rows and trace_id in found:
            started_ns, summary = found[trace_id]
            starts = {row.span_id: row.started_ns for row in rows}
            spans = [_detail(row, started_ns, starts.get(row.parent_span_id, 0)) for row in _parents_first(rows)]
            return Trace(summary=summary, spans=spans, scores=given)
        place = await anext(looked, None)
    return None


async def ranges(
    connection: Connection, project_id: str, trace_id: str, around: datetime | None
) -> AsyncIterator[tuple[int, int]]:
    """Yield times to look for a trace in: near a known one, else just where the store has rows of it.

    To find these takes few columns; what is read of all columns then lies in few places.
    """
    if around is not None:
        at_ns = nanoseconds(around)
        yield at_ns - summaries.REACH_NS, at_ns + summaries.REACH_NS
    found = await nearby.bounds(connection, ("trace bounds", "trace_id"), project_id, trace_id)
    if found is not None:
        yield found[0], found[1] + 1


async def details(connection: Connection, where: Conditions, limit: int) -> dict[tuple[str, str], SpanDetail]:
    """Return spans by their trace and id, each as if it were a trace of its own."""
    sql = _SQL.replace("SELECT\n", "SELECT trace_id,\n", 1).replace("%WHERE%", where.sql)
    query = Query("spans", sql, {**where.parameters, "max_spans": limit})
    rows = await connection.select(query, _RowOfAny)
    return {(row.trace_id, row.span_id): _detail(row, row.started_ns, 0) for row in rows}


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


def _detail(row: _Row, trace_started_ns: int, parent_started_ns: int) -> SpanDetail:
    same: dict[str, Any] = {name: getattr(row, name) for name in _SAME}
    return SpanDetail(
        **same,
        started_at=moment(row.started_ns),
        start_ms=(row.started_ns - trace_started_ns) / 1e6,
        duration_ms=row.duration_ns / 1e6,
        ttft_ms=_milliseconds(row.first_token_ns),
        overhead_ms=_milliseconds(row.overhead_ns),
        before_parent_ms=max(0.0, (parent_started_ns - row.started_ns) / 1e6),
        **unpacked(row),
    )


def _milliseconds(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e6
