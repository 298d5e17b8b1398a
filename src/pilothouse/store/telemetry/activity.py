"""Sessions and users: their lists, one session with its traces, one user over time.

A list is made in two steps: which ones are on the page, and then their figures, from their own traces only. By last
activity, newest first and without conditions, the first step looks at the newest hours and widens the window until the
page is full. Any other order, and any condition, looks at the whole range.

A session lies in few places, so its figures are read from around its traces; a page of users has spans everywhere.
Measured on 10,000,000 spans over 30 days, two quiet cores: sessions by last activity over a day 69 ms, over 30 days
132; users over a day 716.
"""

import asyncio
from decimal import Decimal
from typing import Literal

import msgspec

from pilothouse.domain.activity import (
    ActivityFilter,
    SessionDetail,
    SessionPage,
    SessionSummary,
    UserDetail,
    UserPage,
    UserPoint,
    UserSummary,
)
from pilothouse.errors import InvalidRequest
from pilothouse.store.telemetry import cursors, nearby, summaries
from pilothouse.store.telemetry.batches import BUCKETS
from pilothouse.store.telemetry.conditions import Conditions, moment, nanoseconds, sound, within
from pilothouse.store.telemetry.connection import Connection, Query
from pilothouse.store.telemetry.figures import COUNTED, FIRST, ROOT_FIRST, UNPRICED
from pilothouse.store.telemetry.overview import choose_step
from pilothouse.store.telemetry.query import condition_of
from pilothouse.store.telemetry.search import EXACT

MAX_LIMIT = 200
_FIRST_WINDOW_NS = 120 * 10**9
_WIDENING = 16
_LAST = 2**62
"""Sorts what has no cost behind every other."""

Group = Literal["session_id", "user_id"]


