"""A row for each trace and five minutes, so that lists of traces and of users need not look at spans.

Built of final rows as rollups are, and in parts as they are. Most traces lie within five minutes, and their row is all
there is; only what has several is put together. Of the five minutes that no such rows tell of, the spans are read, and
so are they of traces that an end of the range divides. Decision 0043 says why, and has figures.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence

import msgspec

from pilothouse.store.telemetry import rollup_parts
from pilothouse.store.telemetry.batches import BUCKETS
from pilothouse.store.telemetry.clause import KEPT, Conditions, in_front
from pilothouse.store.telemetry.conditions import within
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.figures import COUNTED, FIRST, UNPRICED
from pilothouse.store.telemetry.rollup_cover import AT, MAX_RAW, PROJECT, RANGE, SETTLED, Range, among, bounds
from pilothouse.store.telemetry.rollup_parts import listed
from pilothouse.store.telemetry.rollup_tables import FIVE_S, distributed

TRACES = "trace_figures"
UNIT_S = 301
"""No length: it tells the note that these rows hold from that of rollups of the same five minutes."""


class _Column(msgspec.Struct, frozen=True):
    kind: str
    of_spans: str
    of_rows: str
    """How rows of one trace make one."""


def first_named(column: str) -> str:
    """Return what the first span of a trace says that says it."""
    return f"argMinIf({column}, {FIRST}, {column} != '')"


def _named(column: str) -> dict[str, _Column]:
    """Return what the first span says that says it, and when the first and the last do."""
    first, last = f"{column}_first_ns", f"{column}_last_ns"
    return {
        column: _Column("String", first_named(column), f"argMinIf({column}, {first}, {column} != '')"),
        first: _Column(
            "Int64", f"toUnixTimestamp64Nano(minIf(started_at, {column} != ''))", f"minIf({first}, {column} != '')"
        ),
        last: _Column("Int64", f"toUnixTimestamp64Nano(maxIf(started_at, {column} != ''))", f"max({last})"),
    }


_COLUMNS: Mapping[str, _Column] = {
    **_named("user_id"),
    **_named("session_id"),
    "first_ns": _Column("Int64", "toUnixTimestamp64Nano(min(started_at))", "min(first_ns)"),
    "last_ns": _Column("Int64", "toUnixTimestamp64Nano(max(started_at))", "max(last_ns)"),
    "ended_ns": _Column(
        "Int64", "max(toUnixTimestamp64Nano(started_at) + toInt64(duration_ns))", "max(ended_ns)"
    ),
    "ttft_ns": _Column(
        "Nullable(UInt64)",
        f"argMinIf(first_token_ns, {FIRST}, is_call AND first_token_ns IS NOT NULL)",
        "argMinIf(ttft_ns, ttft_at_ns, ttft_ns IS NOT NULL)",
    ),
    "ttft_at_ns": _Column(
        "Int64",
        "toUnixTimestamp64Nano(minIf(started_at, is_call AND first_token_ns IS NOT NULL))",
        "minIf(ttft_at_ns, ttft_ns IS NOT NULL)",
    ),
    "errors": _Column("UInt64", "countIf(status = 'error')", "sum(errors)"),
    "calls": _Column("UInt64", f"countIf({COUNTED})", "sum(calls)"),
    "tokens": _Column(
        "Array(UInt64)", f"[{', '.join(f'sumIf({bucket}, {COUNTED})' for bucket in BUCKETS)}]", "sumForEach(tokens)"
    ),
    "inconsistent": _Column("Bool", "max(usage_inconsistent)", "max(inconsistent)"),
    "cost": _Column(
        "Nullable(Decimal(38, 12))", f"sumIf(cost_usd, {COUNTED} AND cost_status = 'priced')", "sum(cost)"
    ),
    "unpriced": _Column("UInt64", f"countIf({COUNTED} AND {UNPRICED})", "sum(unpriced)"),
    "models": _Column(
        "Array(LowCardinality(String))", "groupUniqArrayIf(50)(model, model != '')", "groupUniqArrayArray(50)(models)"
    ),
}  # fmt: skip
OF_SPANS: Mapping[str, str] = {name: column.of_spans for name, column in _COLUMNS.items()}
"""How each column is made of the spans of a trace."""
_ORDER = {"user_id": "user_id_first_ns", "session_id": "session_id_first_ns", "ttft_ns": "ttft_at_ns"}
_SETTINGS = "\nSETTINGS max_bytes_before_external_group_by = 400000000"
"""The number of traces must not be what refuses a statement."""
_DEFINED = ",\n".join(f"    {name} {column.kind} CODEC(ZSTD(1))" for name, column in _COLUMNS.items())
_TABLE = f"""
CREATE TABLE IF NOT EXISTS `$database`.{TRACES}$local $on_cluster
(
    project_id LowCardinality(String),
    at DateTime('UTC') CODEC(Delta, ZSTD(1)),
    build UInt64 CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    trace_hash UInt64 MATERIALIZED sipHash64(trace_id) CODEC(NONE),
{_DEFINED}
)
ENGINE = ${{replicated}}ReplacingMergeTree(build)
PARTITION BY toStartOfMonth(at)
ORDER BY (project_id, at, build, trace_id)
SETTINGS ${{deduplication_window}} = 1000
"""
TABLES = (_TABLE,)
DISTRIBUTED = (distributed(TRACES),)
_FIVE = "toStartOfFiveMinutes(started_at)"
OF_STARTS = " ".join((
    _FIVE, ">= toDateTime({low_s:UInt32}, 'UTC') AND", _FIVE, "< toDateTime({high_s:UInt32}, 'UTC') AND", _FIVE,
    among("starts"),
))  # fmt: skip
"""The condition of the spans that five minutes are made of."""
_BUILD = "\n".join((
    " ".join(("INSERT INTO trace_figures (project_id, at, build, trace_id,", ", ".join(_COLUMNS), ")")),
    "SELECT project_id, toStartOfFiveMinutes(started_at), {now_us:UInt64}, trace_id,",
    ",\n".join(column.of_spans for column in _COLUMNS.values()),
    " ".join(("FROM %SOURCE% WHERE", PROJECT, "AND %WHERE% AND NOT deleted")),
    "GROUP BY project_id, toStartOfFiveMinutes(started_at), trace_id",
    # Rows come in this order, so no more than one trace is held at a time.
    "SETTINGS optimize_aggregation_in_order = 1",
))  # fmt: skip
BUILD = _BUILD.replace("%SOURCE%", "spans FINAL").replace("%WHERE%", OF_STARTS)
BUILD_PART = _BUILD.replace("%SOURCE%", "spans").replace("%WHERE%", rollup_parts.OF_PART)
_DIRTY = "\n".join((
    "WITH (%SETTLED%) AS settled_us SELECT toUnixTimestamp(at) AS at_s FROM (",
    "SELECT toStartOfFiveMinutes(started_at) AS at, toUInt64(-1) AS touched_us, toUInt64(0) AS built FROM spans",
    "WHERE %RANGE% AND inserted_at >= fromUnixTimestamp64Micro(ifNull(settled_us, 0)) GROUP BY at",
    "UNION ALL SELECT at, touched_us, 0 FROM rollup_marks WHERE %TIMES% AND unit_s = 300",
    "UNION ALL SELECT at, 0, build FROM rollup_builds WHERE %TIMES% AND unit_s = 301",
    # Stores that can keep what a statement reads several times say so by the year 1970.
    "UNION ALL SELECT toDateTime(0, 'UTC'), 1, 1 FROM system.settings WHERE name = 'enable_materialized_cte'",
    ") GROUP BY at HAVING max(touched_us) >= max(built)",
)).replace("%SETTLED%", SETTLED).replace("%RANGE%", RANGE).replace("%TIMES%", AT)  # fmt: skip
_DIVIDED = " ".join((
    "SELECT trace_id FROM trace_figures WHERE", PROJECT, "AND at", among("edges"),
    "AND ((first_ns < {from_ns:Int64} AND last_ns >= {from_ns:Int64})",
    "OR (first_ns < {to_ns:Int64} AND last_ns >= {to_ns:Int64}))",
))  # fmt: skip
"""Traces with spans on both sides of an end of the range in one of the rows that were ever built."""
_OF_DIVIDED = "(SELECT trace_id FROM divided)"
_HELD = " ".join((
    PROJECT, "AND at >= toDateTime({first_s:UInt32}, 'UTC') AND at < toDateTime({end_s:UInt32}, 'UTC')",
    "AND ((at NOT", among("unheld"), "AND (at, build) IN (SELECT at, max(build) FROM rollup_builds",
    "WHERE", AT, "AND unit_s = 301 GROUP BY at)) OR (%PARTS%))",
    "AND first_ns >= {from_ns:Int64} AND last_ns < {to_ns:Int64} %WHOLE%",
))  # fmt: skip
# Of spans all versions: who is named too often is only put together in vain.
_SEVERAL = "SELECT trace_hash AS hash FROM trace_figures WHERE %HELD% GROUP BY hash HAVING count() > 1"
_NAMED = "SELECT DISTINCT sipHash64(trace_id) FROM spans WHERE %WHERE%"
_ONE = "SELECT trace_id, %COLUMNS% FROM trace_figures WHERE %HELD% AND trace_hash NOT IN (SELECT hash FROM several)"
_OTHERS = "SELECT trace_id, %COLUMNS% FROM trace_figures WHERE %HELD% AND trace_hash IN (SELECT hash FROM several)"
_MERGED = "SELECT trace_id, %OF_ROWS% FROM (%ROWS%) GROUP BY trace_id"
_OF_SPANS = "SELECT trace_id, %OF_SPANS% FROM %SPANS% WHERE %WHERE% GROUP BY trace_id"
STALE = (
    "(project_id, at, build) NOT IN (SELECT project_id, at, max(build) FROM rollup_builds WHERE unit_s = 301"
    " GROUP BY project_id, at) AND build < {before_us:UInt64} AND at < toDateTime({parts_s:UInt32}, 'UTC')"
)
"""Rows that later ones replaced, and parts that nobody reads any more."""


class Source(msgspec.Struct, frozen=True):
    """A sub-query with one row for each trace, and what it names."""

    rows: str
    parameters: dict[str, Parameter]
    shared: dict[str, str] = {}
    """What it reads several times, by name."""
    kept: bool = False
    """Whether the store reads what is shared once."""

    def statement(self, sql: str) -> str:
        """Return a statement with the sub-query in place of `%SOURCE%`, and what it needs around."""
        settings = f"{_SETTINGS}, {KEPT}" if self.kept else _SETTINGS
        return f"{in_front(self.shared, kept=self.kept)}{sql.replace('%SOURCE%', self.rows)}{settings}"


class _Spans(msgspec.Struct, frozen=True):
    """Spans that are read in place of rows."""

    table: str
    where: str


class _Dirty(msgspec.Struct):
    at_s: int


async def source(connection: Connection, project_id: str, range_ns: tuple[int, int], names: Collection[str]) -> Source:
    """Return the traces of a range with some of the columns, each made of the spans that begin within it."""
    of = Range(project_id=project_id, from_ns=range_ns[0], to_ns=range_ns[1])
    where = within(project_id, *range_ns)
    parameters: dict[str, Parameter] = {**where.parameters, **bounds(of)}
    dirty, parts = await asyncio.gather(
        connection.select(Query("trace rows", _DIRTY, parameters), _Dirty),
        rollup_parts.known(connection, project_id, *range_ns),
    )
    first_s, end_s = (
        at // FIVE_S * FIVE_S for at in (range_ns[0] // 10**9, -(-range_ns[1] // 10**9) + FIVE_S - 1)
    )  # fmt: skip
    unheld = {one.at_s for one in dirty if one.at_s and first_s <= one.at_s < end_s}
    if len(unheld) > MAX_RAW:
        return Source(_filled(_merged([_Spans("spans FINAL", where.sql)]), names), where.parameters)
    cut = rollup_parts.cut(range_ns, (), [one for one in parts if one.at_s in unheld])
    raw = unheld.difference(cut.fives if cut is not None else ())
    edges = {edge // 10**9 // FIVE_S * FIVE_S for edge in range_ns if edge % (FIVE_S * 10**9)} - raw
    parameters |= {
        "first_s": max(0, first_s), "end_s": min(end_s, 2**32 - 1), "unheld": listed(sorted(unheld)),
        "raw": listed(sorted(raw)), "edges": listed(sorted(one for one in edges if 0 <= one < 2**32)),
        **(cut.parameters if cut is not None else {}),
    }  # fmt: skip
    held = _HELD.replace("%PARTS%", cut.fives_rows if cut is not None else "0")
    held = held.replace("%WHOLE%", f"AND NOT (at {among('edges')} AND trace_id IN {_OF_DIVIDED})" if edges else "")
    spans = _spans(where, cut, raw=bool(raw), edges=bool(edges))
    several = " UNION ALL ".join((_SEVERAL, *(_NAMED.replace("%WHERE%", one.where) for one in spans)))
    shared = {**({"divided": _DIVIDED} if edges else {}), "several": several.replace("%HELD%", held)}
    rows = " UNION ALL ".join((_ONE, _merged(spans, _OTHERS))).replace("%HELD%", held)
    return Source(_filled(rows, names), parameters, shared, kept=any(one.at_s == 0 for one in dirty))


def _spans(where: Conditions, cut: rollup_parts.Cut | None, *, raw: bool, edges: bool) -> list[_Spans]:
    """Return what is read of spans: where no row tells of them, behind parts, and of traces that an end divides."""
    divided = f"{_FIVE} {among('edges')} AND trace_id IN {_OF_DIVIDED}"
    found: list[_Spans] = []
    if raw:
        found.append(_Spans("spans FINAL", where.plus(f"{_FIVE} {among('raw')}").sql))
    if cut is not None:
        # No row replaces another where parts hold, but those of spans of which more was expected.
        told = where.plus(f"{_FIVE} {among('part_fives')}", *([f"NOT ({divided})"] if edges else []))
        found.append(_Spans("spans", told.plus(cut.since).sql))
        if cut.is_open:
            found.append(_Spans(rollup_parts.OF_OPEN, told.plus(rollup_parts.IN_NO_PART).sql))
    if edges:
        found.append(_Spans("spans FINAL", where.plus(divided).sql))
    return found


def _merged(spans: Sequence[_Spans], *rows: str) -> str:
    of_spans = (_OF_SPANS.replace("%SPANS%", one.table).replace("%WHERE%", one.where) for one in spans)
    return _MERGED.replace("%ROWS%", " UNION ALL ".join((*rows, *of_spans)))


def _filled(sql: str, names: Collection[str]) -> str:
    """Return a statement with the columns that are asked for, and with what these are put together by."""
    asked = {*names, *(_ORDER[name] for name in names if name in _ORDER)}
    columns = {name: column for name, column in _COLUMNS.items() if name in asked}
    of_spans = ", ".join(f"{column.of_spans} AS {name}" for name, column in columns.items())
    of_rows = ", ".join(f"{column.of_rows} AS {name}" for name, column in columns.items())
    return sql.replace("%COLUMNS%", ", ".join(columns)).replace("%OF_SPANS%", of_spans).replace("%OF_ROWS%", of_rows)
