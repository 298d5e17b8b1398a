"""Figures over what a query finds, as a statement: rows by fields and steps of time, bounded in number."""

from collections.abc import Mapping, Sequence
from operator import attrgetter

import msgspec

from pilothouse.domain.query.aggregate import MAX_ROWS, MAX_STEPS, Aggregate, Cell, Column, Function, Group, Table
from pilothouse.domain.query.fields import BY_NAME, Kind
from pilothouse.errors import InvalidRequest
from pilothouse.store.telemetry.clause import Conditions, sound
from pilothouse.store.telemetry.conditions import moment, nanoseconds, of_traces, within
from pilothouse.store.telemetry.connection import Parameter
from pilothouse.store.telemetry.figures import COUNTED, FIRST, INPUT_TOTAL, OUTPUT_TOTAL, ROOT_FIRST
from pilothouse.store.telemetry.overview import choose_step
from pilothouse.store.telemetry.query import FLAGS, NUMBERS, TEXTS, condition_of, split
from pilothouse.store.telemetry.scores import of_scores

_FUNCTIONS: Mapping[Function, str] = {
    "sum": "sumIf(toFloat64(%), %COUNTED%)", "avg": "avg(%)", "min": "min(toFloat64(%))", "max": "max(toFloat64(%))",
    "p50": "quantileTDigest(0.5)(%)", "p75": "quantileTDigest(0.75)(%)",
    "p90": "quantileTDigest(0.9)(%)", "p95": "quantileTDigest(0.95)(%)",
    "p99": "quantileTDigest(0.99)(%)", "uniq": "uniq(%)",
}  # fmt: skip
_METERED = frozenset({"cost_usd", *(name for name in NUMBERS if name.endswith("tokens"))})
"""What a wrapper reports once more than the call below it; its sums count that once."""
_NAMED = f"argMinIf(%, {ROOT_FIRST}, % != '')"
_TRACE_COLUMNS: Mapping[str, str] = {
    "started_at": "min(started_at)",
    "name": f"argMin(if(trace_name != '', trace_name, name), {ROOT_FIRST})",
    "user": _NAMED.replace("%", "user_id"),
    "session": _NAMED.replace("%", "session_id"),
    **{name: _NAMED.replace("%", name) for name in ("environment", "release", "version")},
    "status": "if(countIf(status = 'error') > 0, 'error', if(countIf(status = 'cancelled') > 0, 'cancelled', 'ok'))",
    "latency_ms": "dateDiff('ms', min(started_at), max(started_at + toIntervalNanosecond(duration_ns)))",
    "ttft_ms": f"argMinIf(first_token_ns / 1e6, {FIRST}, is_call AND first_token_ns IS NOT NULL)",
    "tokens": f"sumIf({INPUT_TOTAL} + {OUTPUT_TOTAL}, {COUNTED})",
    "input_tokens": f"sumIf({INPUT_TOTAL}, {COUNTED})",
    "output_tokens": f"sumIf({OUTPUT_TOTAL}, {COUNTED})",
    "cost_usd": f"toFloat64(sumIf(cost_usd, {COUNTED} AND cost_status = 'priced'))",
}
_SCORE_COLUMNS = {
    "score": "name", "text": "text", "source": "source", "value": "number", "type": "type",
    "environment": "environment",
}  # fmt: skip
_WITH = "trace_id IN (SELECT trace_id FROM spans FINAL WHERE %WHERE%)"
_TRACES = "\n".join((
    "(SELECT", ", ".join(f"{sql} AS of_{name}" for name, sql in _TRACE_COLUMNS.items()),
    "FROM (SELECT *, is_call FROM spans FINAL WHERE %WHERE%) GROUP BY trace_id)",
))  # fmt: skip
_SCORE_TIME = (
    "at >= fromUnixTimestamp64Nano({from_ns:Int64}) AND at < fromUnixTimestamp64Nano({to_ns:Int64})"
    " AND project_id = {project_id:String}"
)


class Asked(msgspec.Struct, frozen=True):
    """One question, and how it is asked of the spans."""

    wanted: Aggregate
    step_s: int
    groups: list[str]
    measures: list[str]
    rows_of: str
    filter: Conditions
    """What rows of spans have to fulfil, beside project and time."""
    parameters: dict[str, Parameter]


class Row(msgspec.Struct):
    """One row of the answer to one of several questions."""

    number: int
    """Of the question."""
    place: int
    """In the order that was asked for."""
    total: int
    """1 where it is a group over the whole range."""
    g: list[str]
    m: list[float | None]


