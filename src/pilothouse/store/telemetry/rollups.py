"""Figures read from rollups where these hold, and from the spans where they do not.

Each project has rollups of every five minutes, hour and day. One is built of final rows once nothing came for its time
for a while. Whatever is inserted later marks it, and it is read from the spans until it is built again; what came so
lately that nobody has marked it yet is told by the time of its insertion. So the answer is that of the spans.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import gcd

import msgspec

from pilothouse.domain.query.nodes import And, Flag, Has, Is, Node, Not, Or
from pilothouse.store.telemetry.batches import LATEST_NS
from pilothouse.store.telemetry.clause import Conditions, sound
from pilothouse.store.telemetry.conditions import within
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.query import TEXTS
from pilothouse.store.telemetry.rollup_tables import (
    ASPECTS,
    DAY_S,
    DIMENSIONS,
    FIVE_S,
    HOUR_S,
    MERGE,
    MINUTE_S,
    OF_ROWS,
    OF_SPANS,
    STATES,
    SUMS,
)

SETTLED = (
    "SELECT max(greatest(toInt64(touched_us) - if(unit_s = 1, 0, 90000000), 0)) FROM rollup_marks WHERE project_id = ''"
)
"""The time of insertion before which all was in the store when it was last looked through for changes. Earlier versions
noted the time of their look, and gave inserts 90 s."""
MAX_RAW = 3000
"""Five minutes to read from spans; with more of them all is read from spans."""

_LATE = "\n".join((
    "SELECT arrayJoin([toUInt32(60), toUInt32(300)]) AS unit_s, at FROM (",
    "SELECT toStartOfFiveMinutes(started_at) AS at FROM spans WHERE %RANGE%",
    "AND inserted_at >= fromUnixTimestamp64Micro(ifNull(settled_us, 0))",
    "GROUP BY at)",
))  # fmt: skip
_DIRTY = "\n".join((
    f"WITH ({SETTLED}) AS settled_us",
    "SELECT unit_s, toUnixTimestamp(at) AS at_s FROM (",
    "SELECT unit_s, at, toUInt64(-1) AS touched_us, toUInt64(0) AS built FROM (", _LATE, ")",
    "UNION ALL SELECT unit_s, at, touched_us, 0 FROM rollup_marks WHERE %AT%",
    "UNION ALL SELECT unit_s, at, 0, build FROM rollup_builds WHERE %AT%",
    "%MINUTES%",
    # Stores that can keep what a statement reads several times say so by a unit of no length.
    "UNION ALL SELECT 0, toDateTime(0, 'UTC'), 1, 1 FROM system.settings WHERE name = 'enable_materialized_cte'",
    ") GROUP BY unit_s, at HAVING max(touched_us) >= max(built)",
))  # fmt: skip
_MINUTES = (
    "UNION ALL SELECT toUInt32(60), at, touched_us, 0 FROM rollup_marks WHERE %AT% AND unit_s = 300"
    " UNION ALL SELECT toUInt32(60), at, 1, 0 FROM rollup_builds WHERE %AT% AND unit_s = 300"
)
"""Minutes are marked by their five, and lacking where only these were built."""
_PROJECT = "project_id = {project_id:String}"
_AT = f"{_PROJECT} AND at >= toDateTime({{low_s:UInt32}}, 'UTC') AND at < toDateTime({{high_s:UInt32}}, 'UTC')"
_RANGE = (
    f"{_PROJECT} AND toStartOfFiveMinutes(started_at) >= toDateTime({{low_s:UInt32}}, 'UTC')"
    " AND toStartOfFiveMinutes(started_at) < toDateTime({high_s:UInt32}, 'UTC')"
)
_CURRENT = " ".join(("SELECT unit_s, at, max(build) FROM rollup_builds WHERE", _AT, "GROUP BY unit_s, at"))


def _in(name: str) -> str:
    # A plain list is looked up in the sort key; what is made of one is not.
    return f"IN {{{name}:Array(UInt32)}}"


_WHOLE_DAY = f"unit_s = 86400 AND at NOT {_in('days_apart')}"
_WHOLE_HOUR = f"unit_s = 3600 AND at NOT {_in('hours_apart')}"
_WHOLE_FIVE = f"unit_s = 300 AND at NOT {_in('raw')}"
_UNITS: Mapping[int, str] = {
    DAY_S: f"(({_WHOLE_DAY}) OR ({_WHOLE_HOUR} AND toStartOfDay(at) {_in('days_apart')})"
    f" OR ({_WHOLE_FIVE} AND toStartOfHour(at) {_in('hours_apart')}))",
    HOUR_S: f"(({_WHOLE_HOUR}) OR ({_WHOLE_FIVE} AND toStartOfHour(at) {_in('hours_apart')}))",
    FIVE_S: f"{_WHOLE_FIVE}",
    MINUTE_S: f"(unit_s = 60 AND at NOT {_in('raw')})",
}
"""Which rollups make up the range, by the longest unit that may be used; of the units below only what is missing."""
_ROWS = "\n".join((
    "SELECT %COLUMNS% toDateTime64(at, 9, 'UTC') AS started_at, %FIGURES% FROM rollup_rows",
    f"WHERE {_PROJECT} AND aspect = %ASPECT% AND at >= toDateTime({{first_s:UInt32}}, 'UTC')",
    "AND at < toDateTime({end_s:UInt32}, 'UTC')",
    f"AND %UNITS% AND (unit_s, %START%, build) IN ({_CURRENT})",
))  # fmt: skip
_SINGLE = "\n".join((
    "SELECT toUInt32(300) AS unit_s, toUnixTimestamp(five) AS at_s FROM (",
    "SELECT toStartOfFiveMinutes(started_at) AS five, count() AS there, toUInt64(0) AS counted FROM spans",
    f"WHERE {_PROJECT} AND toStartOfFiveMinutes(started_at) {_in('fives')} AND NOT deleted GROUP BY five",
    "UNION ALL SELECT at, 0, sum(requests) FROM rollup_rows",
    f"WHERE {_PROJECT} AND aspect = 0 AND unit_s = 300 AND at {_in('fives')} AND (unit_s, at, build) IN ({_CURRENT})",
    "GROUP BY at) GROUP BY five HAVING sum(there) = sum(counted)",
))  # fmt: skip
"""Five minutes that hold, and have as many rows as spans: each of their rows counts, and none has to be merged."""
_TAIL = "SELECT %COLUMNS% %AT% AS began, %FIGURES% FROM %SOURCE% WHERE %WHERE% GROUP BY %COLUMNS% began"
_FEWER = "SELECT %COLUMNS% %TIME% AS started_at, %FIGURES% FROM (%ROWS%) GROUP BY %COLUMNS% %TIME%"
_FROM_ROWS = "SELECT %KEYS%, %FIGURES% FROM %ROWS%\nWHERE %FILTER%"
_FROM_SPANS = "SELECT %KEYS%, %FIGURES% FROM spans FINAL WHERE %WHERE% AND %FILTER% GROUP BY %NAMES%"
_EXTRA: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "model": ("if(model_served != '', model_served, model_requested)", ("model_served", "model_requested")),
    "is_call": ("kind IN ('llm', 'embedding')", ("kind",)),
}
"""What is made of other columns."""
MERGED = ", ".join((
    *(f"sum({name}) AS {name}" for name in SUMS), *(f"{MERGE}({name}) AS {name}" for name in STATES),
))  # fmt: skip
"""Columns that make figures of the rows of `Figures.sql`, in whatever groups."""


def _aliased(made: Mapping[str, str], names: Iterable[str]) -> str:
    return ", ".join(f"{made[name]} AS {name}" for name in names)


REGROUPED = _aliased(OF_ROWS, OF_ROWS)
"""Columns that make fewer such rows of many."""


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a project's time, without its end."""

    project_id: str
    from_ns: int
    to_ns: int
    cuts_ns: tuple[int, ...] = ()
    """Where times are told apart, beside whole steps."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Figures by groups."""

    keys: Mapping[str, str]
    """Groups by name: expressions over `started_at`, `DIMENSIONS`, `model` and `is_call`. `started_at` counts by whole
    steps, and by the cuts of the range."""
    step_s: int
    """Of the groups by time; 0 where there are none, or they are by the cuts only."""
    filter: Conditions
    columns: frozenset[str]
    """Those that groups and filter need, beside `started_at`."""
    figures: tuple[str, ...] = tuple(OF_SPANS)
    """Which of them."""


