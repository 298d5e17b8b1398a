"""Rows written out: chunk after chunk in the order of their times, each small enough to be held in memory.

The places of a chunk are looked for first, with what their rows weigh, in windows of time that grow where there is
little; only then are the rows read, by the store itself in the wanted format.
"""

import msgspec

from pilothouse.domain.exporting import ExportChunk, ExportFilter, ExportFormat, ExportWhat, RowPlace, Selection
from pilothouse.domain.query.parser import parse
from pilothouse.domain.reading import TraceFilter
from pilothouse.store.telemetry.conditions import Conditions, between, moment, of_spans, sound, within
from pilothouse.store.telemetry.connection import Connection, Query

MAX_ROWS = 20_000
"""Of one chunk."""
MAX_BYTES = 16 * 1024**2
"""What the rows of one chunk weigh, unless a single one weighs more."""
_LEAST_WINDOW_NS = 10**9
_WIDENING = 4
_REACH_NS = 31 * 86_400 * 10**9
"""How much earlier than its scores or log records a trace may have begun."""
_ROW_BYTES = 1_000
_FORMATS = {ExportFormat.JSONL: "JSONEachRow", ExportFormat.PARQUET: "Parquet"}
_SETTINGS: dict[str, str | int] = {
    "date_time_output_format": "iso",
    "output_format_json_quote_denormals": 1,
    "output_format_parquet_string_as_string": 1,
    "output_format_parquet_compression_method": "zstd",
}
_IN_TRACES = "trace_id IN (SELECT trace_id FROM spans FINAL WHERE %WHERE%)"
_SPAN_COLUMNS = (
    "trace_id", "span_id", "parent_span_id", "name", "kind", "source", "started_at", "duration_ns", "first_token_ns",
    "last_token_ns", "overhead_ns", "status", "outcome", "http_status", "error_code", "error_detail", "operation",
    "dialect", "streamed", "model_requested", "model_served", "account", "provider", "alias", "finish_reason", "input",
    "output", "input_size_bytes", "output_size_bytes", "metered", "input_tokens", "cache_read_tokens",
    "cache_write_5m_tokens", "cache_write_1h_tokens", "input_audio_tokens", "input_image_tokens", "output_tokens",
    "reasoning_tokens", "output_audio_tokens", "output_image_tokens", "usage_inconsistent", "cost_usd", "cost_status",
    "cost_detail", "price_version", "key_id", "user_id", "session_id", "environment", "request_id", "tags", "metadata",
    "attributes", "attempts", "request_headers", "response_headers", "running", "abandoned", "wrapper", "level",
    "release", "version", "prompt_name", "prompt_version", "trace_name", "native_id", "links", "events", "resource",
)  # fmt: skip
_SCORE_COLUMNS = (
    "id", "trace_id", "span_id", "session_id", "run_id", "name", "type", "number", "text", "comment", "source",
    "config_id", "author", "key_id", "at", "environment", "metadata",
)  # fmt: skip
_LOG_COLUMNS = (
    "id", "trace_id", "span_id", "at", "observed_at", "name", "severity", "severity_text", "body", "attributes",
    "resource", "scope_name", "scope_version", "key_id", "surface",
)  # fmt: skip


class _Table(msgspec.Struct, frozen=True):
    name: str
    at: str
    id: str
    columns: tuple[str, ...]
    weight: str

    @property
    def place(self) -> str:
        # Hidden from the choice of parts, as in `within`: the last row of a span may lie in another part.
        return f"(toUnixTimestamp64Nano(identity({self.at})), trace_id, {self.id})"


_SPANS = _Table("spans", "started_at", "span_id", _SPAN_COLUMNS, "length(input) + length(output) + length(events)")
_TABLES = {
    ExportWhat.SPANS: _SPANS,
    ExportWhat.TRACES: _SPANS,
    ExportWhat.SCORES: _Table("scores", "at", "id", _SCORE_COLUMNS, "length(text) + length(comment)"),
    ExportWhat.LOGS: _Table("logs", "at", "id", _LOG_COLUMNS, "length(body)"),
}


class _Found(msgspec.Struct):
    at_ns: int
    trace_id: str
    id: str
    weight: int


class _Rows(msgspec.Struct):
    rows: int


class _Bounds(msgspec.Struct):
    first_ns: int
    last_ns: int
    rows: int


async def chunk(
    connection: Connection, wanted: Selection, fmt: ExportFormat, after: RowPlace | None
) -> ExportChunk | None:
    """Return the rows that follow `after`, None when there are no more."""
    table = _TABLES[wanted.what]
    found = await _places(connection, table, wanted, after)
    if not found:
        return None
    first, last = found[0], found[-1]
    where = _where(table, wanted, first.at_ns, last.at_ns + 1).plus(
        f"{table.place} >= ({{first_ns:Int64}}, {{first_trace:String}}, {{first_id:String}})",
        f"{table.place} <= ({{last_ns:Int64}}, {{last_trace:String}}, {{last_id:String}})",
        first_ns=first.at_ns, first_trace=first.trace_id, first_id=first.id,
        last_ns=last.at_ns, last_trace=last.trace_id, last_id=last.id,
    )  # fmt: skip
    columns = ", ".join(table.columns)
    sql = "\n".join((
        f"SELECT toUnixTimestamp64Nano({table.at}) AS {table.at}_ns,", columns,
        "FROM", table.name, "FINAL WHERE", where.sql,
        f"ORDER BY {table.place}",
    ))  # fmt: skip
    body = await connection.read(Query("export", sql, where.parameters), _FORMATS[fmt], _SETTINGS)
    rows = body.count(b"\n") if fmt is ExportFormat.JSONL else len(found)
    return ExportChunk(body, rows, RowPlace(last.at_ns, last.trace_id, last.id))


