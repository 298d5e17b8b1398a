"""Data points read back: which metrics there are, what they can be split by, and figures over time.

The store reduces points to one reading per series and step, or per group and step where points say what was added;
`pilothouse.domain.metrics` makes figures of them.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from pilothouse.domain.metrics import (
    QUANTILES,
    MetricFigures,
    MetricFilter,
    MetricGroup,
    MetricKind,
    MetricList,
    MetricName,
    MetricSummary,
    Reading,
    Tally,
    levels,
    tallies,
)
from pilothouse.domain.reading import Facet
from pilothouse.errors import InvalidRequest
from pilothouse.store.telemetry.clause import Conditions, sound
from pilothouse.store.telemetry.conditions import between, moment, nanoseconds
from pilothouse.store.telemetry.connection import Connection, Query

MAX_METRICS = 1_000
MAX_VALUES = 200
MAX_READINGS = 200_000
MAX_STEPS = 120
_STEPS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800)
_LOOK_BACK_S = 3600
"""How long before the range a series is looked for, to know what it held when the range began."""
_STALE_S = 900
_KINDS = {
    MetricKind.COUNTER: "kind = 'sum' AND monotonic",
    MetricKind.SUM: "kind = 'sum' AND NOT monotonic",
    MetricKind.GAUGE: "kind = 'gauge'",
    MetricKind.HISTOGRAM: "kind IN ('histogram', 'exponential_histogram')",
    MetricKind.SUMMARY: "kind = 'summary'",
}
KIND = "multiIf(" + ", ".join(f"{test}, '{kind}'" for kind, test in _KINDS.items()) + ", 'gauge')"
"""How the kind of a row is told in SQL."""
_SERIES = "cityHash64(mapSort(attributes), mapSort(resource), scope_name, started_at)"
_ENDS = "arrayMap(x -> greatest(x, -1.7e308), arrayFilter(x -> x < inf, arraySlice(bounds, 1, length(counts))))"
"""Rising, so that only the last are left out; JSON knows no infinity."""
_LIST = "\n".join((
    "SELECT name, metric_kind AS kind, unit, argMax(description, at) AS description,",
    "toUnixTimestamp64Nano(max(at)) AS last_ns, count() AS point_count,",
    "arraySort(groupUniqArrayArray(100)(arrayConcat(arrayMap(x -> concat('attributes.', x), mapKeys(attributes)),",
    "arrayMap(x -> concat('resource.', x), mapKeys(resource))))) AS attributes",
    "FROM (SELECT *, %KIND% AS metric_kind FROM metric_points FINAL WHERE %WHERE%)",
    "GROUP BY name, metric_kind, unit ORDER BY name, metric_kind, unit LIMIT {limit:UInt32}",
)).replace("%KIND%", KIND)  # fmt: skip
_VALUES = "\n".join((
    "SELECT value, count() AS count FROM (SELECT %VALUE% AS value FROM metric_points WHERE %WHERE%)",
    "WHERE value != '' GROUP BY value ORDER BY count DESC, value LIMIT {limit:UInt32}",
))  # fmt: skip
_ADDED = "\n".join((
    "SELECT grouped AS group, step, sumOrNullIf(value, isFinite(value)) AS value, sum(count) AS count,",
    "sumIf(sum, isFinite(sum)) AS sum, max(max) AS max,",
    "sumMap(ends, arrayResize(counts, length(ends))) AS buckets, buckets.1 AS ends,",
    "buckets.2 AS counts",
    f"FROM (SELECT value, count, sum, max, counts, {_ENDS} AS ends, %GROUP% AS grouped, %STEP% AS step",
    "FROM metric_points FINAL WHERE %WHERE% AND NOT cumulative)",
    "WHERE step >= 0 GROUP BY grouped, step LIMIT {limit:UInt32}",
))  # fmt: skip
_HELD = "\n".join((
    "SELECT series, restart, any(grouped) AS group, step,",
    "toUnixTimestamp64Nano(any(started_at)) AS started_ns, toUnixTimestamp64Nano(max(at)) AS at_ns,",
    "argMax(tuple(value), at).1 AS value, argMax(count, at) AS count, argMax(tuple(sum), at).1 AS sum,",
    "argMax(ends, at) AS ends, argMax(counts, at) AS counts",
    "FROM (SELECT *, sum(fell) OVER (PARTITION BY series ORDER BY at, id) AS restart",
    "FROM (SELECT *, measure < lagInFrame(measure, 1, measure) OVER (PARTITION BY series ORDER BY at, id",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS fell",
    f"FROM (SELECT id, at, started_at, value, count, sum, {_ENDS} AS ends, counts, %GROUP% AS grouped, %STEP% AS step,",
    f"{_SERIES} AS series, %MEASURE% AS measure FROM metric_points FINAL WHERE %WHERE% AND cumulative)))",
    "GROUP BY series, restart, step ORDER BY at_ns, series LIMIT {limit:UInt32}",
))  # fmt: skip
_GAUGES = "\n".join((
    "SELECT grouped AS group, step, avgOrNull(value) AS value, minOrNull(value) AS min, maxOrNull(value) AS max",
    "FROM (SELECT value, %GROUP% AS grouped, %STEP% AS step FROM metric_points FINAL WHERE %WHERE%)",
    "WHERE step >= 0 AND isFinite(value) GROUP BY grouped, step LIMIT {limit:UInt32}",
))  # fmt: skip
_SUMMARIES = "\n".join((
    "SELECT grouped AS group, step, [%QUANTILES%] AS quantiles",
    "FROM (SELECT quantiles, %GROUP% AS grouped, %STEP% AS step FROM metric_points FINAL WHERE %WHERE%)",
    "WHERE step >= 0 GROUP BY grouped, step LIMIT {limit:UInt32}",
)).replace("%QUANTILES%", ", ".join(
    f"avgOrNullIf(quantiles['{share:g}'], mapContains(quantiles, '{share:g}'))" for share in QUANTILES.values()
))  # fmt: skip


class _Listed(msgspec.Struct):
    name: str
    kind: MetricKind
    unit: str
    description: str
    last_ns: int
    point_count: int
    attributes: list[str]


class _Value(msgspec.Struct):
    value: str
    count: int


class _Quantiles(msgspec.Struct):
    group: str
    step: int
    quantiles: list[float | None]


class _Steps(msgspec.Struct, frozen=True):
    """The steps of an answer."""

    from_ns: int
    to_ns: int
    first_ns: int
    step_s: int
    count: int

    def length_s(self, step: int) -> float:
        """Return how much of a step lies in the time range."""
        begin_ns = self.first_ns + step * self.step_s * 10**9
        end_ns = min(begin_ns + self.step_s * 10**9, self.to_ns)
        return max(end_ns - max(begin_ns, self.from_ns), 1) / 1e9


async def listed(connection: Connection, project_id: str, times: tuple[datetime, datetime]) -> MetricList:
    """Return the metrics of a time range, by name."""
    where = between(project_id, nanoseconds(times[0]), nanoseconds(times[1])).plus(limit=MAX_METRICS + 1)
    rows = await connection.select(Query("metrics", _LIST.replace("%WHERE%", where.sql), where.parameters), _Listed)
    items = [
        MetricSummary(
            name=row.name, kind=row.kind, unit=row.unit, description=row.description, last_at=moment(row.last_ns),
            point_count=row.point_count, attributes=row.attributes,
        )
        for row in rows[:MAX_METRICS]
    ]  # fmt: skip
    return MetricList(items, len(rows) > MAX_METRICS)


async def values(connection: Connection, wanted: MetricFilter) -> list[Facet]:
    """Return the values that `wanted.group_by` has, the most frequent first; raises `InvalidRequest` for no name."""
    where = _where(wanted, nanoseconds(wanted.from_at), nanoseconds(wanted.to_at))
    column, key = _split(wanted.group_by, "attribute")
    where = where.plus(limit=MAX_VALUES, group_name=sound(key))
    sql = _VALUES.replace("%VALUE%", f"{column}[{{group_name:String}}]").replace("%WHERE%", where.sql)
    rows = await connection.select(Query("metric values", sql, where.parameters), _Value)
    return [Facet(row.value, row.count) for row in rows]


async def figures(connection: Connection, wanted: MetricFilter) -> MetricFigures:
    """Return the figures of one metric; raises `InvalidRequest` for a name that is none."""
    steps = _steps(nanoseconds(wanted.from_at), nanoseconds(wanted.to_at))
    match wanted.metric.kind:
        case MetricKind.GAUGE:
            groups, cut = await _gauges(connection, wanted, steps)
        case MetricKind.SUMMARY:
            groups, cut = await _summaries(connection, wanted, steps)
        case MetricKind.SUM:
            groups, cut = await _sums(connection, wanted, steps)
        case _:
            groups, cut = await _counted(connection, wanted, steps)
    groups.sort(key=lambda one: (-one.total, one.group))
    return MetricFigures(moment(steps.first_ns), steps.step_s, groups[: wanted.top], cut or len(groups) > wanted.top)


async def _counted(connection: Connection, wanted: MetricFilter, steps: _Steps) -> tuple[list[MetricGroup], bool]:
    window_ns = max(0, steps.from_ns - _LOOK_BACK_S * 10**9)
    added = await _readings(connection, _ADDED, wanted, steps, steps.from_ns)
    held = await _readings(connection, _HELD, wanted, steps, window_ns)
    found = tallies(held, window_ns)
    for reading in added:
        found.setdefault((reading.group, reading.step), Tally()).add(reading)
    draw = _distribution if wanted.metric.kind is MetricKind.HISTOGRAM else _rates
    groups: dict[str, dict[int, Tally]] = {}
    for (group, step), tally in found.items():
        groups.setdefault(group, {})[step] = tally
    cut = max(len(added), len(held)) >= MAX_READINGS
    return [draw(group, by_step, steps) for group, by_step in groups.items()], cut


def _rates(group: str, by_step: dict[int, Tally], steps: _Steps) -> MetricGroup:
    added = [by_step[step].value if step in by_step else None for step in range(steps.count)]
    rate = [None if one is None else one / steps.length_s(step) for step, one in enumerate(added)]
    return MetricGroup(group, sum(one or 0.0 for one in added), {"rate": rate, "added": added})


def _distribution(group: str, by_step: dict[int, Tally], steps: _Steps) -> MetricGroup:
    every = [by_step.get(step) for step in range(steps.count)]
    drawn: dict[str, list[float | None]] = {
        name: [one.quantile(share) if one else None for one in every] for name, share in QUANTILES.items()
    }
    drawn["avg"] = [one.avg if one else None for one in every]
    drawn["count"] = [float(one.count) if one else None for one in every]
    drawn["sum"] = [one.sum if one else None for one in every]
    drawn["rate"] = [one.count / steps.length_s(step) if one else None for step, one in enumerate(every)]
    return MetricGroup(group, float(sum(one.count for one in by_step.values())), drawn)


async def _sums(connection: Connection, wanted: MetricFilter, steps: _Steps) -> tuple[list[MetricGroup], bool]:
    held = await _readings(connection, _HELD, wanted, steps, max(0, steps.from_ns - _STALE_S * 10**9))
    added = await _readings(connection, _ADDED, wanted, steps, steps.from_ns)
    found = levels(held, steps.count, -(-_STALE_S // steps.step_s))
    for reading in added:
        line = found.setdefault(reading.group, [None] * steps.count)
        line[reading.step] = (line[reading.step] or 0.0) + (reading.value or 0.0)
    groups = [MetricGroup(group, _last(line), {"value": line}) for group, line in found.items()]
    return groups, max(len(added), len(held)) >= MAX_READINGS


async def _gauges(connection: Connection, wanted: MetricFilter, steps: _Steps) -> tuple[list[MetricGroup], bool]:
    rows = await _readings(connection, _GAUGES, wanted, steps, steps.from_ns)
    lines: dict[str, dict[str, list[float | None]]] = {}
    for row in rows:
        drawn = lines.setdefault(row.group, {name: [None] * steps.count for name in ("avg", "min", "max")})
        for name, value in (("avg", row.value), ("min", row.min), ("max", row.max)):
            drawn[name][row.step] = value
    return [MetricGroup(group, _last(drawn["avg"]), drawn) for group, drawn in lines.items()], len(rows) >= MAX_READINGS


async def _summaries(connection: Connection, wanted: MetricFilter, steps: _Steps) -> tuple[list[MetricGroup], bool]:
    query = _query(_SUMMARIES, wanted, steps, steps.from_ns)
    rows = await connection.select(query, _Quantiles)
    lines: dict[str, dict[str, list[float | None]]] = {}
    for row in rows:
        drawn = lines.setdefault(row.group, {name: [None] * steps.count for name in QUANTILES})
        for name, value in zip(QUANTILES, row.quantiles, strict=True):
            drawn[name][row.step] = value
    return [MetricGroup(group, _last(drawn["p50"]), drawn) for group, drawn in lines.items()], len(rows) >= MAX_READINGS


async def _readings(
    connection: Connection, sql: str, wanted: MetricFilter, steps: _Steps, from_ns: int
) -> list[Reading]:
    return await connection.select(_query(sql, wanted, steps, from_ns), Reading)


def by_step(sql: str, wanted: MetricFilter, **parameters: int) -> Query:
    """Return a query with `%GROUP%`, `%STEP%` and `%WHERE%` filled in for the steps of the figures.

    Raises `InvalidRequest` for a name that is none.
    """
    steps = _steps(nanoseconds(wanted.from_at), nanoseconds(wanted.to_at))
    query = _query(sql, wanted, steps, steps.from_ns)
    return Query("metric exemplars", query.sql, {**query.parameters, **parameters})


def _query(sql: str, wanted: MetricFilter, steps: _Steps, from_ns: int) -> Query:
    where = _where(wanted, from_ns, steps.to_ns).plus(
        first_ns=steps.first_ns, step_ns=steps.step_s * 10**9, limit=MAX_READINGS
    )
    group = "''"
    if wanted.group_by:
        column, key = _split(wanted.group_by, "group_by")
        group, where = f"{column}[{{group_name:String}}]", where.plus(group_name=sound(key))
    step = "greatest(-1, toInt64(floor((toUnixTimestamp64Nano(at) - {first_ns:Int64}) / {step_ns:Int64})))"
    measure = "toFloat64(count)" if wanted.metric.kind is MetricKind.HISTOGRAM else "ifNull(value, 0)"
    if wanted.metric.kind is MetricKind.SUM:
        measure = "0"
    sql = sql.replace("%GROUP%", group).replace("%STEP%", step).replace("%MEASURE%", measure)
    return Query("metric figures", sql.replace("%WHERE%", where.sql), where.parameters)


def _where(wanted: MetricFilter, from_ns: int, to_ns: int) -> Conditions:
    metric: MetricName = wanted.metric
    found = between(wanted.project_id, from_ns, to_ns).plus(
        "name = {name:String}", "unit = {unit:String}", _KINDS[metric.kind],
        name=sound(metric.name), unit=sound(metric.unit),
    )  # fmt: skip
    for number, (name, value) in enumerate(wanted.where):
        column, key = _split(name, "where")
        found = found.plus(
            f"{column}[{{where_name_{number}:String}}] = {{where_value_{number}:String}}",
            **{f"where_name_{number}": sound(key), f"where_value_{number}": sound(value)},
        )
    return found


def _split(name: str, param: str) -> tuple[str, str]:
    column, dot, key = name.partition(".")
    if column not in ("attributes", "resource") or not dot or not key:
        raise InvalidRequest(f"`{param}` must name `attributes.…` or `resource.…`, not {name[:40]!r}.", param=param)
    return column, key


def _steps(from_ns: int, to_ns: int) -> _Steps:
    from_ns, to_ns = max(0, from_ns), max(0, to_ns)
    length_s = max(to_ns - from_ns, 1) / 1e9
    step_s = next((one for one in _STEPS_S if length_s / one <= MAX_STEPS), _STEPS_S[-1])
    step_ns = step_s * 10**9
    first_ns = from_ns - from_ns % step_ns
    return _Steps(from_ns, to_ns, first_ns, step_s, max(1, -(-(to_ns - first_ns) // step_ns)))


def _last(line: Iterable[float | None]) -> float:
    return next((one for one in reversed(list(line)) if one is not None), 0.0)