class Figures(msgspec.Struct, frozen=True):
    """Sub-queries, one for each of what is wanted, None for what rollups do not have. Their rows are to be merged."""

    found: list[str | None]
    shared: dict[str, str]
    """What several read, by name: it goes in front of the statement."""
    parameters: dict[str, Parameter]
    kept: bool = False
    """Whether the store reads what is shared once, not each time it is named."""


class Dirty(msgspec.Struct):
    """A unit that has no rollup which holds."""

    unit_s: int
    at_s: int


class Cover(msgspec.Struct, frozen=True):
    """Which parts of a range come from where, in seconds since 1970."""

    first_s: int
    end_s: int
    """The whole smallest units around the range."""
    days_apart: tuple[int, ...]
    """Days that are read from hours."""
    hours_apart: tuple[int, ...]
    """Hours that are read from five minutes."""
    raw: tuple[int, ...]
    """Smallest units that are read from spans, and those at the ends that are not in the range at all."""
    fives: tuple[int, ...]
    """The five minutes these lie in."""


async def figures(connection: Connection, of: Range, wanted: Sequence[Wanted]) -> Figures:
    """Return the sub-queries that read as much as possible from rollups; none of it is read twice from spans."""
    nothing = Figures([None] * len(wanted), {}, {})
    aspects = [aspect_of(one.columns) if one.step_s % MINUTE_S == 0 else None for one in wanted]
    if not any(aspect is not None for aspect in aspects):
        return nothing
    least_s = MINUTE_S if any(one.step_s % FIVE_S for one in asked_of(wanted, aspects)) else FIVE_S
    dirty, unmerged = await asyncio.gather(_dirty(connection, of, least_s), _single(connection, of, least_s))
    found = cover(of, dirty, least_s)
    if found is None:
        return nothing
    unheld = {one.at_s for one in dirty if one.unit_s in (least_s, FIVE_S)}
    single = [five for five in found.fives if five in unmerged and five not in unheld]
    merged = [five for five in found.fives if five not in single]
    where = within(of.project_id, of.from_ns, of.to_ns)
    if least_s == MINUTE_S:
        # As `conditions.within`: the start itself must not decide which parts are read.
        where = where.plus(f"toStartOfMinute(identity(started_at)) {_in('raw')}")
    start = "toStartOfFiveMinutes(started_at)"
    spans = [("spans FINAL", where.plus(f"{start} {_in('fives')}").sql)] if merged else []
    spans += [("spans", where.plus(f"{start} {_in('single')}").sql)] if single else []
    parameters: dict[str, Parameter] = {
        **where.parameters, **_bounds(of), "first_s": found.first_s, "end_s": found.end_s, "raw": _listed(found.raw),
        "days_apart": _listed(found.days_apart), "hours_apart": _listed(found.hours_apart), "fives": _listed(merged),
        "single": _listed(single), **{f"cut_{n}": at for n, at in enumerate(of.cuts_ns)},
    }  # fmt: skip
    shared: dict[str, str] = {}
    sources: dict[int, str] = {}
    tail = _tail(asked_of(wanted, aspects), of, spans, least_s)
    if tail and len(set(aspects) - {None}) > 1 and _is_cheap(asked_of(wanted, aspects)):
        shared["tail"] = tail
    for aspect in sorted({aspect for aspect in aspects if aspect is not None}):
        asked = [one for one, its in zip(wanted, aspects, strict=True) if its == aspect]
        rows = _rows(aspect, asked, least_s)
        if tail:
            rest = _of_tail(asked) if "tail" in shared else _tail(asked, of, spans, least_s)
            rows = "\nUNION ALL\n".join((rows, rest))
        if len(asked) > 1:
            sources[aspect] = f"rows_{aspect}"
            shared[sources[aspect]] = _fewer(asked, rows)
        else:
            sources[aspect] = f"({rows})"
    queries: list[str | None] = []
    for one, aspect in zip(wanted, aspects, strict=True):
        parameters.update(one.filter.parameters)
        queries.append(None if aspect is None else _of_rows(one, sources[aspect]))
    return Figures(queries, shared, parameters, kept=any(one.unit_s == 0 for one in dirty))


