"""Scores in and out: a later version of a score, told by its id, replaces the earlier one."""

from collections.abc import Callable, Sequence
from operator import attrgetter

import msgspec

from pilothouse.domain.reading import ScoreDetail, ScoreFilter, ScorePage
from pilothouse.domain.score import Score, ScoreType
from pilothouse.store.telemetry import cursors
from pilothouse.store.telemetry.batches import LATEST_NS
from pilothouse.store.telemetry.columns import Column, values
from pilothouse.store.telemetry.conditions import Conditions, moment, nanoseconds, of_traces, sound
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.search import EXACT

SCORES = "scores"
_TABLE = """
CREATE TABLE IF NOT EXISTS `$database`.scores$local $on_cluster
(
    project_id LowCardinality(String),
    id String CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    run_id String CODEC(ZSTD(1)),
    name LowCardinality(String),
    type LowCardinality(String),
    number Nullable(Float64) CODEC(ZSTD(1)),
    text String CODEC(ZSTD(1)),
    comment String CODEC(ZSTD(1)),
    source LowCardinality(String),
    config_id String CODEC(ZSTD(1)),
    author String CODEC(ZSTD(1)),
    key_id LowCardinality(String),
    at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    stated_at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    environment LowCardinality(String),
    metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    inserted_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta, ZSTD(1)),
    INDEX session_id_bloom session_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(stated_at)
ORDER BY (project_id, trace_id, id)
SETTINGS
    ${deduplication_window} = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
"""
TABLES = (_TABLE,)
DISTRIBUTED = (
    """
CREATE TABLE IF NOT EXISTS `$database`.scores $on_cluster AS `$database`.scores$local
ENGINE = Distributed('$cluster', '$database', 'scores$local', cityHash64(trace_id))
""",
)

MAX_SCORES = 1_000
"""Of one page."""
_PIECE = 5_000
"""Scores of traces that are read at once."""


def _text(name: str, kind: str = "String") -> Column[Score]:
    return Column(name, kind, attrgetter(name))


def _moment(name: str) -> Column[Score]:
    get: Callable[[Score], int] = attrgetter(f"{name}_ns")
    return Column(name, "DateTime64(9, 'UTC')", lambda score: min(max(get(score), 0), LATEST_NS))


_WORD = "LowCardinality(String)"
_COLUMNS: tuple[Column[Score], ...] = (
    _text("project_id", _WORD),
    _text("id"),
    _text("trace_id"),
    _text("span_id"),
    _text("session_id"),
    _text("run_id"),
    _text("name", _WORD),
    _text("type", _WORD),
    Column("number", "Nullable(Float64)", attrgetter("number")),
    _text("text"),
    _text("comment"),
    _text("source", _WORD),
    _text("config_id"),
    _text("author"),
    _text("key_id", _WORD),
    _moment("at"),
    _moment("stated_at"),
    _text("environment", _WORD),
    Column("metadata", "Map(LowCardinality(String), String)", attrgetter("metadata")),
)
_NAMES = tuple(column.name for column in _COLUMNS)
_TYPES = tuple(column.type for column in _COLUMNS)


