"""Langfuse's filters as conditions of the query language: the parameters of a read, and its JSON `filter`."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from pilothouse.compat.langfuse import ids
from pilothouse.compat.langfuse.observations import APP_ROOT, KINDS, TYPE
from pilothouse.compat.langfuse.views import DEFAULT, STATUS_MESSAGE
from pilothouse.domain.query.nodes import Compare, Comparison, Flag, Has, Is, Node, Not, When, all_of, any_of
from pilothouse.domain.span import Level, SpanStatus
from pilothouse.errors import InvalidRequest
from pilothouse.otlp.values import moment_ns
from pilothouse.protocols.loose import listing, mapping, number, scalar

COMPARISONS: Mapping[str, Comparison] = {"=": "=", ">": ">", ">=": ">=", "<": "<", "<=": "<="}
_NEGATED: Mapping[str, str] = {
    "does not contain": "contains", "none of": "any of", "<>": "=", "is null": "is not null", "is not set": "is set",
}  # fmt: skip
_MOST_VALUES = 200


class Column(msgspec.Struct, frozen=True):
    """What one of Langfuse's columns is here."""

    field: str
    """Of the query language."""
    scale: float = 1.0
    """Of its numbers, which there are so many of ours."""
    of_trace: bool = False
    """Said of the trace; whichever span carries it."""


class Wanted(msgspec.Struct):
    """The conditions of a read."""

    nodes: list[Node] = []
    of_traces: list[Node] = []

    def add(self, node: Node, *, of_trace: bool = False) -> None:
        """Add one more that must hold."""
        (self.of_traces if of_trace else self.nodes).append(node)

    def among(self, column: Column, texts: Iterable[str | None]) -> None:
        """Add that a column has one of some values; where none is said, nothing is asked."""
        said = [text for text in texts if text]
        if said:
            self.add(equals(column, said), of_trace=column.of_trace)

    def each(self, column: Column, texts: Iterable[str]) -> None:
        """Add that a column has all of some values."""
        for text in texts:
            self.add(equals(column, [text]), of_trace=column.of_trace)

    @property
    def query(self) -> Node | None:
        """What each span has to fulfil."""
        return all_of(self.nodes) if self.nodes else None


OBSERVATIONS: Mapping[str, Column] = {
    "id": Column("span"), "traceId": Column("trace"), "parentObservationId": Column("parent"),
    "type": Column("type"), "name": Column("span_name"), "level": Column("level"),
    "environment": Column("environment"), "statusMessage": Column("statusMessage"), "version": Column("version"),
    "release": Column("release"), "userId": Column("user", of_trace=True),
    "sessionId": Column("session", of_trace=True), "traceName": Column("traceName", of_trace=True),
    "tags": Column("tag", of_trace=True), "traceTags": Column("tag", of_trace=True), "model": Column("model"),
    "providedModelName": Column("model"), "promptName": Column("prompt"), "promptVersion": Column("prompt_version"),
    "input": Column("input"), "output": Column("output"), "metadata": Column("metadata"),
    "latency": Column("latency_ms", 1000), "timeToFirstToken": Column("ttft_ms", 1000),
    "tokensPerSecond": Column("tokens_per_s"), "inputTokens": Column("input_tokens"),
    "outputTokens": Column("output_tokens"), "totalTokens": Column("tokens"), "tokens": Column("tokens"),
    "totalCost": Column("cost_usd"), "startTime": Column("started_at"), "isRootObservation": Column("root"),
}  # fmt: skip
TRACES: Mapping[str, Column] = {
    "id": Column("trace", of_trace=True), "name": Column("traceName", of_trace=True),
    "timestamp": Column("started_at", of_trace=True), "userId": Column("user", of_trace=True),
    "sessionId": Column("session", of_trace=True), "environment": Column("environment", of_trace=True),
    "version": Column("version", of_trace=True), "release": Column("release", of_trace=True),
    "tags": Column("tag", of_trace=True), "metadata": Column("metadata", of_trace=True),
    "input": Column("input", of_trace=True), "output": Column("output", of_trace=True),
    "level": Column("level", of_trace=True),
}  # fmt: skip
_BODIES = frozenset({"input", "output"})
_SAID = frozenset({"user", "session", "tag", "version", "release", "environment", "metadata"})
"""Fields that only some spans of a trace carry."""
_NUMBERS = frozenset({
    "latency_ms", "ttft_ms", "tokens_per_s", "input_tokens", "output_tokens", "tokens", "cost_usd",
})  # fmt: skip
_ID_OF = {"span": ids.span_id, "parent": ids.span_id, "trace": ids.trace_id}
OBSERVED: Node = Not(
    all_of([Is("source", "", "langfuse"), Flag("root", value=True), Not(Has("attributes", TYPE)),
            Not(Has("resource", ""))])
)  # fmt: skip
"""True of what is an observation: not of the span that stands for a whole trace, which the ingestion API makes."""