def from_spans(of: Range, wanted: Wanted) -> tuple[str, dict[str, Parameter]]:
    """Return the sub-query that reads all from spans, and its parameters."""
    where = within(of.project_id, of.from_ns, of.to_ns)
    made = _aliased(OF_SPANS, wanted.figures)
    sql = _FROM_SPANS.replace("%KEYS%", _keys(wanted)).replace("%NAMES%", ", ".join(wanted.keys) or "one")
    sql = sql.replace("%FIGURES%", made).replace("%WHERE%", where.sql).replace("%FILTER%", wanted.filter.sql or "1")
    return sql, {**where.parameters, **wanted.filter.parameters}


def statement(found: Figures, sql: str) -> str:
    """Return a statement over the sub-queries with what these share in front."""
    kept, settings = (" MATERIALIZED", "\nSETTINGS enable_materialized_cte = 1") if found.kept else ("", "")
    shared = ",\n".join(f"{name} AS{kept} ({rows})" for name, rows in found.shared.items())
    return f"WITH {shared}\n{sql}{settings}" if shared else sql


def aspect_of(columns: Collection[str]) -> int | None:
    """Return the number of the aspect that has all columns, None when none has."""
    stored = {part for name in columns for part in _EXTRA.get(name, ("", (name,)))[1]}
    return next((number for number, names in enumerate(ASPECTS) if stored <= set(names)), None)


