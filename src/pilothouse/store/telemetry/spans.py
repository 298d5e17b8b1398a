"""Single spans, newest first, whatever their traces.

The places of the spans of a page are looked for first, in windows that widen from the newest on, and only then are
their rows read: a condition looks at few columns, a row has many and large ones. What is met among all rows is looked
at again among the last ones of their spans.
"""

import time
from collections.abc import Sequence

import msgspec

from pilothouse.domain.reading import AttributeValue, SpanFilter, SpanPage
from pilothouse.store.telemetry import cursors, traces
from pilothouse.store.telemetry.conditions import Conditions, floors, moment, nanoseconds, of_traces, sound, within
from pilothouse.store.telemetry.connection import Connection, Query
from pilothouse.store.telemetry.query import condition_of
from pilothouse.store.telemetry.search import EXACT
from pilothouse.store.telemetry.summaries import OF_TRACES

MAX_LIMIT = 200
MAX_VALUES = 1_000
_AT_ONCE = 2
"""Rows that are met for each that is wanted: some were replaced."""
_LAST = 2**62
_PLACE = "(toUnixTimestamp64Nano(started_at), trace_id, span_id)"


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    started_ns: int
    trace_id: str
    span_id: str


class _Found(msgspec.Struct, frozen=True):
    started_ns: int
    trace_id: str
    span_id: str


class _Value(msgspec.Struct):
    value: str
    first_ns: int
    last_ns: int
    count: int


_cursors = msgspec.json.Decoder(_Place)


async def fetch(connection: Connection, wanted: SpanFilter) -> SpanPage:
    """Return one page; raises `InvalidRequest` for a cursor that is none."""
    after = cursors.read(wanted.cursor, _cursors) if wanted.cursor else None
    limit = max(1, min(wanted.limit, MAX_LIMIT))
    found = await _places(connection, wanted, after, limit + 1)
    page = found[:limit]
    if not page:
        return SpanPage([], [], None)
    where = within(wanted.project_id, page[-1].started_ns, page[0].started_ns + 1).plus(
        "has({trace_ids:Array(String)}, trace_id)", "has({span_ids:Array(String)}, span_id)",
        trace_ids=sorted({place.trace_id for place in page}), span_ids=[place.span_id for place in page],
    )  # fmt: skip
    details = await traces.details(connection, where, len(page))
    kept = [(place.trace_id, details[place.trace_id, place.span_id]) for place in page
            if (place.trace_id, place.span_id) in details]  # fmt: skip
    last = page[-1]
    cursor = cursors.write(_Place(last.started_ns, last.trace_id, last.span_id))
    return SpanPage(
        [detail for _trace_id, detail in kept],
        [trace_id for trace_id, _detail in kept],
        cursor if len(found) > limit else None,
    )


async def values(connection: Connection, wanted: SpanFilter, attribute: str) -> list[AttributeValue]:
    """Return the values that an attribute of the wanted spans has, the newest first, at most `MAX_VALUES`."""
    where = _conditions(wanted, *_range(wanted)).plus(
        "value != ''", attribute=sound(attribute), max_values=MAX_VALUES
    )  # fmt: skip
    sql = "\n".join((
        "SELECT attributes[{attribute:String}] AS value, toUnixTimestamp64Nano(min(started_at)) AS first_ns,",
        "toUnixTimestamp64Nano(max(started_at)) AS last_ns, count() AS count FROM spans FINAL",
        "WHERE", where.sql,
        "GROUP BY value ORDER BY last_ns DESC, value LIMIT {max_values:UInt32}",
    ))  # fmt: skip
    rows = await connection.select(Query("values", sql, where.parameters), _Value)
    return [AttributeValue(row.value, moment(row.first_ns), moment(row.last_ns), row.count) for row in rows]


