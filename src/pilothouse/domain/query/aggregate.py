"""Figures over what a query finds: what is counted, by what, in which order. The answer's rows are the API's own."""

import re
from datetime import datetime
from typing import Literal, get_args

import msgspec

from pilothouse.domain.query.fields import BY_NAME, Kind
from pilothouse.domain.query.nodes import Node
from pilothouse.domain.reading import ScoreFilter
from pilothouse.errors import InvalidRequest

Source = Literal["spans", "traces", "scores"]
Function = Literal["count", "error_rate", "sum", "avg", "min", "max", "p50", "p75", "p90", "p95", "p99", "uniq"]
Cell = str | int | float | None

MAX_GROUPS = 3
MAX_MEASURES = 8
MAX_ROWS = 1_000
MAX_TOP = 50
MAX_STEPS = 2_000
"""Steps of time in one answer."""
TIME = "time"
OF_TRACES = frozenset({
    "name", "user", "session", "environment", "release", "version", "status", "latency_ms", "ttft_ms", "tokens",
    "input_tokens", "output_tokens", "cost_usd",
})  # fmt: skip
"""What a whole trace has."""
OF_SCORES = {
    "score": Kind.TEXT, "text": Kind.TEXT, "source": Kind.TEXT, "value": Kind.NUMBER, "type": Kind.TEXT,
    "environment": Kind.TEXT,
}  # fmt: skip
"""What a score has: its name, the value of a categorical one, who gave it, the number of a numeric one, of which type
it is, and the environment that the application named."""
_PLAIN: frozenset[str] = frozenset({"count", "error_rate"})
_FUNCTIONS: tuple[str, ...] = get_args(Function)
_MEASURE = re.compile(r"(\w+)(?:\((.{1,200})\))?")
_STEP = re.compile(r"time:(\d{1,6})(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Column(msgspec.Struct, frozen=True):
    """A field, in its own spelling."""

    name: str
    key: str = ""


class Measure(msgspec.Struct, frozen=True):
    """One figure."""

    text: str
    """As it was asked for, and as its column is called."""
    function: Function
    column: Column | None = None


class Group(msgspec.Struct, frozen=True):
    """What rows are made by."""

    text: str
    column: Column | None = None
    """None for steps of time."""
    step_s: int = 0
    """0 where the range decides."""


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for."""

    project_id: str
    from_at: datetime
    to_at: datetime
    source: Source = "spans"
    query: Node | None = None
    of_traces: tuple[Node, ...] = ()
    """Of spans: each of them some span of the same trace has to fulfil."""
    scores: ScoreFilter | None = None
    """Of scores: which of them, beside what is asked of their traces; its project, times and page do not count."""
    groups: tuple[Group, ...] = ()
    measures: tuple[Measure, ...]
    order: str = ""
    """A group or a measure as it was asked for; the first measure, or time where rows are made by it, when empty."""
    descending: bool = True
    limit: int = 100
    top: int = 0
    """Of rows by steps of time and one field: only so many of its values, those with most of the first measure over the
    whole range. 0 takes all."""


class Table(msgspec.Struct, frozen=True):
    """Figures in rows."""

    columns: list[str]
    """Groups and measures as they were asked for, in their order."""
    rows: list[dict[str, Cell]]
    """By column; times are RFC 3339 texts, and null is no value."""
    step_s: int
    """Of time; 0 when rows are not made by it."""
    more: bool
    """Whether rows were left out."""


def measure(text: str, source: Source) -> Measure:
    """Read `count`, `error_rate`, `p95(latency_ms)`, `uniq(user)` …; raises `InvalidRequest`."""
    found = _MEASURE.fullmatch(text)
    name = found.group(1) if found else ""
    inner = found.group(2) if found else None
    function = next((one for one in get_args(Function) if one == name), None)
    if function is None or (inner is None) != (name in _PLAIN):
        raise InvalidRequest(
            f"`measure` is count, error_rate, or one of {', '.join(one for one in _FUNCTIONS if one not in _PLAIN)}"
            f" of a field, such as p95(latency_ms), not {text[:60]!r}.",
            param="measure",
        )
    if inner is None:
        return Measure(text, function)
    wanted = "number" if function != "uniq" else "group"
    return Measure(text, function, _column(inner, source, "measure", wanted))


def group(text: str, source: Source) -> Group:
    """Read `model`, `metadata.plan`, `time` or `time:1h`; raises `InvalidRequest`."""
    if text == TIME:
        return Group(text)
    step = _STEP.fullmatch(text)
    if step is not None and int(step.group(1)) > 0:
        return Group(text, step_s=int(step.group(1)) * _SECONDS[step.group(2)])
    return Group(text, _column(text, source, "group_by", "group"))


def _column(text: str, source: Source, param: str, wanted: Literal["number", "group"]) -> Column:
    name, _, key = text.partition(".")
    kind = _kind(name, key, source)
    fits = kind is Kind.NUMBER if wanted == "number" else kind in (Kind.TEXT, Kind.CHOICE, Kind.FLAG, Kind.NAMED)
    # Values by name are texts, of which numbers can be read.
    if kind is None or not (fits or (kind is Kind.NAMED and key)):
        words = "a number" if wanted == "number" else "a field with few values"
        raise InvalidRequest(f"`{param}` needs {words} of {source}, not {text[:60]!r}.", param=param)
    return Column(BY_NAME[name].name if source != "scores" else name, key)


def _kind(name: str, key: str, source: Source) -> Kind | None:
    if source == "scores":
        return None if key else OF_SCORES.get(name)
    field = BY_NAME.get(name)
    if field is None or (source == "traces" and field.name not in OF_TRACES) or field.name == "scores":
        return None
    return field.kind if (field.kind is Kind.NAMED) == bool(key) else None
