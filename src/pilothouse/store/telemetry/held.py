"""What ingest asks of the rows that are there: rows to merge with, the shape of traces, and spans without an end."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from pilothouse.domain.holding import BUCKET_NS, Held, Node, Place, Shape
from pilothouse.domain.span import GATEWAY, Span
from pilothouse.store.telemetry.batches import BUCKETS, LATEST_NS, VERSION
from pilothouse.store.telemetry.conditions import nanoseconds, sound
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.rows import PACKED, SpanRow, unpacked

MARGIN_NS = 24 * 3600 * 10**9
"""How far from the times that a batch names the rows of its traces are looked for."""
_CHUNK = 500


class _Row(SpanRow, kw_only=True):
    project_id: str
    trace_id: str
    started_at_ns: int
    last_token_ns: int | None
    stated_at_ns: int
    fold: bytes
    deleted: bool
    row_version: int


_COMPUTED = {
    "started_at_ns": "toUnixTimestamp64Nano(started_at)",
    "tokens": f"[{', '.join(BUCKETS)}]",
    "stated_at_ns": "toUnixTimestamp64Nano(stated_at)",
    "fold": "base64Encode(fold)",
    "row_version": f"toUnixTimestamp64Micro({VERSION})",
}
_READ = PACKED | {"tokens", "metered", "usage_inconsistent", "row_version"}
"""Of a row, what is not a span's field as it stands."""
_PLAIN = tuple(name for name in _Row.__struct_fields__ if name not in _READ)
_IN_TRACES = (
    "project_id IN {projects:Array(String)}",
    "trace_id IN {traces:Array(String)}",
    "toStartOfFiveMinutes(started_at) >= toStartOfFiveMinutes(fromUnixTimestamp64Nano({from_ns:Int64}))",
    "toStartOfFiveMinutes(started_at) <= toStartOfFiveMinutes(fromUnixTimestamp64Nano({to_ns:Int64}))",
)
_UNITS = "mapFilter((name, value) -> startsWith(name, 'pilothouse.usage.'), attributes)"
_SLIM = {
    **dict.fromkeys(("input", "output", "error_detail", "links", "events"), "''"),
    **dict.fromkeys(("metadata", "resource", "request_headers", "response_headers"), "map('', '')"),
    "attributes": _UNITS, "tags": "['']",
}  # fmt: skip
"""What stands for the columns that have nothing to do with a cost."""


def _rows_of(computed: Mapping[str, str]) -> str:
    # Every version is read, for each may hold what another does not when an insert was cut short.
    return "\n".join((
        "SELECT",
        ", ".join(f"{computed[name]} AS {name}" if name in computed else name for name in _Row.__struct_fields__),
        "FROM spans WHERE", " AND ".join((*_IN_TRACES, "span_id IN {spans:Array(String)}")),
    ))  # fmt: skip


_HELD, _COSTS = _rows_of(_COMPUTED), _rows_of(_COMPUTED | _SLIM)
# Marks of a start that holds no longer are read too: behind one, the other half of an insert may be missing.
_SHAPE = "\n".join((
    "SELECT project_id, trace_id, span_id, parent_span_id, is_call, metered, wrapper, deleted, running,",
    "toUnixTimestamp64Nano(started_at) AS started_at_ns, source, duration_ns AS lasted_ns,",
    f"{' + '.join(f'toUInt64({name})' for name in BUCKETS)} AS counted_tokens",
    "FROM spans FINAL WHERE", " AND ".join(_IN_TRACES),
))  # fmt: skip
_OPEN = "\n".join((
    "SELECT project_id, trace_id, span_id, toUnixTimestamp64Nano(started_at) AS started_at_ns,",
    f"toUnixTimestamp64Nano({VERSION}) AS heard_at_ns",
    "FROM spans FINAL WHERE running AND NOT deleted",
    # All versions of a span agree in these, and few spans are open: no other rows have to be merged.
    "AND (project_id, toStartOfFiveMinutes(started_at), trace_id) IN",
    "(SELECT project_id, toStartOfFiveMinutes(started_at), trace_id FROM spans WHERE running)",
    f"ORDER BY {VERSION} LIMIT {{limit:UInt32}}",
))  # fmt: skip
_RECENT = "\n".join((
    "SELECT DISTINCT project_id, trace_id FROM spans WHERE inserted_at >= fromUnixTimestamp64Nano({after_ns:Int64})",
    "AND inserted_at < fromUnixTimestamp64Nano({until_ns:Int64}) LIMIT {limit:UInt32}",
))  # fmt: skip
_FIRST_STRETCH_NS, _WIDENING = 60 * 10**9, 4


