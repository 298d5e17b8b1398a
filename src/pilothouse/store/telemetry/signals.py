"""Log records, data points and exemplars: their tables, and their columns for one insert.

The tables keep a row once per project, time and id, however often a request is sent. Numbers outside a column's range
are clamped.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from pilothouse.domain.telemetry import LogRecord, MetricPoint
from pilothouse.store.telemetry.batches import LATEST_NS
from pilothouse.store.telemetry.columns import Column

LOGS = "logs"
POINTS = "metric_points"
_U63 = 2**63 - 1
_U8 = 2**8 - 1
_WORD, _TEXT, _MAP = "LowCardinality(String)", "String", "Map(LowCardinality(String), String)"
_TIME = "DateTime64(9, 'UTC')"
_NUMBER = "Nullable(Float64)"

_LOGS_TABLE = """
CREATE TABLE IF NOT EXISTS `$database`.logs$local $on_cluster
(
    project_id LowCardinality(String),
    id String CODEC(ZSTD(1)),
    key_id LowCardinality(String),
    surface LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    observed_at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    name LowCardinality(String),
    severity UInt8,
    severity_text LowCardinality(String),
    body String CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    inserted_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta, ZSTD(1)),
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(inserted_at)
PARTITION BY toMonday(at)
ORDER BY (project_id, at, id)
SETTINGS
    ${deduplication_window} = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
"""

_POINTS_TABLE = """
CREATE TABLE IF NOT EXISTS `$database`.metric_points$local $on_cluster
(
    project_id LowCardinality(String),
    id String CODEC(ZSTD(1)),
    key_id LowCardinality(String),
    surface LowCardinality(String),
    name LowCardinality(String),
    kind LowCardinality(String),
    unit LowCardinality(String),
    description LowCardinality(String),
    started_at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    cumulative Bool,
    monotonic Bool,
    value Nullable(Float64) CODEC(ZSTD(1)),
    count UInt64 CODEC(ZSTD(1)),
    sum Nullable(Float64) CODEC(ZSTD(1)),
    min Nullable(Float64) CODEC(ZSTD(1)),
    max Nullable(Float64) CODEC(ZSTD(1)),
    bounds Array(Float64) CODEC(ZSTD(1)),
    counts Array(UInt64) CODEC(ZSTD(1)),
    quantiles Map(String, Float64) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    inserted_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(inserted_at)
PARTITION BY toMonday(at)
ORDER BY (project_id, name, at, id)
SETTINGS
    ${deduplication_window} = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
"""

_EXEMPLARS_TABLE = """
CREATE TABLE IF NOT EXISTS `$database`.exemplars$local $on_cluster
(
    project_id LowCardinality(String),
    id String CODEC(ZSTD(1)),
    name LowCardinality(String),
    kind LowCardinality(String),
    unit LowCardinality(String),
    monotonic Bool,
    at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    filtered Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    inserted_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta, ZSTD(1)),
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(inserted_at)
PARTITION BY toMonday(at)
ORDER BY (project_id, name, at, id)
SETTINGS
    ${deduplication_window} = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
"""


def _distributed(*tables: str) -> tuple[str, ...]:
    return tuple(
        f"""
CREATE TABLE IF NOT EXISTS `$database`.{table} $on_cluster AS `$database`.{table}$local
ENGINE = Distributed('$cluster', '$database', '{table}$local', cityHash64(id))
"""
        for table in tables
    )


TABLES = (_LOGS_TABLE, _POINTS_TABLE)
DISTRIBUTED = _distributed(LOGS, POINTS)
EXEMPLARS = (_EXEMPLARS_TABLE,)
EXEMPLARS_DISTRIBUTED = _distributed("exemplars")


def _words(kind: str, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, attrgetter(name)) for name in names]


def _whole(name: str, field: str, kind: str, limit: int) -> Column[Any]:
    get: Callable[[Any], int] = attrgetter(field)
    return Column(name, kind, lambda row: min(max(get(row), 0), limit))


def _counts(row: MetricPoint) -> list[int]:
    return [min(max(count, 0), _U63) for count in row.counts]


LOG_COLUMNS: tuple[Column[LogRecord], ...] = (
    *_words(_WORD, "project_id", "key_id", "surface", "name", "severity_text", "scope_name", "scope_version"),
    *_words(_TEXT, "id", "trace_id", "span_id", "body"),
    *_words(_MAP, "attributes", "resource"),
    _whole("at", "at_ns", _TIME, LATEST_NS),
    _whole("observed_at", "observed_at_ns", _TIME, LATEST_NS),
    _whole("severity", "severity", "UInt8", _U8),
)
POINT_COLUMNS: tuple[Column[MetricPoint], ...] = (
    *_words(
        _WORD, "project_id", "key_id", "surface", "name", "kind", "unit", "description", "scope_name", "scope_version"
    ),
    *_words(_TEXT, "id"),
    *_words(_MAP, "attributes", "resource"),
    _whole("started_at", "started_at_ns", _TIME, LATEST_NS),
    _whole("at", "at_ns", _TIME, LATEST_NS),
    _whole("count", "count", "UInt64", _U63),
    *_words("Bool", "cumulative", "monotonic"),
    *_words(_NUMBER, "value", "sum", "min", "max"),
    Column("bounds", "Array(Float64)", attrgetter("bounds")),
    Column("counts", "Array(UInt64)", _counts),
    Column("quantiles", "Map(String, Float64)", attrgetter("quantiles")),
)