ROOT: Node = any_of([Flag("root", value=True), Is("attributes", APP_ROOT, "true")])
"""True of an observation that has no other above it."""


def read(text: str, columns: Mapping[str, Column], wanted: Wanted) -> None:
    """Add the conditions of a JSON `filter`; raises `InvalidRequest` for any that is not understood."""
    for item in items_of(text):
        add(item, columns, wanted)


def items_of(text: str) -> list[dict[str, Any]]:
    """Return the conditions of a JSON `filter` as they came; raises `InvalidRequest` for what is no list."""
    try:
        items = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest("filter must be a JSON list of conditions", param="filter") from error
    if not isinstance(items, list):
        raise InvalidRequest("filter must be a JSON list of conditions", param="filter")
    return list(map(mapping, listing(items)))


def add(item: Mapping[str, Any], columns: Mapping[str, Column], wanted: Wanted) -> None:
    """Add one condition; raises `InvalidRequest` when it is not understood."""
    name = scalar(item.get("column"))
    column = columns.get(name)
    if column is None:
        known = ", ".join(sorted(columns))
        raise InvalidRequest(f"nothing is filtered by {name[:60]!r} here; there are {known}", param="filter")
    wanted.add(_condition(name, column, item), of_trace=column.of_trace)


def equals(column: Column, texts: Iterable[str]) -> Node:
    """Return that a column has one of some values."""
    return any_of([_exactly(column.field, "", text) for text in texts])


def _condition(name: str, column: Column, item: Mapping[str, Any]) -> Node:
    operator, value, key = scalar(item.get("operator")), item.get("value"), scalar(item.get("key"))
    positive = _NEGATED.get(operator)
    if positive is None:
        return _positive(name, column, operator, value, key)
    node = Not(_positive(name, column, positive, value, key))
    # of a trace, a span that carries the column has to have another value; that some span has not this one says nothing
    if column.of_trace and column.field == "traceName":
        return all_of([any_of([Has("trace_name", ""), Flag("root", value=True)]), node])
    return all_of([Has(column.field, key), node]) if column.of_trace and column.field in _SAID else node


def _positive(name: str, column: Column, operator: str, value: Any, key: str) -> Node:
    if operator in ("is not null", "is set"):
        return Not(ROOT) if column.field == "parent" else Has(_plain(name, column, operator), key)
    if operator in ("any of", "all of"):
        values = [scalar(one) for one in listing(value)]
        if not 1 <= len(values) <= _MOST_VALUES:
            raise InvalidRequest(f"the condition on {name!r} needs 1 to {_MOST_VALUES} values", param="filter")
        each = [_exactly(column.field, key, one) for one in values]
        return any_of(each) if operator == "any of" else all_of(each)
    if column.field == "started_at":
        return _when(name, operator, value)
    if column.field == "root":
        if operator != "=" or not isinstance(value, bool):
            raise _foreign(name, operator)
        return ROOT if value else Not(ROOT)
    if column.field in _NUMBERS or (number(value) is not None and key):
        return _number(name, column, operator, value, key)
    if operator == "=":
        return _exactly(column.field, key, scalar(value))
    return _like(name, column, operator, scalar(value), key)


