"""Exemplars of data points: their table, their rows for one insert, and which of them a chart shows.

They are rows of their own, and not lists beside a point's figures, so that those of one user or trace can be taken away
and the figures, which are of everybody, stay. The same exemplar may come with several points: it is kept once.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from pilothouse.domain.metrics import (
    MetricExemplar,
    MetricExemplars,
    MetricFilter,
    MetricKind,
    MetricList,
    MetricName,
)
from pilothouse.domain.telemetry import Exemplar, MetricPoint
from pilothouse.store.telemetry import metrics
from pilothouse.store.telemetry.batches import LATEST_NS
from pilothouse.store.telemetry.clause import sound
from pilothouse.store.telemetry.columns import Column, values
from pilothouse.store.telemetry.conditions import between, moment, nanoseconds
from pilothouse.store.telemetry.connection import Connection, Query

EACH = 4
"""Shown of one step at most: the greatest, the least and some between them."""
_MOST_METRICS = 1_000
_WORD, _TEXT, _MAP = "LowCardinality(String)", "String", "Map(LowCardinality(String), String)"

_PICKED = "\n".join((
    "SELECT grouped AS group, toUnixTimestamp64Nano(at) AS at_ns, value, trace_id, span_id, filtered, total",
    "FROM (SELECT *, row_number() OVER (PARTITION BY step ORDER BY value DESC, id) AS place,",
    "count() OVER (PARTITION BY step) AS among, count() OVER () AS total",
    "FROM (SELECT id, at, value, trace_id, span_id, filtered, %GROUP% AS grouped, %STEP% AS step",
    "FROM exemplars FINAL WHERE %WHERE%))",
    "WHERE has(arrayMap(k -> 1 + intDiv(k * (among - 1), {each:UInt32} - 1), range({each:UInt32})), place)",
    "ORDER BY at_ns, id LIMIT {limit:UInt32}",
))  # fmt: skip
_COUNTS = "\n".join((
    "SELECT name, metric_kind AS kind, unit, count() AS count",
    "FROM (SELECT name, unit, %KIND% AS metric_kind FROM exemplars FINAL WHERE %WHERE%)",
    "GROUP BY name, metric_kind, unit LIMIT {limit:UInt32}",
)).replace("%KIND%", metrics.KIND)  # fmt: skip


class _Row(msgspec.Struct, frozen=True):
    """An exemplar with what it has of its point."""

    id: str
    exemplar: Exemplar
    point: MetricPoint


class _Picked(msgspec.Struct):
    group: str
    at_ns: int
    value: float
    trace_id: str
    span_id: str
    filtered: dict[str, str]
    total: int


class _Counted(msgspec.Struct):
    name: str
    kind: MetricKind
    unit: str
    count: int


def _of_point(kind: str, *names: str) -> list[Column[_Row]]:
    return [Column(name, kind, attrgetter(f"point.{name}")) for name in names]


def _own(name: str, kind: str, field: str = "") -> Column[_Row]:
    return Column(name, kind, attrgetter(f"exemplar.{field or name}"))


_at: Callable[[_Row], int] = attrgetter("exemplar.at_ns")
_COLUMNS: tuple[Column[_Row], ...] = (
    Column("id", _TEXT, attrgetter("id")),
    *_of_point(_WORD, "project_id", "name", "kind", "unit"),
    *_of_point("Bool", "monotonic"),
    *_of_point(_MAP, "attributes", "resource"),
    Column("at", "DateTime64(9, 'UTC')", lambda row: min(max(_at(row), 0), LATEST_NS)),
    _own("value", "Float64"),
    _own("trace_id", _TEXT),
    _own("span_id", _TEXT),
    _own("filtered", _MAP, "attributes"),
)
_NAMES = tuple(column.name for column in _COLUMNS)
_TYPES = tuple(column.type for column in _COLUMNS)


async def insert(connection: Connection, points: Sequence[MetricPoint], token: str) -> None:
    """Store the exemplars of data points, if there are any; the same token again writes nothing twice."""
    if not any(point.exemplars for point in points):
        return
    await connection.insert("exemplars", _NAMES, _TYPES, lambda: values(_COLUMNS, list(_rows(points))), token)


async def fetch(connection: Connection, wanted: MetricFilter) -> MetricExemplars:
    """Return some exemplars of each step, by time; raises `InvalidRequest` for a name that is none."""
    query = metrics.by_step(_PICKED, wanted, each=EACH)
    rows = await connection.select(query, _Picked)
    items = [
        MetricExemplar(
            group=row.group, at=moment(row.at_ns), value=row.value, trace_id=row.trace_id, span_id=row.span_id,
            attributes=row.filtered,
        )
        for row in rows
    ]  # fmt: skip
    return MetricExemplars(items, rows[0].total if rows else 0)


async def counted(
    connection: Connection, project_id: str, times: tuple[datetime, datetime], found: MetricList
) -> MetricList:
    """Return metrics with the number of their exemplars in a time range."""
    where = between(project_id, nanoseconds(times[0]), nanoseconds(times[1])).plus(limit=_MOST_METRICS)
    sql = _COUNTS.replace("%WHERE%", where.sql)
    rows = await connection.select(Query("exemplar counts", sql, where.parameters), _Counted)
    counts = {MetricName(row.name, row.kind, row.unit): row.count for row in rows}
    items = [
        msgspec.structs.replace(one, exemplar_count=counts.get(MetricName(one.name, one.kind, one.unit), 0))
        for one in found.items
    ]
    return MetricList(items, found.more)


def _rows(points: Iterable[MetricPoint]) -> Iterable[_Row]:
    for point in points:
        series = sorted(point.attributes.items()), sorted(point.resource.items()), point.name, point.kind, point.unit
        for one in point.exemplars:
            yield _Row(_id(series, one), one, point)


def _id(series: Any, one: Exemplar) -> str:
    said = repr((series, one.value, one.trace_id, one.span_id, sorted(one.attributes.items())))
    return hashlib.blake2b(sound(said).encode(), digest_size=16).hexdigest()
