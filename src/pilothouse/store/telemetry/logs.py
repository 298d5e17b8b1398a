"""Log records read back: those of one trace, and those of a time range that fit conditions, newest first."""

from collections.abc import Sequence

import msgspec

from pilothouse.domain.reading import Facet
from pilothouse.domain.telemetry import LogFacets, LogFilter, LogPage, LogRecord
from pilothouse.store.telemetry import cursors
from pilothouse.store.telemetry.clause import Conditions, sound
from pilothouse.store.telemetry.conditions import between, floors, nanoseconds
from pilothouse.store.telemetry.connection import Connection, Query
from pilothouse.store.telemetry.search import anywhere

MAX_LIMIT = 200
MAX_VALUES = 100
_COLUMNS = "\n".join((
    "SELECT project_id, id, key_id, surface, trace_id, span_id, toUnixTimestamp64Nano(at) AS at_ns,",
    "toUnixTimestamp64Nano(observed_at) AS observed_at_ns, name, severity, severity_text, body, attributes, resource,",
    "scope_name, scope_version",
    "FROM logs FINAL",
))  # fmt: skip
_SEARCHED = "lowerUTF8(concatWithSeparator('\\n', name, body, arrayStringConcat(mapValues(attributes), '\\n')))"
_SERVICE = "resource['service.name']"
_SEVERITIES = (
    "multiIf(severity = 0, 0, severity < 5, 1, severity < 9, 5, severity < 13, 9, severity < 17, 13,"
    " severity < 21, 17, 21)"
)


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    at_ns: int
    id: str


class _Value(msgspec.Struct):
    facet: str
    value: str
    count: int


_cursors = msgspec.json.Decoder(_Place)


async def of_trace(connection: Connection, project_id: str, trace_id: str, limit: int) -> list[LogRecord]:
    """Return the log records of a trace in the order of their times, at most `limit`."""
    where = Conditions(
        ("project_id = {project_id:String}", "trace_id = {trace_id:String}"),
        {"project_id": sound(project_id), "trace_id": sound(trace_id), "limit": limit},
    )
    return await _fetch(connection, where, "ORDER BY at, id")


async def page(connection: Connection, wanted: LogFilter) -> LogPage:
    """Return a page of log records, newest first; raises `InvalidRequest` for a cursor that is none."""
    after = cursors.read(wanted.cursor, _cursors) if wanted.cursor else None
    limit = max(1, min(wanted.limit, MAX_LIMIT))
    from_ns, to_ns = nanoseconds(wanted.from_at), nanoseconds(wanted.to_at)
    newest_ns = min(to_ns, after.at_ns + 1) if after else to_ns
    found: Sequence[LogRecord] = ()
    for floor_ns in floors(from_ns, newest_ns):
        where = _where(wanted, floor_ns, newest_ns).plus(limit=limit + 1)
        if after is not None:
            where = where.plus(
                "(toUnixTimestamp64Nano(at), id) < ({after_ns:Int64}, {after_id:String})",
                after_ns=after.at_ns, after_id=sound(after.id),
            )  # fmt: skip
        found = await _fetch(connection, where, "ORDER BY at DESC, id DESC")
        if len(found) > limit:
            break
    items = list(found[:limit])
    more = len(found) > limit
    return LogPage(items, cursors.write(_Place(items[-1].at_ns, items[-1].id)) if more else None)


async def facets(connection: Connection, wanted: LogFilter) -> LogFacets:
    """Return what log records of the time range can be narrowed to, each with its count, the most frequent first."""
    where = between(wanted.project_id, nanoseconds(wanted.from_at), nanoseconds(wanted.to_at)).plus(limit=MAX_VALUES)
    part = "\n".join((
        "SELECT '%FACET%' AS facet, toString(%VALUE%) AS value, count() AS count FROM logs FINAL WHERE %WHERE%",
        "GROUP BY value ORDER BY count DESC, value LIMIT {limit:UInt32}",
    )).replace("%WHERE%", where.sql)  # fmt: skip
    named = {"services": _SERVICE, "names": "name", "severities": _SEVERITIES}
    sql = " UNION ALL ".join(
        f"({part.replace('%FACET%', facet).replace('%VALUE%', value)})" for facet, value in named.items()
    )
    rows = await connection.select(Query("log facets", sql, where.parameters), _Value)
    rows.sort(key=lambda row: (-row.count, row.value))
    return LogFacets(
        **{facet: [Facet(row.value, row.count) for row in rows if row.facet == facet and row.value] for facet in named}
    )


async def _fetch(connection: Connection, where: Conditions, order: str) -> list[LogRecord]:
    sql = "\n".join((_COLUMNS, "WHERE", where.sql, order, "LIMIT {limit:UInt32}"))
    return await connection.select(Query("logs", sql, where.parameters), LogRecord)


def _where(wanted: LogFilter, from_ns: int, to_ns: int) -> Conditions:
    found = between(wanted.project_id, from_ns, to_ns)
    if wanted.min_severity > 0:
        found = found.plus("severity >= {min_severity:UInt8}", min_severity=min(wanted.min_severity, 255))
    if wanted.services:
        found = found.plus(
            f"has({{services:Array(String)}}, {_SERVICE})", services=[sound(one) for one in wanted.services]
        )
    if wanted.names:
        found = found.plus("has({names:Array(String)}, name)", names=[sound(one) for one in wanted.names])
    if wanted.trace_id:
        found = found.plus("trace_id = {trace_id:String}", trace_id=sound(wanted.trace_id))
    if wanted.text:
        test, parameters = anywhere(_SEARCHED, sound(wanted.text), "text", wild=False)
        found = found.plus(test, **parameters)
    return found