def _number(name: str, column: Column, operator: str, value: Any, key: str) -> Node:
    comparison, said = COMPARISONS.get(operator), number(value)
    if comparison is None or said is None:
        raise _foreign(name, operator)
    return Compare(column.field, key, comparison, said * column.scale)


def _when(name: str, operator: str, value: Any) -> Node:
    comparison, at_ns = COMPARISONS.get(operator), moment_ns(value)
    if comparison is None or at_ns is None:
        raise _foreign(name, operator)
    return When(comparison, at_us=at_ns // 1000)


def _like(name: str, column: Column, operator: str, text: str, key: str) -> Node:
    if not text or "*" in text:
        raise InvalidRequest(f"the condition on {name!r} needs a text without *", param="filter")
    if column.field in _BODIES:
        if operator not in ("contains", "matches"):
            raise _foreign(name, operator)
        return Is(column.field, "", text)
    pattern = {
        "contains": f"*{text}*", "matches": f"*{text}*", "starts with": f"{text}*", "ends with": f"*{text}",
    }.get(operator)  # fmt: skip
    if pattern is None or column.field in ("type", "level", *_ID_OF):
        raise _foreign(name, operator)
    if column.field == "traceName":
        return _trace_named(pattern, wild=True)
    if column.field == "statusMessage":
        return _told(pattern, wild=True)
    return Is(column.field, key, pattern, wild=True)


def _exactly(field: str, key: str, text: str) -> Node:
    match field:
        case "span" | "parent" | "trace":
            if field == "parent" and not text:
                return ROOT
            return Is(field, "", _ID_OF[field](text))
        case "type":
            return _of_type(text.upper())
        case "level":
            return _of_level(text.lower())
        case "environment" if text == DEFAULT:
            return any_of([Is(field, "", text), Not(Has(field, ""))])
        case "traceName":
            return _trace_named(text, wild=False)
        case "statusMessage":
            return _told(text, wild=False)
        case "prompt_version":
            return Is(field, "", text.removesuffix(".0"))
        case _:
            return Is(field, key, text)


def _of_type(name: str) -> Node:
    found: list[Node] = [Is("attributes", TYPE, name), Is("attributes", TYPE, name.lower())]
    kind: Node | None = Is("kind", "", KINDS[name].value) if name in KINDS else None
    if name == "SPAN":
        kind = Not(any_of([Is("kind", "", one.value) for one in KINDS.values()]))
    if kind is not None:
        found.append(all_of([Not(Has("attributes", TYPE)), kind]))
    return any_of(found)


def _of_level(name: str) -> Node:
    failed = Is("status", "", SpanStatus.ERROR.value)
    unsaid: dict[str, Node] = {Level.ERROR.value: failed, Level.DEFAULT.value: Not(failed)}
    said = Is("level", "", name)
    return any_of([said, all_of([Not(Has("level", "")), unsaid[name]])]) if name in unsaid else said


def _trace_named(text: str, *, wild: bool) -> Node:
    own: list[Node] = [Flag("root", value=True), Not(Has("trace_name", "")), Is("span_name", "", text, wild)]
    return any_of([Is("trace_name", "", text, wild), all_of(own)])


def _told(text: str, *, wild: bool) -> Node:
    return any_of([Is("attributes", name, text, wild) for name in STATUS_MESSAGE])


def _plain(name: str, column: Column, operator: str) -> str:
    if column.field in ("type", "level", "statusMessage", "traceName", "root", "started_at"):
        raise _foreign(name, operator)
    return column.field


def _foreign(name: str, operator: str) -> InvalidRequest:
    return InvalidRequest(f"{name!r} has no condition {operator[:40]!r} with such a value here", param="filter")
