"""Sessions and users: their lists, one session with its traces, one user over time.

A list is made in two steps: which ones are on the page, and then their figures, from their own traces only. Without
conditions both look at rows of traces. By last activity, newest first, the first step looks at the newest hours and
widens the window until the page is full. Any other order, and any condition, looks at the whole range.

A session lies in few places, so its figures are read of the spans around its traces, with what was said in it; a page
of users has spans everywhere, and nobody looks at their texts.
"""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

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
from pilothouse.store.telemetry import activity_sql, cursors, nearby, summaries, trace_rows
from pilothouse.store.telemetry.activity_sql import Group, filled
from pilothouse.store.telemetry.conditions import Conditions, moment, nanoseconds, sound, within
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.overview import choose_step
from pilothouse.store.telemetry.query import condition_of

MAX_LIMIT = 200
_FIRST_WINDOW_NS = 300 * 10**9
_WIDENING = 16
_LAST = 2**62
"""Sorts what has no cost behind every other."""


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
    previews: tuple[str, str] = ("", "")
    """Of a session; by far the widest columns, and nobody looks at those of a user."""


class _Step(msgspec.Struct):
    step: int
    trace_count: int
    error_count: int
    cost_usd: Decimal


_cursors = msgspec.json.Decoder(_Cursor)
_SEARCHED: dict[Group, tuple[str, ...]] = {"session_id": ("session_id", "user_id"), "user_id": ("user_id",)}
_OF_USERS = activity_sql.COLUMNS_OF_ROWS | {"user_id_last_ns"}


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
    where = within(project_id, *range_ns).plus(ids=_sound([session_id]))
    limit = max(1, min(limit, MAX_LIMIT))
    place = (after.key, after.id) if after else (-_LAST, "")
    turns = where.plus(after_key=place[0], after_id=sound(place[1]), limit=limit + 1)
    rows, found = await asyncio.gather(
        _session_figures(connection, project_id, range_ns, [session_id]),
        connection.select(
            Query("turns", filled(activity_sql.TURNS, "session_id", turns.sql), turns.parameters), _Candidate
        ),
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
    source = await trace_rows.source(connection, wanted.project_id, (from_ns, to_ns), _OF_USERS)
    ids = [wanted.user_id]
    rows, steps = await asyncio.gather(
        connection.select(_of_users(activity_sql.FIGURES_OF_ROWS, source, ids), _Figures),
        connection.select(_of_users(activity_sql.SERIES, source, ids, step_ns=step_ns), _Step),
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
    look = _session_figures if group == "session_id" else _user_figures
    rows = {row.id: row for row in await look(connection, wanted.project_id, range_ns, found_ids)}
    # One that is only named by the later spans of others' traces has no trace of its own, and no figures.
    figures = [rows[one.id] for one in page if one.id in rows]
    return figures, _write_cursor(place, page[-1]) if len(found) > limit else None


async def _candidates(
    connection: Connection, group: Group, wanted: ActivityFilter, after: _Cursor | None, limit: int
) -> list[_Candidate]:
    from_ns, to_ns = nanoseconds(wanted.from_at), nanoseconds(wanted.to_at)
    match = _match(group, wanted)
    extra = Conditions((), match.parameters).plus(limit=limit)
    if after is not None:
        extra = extra.plus(cursor_key=after.key, cursor_id=sound(after.id))
    newest_first = wanted.sort == "last" and wanted.descending and not match.parts
    window_ns = _FIRST_WINDOW_NS
    start_ns = min(to_ns, after.key) if after is not None else to_ns
    while True:
        floor_ns = max(from_ns, start_ns - window_ns) if newest_first else from_ns
        look = _of_spans if match.parts else _of_rows
        found_sql, found_parameters = await look(connection, group, wanted, (floor_ns, to_ns))
        sql, parameters = _ordered(found_sql, wanted, match, after), {**found_parameters, **extra.parameters}
        found = await connection.select(Query(f"{group} candidates", sql, parameters), _Candidate)
        if len(found) >= limit or floor_ns <= from_ns:
            return found
        window_ns *= _WIDENING


async def _of_spans(
    connection: Connection, group: Group, wanted: ActivityFilter, range_ns: tuple[int, int]
) -> tuple[str, Mapping[str, Parameter]]:
    """Return the statement for candidates by what their spans are."""
    where = within(wanted.project_id, *range_ns)
    sql = activity_sql.RECENT if wanted.sort == "last" else activity_sql.RANKED
    sql = filled(sql.replace("%KEY%", activity_sql.KEYS.get(wanted.sort, "")), group, where.sql)
    return sql, where.parameters


async def _of_rows(
    connection: Connection, group: Group, wanted: ActivityFilter, range_ns: tuple[int, int]
) -> tuple[str, Mapping[str, Parameter]]:
    """Return the statement for all there are."""
    names = {group, "cost" if wanted.sort == "cost" else f"{group}_last_ns"}
    rows = await trace_rows.source(connection, wanted.project_id, range_ns, names)
    sql = activity_sql.RANKED_OF_ROWS.replace("%KEY%", activity_sql.KEYS_OF_ROWS[wanted.sort])
    return filled(rows.statement(sql), group), rows.parameters


def _ordered(sql: str, wanted: ActivityFilter, match: Conditions, after: _Cursor | None) -> str:
    """Return a statement for candidates with what they have to fulfil, and in which order they come."""
    order, beyond, missing = ("DESC", "<", -_LAST) if wanted.descending else ("ASC", ">", _LAST)
    fits = ["max(match)" if wanted.sort != "last" else f"max({' AND '.join(match.parts)})"] if match.parts else ["1"]
    if after is not None:
        fits.append(f"(key, id) {beyond} ({{cursor_key:Int64}}, {{cursor_id:String}})")
    sql = sql.replace("%FITS%", " AND ".join(fits)).replace("%ORDER%", order).replace("%MISSING%", str(missing))
    return sql.replace("%MATCH%", " AND ".join(match.parts) or "1")


async def _session_figures(
    connection: Connection, project_id: str, range_ns: tuple[int, int], ids: list[str]
) -> list[_Figures]:
    near = await nearby.of_sessions(connection, project_id, range_ns, ids)
    where, sql = (
        (near, activity_sql.FIGURES) if near is not None
        else (within(project_id, *range_ns), activity_sql.FIGURES_OF_MANY)
    )  # fmt: skip
    where = where.plus(ids=_sound(ids))
    query = Query("session_id figures", filled(sql, "session_id", where.sql), where.parameters)
    return await connection.select(query, _Figures)


async def _user_figures(
    connection: Connection, project_id: str, range_ns: tuple[int, int], ids: list[str]
) -> list[_Figures]:
    source = await trace_rows.source(connection, project_id, range_ns, _OF_USERS)
    return await connection.select(_of_users(activity_sql.FIGURES_OF_ROWS, source, ids), _Figures)


def _of_users(sql: str, source: trace_rows.Source, ids: list[str], **more: int) -> Query:
    parameters = {**source.parameters, "ids": _sound(ids), **more}
    return Query("users", filled(source.statement(sql), "user_id"), parameters)


def _sound(ids: list[str]) -> list[str]:
    return [sound(one) for one in ids]


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