async def _places(connection: Connection, wanted: SpanFilter, after: _Place | None, limit: int) -> list[_Found]:
    from_ns, to_ns = _range(wanted)
    upper_ns = min(to_ns, after.started_ns + 1 if after else _LAST)
    found: list[_Found] = []
    for floor_ns in floors(from_ns, min(upper_ns, time.time_ns())):
        more = True
        while more and len(found) < limit:
            met = await _met(connection, _behind(_conditions(wanted, floor_ns, upper_ns), after), limit * _AT_ONCE)
            more = len(met) == limit * _AT_ONCE
            if met:
                found += await _still(connection, wanted, met)
                after = _Place(*msgspec.structs.astuple(met[-1]))
        if len(found) >= limit:
            break
        upper_ns = floor_ns
    return found[:limit]


async def _met(connection: Connection, where: Conditions, limit: int) -> list[_Found]:
    """Return the newest rows that fulfil the conditions, also those that were replaced: to merge rows takes far longer
    than to read them, and few are met where few are wanted."""
    sql = "\n".join((
        "SELECT toUnixTimestamp64Nano(started_at) AS started_ns, trace_id, span_id FROM spans",
        "WHERE", where.sql,
        "ORDER BY started_ns DESC, trace_id DESC, span_id DESC LIMIT {limit:UInt32}",
    ))  # fmt: skip
    return await connection.select(Query("span places", sql, {**where.parameters, "limit": limit}), _Found)


async def _still(connection: Connection, wanted: SpanFilter, met: Sequence[_Found]) -> list[_Found]:
    """Return those of them that are the last rows of their spans, in their order."""
    where = _conditions(wanted, met[-1].started_ns, met[0].started_ns + 1).plus(
        "has({span_ids:Array(String)}, span_id)",
        trace_ids=sorted({one.trace_id for one in met}), span_ids=sorted({one.span_id for one in met}),
    )  # fmt: skip
    sql = "\n".join((
        "SELECT toUnixTimestamp64Nano(started_at) AS started_ns, trace_id, span_id FROM spans FINAL", OF_TRACES,
        "WHERE", where.sql, EXACT,
    ))  # fmt: skip
    last = set(await connection.select(Query("span places", sql, where.parameters), _Found))
    return [one for one in dict.fromkeys(met) if one in last]


def _behind(where: Conditions, after: _Place | None) -> Conditions:
    if after is None:
        return where
    return where.plus(
        f"{_PLACE} < ({{after_ns:Int64}}, {{after_trace:String}}, {{after_span:String}})",
        after_ns=after.started_ns, after_trace=sound(after.trace_id), after_span=sound(after.span_id),
    )  # fmt: skip


def _range(wanted: SpanFilter) -> tuple[int, int]:
    from_ns = nanoseconds(wanted.from_at) if wanted.from_at else 0
    return max(0, from_ns), nanoseconds(wanted.to_at) if wanted.to_at else _LAST


def _conditions(wanted: SpanFilter, from_ns: int, to_ns: int) -> Conditions:
    found = within(wanted.project_id, from_ns, to_ns)
    lists = {
        "span_id": wanted.span_ids, "trace_id": wanted.trace_ids, "name": wanted.names,
        "kind": tuple(wanted.kinds), "status": tuple(wanted.statuses),
    }  # fmt: skip
    for column, texts in lists.items():
        if texts:
            name = f"{column}_list"
            found = found.plus(f"has({{{name}:Array(String)}}, {column})", **{name: [sound(str(one)) for one in texts]})
    if wanted.source:
        found = found.plus("source = {source:String}", source=sound(wanted.source))
    if wanted.parent_span_id is not None:
        found = found.plus("parent_span_id = {parent:String}", parent=sound(wanted.parent_span_id))
    if wanted.below_root:
        found = found.plus("parent_span_id != ''")
    if wanted.tags:
        found = found.plus("hasAll(tags, {tag_list:Array(String)})", tag_list=[sound(tag) for tag in wanted.tags])
    for number, (name, texts) in enumerate(wanted.attributes.items()):
        key, held = f"attribute_{number}", f"attribute_{number}_list"
        found = found.plus(
            f"has({{{held}:Array(String)}}, attributes[{{{key}:String}}])",
            **{key: sound(name), held: [sound(text) for text in texts]},
        )
    asked = condition_of(wanted.query, wanted.project_id)
    traces = of_traces(wanted.of_traces, wanted.project_id)
    return found.plus(*asked.parts, *traces.parts, **asked.parameters, **traces.parameters)