class _Row(msgspec.Struct):
    id: str
    trace_id: str
    span_id: str
    session_id: str
    run_id: str
    name: str
    type: ScoreType
    number: float | None
    text: str
    comment: str
    source: str
    config_id: str
    author: str
    at_ns: int
    environment: str
    metadata: dict[str, str]


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Where a page ended."""

    at_ns: int
    id: str


_cursors = msgspec.json.Decoder(_Place)
_SELECT = (
    "SELECT id, trace_id, span_id, session_id, run_id, name, type, number, text, comment, source, config_id, author,"
    " toUnixTimestamp64Nano(at) AS at_ns, environment, metadata"
    " FROM scores FINAL WHERE"
)
_OF_TRACES = (
    f"{_SELECT} project_id = {{project_id:String}} AND trace_id IN {{trace_ids:Array(String)}}"
    " AND (toUnixTimestamp64Nano(at), id) > ({after_ns:Int64}, {after_id:String})"
    " ORDER BY at, id LIMIT {piece:UInt32}"
)
_PLACE = "(toUnixTimestamp64Nano(at), id)"
_LISTS = {
    "ids": "id", "names": "name", "types": "type", "sources": "source", "environments": "environment",
    "config_ids": "config_id", "authors": "author", "trace_ids": "trace_id", "span_ids": "span_id",
    "session_ids": "session_id", "run_ids": "run_id", "texts": "text",
}  # fmt: skip


async def insert(connection: Connection, scores: Sequence[Score], token: str) -> None:
    """Store scores; the same token again writes nothing twice."""
    await connection.insert(SCORES, _NAMES, _TYPES, lambda: values(_COLUMNS, scores), token)


async def fetch(connection: Connection, project_id: str, trace_ids: Sequence[str]) -> list[ScoreDetail]:
    """Return all scores of traces and of their spans, the earliest first."""
    found: list[ScoreDetail] = []
    after = _Place(-1, "")
    while True:
        parameters: dict[str, Parameter] = {
            "project_id": sound(project_id), "trace_ids": [sound(one) for one in trace_ids], "piece": _PIECE,
            "after_ns": after.at_ns, "after_id": sound(after.id),
        }  # fmt: skip
        rows = await connection.select(Query("scores", _OF_TRACES, parameters), _Row)
        found.extend(_detail(row) for row in rows)
        if len(rows) < _PIECE:
            return found
        after = _Place(rows[-1].at_ns, rows[-1].id)


async def page(connection: Connection, wanted: ScoreFilter) -> ScorePage:
    """Return a page of scores, the newest first; raises `InvalidRequest` for a foreign cursor."""
    limit = max(1, min(wanted.limit, MAX_SCORES))
    where = of_scores(wanted).plus("project_id = {project_id:String}", project_id=sound(wanted.project_id))
    if wanted.from_at is not None:
        where = where.plus("at >= fromUnixTimestamp64Nano({from_ns:Int64})", from_ns=nanoseconds(wanted.from_at))
    if wanted.to_at is not None:
        where = where.plus("at < fromUnixTimestamp64Nano({to_ns:Int64})", to_ns=nanoseconds(wanted.to_at))
    if wanted.cursor:
        after = cursors.read(wanted.cursor, _cursors)
        where = where.plus(
            f"{_PLACE} < ({{after_ns:Int64}}, {{after_id:String}})", after_ns=after.at_ns, after_id=sound(after.id)
        )
    where = where.plus(limit=limit + 1)
    sql = " ".join((_SELECT, where.sql, "ORDER BY at DESC, id DESC LIMIT {limit:UInt32}", EXACT))
    found = await connection.select(Query("score page", sql, where.parameters), _Row)
    more, kept = len(found) > limit, found[:limit]
    cursor = cursors.write(_Place(kept[-1].at_ns, kept[-1].id)) if more else None
    return ScorePage([_detail(row) for row in kept], cursor)


def of_scores(wanted: ScoreFilter) -> Conditions:
    """Return what a score must fulfil, apart from project and time; names of parameters begin with `score_`."""
    found = Conditions((), {})
    for field, column in _LISTS.items():
        texts = getattr(wanted, field)
        if texts:
            name = f"score_{field}"
            found = found.plus(f"has({{{name}:Array(String)}}, {column})", **{name: [sound(str(one)) for one in texts]})
    if wanted.numbers:
        found = found.plus(
            "has(arrayMap(one -> toFloat64(one), {score_numbers:Array(String)}), number)",
            score_numbers=[repr(float(one)) for one in wanted.numbers],
        )
    for place, (operator, bound) in enumerate(wanted.bounds):
        name = f"score_bound_{place}"
        found = found.plus(f"ifNull(number {operator} {{{name}:Float64}}, false)", **{name: bound})
    for number, (name, text) in enumerate(wanted.metadata.items()):
        key, value = f"score_metadata_{number}", f"score_metadata_{number}_value"
        found = found.plus(f"metadata[{{{key}:String}}] = {{{value}:String}}", **{key: sound(name), value: sound(text)})
    traces = of_traces(wanted.of_traces, wanted.project_id)
    return found.plus(*traces.parts, **traces.parameters)


def _detail(row: _Row) -> ScoreDetail:
    values = {name: getattr(row, name) for name in row.__struct_fields__ if name != "at_ns"}
    return ScoreDetail(**values, at=moment(row.at_ns))
