"""LangSmith's filters of runs as conditions of the query language; what is not understood is refused."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pilothouse.compat.langsmith import expressions, ids
from pilothouse.compat.langsmith.asking import uuid_of
from pilothouse.compat.langsmith.expressions import Call, Name
from pilothouse.compat.langsmith.runs import EXAMPLE_ID, RUN_TYPE, SESSION_ID, SESSION_NAME
from pilothouse.domain.query.nodes import Compare, Comparison, Flag, Has, Is, Node, Not, When, Words, all_of, any_of
from pilothouse.domain.span import SpanStatus
from pilothouse.errors import InvalidRequest
from pilothouse.otlp.values import as_text, moment_ns
from pilothouse.protocols.loose import listing, mapping, scalar

_SIGNS: Mapping[str, Comparison] = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_NUMBERS: Mapping[str, tuple[str, float]] = {
    "latency": ("latency_ms", 1000), "time_to_first_token": ("ttft_ms", 1000),
    "first_token_latency": ("ttft_ms", 1000), "total_tokens": ("tokens", 1), "prompt_tokens": ("input_tokens", 1),
    "completion_tokens": ("output_tokens", 1), "total_cost": ("cost_usd", 1),
}  # fmt: skip
"""Our field of a number, and how many of ours theirs is."""
_TEXTS: Mapping[str, tuple[str, str]] = {
    "name": ("span_name", ""), "run_type": ("attributes", RUN_TYPE), "thread_id": ("session", ""),
    "user_id": ("user", ""), "session_id": ("attributes", SESSION_ID), "session_name": ("attributes", SESSION_NAME),
    "project_name": ("attributes", SESSION_NAME), "reference_example_id": ("attributes", EXAMPLE_ID),
    "reference_example": ("attributes", EXAMPLE_ID), "model": ("model", ""), "tags": ("tag", ""), "tag": ("tag", ""),
    "prompt_name": ("prompt", ""), "environment": ("environment", ""),
}  # fmt: skip
_BODIES: Mapping[str, str] = {"inputs": "input", "outputs": "output", "error": "error"}
_IDS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "id": ("span", ids.span_id), "run_id": ("span", ids.span_id), "parent_run_id": ("parent", ids.span_id),
    "trace_id": ("trace", ids.trace_id), "trace": ("trace", ids.trace_id),
}  # fmt: skip
_KNOWN_METADATA = {"ls_model_name": ("model", ""), "ls_provider": ("provider", "")}
"""Metadata that the SDK adds of itself, by where it is kept."""
_PAIRED = {"metadata_key": "metadata_value", "feedback_key": "feedback_score"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def of(text: str, param: str) -> Node:
    """Return the condition of a filter; raises `InvalidRequest` that names the parameter."""
    return _Writer(param).node(expressions.read(text, param))


class _Writer:
    def __init__(self, param: str) -> None:
        self._param = param

    def node(self, call: Any) -> Node:
        if not isinstance(call, Call):
            raise self._foreign("and, or and not take conditions", call)
        match call.name:
            case "and":
                return self._all(call.arguments)
            case "or":
                return any_of([self.node(one) for one in self._some(call)])
            case "not":
                return Not(self._all(call.arguments))
            case "search":
                return self._search(call)
            case "has" | "exists" | "in" | "nin" | "like" | "nlike" | "neq" | "eq" | "gt" | "gte" | "lt" | "lte":
                return self._compared(call)
            case _:
                raise self._foreign("there is no such condition", call)

    def _some(self, call: Call) -> list[Any]:
        if not call.arguments:
            raise self._foreign("a list of conditions is empty", call)
        return call.arguments

    def _all(self, calls: list[Any]) -> Node:
        """Return the conjunction; the key and the value of metadata or feedback stand in conditions of their own."""
        nodes: list[Node] = []
        keys: dict[str, str] = {}
        for one in calls:
            field = _field(one)
            if isinstance(one, Call) and one.name == "eq" and field in _PAIRED and len(one.arguments) == 2:
                keys[_PAIRED[field]] = scalar(one.arguments[1])
        used: set[str] = set()
        for one in calls:
            field = _field(one)
            pair = "feedback_score" if field == "feedback_value" else field
            if field in _PAIRED and keys.get(_PAIRED[field]) is not None and _has_value(calls, _PAIRED[field]):
                continue
            if pair in keys and isinstance(one, Call):
                used.add(pair)
                nodes.append(self._valued(pair, keys[pair], one))
            else:
                nodes.append(self.node(one))
        if not nodes:
            raise InvalidRequest(f"a list of conditions in `{self._param}` is empty", param=self._param)
        return all_of(nodes)

    def _valued(self, pair: str, key: str, call: Call) -> Node:
        name, value = call.name, call.arguments[-1]
        if pair == "metadata_value":
            return self._named("metadata", key, name, value)
        if isinstance(value, str):
            return self._worded("scores", key, name, value)
        return self._number(("scores", key), 1.0, call)

    def _compared(self, call: Call) -> Node:
        field = _field(call)
        if call.name == "exists" and field:
            return self._there(field, call)
        if len(call.arguments) != 2 or not field:
            raise self._foreign("a condition takes a field and a value", call)
        value = call.arguments[1]
        if call.name in ("neq", "nin", "nlike"):
            positive = {"neq": "eq", "nin": "in", "nlike": "like"}[call.name]
            return Not(self._compared(Call(positive, call.arguments)))
        if call.name == "in":
            options = listing(value) if isinstance(value, list) else [value]
            if not options:
                raise self._foreign("a list of values is empty", call)
            return any_of([self._compared(Call("eq", [call.arguments[0], one])) for one in options])
        if value is None:
            return Not(self._there(field, call))
        return self._field(field, call, value)

    def _field(self, field: str, call: Call, value: Any) -> Node:
        if field in _NUMBERS:
            ours, scale = _NUMBERS[field]
            return self._number((ours, ""), scale, call)
        if field in _IDS:
            ours, spelled = _IDS[field]
            self._only_equal(call)
            return Is(ours, "", spelled(uuid_of(value, self._param)))
        if field in _TEXTS:
            return self._worded(*_TEXTS[field], call.name, scalar(value))
        if field in _BODIES:
            return self._worded(_BODIES[field], "", call.name, self._plain(scalar(value)))
        return self._particular(field, call, value)

    def _particular(self, field: str, call: Call, value: Any) -> Node:
        match field:
            case "start_time":
                return self._when(call, value)
            case "is_root" if isinstance(value, bool):
                return Flag("root", value=value)
            case "status":
                self._only_equal(call)
                return self._status(call, scalar(value))
            case "metadata":
                pairs = _pairs(value)
                if call.name != "has" or not pairs:
                    raise self._foreign("metadata is asked for as a JSON object", call)
                return all_of([self._named("metadata", key, "eq", one) for key, one in pairs.items()])
            case "metadata_key":
                return Has(*_KNOWN_METADATA.get(scalar(value), ("metadata", scalar(value))))
            case "feedback_key":
                return Has("scores", scalar(value))
            case "feedback_score":
                return self._number(("scores", ""), 1.0, call)
            case "feedback_value":
                return self._worded("scores", "", call.name, scalar(value))
            case _:
                raise self._foreign("nothing is filtered by such a field", call)

    def _there(self, field: str, call: Call) -> Node:
        if field == "error":
            return Not(Is("status", "", SpanStatus.OK.value))
        if field in ("parent_run_id", "parent_run"):
            return Flag("root", value=False)
        if field in _TEXTS:
            return Has(*_TEXTS[field])
        if field in _NUMBERS:
            return Has(_NUMBERS[field][0], "")
        if field in _BODIES:
            return Has(_BODIES[field], "")
        if field == "end_time":
            return Flag("running", value=False)
        raise self._foreign("it cannot be told whether such a field is there", call)

    def _number(self, place: tuple[str, str], scale: float, call: Call) -> Node:
        sign, value = _SIGNS.get(call.name), call.arguments[-1]
        if isinstance(value, bool):
            value = float(value)
        if isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
            value = float(found[1]) * _SECONDS[found[2] or "s"]
        if sign is None or not isinstance(value, int | float):
            raise self._foreign("a number is compared", call)
        return Compare(*place, sign, float(value) * scale)

    def _when(self, call: Call, value: Any) -> Node:
        sign, at_ns = _SIGNS.get(call.name), moment_ns(value)
        if sign is None or at_ns is None:
            raise self._foreign("a time in ISO 8601 is compared", call)
        return When(sign, at_us=at_ns // 1000)

    def _status(self, call: Call, text: str) -> Node:
        fine: Node = Is("status", "", SpanStatus.OK.value)
        match text:
            case "error":
                return Not(fine)
            case "success":
                return all_of([fine, Flag("running", value=False)])
            case "pending":
                return all_of([fine, Flag("running", value=True)])
            case _:
                raise self._foreign("a status is success, error or pending", call)

    def _named(self, field: str, key: str, name: str, value: Any) -> Node:
        if isinstance(value, int | float) and not isinstance(value, bool) and name in ("gt", "gte", "lt", "lte"):
            return Compare(field, key, _SIGNS[name], float(value))
        known = _KNOWN_METADATA.get(key)
        return self._worded(*(known or (field, key)), name, as_text(value))

    def _worded(self, field: str, key: str, name: str, text: str) -> Node:
        if name == "like":
            return Is(field, key, self._plain(text).replace("%", "*"), wild=True)
        if name in ("neq", "nlike"):
            return Not(self._worded(field, key, "eq" if name == "neq" else "like", text))
        if name not in ("eq", "has"):
            raise InvalidRequest(f"`{name}` compares no texts in `{self._param}`", param=self._param)
        return Is(field, key, text)

    def _search(self, call: Call) -> Node:
        texts = [one for one in call.arguments if isinstance(one, str) and one]
        if not texts:
            raise self._foreign("search takes a text", call)
        field = _field(call)
        if field in _BODIES:
            return all_of([Is(_BODIES[field], "", one) for one in texts])
        return all_of([Words(one) for one in texts])

    def _only_equal(self, call: Call) -> None:
        if call.name != "eq":
            raise self._foreign("only eq, neq and in compare such a field", call)

    def _plain(self, text: str) -> str:
        if "*" in text:
            raise InvalidRequest(f"`*` cannot be searched for in `{self._param}`", param=self._param)
        return text

    def _foreign(self, why: str, call: Any) -> InvalidRequest:
        told = f"{call.name}({_field(call)})" if isinstance(call, Call) else str(call)
        return InvalidRequest(f"`{self._param}` is not understood: {why}: {told[:80]}", param=self._param)


def _field(call: Any) -> str:
    if isinstance(call, Call) and call.arguments and isinstance(call.arguments[0], Name):
        return call.arguments[0].text.lower()
    return ""


def _has_value(calls: list[Any], pair: str) -> bool:
    names = ("feedback_score", "feedback_value") if pair == "feedback_score" else (pair,)
    return any(_field(one) in names for one in calls)


def _pairs(value: Any) -> dict[str, Any]:
    try:
        return mapping(msgspec.json.decode(scalar(value)))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
