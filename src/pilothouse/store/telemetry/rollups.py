"""Figures read from rollups where these hold, and from the spans where they do not.

Each project has rollups of every five minutes, hour and day. One is built of final rows once nothing came for its time
for a while. Whatever is inserted later marks it, and it is read from the spans until it is built again; what came so
lately that nobody has marked it yet is told by the time of its insertion. So the answer is that of the spans.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import gcd

import msgspec

from pilothouse.domain.query.nodes import And, Flag, Has, Is, Node, Not, Or
from pilothouse.store.telemetry import rollup_parts
from pilothouse.store.telemetry.clause import KEPT, Conditions, in_front
from pilothouse.store.telemetry.conditions import within
from pilothouse.store.telemetry.connection import Connection, Parameter
from pilothouse.store.telemetry.query import TEXTS
from pilothouse.store.telemetry.rollup_cover import CURRENT, PROJECT, Range, Reading, among, bounds, look
from pilothouse.store.telemetry.rollup_tables import (
    ASPECTS,
    DAY_S,
    DIMENSIONS,
    FIVE_S,
    HOUR_S,
    MINUTE_S,
    OF_ROWS,
    OF_SPANS,
    STATES,
)

_WHOLE_DAY = f"unit_s = 86400 AND at NOT {among('days_apart')}"
_WHOLE_HOUR = f"unit_s = 3600 AND at NOT {among('hours_apart')}"
_WHOLE_FIVE = f"unit_s = 300 AND at NOT {among('raw')}"
_UNITS: Mapping[int, str] = {
    DAY_S: f"(({_WHOLE_DAY}) OR ({_WHOLE_HOUR} AND toStartOfDay(at) {among('days_apart')})"
    f" OR ({_WHOLE_FIVE} AND toStartOfHour(at) {among('hours_apart')}))",
    HOUR_S: f"(({_WHOLE_HOUR}) OR ({_WHOLE_FIVE} AND toStartOfHour(at) {among('hours_apart')}))",
    FIVE_S: f"{_WHOLE_FIVE}",
    MINUTE_S: f"(unit_s = 60 AND at NOT {among('raw')})",
}
"""Which rollups make up the range, by the longest unit that may be used; of the units below only what is missing."""
_BEFORE = "toDateTime({whole_before_s:UInt32}, 'UTC')"
_WHOLE_BEFORE = f"((at < {_BEFORE} AND {_UNITS[DAY_S]}) OR (at >= {_BEFORE} AND %UNITS%))"
"""The same, with the longest units of all before a cut."""
_ROWS = "\n".join((
    "SELECT %COLUMNS% toDateTime64(at, 9, 'UTC') AS started_at, %FIGURES% FROM rollup_figures",
    f"WHERE {PROJECT} AND aspect = %ASPECT% AND ((at >= toDateTime({{first_s:UInt32}}, 'UTC')",
    "AND at < toDateTime({end_s:UInt32}, 'UTC')",
    f"AND %UNITS% AND (unit_s, %START%, build) IN ({CURRENT})) %PARTS%)",
))  # fmt: skip
_TAIL = "SELECT %COLUMNS% %AT% AS began, %FIGURES% FROM %SOURCE% WHERE %WHERE% GROUP BY %COLUMNS% began"
_FEWER = "SELECT %COLUMNS% %TIME% AS started_at, %FIGURES% FROM (%ROWS%) GROUP BY %COLUMNS% %TIME%"
_FROM_ROWS = "SELECT %KEYS%, %FIGURES% FROM %ROWS%\nWHERE %FILTER%"
_FROM_SPANS = "SELECT %KEYS%, %FIGURES% FROM spans FINAL WHERE %WHERE% AND %FILTER% GROUP BY %NAMES%"
_EXTRA: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "model": ("if(model_served != '', model_served, model_requested)", ("model_served", "model_requested")),
    "is_call": ("kind IN ('llm', 'embedding')", ("kind",)),
}
"""What is made of other columns."""


def _aliased(made: Mapping[str, str], names: Iterable[str]) -> str:
    return ", ".join(f"{made[name]} AS {name}" for name in names)


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


async def figures(connection: Connection, of: Range, wanted: Sequence[Wanted]) -> Figures:
    """Return the sub-queries that read as much as possible from rollups; none of it is read twice from spans."""
    nothing = Figures([None] * len(wanted), {}, {})
    aspects = [aspect_of(one.columns) if one.step_s % MINUTE_S == 0 else None for one in wanted]
    if not any(aspect is not None for aspect in aspects):
        return nothing
    least_s = MINUTE_S if any(one.step_s % FIVE_S for one in asked_of(wanted, aspects)) else FIVE_S
    reading = await look(connection, of, least_s)
    if reading is None:
        return nothing
    where, spans = _from_where(of, reading, least_s)
    parameters: dict[str, Parameter] = {
        **where.parameters, **bounds(of), **reading.parameters, **{f"cut_{n}": at for n, at in enumerate(of.cuts_ns)},
        "whole_before_s": max(0, of.whole_before_ns // 10**9),
    }  # fmt: skip
    shared: dict[str, str] = {}
    sources: dict[int, str] = {}
    tail = _tail(asked_of(wanted, aspects), of, spans, least_s)
    if tail and len(set(aspects) - {None}) > 1 and _is_cheap(asked_of(wanted, aspects)):
        shared["tail"] = tail
    for aspect in sorted({aspect for aspect in aspects if aspect is not None}):
        asked = [one for one, its in zip(wanted, aspects, strict=True) if its == aspect]
        rows = _rows(aspect, asked, reading, _units(asked, of, least_s))
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
    return Figures(queries, shared, parameters, kept=reading.kept)


def from_spans(of: Range, wanted: Wanted) -> tuple[str, dict[str, Parameter]]:
    """Return the sub-query that reads all from spans, and its parameters."""
    where = within(of.project_id, of.from_ns, of.to_ns)
    made = _aliased(OF_SPANS, wanted.figures)
    sql = _FROM_SPANS.replace("%KEYS%", _keys(wanted)).replace("%NAMES%", ", ".join(wanted.keys) or "one")
    sql = sql.replace("%FIGURES%", made).replace("%WHERE%", where.sql).replace("%FILTER%", wanted.filter.sql or "1")
    return sql, {**where.parameters, **wanted.filter.parameters}


def statement(found: Figures, sql: str) -> str:
    """Return a statement over the sub-queries with what these share in front."""
    settings = f"\nSETTINGS {KEPT}" if found.kept and found.shared else ""
    return f"{in_front(found.shared, kept=found.kept)}{sql}{settings}"


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


def asked_of(wanted: Sequence[Wanted], aspects: Sequence[int | None]) -> list[Wanted]:
    """Return what of it rollups have."""
    return [one for one, aspect in zip(wanted, aspects, strict=True) if aspect is not None]


def _from_where(of: Range, reading: Reading, least_s: int) -> tuple[Conditions, list[tuple[str, str]]]:
    """Return the conditions of the range, and each source of spans with its own."""
    where = within(of.project_id, of.from_ns, of.to_ns)
    if least_s == MINUTE_S:
        # As `conditions.within`: the start itself must not decide which parts are read.
        where = where.plus(f"toStartOfMinute(identity(started_at)) {among('raw')}")
    start = "toStartOfFiveMinutes(started_at)"
    spans = [("spans FINAL", where.plus(f"{start} {among('fives')}").sql)] if reading.merged else []
    if reading.single or reading.cut is not None:
        # As one, for to plan what is read from a table takes longer than to read it.
        apart = [f"{start} {among('single')}"] if reading.single else []
        apart += [reading.cut.spans] if reading.cut is not None else []
        spans.append(("spans", where.plus(f"{start} {among('unmerged')}", f"({' OR '.join(apart)})").sql))
    if reading.cut is not None and reading.cut.is_open:
        spans.append((rollup_parts.OF_OPEN, where.plus(rollup_parts.IN_NO_PART).sql))
    return where, spans


def _units(asked: Sequence[Wanted], of: Range, least_s: int) -> tuple[int, str]:
    """Return the longest unit that steps allow, and what selects the rollups that make up the range."""
    if least_s == MINUTE_S:
        return MINUTE_S, _UNITS[MINUTE_S]
    step_s = gcd(*(one.step_s for one in asked))
    unit_s = next(unit for unit in (DAY_S, HOUR_S, FIVE_S) if step_s % unit == 0)
    units = _UNITS[unit_s]
    return unit_s, _WHOLE_BEFORE.replace("%UNITS%", units) if of.whole_before_ns and unit_s != DAY_S else units


def _rows(aspect: int, asked: Sequence[Wanted], reading: Reading, units: tuple[int, str]) -> str:
    """Return what selects the rows of an aspect of rollups, and of parts of them."""
    rows = _ROWS.replace("%UNITS%", units[1]).replace("%ASPECT%", str(aspect))
    rows = rows.replace("%START%", "toStartOfFiveMinutes(at)" if units[0] == MINUTE_S else "at")
    rows = rows.replace("%PARTS%", f"OR ({reading.cut.minutes})" if reading.cut is not None else "")
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


def _keys(wanted: Wanted) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in wanted.keys.items()) or "1 AS one"
