"""The tables, and the one renderer of their definitions for a single server and for a cluster.

Migrations go forward only. Each is applied at most once and recorded in `schema_versions`; every statement may be run
again, so that a migration that was cut short is simply repeated. A published migration is never edited.
"""

from string import Template

import msgspec

from pilothouse.store.telemetry import nearby, rollup_tables, scores, search, signals, trace_rows

SPANS = "spans"


class Layout(msgspec.Struct, frozen=True):
    """Where the tables live."""

    database: str = "pilothouse"
    cluster: str = ""
    """Name of a ClickHouse cluster; empty for one server or the embedded store."""


class Migration(msgspec.Struct, frozen=True):
    """One step of the schema; `$database`, `$on_cluster`, `$replicated` and `$local` are filled in per layout."""

    version: int
    name: str
    statements: tuple[str, ...]
    cluster_statements: tuple[str, ...] = ()
    """Run after `statements`, on a cluster only."""


_VERSIONS_TABLE = """
CREATE TABLE IF NOT EXISTS `$database`.schema_versions $on_cluster
(
    version UInt32,
    name String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replicated}ReplacingMergeTree(applied_at)
ORDER BY version
"""

_SPANS_1 = """
CREATE TABLE IF NOT EXISTS `$database`.spans$local $on_cluster
(
    project_id LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id String CODEC(ZSTD(1)),
    name LowCardinality(String),
    kind LowCardinality(String),
    source LowCardinality(String),
    started_at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    duration_ns UInt64 CODEC(ZSTD(1)),
    first_token_ns Nullable(UInt64) CODEC(ZSTD(1)),
    last_token_ns Nullable(UInt64) CODEC(ZSTD(1)),
    overhead_ns Nullable(UInt64) CODEC(ZSTD(1)),
    status LowCardinality(String),
    outcome LowCardinality(String),
    http_status UInt16,
    error_code LowCardinality(String),
    error_detail String CODEC(ZSTD(1)),
    operation LowCardinality(String),
    dialect LowCardinality(String),
    streamed Bool,
    model_requested LowCardinality(String),
    model_served LowCardinality(String),
    account LowCardinality(String),
    provider LowCardinality(String),
    alias LowCardinality(String),
    finish_reason LowCardinality(String),
    input String CODEC(ZSTD(1)),
    output String CODEC(ZSTD(1)),
    input_size_bytes UInt64 CODEC(ZSTD(1)),
    output_size_bytes UInt64 CODEC(ZSTD(1)),
    metered Bool,
    input_tokens UInt32 CODEC(ZSTD(1)),
    cache_read_tokens UInt32 CODEC(ZSTD(1)),
    cache_write_5m_tokens UInt32 CODEC(ZSTD(1)),
    cache_write_1h_tokens UInt32 CODEC(ZSTD(1)),
    input_audio_tokens UInt32 CODEC(ZSTD(1)),
    input_image_tokens UInt32 CODEC(ZSTD(1)),
    output_tokens UInt32 CODEC(ZSTD(1)),
    reasoning_tokens UInt32 CODEC(ZSTD(1)),
    output_audio_tokens UInt32 CODEC(ZSTD(1)),
    output_image_tokens UInt32 CODEC(ZSTD(1)),
    usage_inconsistent Bool,
    cost_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    cost_status LowCardinality(String),
    cost_detail LowCardinality(String),
    price_version LowCardinality(String),
    key_id LowCardinality(String),
    user_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    environment LowCardinality(String),
    request_id String CODEC(ZSTD(1)),
    tags Array(LowCardinality(String)),
    metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attempts String CODEC(ZSTD(1)),
    request_headers Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    response_headers Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    input_preview String CODEC(ZSTD(1)),
    output_preview String CODEC(ZSTD(1)),
    model LowCardinality(String) MATERIALIZED if(model_served != '', model_served, model_requested),
    is_call Bool MATERIALIZED kind IN ('llm', 'embedding'),
    inserted_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta, ZSTD(1)),
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX inserted_at_range inserted_at TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(inserted_at)
PARTITION BY toMonday(started_at)
ORDER BY (project_id, toStartOfFiveMinutes(started_at), trace_id, span_id)
SETTINGS
    ${deduplication_window} = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_age_to_force_merge_seconds = 3600,
    min_age_to_force_merge_on_partition_only = 1
"""

_SPANS_1_DISTRIBUTED = """
CREATE TABLE IF NOT EXISTS `$database`.spans $on_cluster AS `$database`.spans$local
ENGINE = Distributed('$cluster', '$database', 'spans$local', cityHash64(trace_id))
"""