def columns_of(node: Node | None) -> frozenset[str] | None:
    """Return the columns of rollups that a query looks at, None when it needs others."""
    match node:
        case None:
            return frozenset()
        case And(nodes) | Or(nodes):
            inner = [columns_of(one) for one in nodes]
            found = [one for one in inner if one is not None]
            return frozenset[str]().union(*found) if len(found) == len(inner) else None
        case Not(inner):
            return columns_of(inner)
        case Is(field) | Has(field):
            columns = TEXTS.get(field, ("",))
            return frozenset(columns) if all(column in DIMENSIONS for column in columns) else None
        case Flag(field):
            return frozenset({"streamed"}) if field == "streamed" else None
        case _:
            return None


def cover(of: Range, dirty: Collection[Dirty], least_s: int = FIVE_S) -> Cover | None:
    """Return what to read from where, given what has no rollup that holds; minutes of `least_s` are used alone.

    None when so much is dirty that all is better read from spans.
    """
    raw = {edge // 10**9 // least_s * least_s for edge in _edges(of, least_s)}
    low_s, high_s = of.from_ns // 10**9 // least_s * least_s, -(-of.to_ns // (least_s * 10**9)) * least_s
    unheld = (at for one in dirty if one.unit_s == least_s for at in range(one.at_s, one.at_s + FIVE_S, least_s))
    raw |= {at for at in unheld if low_s <= at < high_s}
    fives = {at // FIVE_S * FIVE_S for at in raw}
    if len(fives) > MAX_RAW:
        return None
    apart: dict[int, set[int]] = {}
    for unit_s in (HOUR_S, DAY_S):
        # A unit that the range or a cut divides is read from the smaller ones inside.
        divided = (edge // 10**9 // unit_s * unit_s for edge in (of.from_ns, of.to_ns, *of.cuts_ns)
                   if edge % (unit_s * 10**9))  # fmt: skip
        apart[unit_s] = {*divided, *(at // unit_s * unit_s for at in raw)}
        apart[unit_s] |= {one.at_s for one in dirty if one.unit_s == unit_s}
    apart[DAY_S] |= {at // DAY_S * DAY_S for at in apart[HOUR_S]}
    inside = {unit: tuple(sorted(at for at in found if low_s - unit < at < high_s)) for unit, found in apart.items()}
    return Cover(low_s, high_s, inside[DAY_S], inside[HOUR_S], tuple(sorted(raw)), tuple(sorted(fives)))


async def _dirty(connection: Connection, of: Range, least_s: int) -> list[Dirty]:
    parameters = {**_bounds(of), "project_id": sound(of.project_id)}
    sql = _DIRTY.replace("%MINUTES%", _MINUTES if least_s == MINUTE_S else "")
    sql = sql.replace("%RANGE%", _RANGE).replace("%AT%", _AT)
    return await connection.select(Query("rollups", sql, parameters), Dirty)


def asked_of(wanted: Sequence[Wanted], aspects: Sequence[int | None]) -> list[Wanted]:
    """Return what of it rollups have."""
    return [one for one, aspect in zip(wanted, aspects, strict=True) if aspect is not None]


async def _single(connection: Connection, of: Range, least_s: int) -> frozenset[int]:
    """Return of the five minutes that an edge of the range divides those without rows that others replaced.

    It counts for those that hold. To merge all the rows of them for a part would take longest.
    """
    edges = {edge // (FIVE_S * 10**9) * FIVE_S for edge in _edges(of, least_s) if 0 <= edge <= LATEST_NS}
    if not edges:
        return frozenset()
    parameters = {**_bounds(of), "project_id": sound(of.project_id), "fives": _listed(sorted(edges))}
    return frozenset(one.at_s for one in await connection.select(Query("rollups", _SINGLE, parameters), Dirty))


def _edges(of: Range, least_s: int) -> list[int]:
    return [edge for edge in (of.from_ns, of.to_ns, *of.cuts_ns) if edge % (least_s * 10**9)]


def _rows(aspect: int, asked: Sequence[Wanted], least_s: int) -> str:
    """Return what selects the rows of an aspect of rollups."""
    step_s = gcd(*(one.step_s for one in asked))
    unit_s = next(unit for unit in (DAY_S, HOUR_S, least_s) if step_s % unit == 0) if least_s == FIVE_S else MINUTE_S
    rows = _ROWS.replace("%UNITS%", _UNITS[unit_s]).replace("%ASPECT%", str(aspect))
    rows = rows.replace("%START%", "toStartOfFiveMinutes(at)" if unit_s == MINUTE_S else "at")
    return rows.replace("%COLUMNS%", _made(_columns(asked))).replace("%FIGURES%", ", ".join(_figures(asked)))


def _tail(asked: Sequence[Wanted], of: Range, spans: Sequence[tuple[str, str]], least_s: int) -> str:
    """Return what selects the same of spans, out of each source by its conditions; empty where there is none."""
    start = "toStartOfMinute" if least_s == MINUTE_S else "toStartOfFiveMinutes"
    began = f"toDateTime64({start}(started_at), 9, 'UTC')"
    for number in range(len(of.cuts_ns)):
        cut = f"fromUnixTimestamp64Nano({{cut_{number}:Int64}}, 'UTC')"
        began = f"if(started_at >= {cut}, greatest({began}, {cut}), {began})"
    # Of spans all of them are columns.
    named = "".join(f"{name}, " for name in _columns(asked))
    tail = _TAIL.replace("%COLUMNS%", named).replace("%AT%", began)
    tail = tail.replace("%FIGURES%", _aliased(OF_SPANS, _figures(asked)))
    return "\nUNION ALL\n".join(tail.replace("%SOURCE%", source).replace("%WHERE%", where) for source, where in spans)


def _of_tail(asked: Sequence[Wanted]) -> str:
    """Return what selects these out of a tail that several share."""
    return " ".join(("SELECT", ", ".join((*_columns(asked), "began", *_figures(asked))), "FROM tail"))


def _is_cheap(asked: Sequence[Wanted]) -> bool:
    """Return whether groups by all columns together are few, or small."""
    return "user_id" not in _columns(asked) or not any(name in STATES for name in _figures(asked))


def _fewer(asked: Sequence[Wanted], rows: str) -> str:
    """Return what selects the same in fewer rows, by the steps that are asked for."""
    step_s = gcd(*(one.step_s for one in asked))
    time = f"toDateTime64(intDiv(toUnixTimestamp(started_at), {step_s}) * {step_s}, 9, 'UTC')"
    columns = "".join(f"{name}, " for name in _columns(asked))
    merged = _aliased(OF_ROWS, _figures(asked))
    sql = _FEWER.replace("%COLUMNS%", columns).replace("%TIME%", time if step_s else "toDateTime64(0, 9, 'UTC')")
    return sql.replace("%FIGURES%", merged).replace("%ROWS%", rows)


def _of_rows(wanted: Wanted, source: str) -> str:
    sql = _FROM_ROWS.replace("%KEYS%", _keys(wanted)).replace("%FIGURES%", ", ".join(wanted.figures))
    return sql.replace("%ROWS%", source).replace("%FILTER%", wanted.filter.sql or "1")


def _columns(asked: Sequence[Wanted]) -> list[str]:
    return sorted({name for one in asked for name in one.columns})


def _figures(asked: Sequence[Wanted]) -> list[str]:
    return [name for name in OF_SPANS if any(name in one.figures for one in asked)]


def _made(columns: Sequence[str]) -> str:
    return "".join(f"{_EXTRA[name][0]} AS {name}, " if name in _EXTRA else f"{name}, " for name in columns)


def _bounds(of: Range) -> dict[str, Parameter]:
    """Return the whole days around a range; what marks a day may lie outside the range."""
    low, high = (max(0, min(ns, (2**32 - DAY_S) * 10**9)) // (DAY_S * 10**9) for ns in (of.from_ns, of.to_ns))
    return {"low_s": low * DAY_S, "high_s": min((high + 1) * DAY_S, 2**32 - 1)}


def _listed(values: Sequence[int]) -> str:
    return f"[{','.join(map(str, values))}]"


def _keys(wanted: Wanted) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in wanted.keys.items()) or "1 AS one"
