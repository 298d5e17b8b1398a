"""A query of the query language as a condition on rows of `spans`: fixed text and parameters, no value in the text."""

import time
from collections.abc import Mapping

from pilothouse.domain.query.fields import BY_NAME, Kind
from pilothouse.domain.query.nodes import (
    And,
    Compare,
    Flag,
    Has,
    Is,
    Leaf,
    Node,
    Not,
    Or,
    When,
    Words,
    all_of,
    any_of,
)
from pilothouse.store.telemetry.batches import LATEST_NS
from pilothouse.store.telemetry.clause import Conditions, sound
from pilothouse.store.telemetry.connection import Parameter
from pilothouse.store.telemetry.figures import INPUT_TOTAL, OUTPUT_TOTAL, RATE
from pilothouse.store.telemetry.search import SEARCHED, anywhere, like

TEXTS: Mapping[str, tuple[str, ...]] = {
    "model": ("model_requested", "model_served"), "status": ("status",), "kind": ("kind",),
    "name": ("name", "trace_name"), "span_name": ("name",),
    "trace_name": ("trace_name",), "user": ("user_id",), "session": ("session_id",), "error_code": ("error_code",),
    "provider": ("provider",), "account": ("account",), "route": ("alias",), "key": ("key_id",),
    "environment": ("environment",), "release": ("release",), "version": ("version",), "prompt": ("prompt_name",),
    "prompt_version": ("prompt_version",), "operation": ("operation",), "dialect": ("dialect",),
    "finish_reason": ("finish_reason",), "source": ("source",), "level": ("level",), "cost_status": ("cost_status",),
    "trace": ("trace_id",), "span": ("span_id",), "parent": ("parent_span_id",), "request": ("request_id",),
}  # fmt: skip
"""The columns of a text field; one of them has to fit."""
BODIES: Mapping[str, str] = {
    "input": "lowerUTF8(input)",
    "output": "lowerUTF8(output)",
    "error": "lowerUTF8(concatWithSeparator('\\n', error_code, error_detail))",
}
NULLABLE: Mapping[str, str] = {
    "ttft_ms": "(first_token_ns / 1e6)",
    "overhead_ms": "(overhead_ns / 1e6)",
    "tokens_per_s": RATE.replace("output_total", OUTPUT_TOTAL),
    "cost_usd": "toFloat64(cost_usd)",
}
NUMBERS: Mapping[str, str] = {
    **NULLABLE,
    "latency_ms": "(duration_ns / 1e6)",
    "http_status": "http_status",
    "tokens": f"({INPUT_TOTAL} + {OUTPUT_TOTAL})",
    "input_tokens": INPUT_TOTAL,
    "output_tokens": OUTPUT_TOTAL,
    "cache_read_tokens": "cache_read_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "input_size_bytes": "input_size_bytes",
    "output_size_bytes": "output_size_bytes",
}
FLAGS: Mapping[str, str] = {
    "streamed": "streamed", "running": "running", "abandoned": "abandoned", "root": "(parent_span_id = '')",
}  # fmt: skip
_PRESENT: Mapping[str, str] = {
    "tag": "notEmpty(tags)",
    "input": "notEmpty(input)",
    "output": "notEmpty(output)",
    "error": "(status = 'error' OR notEmpty(error_code) OR notEmpty(error_detail))",
}
_SCORED = (
    "((trace_id, '') IN (%SCORES%) OR (trace_id, span_id) IN (%SCORES%))",
    "SELECT trace_id, span_id FROM scores FINAL WHERE project_id = %PROJECT%",
)
_LATEST_US = LATEST_NS // 1000


def split(query: Node | None) -> tuple[Node | None, Node | None]:
    """Return what a span of a trace has to fulfil, and what none of its spans may: what stands negated by itself."""
    nodes = query.nodes if isinstance(query, And) else () if query is None else (query,)
    fits: list[Node] = [node for node in nodes if not isinstance(node, Not)]
    lacks = [node.node for node in nodes if isinstance(node, Not)]
    return all_of(fits) if fits else None, any_of(lacks) if lacks else None


def condition_of(query: Node | None, project_id: str, now_ns: int | None = None, prefix: str = "q") -> Conditions:
    """Return what a row of `spans FINAL` has to fulfil: `.sql` goes behind `WHERE`, `.parameters` with the statement.

    Project and time range are not in it: begin with `conditions.within(project_id, from_ns, to_ns)` and add
    `.plus(*found.parts, **found.parameters)`. Names of parameters begin with the prefix. Times
    that a query counts from now are counted from `now_ns`, or the clock. Put `search.EXACT` at the end of the
    statement: the text index covers columns that differ between the versions of a span.
    """
    if query is None:
        return Conditions((), {})
    writer = _Writer(sound(project_id), time.time_ns() if now_ns is None else now_ns, prefix)
    parts: list[str] = []
    for node in query.nodes if isinstance(query, And) else (query,):
        parts.append(writer.sql(node))
        # What stands in a body stands in what is searched, and that has an index.
        if isinstance(node, Is) and BY_NAME[node.field].kind is Kind.BODY:
            parts.append(writer.sql(Words(node.text, node.wild)))
    return Conditions(tuple(parts), writer.parameters)


