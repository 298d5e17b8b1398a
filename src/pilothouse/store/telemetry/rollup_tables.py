"""The tables of rollups: states of figures by five minutes, hour and day, which of them hold, and which do not."""

from collections.abc import Mapping

from pilothouse.store.telemetry.batches import BUCKETS
from pilothouse.store.telemetry.figures import COUNTED, OUTPUT_TOTAL, RATE, UNPRICED

ROLLUPS = "rollup_figures"
BUILDS = "rollup_builds"
MARKS = "rollup_marks"
PARTS = "rollup_parts"
MINUTE_S, FIVE_S, HOUR_S, DAY_S = 60, 300, 3600, 86400
"""All versions of a span begin in the same five minutes, so those can be built apart from all others. Their minutes are
built with them, and hold or not as they do."""
PART_S = 61
"""No length: it tells the minutes of parts from those of whole five minutes."""
MINUTES_KEPT_S = 2 * DAY_S
"""How far back: nobody looks at minutes of long ago, and at few spans there are as many rows of minutes as spans."""
DIMENSIONS: Mapping[str, str] = {
    "kind": "LowCardinality(String)",
    "wrapper": "Bool",
    "source": "LowCardinality(String)",
    "status": "LowCardinality(String)",
    "error_code": "LowCardinality(String)",
    "operation": "LowCardinality(String)",
    "streamed": "Bool",
    "model_requested": "LowCardinality(String)",
    "model_served": "LowCardinality(String)",
    "account": "LowCardinality(String)",
    "provider": "LowCardinality(String)",
    "alias": "LowCardinality(String)",
    "key_id": "LowCardinality(String)",
    "environment": "LowCardinality(String)",
    "release": "LowCardinality(String)",
    "finish_reason": "LowCardinality(String)",
    "prompt_name": "LowCardinality(String)",
    "prompt_version": "LowCardinality(String)",
    "user_id": "String",
}
"""Columns of a span that rollups keep apart; those with a value for each trace are left out."""
_KEYS = ("key_id", "prompt_name", "prompt_version")
_PLAIN = tuple(name for name in DIMENSIONS if name not in (*_KEYS, "user_id"))
ASPECTS: tuple[tuple[str, ...], ...] = (
    _PLAIN,
    (*_PLAIN, *_KEYS),
    ("kind", "wrapper", "status", "environment", "user_id"),
)
"""Each unit is rolled up by each of these, told apart by their number: what has many values would make the rows of
all others many. The first that has all that is asked for is read."""
_LEVELS = "(0.01, 0.5, 0.95, 0.99)"
_QUANTILES = f"quantilesDDIf{_LEVELS}"
"""Within 1 % of the exact value, and the same in whatever order states are merged."""
MERGE = f"quantilesDDIfMerge{_LEVELS}"
"""Makes quantiles of states."""


def _state(expression: str, condition: str) -> str:
    return f"quantilesDDIfState{_LEVELS}(toFloat64({expression}), toUInt8({condition}))"


SUMS: Mapping[str, tuple[str, str]] = {
    "requests": ("UInt64", "count()"),
    "errors": ("UInt64", "countIf(status = 'error')"),
    "cancelled": ("UInt64", "countIf(status = 'cancelled')"),
    **{f"{bucket}_sum": ("UInt64", f"sumIf({bucket}, {COUNTED})") for bucket in BUCKETS},
    "cost_sum": (
        "Decimal(38, 12)",
        f"toDecimal128(sumIf(ifNull(cost_usd, 0), {COUNTED} AND cost_status = 'priced'), 12)",
    ),
    "priced": ("UInt64", f"countIf({COUNTED} AND cost_usd IS NOT NULL)"),
    "unpriced": ("UInt64", f"countIf({COUNTED} AND {UNPRICED})"),
}
"""Columns that are added up: type, and how each is made of spans."""
_RATE = RATE.replace("output_total", OUTPUT_TOTAL)
# A duration of 0 is one that nobody knows: a line that a provider's batch service ran.
STATES: Mapping[str, str] = {
    "latency": _state("duration_ns / 1e6", "duration_ns > 0"),
    "ttft": _state("ifNull(first_token_ns, 0) / 1e6", "first_token_ns IS NOT NULL"),
    "rate": _state(f"ifNull({_RATE}, 0)", f"{_RATE} IS NOT NULL"),
}
"""Columns with states of quantiles, and how each is made of spans."""
OF_SPANS: Mapping[str, str] = {**{name: expression for name, (_, expression) in SUMS.items()}, **STATES}
"""How each figure is made of spans."""
OF_ROWS: Mapping[str, str] = {
    **{name: f"sum({name})" for name in SUMS},
    **{name: f"quantilesDDIfMergeState{_LEVELS}({name})" for name in STATES},
}
"""How each figure is made of rows of rollups, as a figure of such a row."""
_DIMENSION_COLUMNS = ",\n".join(f"    {name} {kind}" for name, kind in DIMENSIONS.items())
_SUM_COLUMNS = ",\n".join(f"    {name} {kind} CODEC(ZSTD(1))" for name, (kind, _) in SUMS.items())
_STATE_COLUMNS = ",\n".join(
    f"    {name} AggregateFunction({_QUANTILES}, Float64, UInt8) CODEC(ZSTD(1))" for name in STATES
)
_ROLLUPS = f"""
CREATE TABLE IF NOT EXISTS `$database`.%TABLE%$local $on_cluster
(
    project_id LowCardinality(String),
    aspect UInt8,
    unit_s UInt32,
    at DateTime('UTC') CODEC(Delta, ZSTD(1)),
    build UInt64 CODEC(ZSTD(1)),
{_DIMENSION_COLUMNS},
{_SUM_COLUMNS},
{_STATE_COLUMNS}
)
ENGINE = ${{replicated}}ReplacingMergeTree(build)
PARTITION BY toStartOfMonth(at)
ORDER BY (project_id, aspect, unit_s, at, build, {", ".join(DIMENSIONS)})
SETTINGS ${{deduplication_window}} = 1000%SETTINGS%
"""
_FIRST_BY_ASPECT = _ROLLUPS.replace("%TABLE%", "rollup_rows").replace("%SETTINGS%", "")
_IN_SMALL_GRANULES = _ROLLUPS.replace("%TABLE%", ROLLUPS).replace("%SETTINGS%", ", index_granularity = 256")
"""A reader makes all states of a granule, 2 us each, however few of its rows it wants."""
_BUILDS = """
CREATE TABLE IF NOT EXISTS `$database`.rollup_builds$local $on_cluster
(
    project_id LowCardinality(String),
    unit_s UInt32,
    at DateTime('UTC') CODEC(Delta, ZSTD(1)),
    build UInt64 CODEC(ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(build)
ORDER BY (project_id, unit_s, at)
SETTINGS ${deduplication_window} = 1000
"""
_MARKS = """
CREATE TABLE IF NOT EXISTS `$database`.rollup_marks$local $on_cluster
(
    project_id LowCardinality(String),
    unit_s UInt32,
    at DateTime('UTC') CODEC(Delta, ZSTD(1)),
    touched_us UInt64 CODEC(ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(touched_us)
ORDER BY (project_id, unit_s, at)
SETTINGS ${deduplication_window} = 1000
"""