class _Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Where a page ended: sort key and id of its last item."""

    group: str
    sort: str
    descending: bool
    key: int
    id: str


class _Candidate(msgspec.Struct):
    id: str
    key: int


class _Figures(msgspec.Struct):
    id: str
    first_ns: int
    last_ns: int
    others: list[str]
    """Users of a session, sessions of a user."""
    other_count: int
    trace_count: int
    call_count: int
    models: list[str]
    tokens: list[int]
    usage_inconsistent: bool
    cost_usd: Decimal | None
    unpriced_count: int
    error_count: int
    previews: tuple[str, str]


class _Step(msgspec.Struct):
    step: int
    trace_count: int
    error_count: int
    cost_usd: Decimal


_cursors = msgspec.json.Decoder(_Cursor)
_OTHER: dict[Group, Group] = {"session_id": "user_id", "user_id": "session_id"}
_SEARCHED: dict[Group, tuple[str, ...]] = {"session_id": ("session_id", "user_id"), "user_id": ("user_id",)}
_PREVIEWS: dict[Group, str] = {"session_id": "(input_preview, output_preview)", "user_id": "('', '')"}
"""By far the widest columns; nobody looks at those of a user."""
_COST = f"sumIf(cost_usd, {COUNTED} AND cost_status = 'priced')"


def _named(column: str) -> str:
    return f"argMinIf({column}, {FIRST}, {column} != '')"


_TRACE_COLUMNS = (
    "trace_id",
    _named("%GROUP%") + " AS id",
    _named("%OTHER%") + " AS other",
    "toUnixTimestamp64Nano(min(started_at)) AS first_ns",
    "toUnixTimestamp64Nano(maxIf(started_at, %GROUP% != '')) AS last_ns",
    f"argMin(%PREVIEWS%, {ROOT_FIRST}) AS previews",
    "countIf(status = 'error') > 0 AS failed",
    f"countIf({COUNTED}) AS calls",
    "groupUniqArrayIf(50)(model, model != '') AS models",
    f"[{', '.join(f'sumIf({bucket}, {COUNTED})' for bucket in BUCKETS)}] AS tokens",
    "max(usage_inconsistent) AS inconsistent",
    f"{_COST} AS cost",
    f"countIf({COUNTED} AND {UNPRICED}) AS unpriced",
)
_COLUMNS = (
    "id",
    "min(first_ns) AS first_ns",
    "max(last_ns) AS last_ns",
    "arraySort(groupUniqArrayIf(50)(other, other != '')) AS others",
    "uniqExactIf(other, other != '') AS other_count",
    "count() AS trace_count",
    "sum(calls) AS call_count",
    "arraySort(groupUniqArrayArray(50)(models)) AS models",
    "sumForEach(tokens) AS tokens",
    "max(inconsistent) AS usage_inconsistent",
    "sum(cost) AS cost_usd",
    "sum(unpriced) AS unpriced_count",
    "countIf(failed) AS error_count",
    "argMax(previews, (first_ns, trace_id)) AS previews",
)
# A superset is enough here, for figures are taken of those that the traces' last rows name; a trace's id never changes,
# so it may be looked at before rows are merged.
_OWN_TRACES = (
    "PREWHERE project_id = {project_id:String} AND trace_id IN"
    " (SELECT trace_id FROM spans WHERE %WHERE% AND has({ids:Array(String)}, %GROUP%))"
)


def _per_trace(columns: tuple[str, ...], own: str = _OWN_TRACES) -> str:
    sql = "\n".join((
        "SELECT", ",\n".join(f"    {column}" for column in columns),
        "FROM (SELECT *, is_call, model FROM spans FINAL %OWN% WHERE %WHERE%)",
        "GROUP BY trace_id",
    ))  # fmt: skip
    return sql.replace("%OWN%", own)


def _figures_of(own: str) -> str:
    return "\n".join((
        "SELECT", ", ".join(_COLUMNS),
        f"FROM ({_per_trace(_TRACE_COLUMNS, own)})",
        "WHERE has({ids:Array(String)}, id) GROUP BY id",
    ))  # fmt: skip


_FIGURES = _figures_of(summaries.OF_TRACES)
# To look for hundreds of thousands of traces in an index takes far longer than to read them.
_FIGURES_OF_MANY = _figures_of(_OWN_TRACES) + " SETTINGS use_skip_indexes = 0"
_RECENT = "\n".join((
    "SELECT %GROUP% AS id, toUnixTimestamp64Nano(max(started_at)) AS key",
    "FROM spans FINAL WHERE %WHERE% AND %GROUP% != ''",
    "GROUP BY id HAVING %FITS%",
    "ORDER BY key %ORDER%, id %ORDER% LIMIT {limit:UInt32}", EXACT,
))  # fmt: skip
_KEYS = {"cost": "ifNull(toInt64(sum(cost) * 1e9), %MISSING%)", "traces": "toInt64(count())"}
_RANKED_COLUMNS = (
    "argMinIf(%GROUP%, started_at, %GROUP% != '') AS id",
    _COST.replace("cost_usd", "toFloat64(cost_usd)") + " AS cost",
    "max(%MATCH%) AS match",
)
"""Floats, and no second thought on spans that start in the same nanosecond: they take half the time, and only rank."""
_RANKED = "\n".join((
    "SELECT id, %KEY% AS key FROM (",
    _per_trace(_RANKED_COLUMNS, own=""),
    ") WHERE id != ''",
    "GROUP BY id HAVING %FITS%",
    "ORDER BY key %ORDER%, id %ORDER% LIMIT {limit:UInt32}", EXACT,
))  # fmt: skip
_START = "toUnixTimestamp64Nano(min(started_at)) AS first_ns"
_TURNS = "\n".join((
    "SELECT trace_id AS id, first_ns AS key FROM (",
    _per_trace(("trace_id", _named("session_id") + " AS session", _START)),
    ") WHERE has({ids:Array(String)}, session) AND (key, id) > ({after_key:Int64}, {after_id:String})",
    "ORDER BY key, id LIMIT {limit:UInt32} SETTINGS use_skip_indexes = 0",
))  # fmt: skip
_SERIES = "\n".join((
    "SELECT intDiv(first_ns, {step_ns:Int64}) AS step, count() AS trace_count, countIf(failed) AS error_count,",
    "sum(ifNull(cost, 0)) AS cost_usd FROM (",
    _per_trace((_named("user_id") + " AS id", _START, "countIf(status = 'error') > 0 AS failed", f"{_COST} AS cost")),
    ") WHERE has({ids:Array(String)}, id) GROUP BY step SETTINGS use_skip_indexes = 0",
))  # fmt: skip


async def sessions(connection: Connection, wanted: ActivityFilter) -> SessionPage:
    """Return a page of sessions; raises `InvalidRequest` for a cursor that is not from the same list."""
    figures, cursor = await _page(connection, "session_id", wanted)
    return SessionPage([_session(row) for row in figures], cursor)


async def users(connection: Connection, wanted: ActivityFilter) -> UserPage:
    """Return a page of users; raises `InvalidRequest` for a cursor that is not from the same list."""
    figures, cursor = await _page(connection, "user_id", wanted)
    return UserPage([_user(row) for row in figures], cursor)


async def session(
    connection: Connection, project_id: str, session_id: str, limit: int, cursor: str
) -> SessionDetail | None:
    """Return a session with a page of its traces, None when there is none."""
    after = _read_cursor(cursor, ("turns", session_id, False))
    range_ns = await nearby.around_session(connection, project_id, session_id)
    if range_ns is None:
        return None
    where = _of(within(project_id, *range_ns), [session_id])
    limit = max(1, min(limit, MAX_LIMIT))
    place = (after.key, after.id) if after else (-_LAST, "")
    turns = where.plus(after_key=place[0], after_id=sound(place[1]), limit=limit + 1)
    rows, found = await asyncio.gather(
        _figures(connection, "session_id", project_id, range_ns, [session_id]),
        connection.select(Query("turns", _filled(_TURNS, "session_id", turns.sql), turns.parameters), _Candidate),
    )
    if not rows:
        return None
    page = found[:limit]
    known = await summaries.fetch(connection, project_id, [one.id for one in page], *range_ns)
    traces = [known[one.id][1] for one in page if one.id in known]
    more = len(found) > limit
    return SessionDetail(
        _session(rows[0]), traces, _write_cursor(("turns", session_id, False), page[-1]) if more else None
    )


async def user(connection: Connection, wanted: ActivityFilter) -> UserDetail | None:
    """Return the user `wanted.user_id` over the time range, None when nothing in it is of that user."""
    from_ns, to_ns = nanoseconds(wanted.from_at), nanoseconds(wanted.to_at)
    step_s = choose_step(max(to_ns - from_ns, 1) / 1e9)
    step_ns = step_s * 10**9
    where = _of(within(wanted.project_id, from_ns, to_ns), [wanted.user_id])
    series = where.plus(step_ns=step_ns)
    sql = _filled(_SERIES, "user_id", series.sql)
    rows, steps = await asyncio.gather(
        _figures(connection, "user_id", wanted.project_id, (from_ns, to_ns), [wanted.user_id]),
        connection.select(Query("user series", sql, series.parameters), _Step),
    )
    if not rows:
        return None
    by_step = {row.step: row for row in steps}
    points = range(from_ns // step_ns, (max(to_ns, from_ns + 1) - 1) // step_ns + 1)
    return UserDetail(
        user=_user(rows[0]), step_s=step_s, series=[_point(step, step_ns, by_step.get(step)) for step in points]
    )


async def _page(connection: Connection, group: Group, wanted: ActivityFilter) -> tuple[list[_Figures], str | None]:
    place = (group, wanted.sort, wanted.descending)
    after = _read_cursor(wanted.cursor, place)
    limit = max(1, min(wanted.limit, MAX_LIMIT))
    found = await _candidates(connection, group, wanted, after, limit + 1)
    page = found[:limit]
    if not page:
        return [], None
    range_ns = nanoseconds(wanted.from_at), nanoseconds(wanted.to_at)
    found_ids = [one.id for one in page]
    rows = {row.id: row for row in await _figures(connection, group, wanted.project_id, range_ns, found_ids)}
    # One that is only named by the later spans of others' traces has no trace of its own, and no figures.
    figures = [rows[one.id] for one in page if one.id in rows]
    return figures, _write_cursor(place, page[-1]) if len(found) > limit else None


async def _candidates(
    connection: Connection, group: Group, wanted: ActivityFilter, after: _Cursor | None, limit: int
) -> list[_Candidate]:
    from_ns, to_ns = nanoseconds(wanted.from_at), nanoseconds(wanted.to_at)
    order, beyond, missing = ("DESC", "<", -_LAST) if wanted.descending else ("ASC", ">", _LAST)
    match = _match(group, wanted)
    fits = ["max(match)" if wanted.sort != "last" else f"max({' AND '.join(match.parts)})"] if match.parts else ["1"]
    extra = Conditions((), match.parameters).plus(limit=limit)
    if after is not None:
        fits.append(f"(key, id) {beyond} ({{cursor_key:Int64}}, {{cursor_id:String}})")
        extra = extra.plus(cursor_key=after.key, cursor_id=sound(after.id))
    sql = _RECENT if wanted.sort == "last" else _RANKED.replace("%KEY%", _KEYS[wanted.sort])
    sql = sql.replace("%FITS%", " AND ".join(fits)).replace("%ORDER%", order).replace("%MISSING%", str(missing))
    sql = sql.replace("%MATCH%", " AND ".join(match.parts) or "1")
    newest_first = wanted.sort == "last" and wanted.descending and not match.parts
    window_ns = _FIRST_WINDOW_NS
    start_ns = min(to_ns, after.key) if after is not None else to_ns
    while True:
        floor_ns = max(from_ns, start_ns - window_ns) if newest_first else from_ns
        where = within(wanted.project_id, floor_ns, to_ns).plus(**extra.parameters)
        query = Query(f"{group} candidates", _filled(sql, group, where.sql), where.parameters)
        found = await connection.select(query, _Candidate)
        if len(found) >= limit or floor_ns <= from_ns:
            return found
        window_ns *= _WIDENING


async def _figures(
    connection: Connection, group: Group, project_id: str, range_ns: tuple[int, int], ids: list[str]
) -> list[_Figures]:
    near = await nearby.of_sessions(connection, project_id, range_ns, ids) if group == "session_id" else None
    where, sql = (near, _FIGURES) if near is not None else (within(project_id, *range_ns), _FIGURES_OF_MANY)
    where = _of(where, ids)
    query = Query(f"{group} figures", _filled(sql, group, where.sql), where.parameters)
    return await connection.select(query, _Figures)


def _of(where: Conditions, ids: list[str]) -> Conditions:
    return where.plus(ids=[sound(one) for one in ids])


def _match(group: Group, wanted: ActivityFilter) -> Conditions:
    """Return what at least one span must fulfil."""
    found = Conditions((), {})
    if wanted.text:
        tests = (f"positionCaseInsensitiveUTF8({column}, {{text:String}}) > 0" for column in _SEARCHED[group])
        found = found.plus(f"({' OR '.join(tests)})", text=sound(wanted.text))
    if wanted.user_id:
        found = found.plus("user_id = {user_id:String}", user_id=sound(wanted.user_id))
    asked = condition_of(wanted.query, wanted.project_id)
    return found.plus(*asked.parts, **asked.parameters)


def _filled(sql: str, group: Group, where: str) -> str:
    sql = sql.replace("%PREVIEWS%", _PREVIEWS[group])
    return sql.replace("%GROUP%", group).replace("%OTHER%", _OTHER[group]).replace("%WHERE%", where)


def _session(row: _Figures) -> SessionSummary:
    return SessionSummary(
        session_id=row.id,
        first_at=moment(row.first_ns),
        last_at=moment(row.last_ns),
        trace_count=row.trace_count,
        call_count=row.call_count,
        users=tuple(row.others),
        models=tuple(row.models),
        usage=summaries.usage(row.tokens, inconsistent=row.usage_inconsistent),
        cost_usd=row.cost_usd,
        unpriced_count=row.unpriced_count,
        error_count=row.error_count,
        input_preview=row.previews[0],
        output_preview=row.previews[1],
    )


def _user(row: _Figures) -> UserSummary:
    return UserSummary(
        user_id=row.id,
        first_at=moment(row.first_ns),
        last_at=moment(row.last_ns),
        session_count=row.other_count,
        trace_count=row.trace_count,
        call_count=row.call_count,
        models=tuple(row.models),
        usage=summaries.usage(row.tokens, inconsistent=row.usage_inconsistent),
        cost_usd=row.cost_usd,
        unpriced_count=row.unpriced_count,
        error_count=row.error_count,
    )


def _point(step: int, step_ns: int, row: _Step | None) -> UserPoint:
    return UserPoint(
        at=moment(step * step_ns),
        trace_count=row.trace_count if row else 0,
        error_count=row.error_count if row else 0,
        cost_usd=row.cost_usd if row else Decimal(0),
    )


def _write_cursor(place: tuple[str, str, bool], last: _Candidate) -> str:
    return cursors.write(_Cursor(*place, last.key, last.id))


def _read_cursor(text: str, place: tuple[str, str, bool]) -> _Cursor | None:
    if not text:
        return None
    cursor = cursors.read(text, _cursors)
    if (cursor.group, cursor.sort, cursor.descending) != place:
        raise InvalidRequest("the cursor is from another list or order", param="cursor")
    return cursor