class _Writer:
    def __init__(self, project_id: str, now_ns: int, prefix: str) -> None:
        self._prefix = prefix
        self.parameters: dict[str, Parameter] = {}
        self._project_id = project_id
        self._now_us = now_ns // 1000

    def sql(self, node: Node) -> str:
        match node:
            case And(nodes):
                return f"({' AND '.join(self.sql(one) for one in nodes)})"
            case Or(nodes):
                return f"({' OR '.join(self.sql(one) for one in nodes)})"
            case Not(inner):
                return f"(NOT {self.sql(inner)})"
            case _:
                return self._leaf(node)

    def _leaf(self, node: Leaf) -> str:
        match node:
            case Words(text, wild):
                return self._anywhere(SEARCHED, text, wild=wild)
            case Is():
                return self._is(node)
            case Compare():
                return self._compare(node)
            case When(operator, at_us, ago_s):
                moment_us = at_us if at_us is not None else self._now_us - (ago_s or 0) * 10**6
                parameter = self._parameter(max(0, min(moment_us, _LATEST_US)), "Int64")
                # As `conditions.within`: the start itself must not decide which parts are read.
                return f"(identity(started_at) {operator} fromUnixTimestamp64Micro({parameter}))"
            case Flag(field, value):
                return FLAGS[field] if value else f"(NOT {FLAGS[field]})"
            case Has(field, key):
                return self._has(field, key)

    def _is(self, node: Is) -> str:
        if node.field in BODIES:
            return self._anywhere(BODIES[node.field], node.text, wild=node.wild)
        text, operator = sound(node.text), "="
        if node.wild:
            text, operator = like(text, wild=True), "LIKE"
        parameter = self._parameter(text, "String")
        if node.field == "tag":
            return f"arrayExists(tag -> tag {operator} {parameter}, tags)"
        if node.field == "scores":
            return self._scored(node.key, f"type IN ('categorical', 'textual') AND text {operator} {parameter}")
        if node.key:
            return f"({node.field}[{self._parameter(sound(node.key), 'String')}] {operator} {parameter})"
        return f"({' OR '.join(f'{column} {operator} {parameter}' for column in TEXTS[node.field])})"

    def _compare(self, node: Compare) -> str:
        parameter = self._parameter(node.number, "Float64")
        if node.field == "scores":
            return self._scored(node.key, f"number {node.operator} {parameter}")
        if node.key:
            held = f"toFloat64OrNull({node.field}[{self._parameter(sound(node.key), 'String')}])"
            return f"ifNull({held} {node.operator} {parameter}, false)"
        test = f"{NUMBERS[node.field]} {node.operator} {parameter}"
        return f"ifNull({test}, false)" if node.field in NULLABLE else f"({test})"

    def _has(self, field: str, key: str) -> str:
        if field == "scores":
            return self._scored(key, "")
        if BY_NAME[field].kind is Kind.NAMED:
            return f"({field}[{self._parameter(sound(key), 'String')}] != '')" if key else f"notEmpty({field})"
        if field in _PRESENT:
            return _PRESENT[field]
        if field in NULLABLE:
            return f"({NULLABLE[field]} IS NOT NULL)"
        if field in NUMBERS:
            return f"({NUMBERS[field]} != 0)"
        return f"({' OR '.join(f'notEmpty({column})' for column in TEXTS[field])})"

    def _scored(self, key: str, test: str) -> str:
        outer, inner = _SCORED
        project = f"{self._prefix}_project"
        self.parameters[project] = self._project_id
        tests = [f"name = {self._parameter(sound(key), 'String')}"] if key else []
        inner = inner.replace("%PROJECT%", f"{{{project}:String}}")
        return outer.replace("%SCORES%", " AND ".join((inner, *tests, *([test] if test else []))))

    def _anywhere(self, expression: str, text: str, *, wild: bool) -> str:
        sql, parameters = anywhere(expression, sound(text), f"{self._prefix}_{len(self.parameters)}", wild=wild)
        self.parameters.update(parameters)
        return sql

    def _parameter(self, value: Parameter, kind: str) -> str:
        name = f"{self._prefix}_{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"