_PARTS = """
CREATE TABLE IF NOT EXISTS `$database`.rollup_parts$local $on_cluster
(
    project_id LowCardinality(String),
    at DateTime('UTC') CODEC(Delta, ZSTD(1)),
    build UInt64 CODEC(ZSTD(1)),
    upper_us UInt64 CODEC(ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(upper_us)
ORDER BY (project_id, at, build)
TTL at + INTERVAL 1 DAY
SETTINGS ${deduplication_window} = 1000
"""

_FIRST_ROWS = """
CREATE TABLE IF NOT EXISTS `$database`.rollups$local $on_cluster
(
    project_id LowCardinality(String),
    unit_s UInt32,
    at DateTime('UTC') CODEC(Delta, ZSTD(1)),
    build UInt64 CODEC(ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(build)
PARTITION BY toStartOfMonth(at)
ORDER BY (project_id, unit_s, at, build)
SETTINGS ${deduplication_window} = 1000
"""
"""Of a migration whose rows another replaced, and so without their figures."""


def distributed(table: str) -> str:
    """Return the statement that makes the table over a cluster of one whose rows of a project lie together."""
    return (
        f"CREATE TABLE IF NOT EXISTS `$database`.{table} $on_cluster AS `$database`.{table}$local\n"
        f"ENGINE = Distributed('$cluster', '$database', '{table}$local', cityHash64(project_id))"
    )


IN_PARTS = (_PARTS,)
IN_PARTS_DISTRIBUTED = (distributed(PARTS),)
NEWEST_OF_PARTS = (
    "ALTER TABLE `$database`.rollup_parts$local $on_cluster ADD COLUMN IF NOT EXISTS newest_ns Int64 CODEC(ZSTD(1))",
    # Of those that were noted before nobody knows it, nor are there rows of their traces.
    "TRUNCATE TABLE IF EXISTS `$database`.rollup_parts$local $on_cluster",
)
NEWEST_OF_PARTS_DISTRIBUTED = (
    "ALTER TABLE `$database`.rollup_parts $on_cluster ADD COLUMN IF NOT EXISTS newest_ns Int64",
)
TABLES = (_FIRST_ROWS, _BUILDS, _MARKS)
DISTRIBUTED = tuple(distributed(table) for table in ("rollups", BUILDS, MARKS))
_NOTHING_HOLDS = tuple(f"TRUNCATE TABLE IF EXISTS `$database`.{table}$local $on_cluster" for table in (BUILDS, MARKS))
"""Nothing of before holds for new rows; without marks everything is marked by the next sweep."""
BY_ASPECT = (_FIRST_BY_ASPECT, *_NOTHING_HOLDS, "DROP TABLE IF EXISTS `$database`.rollups$local $on_cluster SYNC")
BY_ASPECT_DISTRIBUTED = (distributed("rollup_rows"), "DROP TABLE IF EXISTS `$database`.rollups $on_cluster SYNC")
IN_SMALL_GRANULES = (
    _IN_SMALL_GRANULES,
    *_NOTHING_HOLDS,
    f"TRUNCATE TABLE IF EXISTS `$database`.{PARTS}$local $on_cluster",
    "DROP TABLE IF EXISTS `$database`.rollup_rows$local $on_cluster SYNC",
)
IN_SMALL_GRANULES_DISTRIBUTED = (
    distributed(ROLLUPS),
    "DROP TABLE IF EXISTS `$database`.rollup_rows $on_cluster SYNC",
)