async def weighed(connection: Connection, wanted: Selection, after: RowPlace | None) -> list[tuple[RowPlace, int]]:
    """Return the places of the rows of the chunk that follows `after`, and what each row weighs in bytes."""
    found = await _places(connection, _TABLES[wanted.what], wanted, after)
    return [(RowPlace(one.at_ns, one.trace_id, one.id), one.weight + _ROW_BYTES) for one in found]


async def count(connection: Connection, wanted: Selection) -> int:
    """Return how many rows there are."""
    table = _TABLES[wanted.what]
    where = _where(table, wanted, wanted.from_ns, wanted.to_ns)
    sql = " ".join(("SELECT count() AS rows FROM", table.name, "FINAL WHERE", where.sql))
    return (await connection.select(Query("export count", sql, where.parameters), _Rows))[0].rows


async def _places(connection: Connection, table: _Table, wanted: Selection, after: RowPlace | None) -> list[_Found]:
    """Return the places of the next chunk, all of them no heavier than a chunk may be."""
    from_ns = max(wanted.from_ns, after.at_ns if after else 0)
    bounds = await _bounds(connection, table, _range(table, wanted.project_id, from_ns, wanted.to_ns))
    from_ns = max(from_ns, bounds.first_ns)
    to_ns = min(wanted.to_ns, bounds.last_ns + 1)
    # So that the first look finds about what one chunk holds, where the rows are spread evenly.
    window_ns = max(_LEAST_WINDOW_NS, (to_ns - from_ns) * 2 * MAX_ROWS // max(1, bounds.rows))
    found: list[_Found] = []
    while from_ns < to_ns and len(found) < MAX_ROWS:
        end_ns = min(to_ns, from_ns + window_ns)
        where = _where(table, wanted, from_ns, end_ns).plus(limit=MAX_ROWS - len(found))
        if after is not None:
            where = where.plus(
                f"{table.place} > ({{after_ns:Int64}}, {{after_trace:String}}, {{after_id:String}})",
                after_ns=after.at_ns, after_trace=sound(after.trace_id), after_id=sound(after.id),
            )  # fmt: skip
        sql = "\n".join((
            f"SELECT toUnixTimestamp64Nano({table.at}) AS at_ns, trace_id, {table.id} AS id,",
            f"{table.weight} AS weight",
            "FROM", table.name, "FINAL WHERE", where.sql,
            f"ORDER BY {table.place} LIMIT {{limit:UInt32}}",
        ))  # fmt: skip
        found += await connection.select(Query("export places", sql, where.parameters), _Found)
        light = _light(found)
        if len(light) < len(found):
            return light
        from_ns = end_ns
        window_ns *= _WIDENING
    return found


def _light(found: list[_Found]) -> list[_Found]:
    weight = 0
    for number, one in enumerate(found):
        weight += one.weight + _ROW_BYTES
        if weight > MAX_BYTES and number:
            return found[:number]
    return found


async def _bounds(connection: Connection, table: _Table, where: Conditions) -> _Bounds:
    """Return when the first and last row are, so that nobody walks through years of nothing."""
    sql = "\n".join((
        f"SELECT toUnixTimestamp64Nano(min({table.at})) AS first_ns,",
        f"toUnixTimestamp64Nano(max({table.at})) AS last_ns, count() AS rows",
        "FROM", table.name, "WHERE", where.sql,
    ))  # fmt: skip
    return (await connection.select(Query("export bounds", sql, where.parameters), _Bounds))[0]


def _where(table: _Table, wanted: Selection, from_ns: int, to_ns: int) -> Conditions:
    where = _range(table, wanted.project_id, from_ns, to_ns)
    if wanted.where == ExportFilter():
        return where
    if wanted.what is ExportWhat.SPANS:
        conditions = of_spans(_filter(wanted))
        return where.plus(*conditions.parts, **conditions.parameters)
    return _of_traces(where, wanted)


def _of_traces(where: Conditions, wanted: Selection) -> Conditions:
    """Add that the trace must have a span that fits, anywhere in the range of the whole export."""
    whole = wanted.what is ExportWhat.TRACES
    reach_ns = 0 if whole else _REACH_NS
    inner = within(wanted.project_id, max(0, wanted.from_ns - reach_ns), wanted.to_ns)
    conditions = of_spans(_filter(wanted))
    text = " AND ".join((*inner.parts, *conditions.parts))
    for name in ("from_ns", "to_ns"):
        text = text.replace(f"{{{name}:", f"{{of_{name}:")
    outer = {f"of_{name}": inner.parameters[name] for name in ("from_ns", "to_ns")}
    return where.plus(_IN_TRACES.replace("%WHERE%", text), **outer, **conditions.parameters)


def _range(table: _Table, project_id: str, from_ns: int, to_ns: int) -> Conditions:
    if table.name == "spans":
        return within(project_id, from_ns, to_ns)
    return between(project_id, from_ns, to_ns)


def _filter(wanted: Selection) -> TraceFilter:
    given = {name: getattr(wanted.where, name) for name in ExportFilter.__struct_fields__ if name != "q"}
    given["query"] = parse(wanted.where.q)
    return TraceFilter(
        project_id=wanted.project_id, from_at=moment(wanted.from_ns), to_at=moment(wanted.to_ns), **given
    )
