"""Rollups are built of final rows, and built again when something changed below them."""

import asyncio
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from pilothouse.store.telemetry import rollup_parts, trace_rows
from pilothouse.store.telemetry.clause import sound
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.rollup_cover import SETTLED
from pilothouse.store.telemetry.rollup_tables import (
    ASPECTS,
    BUILDS,
    DAY_S,
    DIMENSIONS,
    FIVE_S,
    HOUR_S,
    MINUTE_S,
    MINUTES_KEPT_S,
    OF_ROWS,
    OF_SPANS,
    PART_S,
    ROLLUPS,
)
from pilothouse.store.telemetry.schema import Layout, on_each_server
from pilothouse.store.telemetry.writing import OVER_S

MAX_UNITS = 4000
"""Built in one sweep; the newest first."""
_LONGEST_S = {trace_rows.UNIT_S: DAY_S, FIVE_S: DAY_S, HOUR_S: 7 * DAY_S, DAY_S: 60 * DAY_S}
"""Of what one statement builds."""
_BELOW = {HOUR_S: FIVE_S, DAY_S: HOUR_S}
"""What each unit is built of; five minutes are built of spans."""
_START = {HOUR_S: "toStartOfHour(at)", DAY_S: "toDateTime(toStartOfDay(at), 'UTC')"}
_STALE_S = 600
_INSERT: dict[str, str | int] = {"async_insert": 0, "max_partitions_per_insert_block": 0, "max_threads": 1}
_NOW: dict[str, str | int] = {"lightweight_deletes_sync": 2, "mutations_sync": 2}
_TIMES = f"SELECT toUnixTimestamp64Micro(now64(6)) AS now_us, ({SETTLED}) AS settled_us"
_MARK = (
    "INSERT INTO rollup_marks (project_id, unit_s, at, touched_us)"
    " SELECT project_id, unit_s, toDateTime(intDiv(toUnixTimestamp(five), unit_s) * unit_s, 'UTC') AS at,"
    " {now_us:UInt64}"
    " FROM (SELECT project_id, toStartOfFiveMinutes(started_at) AS five FROM spans"
    " WHERE inserted_at >= fromUnixTimestamp64Micro({since_us:Int64}) GROUP BY project_id, five)"
    " ARRAY JOIN [toUInt32(300), toUInt32(3600), toUInt32(86400)] AS unit_s GROUP BY project_id, unit_s, at"
)
_SWEPT = (
    "INSERT INTO rollup_marks (project_id, unit_s, at, touched_us) SELECT '', toUInt32(1), toDateTime(0, 'UTC'),"
    " {settled_us:UInt64}"
)
_TOUCH = (
    "INSERT INTO rollup_marks (project_id, unit_s, at, touched_us)"
    " SELECT {project_id:String}, unit_s, toDateTime(intDiv(toUnixTimestamp(five), unit_s) * unit_s, 'UTC') AS at,"
    " toUnixTimestamp64Micro(now64(6))"
    " FROM (SELECT arrayJoin(arrayMap(s -> toDateTime(s, 'UTC'), {fives:Array(UInt32)})) AS five)"
    " ARRAY JOIN [toUInt32(300), toUInt32(3600), toUInt32(86400)] AS unit_s GROUP BY unit_s, at"
)
_TOUCH_BEFORE = (
    "INSERT INTO rollup_marks (project_id, unit_s, at, touched_us)"
    " SELECT DISTINCT project_id, unit_s, at, toUnixTimestamp64Micro(now64(6)) FROM rollup_builds"
    " WHERE project_id = {project_id:String} AND at <= toDateTime({before_s:UInt32}, 'UTC')"
)
_STATES_OF_UNITS = (
    "SELECT project_id, unit_s, at, touched_us, toUInt64(0) AS build FROM rollup_marks WHERE project_id != ''"
    " UNION ALL SELECT project_id, unit_s, at, 0, build FROM rollup_builds"
    " UNION ALL SELECT project_id, toUInt32(301), at, touched_us, 0 FROM rollup_marks"
    " WHERE project_id != '' AND unit_s = 300"
)
_DUE = "\n".join((
    "SELECT project_id, unit_s, toUnixTimestamp(at) AS at_s FROM (", _STATES_OF_UNITS,
    ") WHERE unit_s = {unit_s:UInt32} GROUP BY project_id, unit_s, at",
    "HAVING max(touched_us) >= max(build)",
    "AND max(touched_us) < if(max(build) = 0, {now_us:UInt64}, {rested_us:UInt64})",
    "AND (project_id, at) NOT IN (",
    "SELECT project_id, toDateTime(intDiv(toUnixTimestamp(at), {unit_s:UInt32}) * {unit_s:UInt32}, 'UTC') FROM (",
    _STATES_OF_UNITS,
    ") WHERE unit_s = {below_s:UInt32} GROUP BY project_id, unit_s, at HAVING max(touched_us) >= max(build))",
    "ORDER BY at DESC, project_id LIMIT {limit:UInt32}",
))  # fmt: skip
"""Units that are built of smaller ones have to wait for these. What was built before and is dealt with again and again
has to rest first, or it would be built each time."""
_COLUMNS = ", ".join((*DIMENSIONS, *OF_SPANS))
_BUILD = "\n".join((
    f"INSERT INTO rollup_figures (project_id, aspect, unit_s, at, build, {_COLUMNS})",
    "WITH toStartOfFiveMinutes(started_at) AS five, toStartOfMinute(started_at) AS minute",
    "SELECT project_id, %ASPECT%, %UNIT% AS unit, %AT% AS start, {now_us:UInt64},",
    ", ".join((*DIMENSIONS, *OF_SPANS.values())),
    "FROM %SOURCE% WHERE project_id = {project_id:String} AND %WHERE% AND NOT deleted",
    "GROUP BY GROUPING SETS (%SETS%)",
)).replace("%ASPECT%", "multiIf(GROUPING(user_id) = 0, 2, GROUPING(key_id) = 0, 1, 0)")  # fmt: skip
_FIVES = tuple(f"(project_id, five, {', '.join(names)})" for names in ASPECTS)
_MINUTES = tuple(f"(project_id, five, minute, {', '.join(names)})" for names in ASPECTS)
_BUILD_WHOLE = _BUILD.replace("%SOURCE%", "spans FINAL").replace("%WHERE%", trace_rows.OF_STARTS)
_BUILD_FIVES = (
    _BUILD_WHOLE.replace("%UNIT%", f"toUInt32({FIVE_S})").replace("%AT%", "five").replace("%SETS%", ", ".join(_FIVES))
)
_BUILD_MINUTES = (
    _BUILD_WHOLE.replace("%UNIT%", f"toUInt32(if(GROUPING(minute) = 0, {MINUTE_S}, {FIVE_S}))")
    .replace("%AT%", "if(GROUPING(minute) = 0, minute, five)")
    .replace("%SETS%", ", ".join((*_FIVES, *_MINUTES)))
)
_BUILD_PART = (
    _BUILD.replace("%UNIT%", f"toUInt32({PART_S})").replace("%AT%", "minute").replace("%SETS%", ", ".join(_MINUTES))
    .replace("%SOURCE%", "spans").replace("%WHERE%", rollup_parts.OF_PART)
)  # fmt: skip
_BUILD_PARTS = (_BUILD_PART, trace_rows.BUILD_PART)
_JOIN = "\n".join((
    f"INSERT INTO rollup_figures (project_id, aspect, unit_s, at, build, {_COLUMNS})",
    "SELECT project_id, aspect, {unit_s:UInt32}, %START% AS start, {now_us:UInt64},",
    ", ".join((*DIMENSIONS, *OF_ROWS.values())),
    "FROM rollup_figures WHERE project_id = {project_id:String} AND unit_s = {below_s:UInt32}",
    "AND at >= toDateTime({low_s:UInt32}, 'UTC') AND at < toDateTime({high_s:UInt32}, 'UTC')",
    "AND %START% IN {starts:Array(UInt32)}",
    "AND (at, build) IN (SELECT at, max(build) FROM rollup_builds WHERE project_id = {project_id:String}",
    "AND unit_s = {below_s:UInt32} GROUP BY at)",
    f"GROUP BY project_id, aspect, start, {', '.join(DIMENSIONS)}",
))  # fmt: skip
_STALE = (
    "if(unit_s = 61, at < toDateTime({parts_s:UInt32}, 'UTC'),"
    " (project_id, unit_s, if(unit_s = 60, toStartOfFiveMinutes(at), at), build) NOT IN"
    " (SELECT project_id, unit_s, at, max(build) FROM rollup_builds GROUP BY project_id, unit_s, at)"
    " AND build < {before_us:UInt64})"
)
_REPLACED = ((ROLLUPS, _STALE), (trace_rows.TRACES, trace_rows.STALE))
_PARTS_KEPT_S = 2 * HOUR_S
"""Longer than anybody reads them."""