_PATCHED_COLUMNS = (
    "running Bool",
    "abandoned Bool",
    "wrapper Bool",
    "level LowCardinality(String)",
    "release LowCardinality(String)",
    "version LowCardinality(String)",
    "prompt_name LowCardinality(String)",
    "prompt_version LowCardinality(String)",
    "trace_name LowCardinality(String)",
    "native_id String CODEC(ZSTD(1))",
    "links String CODEC(ZSTD(1))",
    "events String CODEC(ZSTD(1))",
    "resource Map(LowCardinality(String), String) CODEC(ZSTD(1))",
    "stated_at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1))",
    "fold String CODEC(ZSTD(1))",
    "deleted Bool",
)
"""Each is false or empty in the rows of before, which so mean what they meant; nothing is copied."""
_ADDED = ",\n".join(f"    ADD COLUMN IF NOT EXISTS {column}" for column in _PATCHED_COLUMNS)
_SPANS_2 = f"""
ALTER TABLE `$database`.spans$local $on_cluster
{_ADDED}
"""
_SPANS_2_DISTRIBUTED = f"""
ALTER TABLE `$database`.spans $on_cluster
{_ADDED}
"""
_ONE_FILE_AN_INSERT = """
ALTER TABLE `$database`.spans$local $on_cluster
    MODIFY SETTING min_bytes_for_wide_part = 100663296
"""
"""96 MiB: an insert's part is one file. Two files a column, each with its buffer and its sync, took a third of the
store's time; what is merged out of several inserts has them."""
_FEWER_MERGES = """
ALTER TABLE `$database`.spans$local $on_cluster
    MODIFY SETTING merge_selector_base = 8
"""
"""The engine's own is 5. A merge writes a row anew, words for the search included, which takes more than its insert:
rows go through fewer merges, for some more parts. Nothing that is there is written."""
_SMALLER_MERGES = """
ALTER TABLE `$database`.spans$local $on_cluster
    MODIFY SETTING
        max_parts_to_merge_at_once = 16,
        vertical_merge_algorithm_min_rows_to_activate = 8192,
        number_of_free_entries_in_pool_to_lower_max_size_of_merge = 2
"""
"""A merge takes some 25 MB for each of its parts, and twice that when it goes over all columns at once. The last one
keeps a place free for small merges while a large one runs: there have to be as many places."""
MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "spans", (_SPANS_1,), (_SPANS_1_DISTRIBUTED,)),
    Migration(2, "patched spans", (_SPANS_2,), (_SPANS_2_DISTRIBUTED,)),
    Migration(3, "logs and metrics", signals.TABLES, signals.DISTRIBUTED),
    Migration(4, "scores", scores.TABLES, scores.DISTRIBUTED),
    Migration(5, "text index", search.INDEX_MIGRATION),
    Migration(6, "rollups", rollup_tables.TABLES, rollup_tables.DISTRIBUTED),
    Migration(7, "rollups by aspect", rollup_tables.BY_ASPECT, rollup_tables.BY_ASPECT_DISTRIBUTED),
    Migration(8, "one file an insert", (_ONE_FILE_AN_INSERT,)),
    Migration(9, "exemplars", signals.EXEMPLARS, signals.EXEMPLARS_DISTRIBUTED),
    Migration(10, "rollups in parts", rollup_tables.IN_PARTS, rollup_tables.IN_PARTS_DISTRIBUTED),
    Migration(11, "fewer merges", (_FEWER_MERGES,)),
    Migration(12, "smaller merges", (_SMALLER_MERGES,)),
    Migration(13, "index of sessions", nearby.SESSION_INDEX_MIGRATION),
    Migration(
        14,
        "rollups in small granules",
        rollup_tables.IN_SMALL_GRANULES,
        rollup_tables.IN_SMALL_GRANULES_DISTRIBUTED,
    ),
    Migration(
        15,
        "rows of traces",
        (*trace_rows.TABLES, *rollup_tables.NEWEST_OF_PARTS),
        (*trace_rows.DISTRIBUTED, *rollup_tables.NEWEST_OF_PARTS_DISTRIBUTED),
    ),
)
LATEST = MIGRATIONS[-1].version


def render_database(layout: Layout) -> str:
    """Return the statement that makes the database."""
    return _fill("CREATE DATABASE IF NOT EXISTS `$database` $on_cluster ENGINE = Atomic", layout)


def render_versions(layout: Layout) -> str:
    """Return the statement that makes the table of applied migrations."""
    return _fill(_VERSIONS_TABLE, layout)


def render(migration: Migration, layout: Layout) -> list[str]:
    """Return the statements of a migration for a layout, in order."""
    statements = migration.statements + (migration.cluster_statements if layout.cluster else ())
    return [_fill(statement, layout) for statement in statements]


def on_each_server(statement: str, table: str, layout: Layout) -> str:
    """Return a statement with `%TABLE%` filled in so that it changes the rows of a table wherever they are."""
    return _fill(statement.replace("%TABLE%", f"`$database`.{table}$local $on_cluster"), layout)


def _fill(text: str, layout: Layout) -> str:
    for name in (layout.database, layout.cluster):
        if not all(letter.isalnum() or letter in "_-" for letter in name):
            raise ValueError(f"{name!r} is no name for a database or cluster")
    clustered = bool(layout.cluster)
    return Template(text).substitute(
        database=layout.database,
        cluster=layout.cluster,
        on_cluster=f"ON CLUSTER `{layout.cluster}`" if clustered else "",
        replicated="Replicated" if clustered else "",
        local="_local" if clustered else "",
        deduplication_window="replicated_deduplication_window" if clustered else "non_replicated_deduplication_window",
    )
