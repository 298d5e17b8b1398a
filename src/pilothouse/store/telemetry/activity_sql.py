"""The statements that lists of sessions and users are made with, of spans and of rows of traces."""

from typing import Literal

from pilothouse.store.telemetry import summaries
from pilothouse.store.telemetry.figures import ROOT_FIRST
from pilothouse.store.telemetry.search import EXACT
from pilothouse.store.telemetry.trace_rows import OF_SPANS, first_named

Group = Literal["session_id", "user_id"]

_OTHER: dict[Group, Group] = {"session_id": "user_id", "user_id": "session_id"}
_TRACE_COLUMNS = (
    "trace_id",
    first_named("%GROUP%") + " AS id",
    first_named("%OTHER%") + " AS other",
    f"{OF_SPANS['first_ns']} AS first_ns",
    "toUnixTimestamp64Nano(maxIf(started_at, %GROUP% != '')) AS last_ns",
    f"argMin((input_preview, output_preview), {ROOT_FIRST}) AS previews",
    f"{OF_SPANS['errors']} > 0 AS failed",
    *(f"{OF_SPANS[name]} AS {name}" for name in ("calls", "models", "tokens", "inconsistent", "cost", "unpriced")),
)
_COLUMNS = (
    "id",
    "min(first_ns) AS first_ns",
    "max(last_ns) AS last_ns",
    "arraySort(groupUniqArrayIf(50)(other, other != '')) AS others",
    "uniqExactIf(sipHash64(other), other != '') AS other_count",
    "count() AS trace_count",
    "sum(calls) AS call_count",
    "arraySort(groupUniqArrayArray(50)(models)) AS models",
    "sumForEach(tokens) AS tokens",
    "max(inconsistent) AS usage_inconsistent",
    "sum(cost) AS cost_usd",
    "sum(unpriced) AS unpriced_count",
    "countIf(failed) AS error_count",
)
_LAST_PREVIEWS = "argMax(previews, (first_ns, trace_id)) AS previews"
# A superset is enough here, for figures are taken of those that the traces' last rows name; a trace's id never changes,
# so it may be looked at before rows are merged.
_OWN_TRACES = (
    "PREWHERE project_id = {project_id:String} AND trace_id IN"
    " (SELECT trace_id FROM spans WHERE %WHERE% AND has({ids:Array(String)}, %GROUP%))"
)


def _per_trace(columns: tuple[str, ...], own: str = _OWN_TRACES) -> str:
    sql = "\n".join((
        "SELECT", ",\n".join(f"    {column}" for column in columns),
        "FROM (SELECT *, is_call, model FROM spans FINAL %OWN% WHERE %WHERE%)",
        "GROUP BY trace_id",
    ))  # fmt: skip
    return sql.replace("%OWN%", own)


def _figures_of(own: str) -> str:
    return "\n".join((
        "SELECT", ", ".join((*_COLUMNS, _LAST_PREVIEWS)),
        f"FROM ({_per_trace(_TRACE_COLUMNS, own)})",
        "WHERE has({ids:Array(String)}, id) GROUP BY id",
    ))  # fmt: skip


FIGURES = _figures_of(summaries.OF_TRACES)
# To look for hundreds of thousands of traces in an index takes far longer than to read them.
FIGURES_OF_MANY = _figures_of(_OWN_TRACES) + " SETTINGS use_skip_indexes = 0"
RECENT = "\n".join((
    "SELECT %GROUP% AS id, toUnixTimestamp64Nano(max(started_at)) AS key",
    "FROM spans FINAL WHERE %WHERE% AND %GROUP% != ''",
    "GROUP BY id HAVING %FITS%",
    "ORDER BY key %ORDER%, id %ORDER% LIMIT {limit:UInt32}", EXACT,
))  # fmt: skip
KEYS = {"cost": "ifNull(toInt64(sum(cost) * 1e9), %MISSING%)", "traces": "toInt64(count())"}
_RANKED_COLUMNS = (
    "argMinIf(%GROUP%, started_at, %GROUP% != '') AS id",
    OF_SPANS["cost"].replace("cost_usd", "toFloat64(cost_usd)") + " AS cost",
    "max(%MATCH%) AS match",
)
"""Floats, and no second thought on spans that start in the same nanosecond: they take half the time, and only rank."""
RANKED = "\n".join((
    "SELECT id, %KEY% AS key FROM (",
    _per_trace(_RANKED_COLUMNS, own=""),
    ") WHERE id != ''",
    "GROUP BY id HAVING %FITS%",
    "ORDER BY key %ORDER%, id %ORDER% LIMIT {limit:UInt32}", EXACT,
))  # fmt: skip
TURNS = "\n".join((
    "SELECT trace_id AS id, first_ns AS key FROM (",
    _per_trace(("trace_id", first_named("session_id") + " AS session", f"{OF_SPANS['first_ns']} AS first_ns")),
    ") WHERE has({ids:Array(String)}, session) AND (key, id) > ({after_key:Int64}, {after_id:String})",
    "ORDER BY key, id LIMIT {limit:UInt32} SETTINGS use_skip_indexes = 0",
))  # fmt: skip
_OF_ROW = ", ".join((
    "%GROUP% AS id", "%OTHER% AS other", "first_ns", "%GROUP%_last_ns AS last_ns", "errors > 0 AS failed", "calls",
    "models", "tokens", "inconsistent", "cost", "unpriced",
))  # fmt: skip
FIGURES_OF_ROWS = "\n".join((
    "SELECT", ", ".join(_COLUMNS),
    "FROM (SELECT", _OF_ROW, "FROM (%SOURCE%))",
    "WHERE has({ids:Array(String)}, id) GROUP BY id",
))  # fmt: skip
KEYS_OF_ROWS = {
    "last": "max(%GROUP%_last_ns)",
    "cost": "ifNull(toInt64(sum(toFloat64(cost)) * 1e9), %MISSING%)",
    "traces": "toInt64(count())",
}
RANKED_OF_ROWS = "\n".join((
    "SELECT %GROUP% AS id, %KEY% AS key FROM (%SOURCE%) WHERE id != ''",
    "GROUP BY id HAVING %FITS%",
    "ORDER BY key %ORDER%, id %ORDER% LIMIT {limit:UInt32}",
))  # fmt: skip
SERIES = "\n".join((
    "SELECT intDiv(first_ns, {step_ns:Int64}) AS step, count() AS trace_count, countIf(errors > 0) AS error_count,",
    "sum(ifNull(cost, 0)) AS cost_usd FROM (%SOURCE%)",
    "WHERE has({ids:Array(String)}, user_id) GROUP BY step",
))  # fmt: skip
COLUMNS_OF_ROWS = frozenset({
    "user_id", "session_id", "first_ns", "errors", "calls", "models", "tokens", "inconsistent", "cost", "unpriced",
})  # fmt: skip


def filled(sql: str, group: Group, where: str = "") -> str:
    """Return a statement for one group, of spans with conditions on them."""
    return sql.replace("%WHERE%", where).replace("%GROUP%", group).replace("%OTHER%", _OTHER[group])