def read(wanted: Aggregate, number: int) -> Asked:
    """Return the question as it is asked of the spans; raises `InvalidRequest` for steps of time that are too many."""
    from_ns, to_ns = nanoseconds(wanted.from_at), nanoseconds(wanted.to_at)
    step_s = _step(wanted, (to_ns - from_ns) / 1e9)
    writer = _Writer(wanted, step_s)
    where = within(wanted.project_id, from_ns, to_ns)
    beside = of_traces(wanted.of_traces, wanted.project_id) if wanted.scores is None else of_scores(wanted.scores)
    fits, lacks = (wanted.query, None) if wanted.source == "spans" else split(wanted.query)
    asked = condition_of(fits, wanted.project_id, prefix=f"q{number}")
    unwanted = condition_of(lacks, wanted.project_id, prefix="lacks")
    groups = [writer.group(one) for one in wanted.groups]
    measures = [writer.measure(one.function, one.column) for one in wanted.measures]
    rows_of = _source(wanted, where, asked, (unwanted, beside))
    parameters = {
        **where.parameters,
        **asked.parameters,
        **beside.parameters,
        **unwanted.parameters,
        **writer.conditions.parameters,
    }
    return Asked(wanted, step_s, groups, measures, rows_of, asked, parameters)


def select(asked: Asked, number: int) -> tuple[str, dict[str, Parameter]]:
    """Return the statement that answers with `Row`s, without settings, and the parameter that bounds them."""
    wanted = asked.wanted
    names = [f"g{place}" for place in range(len(asked.groups))]
    groups = ", ".join(f"{sql} AS {name}" for sql, name in zip(asked.groups, names, strict=True))
    measures = ", ".join(f"{sql} AS m{place}" for place, sql in enumerate(asked.measures))
    limit = max(1, min(wanted.limit, MAX_ROWS)) + 1
    grouped, total, order = f"GROUP BY {', '.join(names)}" if names else "", "0", _order(wanted)
    led = _led(wanted)
    if led is not None:
        grouped = f"GROUP BY GROUPING SETS (({', '.join(names)}), ({names[led]}))"
        total, order, limit = f"GROUPING({names[1 - led]})", f"total DESC, {order}", limit + wanted.top + 1
    inner = "\n".join((
        "SELECT", ", ".join(part for part in (groups, measures, f"{total} AS total") if part),
        "FROM", asked.rows_of, grouped,
    ))  # fmt: skip
    if led is not None:
        inner = _leading(inner, names[led], wanted.top)
    inner = "\n".join((inner, f"ORDER BY {order}", f"LIMIT {{limit_{number}:UInt32}}"))
    texts = f"[{', '.join(f'toString({name})' for name in names)}]" if names else "emptyArrayString()"
    numbers = ", ".join(f"toFloat64(m{place})" for place in range(len(asked.measures)))
    sql = (
        f"SELECT toUInt16({number}) AS number, rowNumberInAllBlocks() AS place, total, {texts} AS g,"
        f" CAST([{numbers}], 'Array(Nullable(Float64))') AS m\nFROM ({inner})"
    )
    return sql, {f"limit_{number}": limit}


def _leading(rows: str, group: str, top: int) -> str:
    """Return what selects the rows of the leading groups, and of one more, to know whether there are others."""
    return "\n".join((
        "SELECT * FROM (SELECT *,", f"dense_rank() OVER (ORDER BY lead DESC NULLS LAST, {group}) AS rank",
        "FROM (SELECT *,", f"anyIf(m0, total = 1) OVER (PARTITION BY {group}) AS lead", "FROM (", rows,
        f"))) WHERE rank <= {top + 1}",
    ))  # fmt: skip


def table(asked: Asked, rows: Sequence[Row]) -> Table:
    """Return the answer."""
    wanted, more = asked.wanted, False
    rows = sorted(rows, key=attrgetter("place"))
    led = _led(wanted)
    if led is not None:
        totals = [row for row in rows if row.total]
        totals.sort(key=lambda row: (row.m[0] is None, -(row.m[0] or 0), row.g[led].encode()))
        leaders = {row.g[led] for row in totals[: wanted.top]}
        rows = [row for row in rows if not row.total and row.g[led] in leaders]
        more = len(totals) > wanted.top
    limit = max(1, min(wanted.limit, MAX_ROWS))
    columns = [one.text for one in (*wanted.groups, *wanted.measures)]
    shown = [dict(zip(columns, _cells(wanted, row), strict=True)) for row in rows[:limit]]
    return Table(columns, shown, asked.step_s, more or len(rows) > limit)