class _ShapeRow(msgspec.Struct):
    project_id: str
    trace_id: str
    span_id: str
    parent_span_id: str
    is_call: bool
    metered: bool
    wrapper: bool
    deleted: bool
    started_at_ns: int
    source: str
    running: bool
    lasted_ns: int
    counted_tokens: int


class _RecentRow(msgspec.Struct):
    project_id: str
    trace_id: str


async def rows(connection: Connection, places: Sequence[Place]) -> list[Held]:
    """Return every version of the spans at these places, in no order."""
    return await _rows(connection, places, Query("held", _HELD))


async def costs(connection: Connection, places: Sequence[Place]) -> list[Held]:
    """Return the same with what a cost is made of only; texts, maps and lists hold nothing that is meant."""
    return await _rows(connection, places, Query("held costs", _COSTS))


async def _rows(connection: Connection, places: Sequence[Place], query: Query) -> list[Held]:
    found: list[Held] = []
    for start in range(0, len(places), _CHUNK):
        chunk = places[start : start + _CHUNK]
        wanted = {(place.project_id, place.trace_id, place.span_id) for place in chunk}
        starts = [place.started_at_ns for place in chunk]
        parameters = _traces(wanted, (min(starts) - BUCKET_NS, max(starts) + BUCKET_NS))
        parameters["spans"] = sorted({sound(place.span_id) for place in chunk})
        found.extend(
            Held(_span(row), row.row_version)
            for row in await connection.select(Query(query.name, query.sql, parameters), _Row)
            if (row.project_id, row.trace_id, row.span_id) in wanted
        )
    return found


async def shapes(
    connection: Connection, traces: Iterable[tuple[str, str]], times_ns: tuple[int, int]
) -> dict[tuple[str, str], Shape]:
    """Return the spans of each trace, by project and trace, that start within a day of the times."""
    wanted = sorted(set(traces))
    found: dict[tuple[str, str], Shape] = {key: {} for key in wanted}
    range_ns = max(0, times_ns[0] - MARGIN_NS), min(LATEST_NS, times_ns[1] + MARGIN_NS)
    for start in range(0, len(wanted), _CHUNK):
        parameters = _traces(wanted[start : start + _CHUNK], range_ns)
        for row in await connection.select(Query("shapes", _SHAPE, parameters), _ShapeRow):
            shape = found.get((row.project_id, row.trace_id))
            if shape is not None:
                _put(shape, row)
    return found


async def unended(connection: Connection, limit: int) -> list[Place]:
    """Return spans without an end, those first of which nothing was heard for the longest time."""
    return await connection.select(Query("open", _OPEN, {"limit": limit}), Place)


async def recent(connection: Connection, after: datetime, limit: int) -> list[tuple[str, str]]:
    """Return project and id of the traces that something came of since `after`, those of the last minutes first.

    Looked for from now on back, in stretches of which each gives no more than are still wanted: millions of traces may
    have come since, and to put all of them in order would need more memory than a query may take.
    """
    found: dict[tuple[str, str], None] = {}
    # What is stamped ahead of the clock is in the first stretch.
    until_ns, low_ns, stretch_ns = LATEST_NS, time.time_ns() - _FIRST_STRETCH_NS, _FIRST_STRETCH_NS
    floor_ns = nanoseconds(after)
    while len(found) < limit and until_ns > floor_ns:
        after_ns = max(low_ns, floor_ns)
        bounds: dict[str, Parameter] = {"after_ns": after_ns, "until_ns": until_ns, "limit": limit}
        for row in await connection.select(Query("recent", _RECENT, bounds), _RecentRow):
            found[row.project_id, row.trace_id] = None
        stretch_ns *= _WIDENING
        until_ns, low_ns = after_ns, after_ns - stretch_ns
    return list(found)[:limit]


def _put(shape: Shape, row: _ShapeRow) -> None:
    before = shape.get(row.span_id)
    if before is not None and row.deleted:
        return
    others = ()
    if before is not None:
        others = (*before.other_starts_ns, before.started_at_ns)
    shape[row.span_id] = Node(
        row.parent_span_id, row.is_call, row.metered, row.wrapper, row.started_at_ns, others,
        by_gateway=row.source == GATEWAY, ended_at_ns=0 if row.running else row.started_at_ns + row.lasted_ns,
        tokens=row.counted_tokens,
    )  # fmt: skip


def _traces(keys: Iterable[tuple[str, ...]], range_ns: tuple[int, int]) -> dict[str, Parameter]:
    keys = list(keys)
    return {
        "projects": sorted({sound(key[0]) for key in keys}),
        "traces": sorted({sound(key[1]) for key in keys}),
        "from_ns": max(0, min(range_ns[0], LATEST_NS)),
        "to_ns": max(0, min(range_ns[1], LATEST_NS)),
    }


def _span(row: _Row) -> Span:
    fields: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN}
    return Span(**fields, **unpacked(row))