_OLD_MINUTES = "unit_s = 60 AND at < toDateTime({before_s:UInt32}, 'UTC')"


class _Times(msgspec.Struct):
    now_us: int
    settled_us: int


class _Due(msgspec.Struct):
    project_id: str
    unit_s: int
    at_s: int


class _Start(msgspec.Struct):
    at_s: int


class _Count(msgspec.Struct):
    stale: int
    rows: int


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """When rollups are built, and which."""

    settle_s: float = OVER_S
    """How long an insert may take of which nothing is known, and how long a unit has to rest until it is built anew."""
    pause_s: float = 1.0
    """Between rows and the note that they hold: a reader of the note surely sees the rows."""
    minutes_s: int = MINUTES_KEPT_S
    """Of what began this lately, minutes are built, too."""
    part_rows: int = 2_000
    """Of this many that came since the last sweep, five minutes that are not over are built in part."""


_PACE = Pace()


async def sweep(
    connection: Connection, settled_us: int | None = None, pace: Pace = _PACE, *, parts_from_s: int | None = None
) -> int:
    """Mark what changed and build what has settled; return how many units were built, at most `MAX_UNITS` of a length.

    All that was inserted before `settled_us` is in the store; None takes what is as old as an insert may last. Five
    minutes that are not over are built in parts where they begin at `parts_from_s` or later.

    Only one process may do so at a time.
    """
    times = (await connection.select(Query("rollup times", _TIMES), _Times))[0]
    now = {"now_us": times.now_us}
    rested_us = max(0, times.now_us - int(pace.settle_s * 1e6))
    await connection.change(Query("mark rollups", _MARK, {**now, "since_us": times.settled_us}), _INSERT)
    settled: dict[str, Parameter] = {"settled_us": rested_us if settled_us is None else settled_us}
    await connection.change(Query("mark rollups", _SWEPT, settled), _INSERT)
    due: list[_Due] = []
    fine_s = max(0, times.now_us // 10**6 - pace.minutes_s)
    # The longest first: so what they are built of was noted by a sweep before, and surely is there.
    for unit_s in (DAY_S, HOUR_S, FIVE_S, trace_rows.UNIT_S):
        wanted: dict[str, Parameter] = {
            **now, "rested_us": rested_us, "unit_s": unit_s, "below_s": _BELOW.get(unit_s, 0), "limit": MAX_UNITS,
        }  # fmt: skip
        found = await connection.select(Query("due rollups", _DUE, wanted), _Due)
        found.sort(key=attrgetter("project_id", "at_s"))
        for project_id, group in groupby(found, key=attrgetter("project_id")):
            for starts in _stretches([one.at_s for one in group], _LONGEST_S[unit_s]):
                await _build(connection, project_id, unit_s, starts, (times.now_us, fine_s))
        due += found
    made: list[rollup_parts.Made] = []
    if settled_us is not None and parts_from_s is not None:
        stretch = rollup_parts.Stretch(times.settled_us, settled_us, parts_from_s, pace.part_rows)
        made = await rollup_parts.build(connection, stretch, times.now_us, _BUILD_PARTS)
    if due or made:
        await asyncio.sleep(pace.pause_s)
        await rollup_parts.note(connection, made, settled_us or 0, times.now_us)
    if due:
        minutes = [_Due(one.project_id, MINUTE_S, one.at_s) for one in due if one.unit_s == FIVE_S]
        await _note(connection, [*due, *(one for one in minutes if one.at_s >= fine_s)], times.now_us)
    return len(due)


async def _note(connection: Connection, due: Sequence[_Due], now_us: int) -> None:
    columns = [
        [one.project_id for one in due], [one.unit_s for one in due], [one.at_s for one in due], [now_us] * len(due),
    ]  # fmt: skip
    names, types = ("project_id", "unit_s", "at", "build"), ("String", "UInt32", "DateTime('UTC')", "UInt64")
    await connection.insert(BUILDS, names, types, lambda: columns, f"builds-{now_us}")


async def starts_of(connection: Connection, project_id: str, trace_ids: Sequence[str]) -> list[int]:
    """Return for `touched` when rows of these traces begin, in seconds, also of those that no longer count."""
    sql = (
        "SELECT toUnixTimestamp(toStartOfFiveMinutes(started_at)) AS at_s FROM spans"
        " WHERE project_id = {project_id:String} AND trace_id IN {ids:Array(String)} GROUP BY at_s"
    )
    found: set[int] = set()
    for start in range(0, len(trace_ids), 200):
        ids = [sound(one) for one in trace_ids[start : start + 200]]
        query = Query("starts of", sql, {"project_id": sound(project_id), "ids": ids})
        found |= {row.at_s for row in await connection.select(query, _Start)}
    return sorted(found)


async def touched(connection: Connection, project_id: str, starts_s: Iterable[int]) -> None:
    """Note that rows go which began at these seconds since 1970, all versions of them.

    Call it before, lest it is forgotten, and once nobody reads them any more. Inserts need no such call.
    """
    fives = sorted({at // 300 * 300 for at in starts_s})
    for start in range(0, len(fives), 1000):
        text = f"[{','.join(map(str, fives[start : start + 1000]))}]"
        await connection.change(
            Query("touch rollups", _TOUCH, {"project_id": sound(project_id), "fives": text}), _INSERT
        )
    await rollup_parts.void(connection, project_id, fives)


async def touched_before(connection: Connection, project_id: str, before_s: int) -> None:
    """Note that rows went of all that began before; call it once nobody reads them any more."""
    parameters: dict[str, Parameter] = {"project_id": sound(project_id), "before_s": max(0, before_s)}
    await connection.change(Query("touch rollups", _TOUCH_BEFORE, parameters), _INSERT)
    await rollup_parts.void_before(connection, project_id, max(0, before_s))


async def tidy(connection: Connection, layout: Layout, stale_s: float = _STALE_S) -> int:
    """Remove rows that later builds replaced once they are a fifth of all; return how many went."""
    times = (await connection.select(Query("rollup times", _TIMES), _Times))[0]
    parameters: dict[str, Parameter] = {
        "before_us": max(0, times.now_us - int(stale_s * 1e6)), "parts_s": times.now_us // 10**6 - _PARTS_KEPT_S,
    }  # fmt: skip
    await _forget_minutes(connection, layout, times.now_us)
    return sum([await _tidy(connection, layout, *one, parameters) for one in _REPLACED])


async def _tidy(
    connection: Connection, layout: Layout, table: str, stale: str, parameters: dict[str, Parameter]
) -> int:
    count = " ".join(("SELECT countIf(", stale, ") AS stale, count() AS rows FROM", table))
    found = (await connection.select(Query("stale rollups", count, parameters), _Count))[0]
    if found.stale * 5 < found.rows or not found.stale:
        return 0
    sql = on_each_server(" ".join(("DELETE FROM %TABLE% WHERE", stale)), table, layout)
    await connection.change(Query("tidy rollups", sql, parameters), _NOW)
    return found.stale


async def _forget_minutes(connection: Connection, layout: Layout, now_us: int) -> None:
    """Have nobody read minutes of long ago any more; their rows then go as those that were replaced."""
    parameters: dict[str, Parameter] = {"before_s": max(0, now_us // 10**6 - MINUTES_KEPT_S)}
    count = " ".join(("SELECT count() AS rows, 0 AS stale FROM rollup_builds WHERE", _OLD_MINUTES))
    if (await connection.select(Query("old minutes", count, parameters), _Count))[0].rows:
        sql = on_each_server(" ".join(("DELETE FROM %TABLE% WHERE", _OLD_MINUTES)), BUILDS, layout)
        await connection.change(Query("tidy rollups", sql, parameters), _NOW)


async def _build(
    connection: Connection, project_id: str, unit_s: int, starts: Sequence[int], times: tuple[int, int]
) -> None:
    """Build units; times are now in microseconds, and from when on, in seconds, minutes are wanted too."""
    now_us, fine_s = times
    if unit_s == FIVE_S and starts[0] < fine_s <= starts[-1]:
        place = bisect_left(starts, fine_s)
        await _build(connection, project_id, unit_s, starts[:place], times)
        starts = starts[place:]
    text = f"[{','.join(map(str, starts))}]"
    parameters: dict[str, Parameter] = {
        "project_id": sound(project_id), "unit_s": unit_s, "now_us": now_us, "starts": text,
        "low_s": starts[0], "high_s": min(starts[-1] + unit_s, 2**32 - 1), "below_s": _BELOW.get(unit_s, 0),
    }  # fmt: skip
    if unit_s == trace_rows.UNIT_S:
        sql = trace_rows.BUILD
    elif unit_s in _BELOW:
        sql = _JOIN.replace("%START%", _START[unit_s])
    else:
        sql = _BUILD_MINUTES if starts[0] >= fine_s else _BUILD_FIVES
    await connection.change(Query("build rollups", sql, parameters), _INSERT)


def _stretches(starts: Sequence[int], longest_s: int) -> Iterable[list[int]]:
    """Yield runs of rising starts that lie within a time."""
    run: list[int] = []
    for at in starts:
        if run and at - run[0] >= longest_s:
            yield run
            run = []
        run.append(at)
    if run:
        yield run