class _Writer:
    def __init__(self, wanted: Aggregate, step_s: int) -> None:
        self._wanted = wanted
        self.conditions = Conditions((), {"step_s": step_s} if step_s else {})

    def group(self, group: Group) -> str:
        if group.column is None:
            started_at = {"spans": "started_at", "traces": "of_started_at", "scores": "at"}[self._wanted.source]
            return f"toInt64(intDiv(toUnixTimestamp({started_at}), {{step_s:UInt32}})) * {{step_s:UInt32}}"
        return self._text(group.column)

    def measure(self, function: Function, column: Column | None) -> str:
        if function == "count":
            return "count()"
        if function == "error_rate":
            failed = {"spans": "status = 'error'", "traces": "of_status = 'error'", "scores": "0"}
            return f"countIf({failed[self._wanted.source]}) / count()"
        if column is None:
            raise AssertionError(function)
        counted = COUNTED if self._wanted.source == "spans" and column.name in _METERED else "true"
        expression = self._text(column) if function == "uniq" else self._number(column)
        return _FUNCTIONS[function].replace("%COUNTED%", counted).replace("%", expression)

    def _number(self, column: Column) -> str:
        if self._wanted.source == "traces":
            return f"of_{column.name}"
        if self._wanted.source == "scores":
            return _SCORE_COLUMNS[column.name]
        return f"toFloat64OrNull({self._value(column)})" if column.key else NUMBERS[column.name]

    def _text(self, column: Column) -> str:
        if self._wanted.source == "traces":
            return f"of_{column.name}"
        if self._wanted.source == "scores":
            return f"toString({_SCORE_COLUMNS[column.name]})"
        if column.key:
            return self._value(column)
        if column.name == "tag":
            return "arrayJoin(tags)"
        if column.name == "model":
            return "toString(model)"
        if BY_NAME[column.name].kind is Kind.FLAG:
            return f"if({FLAGS[column.name]}, 'true', 'false')"
        return f"toString({TEXTS[column.name][0]})"

    def _value(self, column: Column) -> str:
        name = f"key_{len(self.conditions.parameters)}"
        self.conditions = self.conditions.plus(**{name: sound(column.key)})
        return f"{column.name}[{{{name}:String}}]"


def _source(wanted: Aggregate, where: Conditions, asked: Conditions, more: tuple[Conditions, Conditions]) -> str:
    unwanted, beside = more
    if wanted.source == "spans":
        return f"spans FINAL WHERE {where.plus(*asked.parts, *beside.parts).sql}"
    having = [_WITH.replace("%WHERE%", where.plus(*asked.parts).sql)] if asked.parts else []
    if unwanted.parts:
        having.append(f"NOT {_WITH.replace('%WHERE%', where.plus(*unwanted.parts).sql)}")
    if wanted.source == "traces":
        return _TRACES.replace("%WHERE%", where.plus(*having, *beside.parts).sql)
    return f"scores FINAL WHERE {' AND '.join((_SCORE_TIME, *having, *beside.parts))}"


def _order(wanted: Aggregate) -> str:
    columns = {one.text: f"g{number}" for number, one in enumerate(wanted.groups)}
    columns |= {one.text: f"m{number}" for number, one in enumerate(wanted.measures)}
    by_time = next((one.text for one in wanted.groups if one.column is None), "")
    first = wanted.order or by_time or wanted.measures[0].text
    direction = "DESC" if wanted.descending and not (by_time and not wanted.order) else "ASC"
    rest = [column for text, column in columns.items() if text != first and column.startswith("g")]
    return ", ".join((f"{columns[first]} {direction} NULLS LAST", *rest))


def _step(wanted: Aggregate, length_s: float) -> int:
    step = next((one for one in wanted.groups if one.column is None), None)
    if step is None:
        return 0
    step_s = step.step_s or choose_step(max(length_s, 1))
    if length_s / step_s > MAX_STEPS:
        raise InvalidRequest(
            f"The range has more than {MAX_STEPS} steps of {step_s} s; choose longer steps or a shorter range.",
            param="group_by",
        )
    return step_s


def _led(wanted: Aggregate) -> int | None:
    """Return which group only the leading ones are wanted of, None when all are."""
    by_time = [one.column is None for one in wanted.groups]
    return by_time.index(False) if wanted.top and sorted(by_time) == [False, True] else None


def _cells(wanted: Aggregate, row: Row) -> list[Cell]:
    groups: list[Cell] = [
        text if one.column is not None else _time(int(text)) for one, text in zip(wanted.groups, row.g, strict=True)
    ]
    whole = [one.function in ("count", "uniq") for one in wanted.measures]
    figures = [int(value) if is_whole and value is not None else value
               for value, is_whole in zip(row.m, whole, strict=True)]  # fmt: skip
    return [*groups, *figures]


def _time(seconds: int) -> str:
    return moment(seconds * 10**9).isoformat().replace("+00:00", "Z")
