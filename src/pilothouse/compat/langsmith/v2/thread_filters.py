"""LangSmith's filters of whole threads, held against what is told of each; what is not understood is refused."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from pilothouse.compat.langsmith import expressions
from pilothouse.compat.langsmith.expressions import Call, Name
from pilothouse.errors import InvalidRequest
from pilothouse.otlp.values import moment_ns
from pilothouse.protocols.loose import listing

PARAM = "thread_filter"
LATENCIES = ("latency_p50", "latency_p99")
"""In seconds."""
Test = Callable[[Mapping[str, Any]], bool]
"""Says of a thread, in the form of the list of threads, whether it is wanted."""

_NUMBERS = {
    "count": "count", "turns": "count", "num_errored_turns": "num_errored_turns", "total_tokens": "total_tokens",
    "total_cost": "total_cost", **{name: name for name in LATENCIES},
}  # fmt: skip
_TIMES = {name: name for name in ("start_time", "min_start_time")}
_TEXTS = {name: name for name in ("thread_id", "last_outputs")}
_FIELDS = {**_NUMBERS, **_TIMES, **_TEXTS}
"""What can be filtered by, and how a thread calls it."""
_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": lambda held, value: held > value, "gte": lambda held, value: held >= value,
    "lt": lambda held, value: held < value, "lte": lambda held, value: held <= value,
}  # fmt: skip
_NEGATED = {"neq": "eq", "nin": "in", "nlike": "like"}
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ThreadFilter(msgspec.Struct, frozen=True):
    """Which threads are wanted."""

    fits: Test
    of_latency: bool
    """Whether it looks at latencies, which are told apart from the rest of a thread."""


def of(text: str) -> ThreadFilter:
    """Return what a filter says; raises `InvalidRequest`."""
    call = expressions.read(text, PARAM)
    return ThreadFilter(_test(call), _names(call, LATENCIES))


def _names(value: Any, wanted: Sequence[str]) -> bool:
    if isinstance(value, Call):
        return any(_names(one, wanted) for one in value.arguments)
    return isinstance(value, Name) and value.text.lower() in wanted


def _test(call: Any) -> Test:
    if not isinstance(call, Call):
        raise _foreign("and, or and not take conditions", call)
    if call.name in ("and", "or", "not"):
        parts = [_test(one) for one in call.arguments]
        if not parts:
            raise _foreign("a list of conditions is empty", call)
        match call.name:
            case "and":
                return lambda thread: all(one(thread) for one in parts)
            case "or":
                return lambda thread: any(one(thread) for one in parts)
            case _:
                return lambda thread: not all(one(thread) for one in parts)
    return _compared(call)


def _compared(call: Call) -> Test:
    match call.arguments:
        case [Name(text=text), value] if text.lower() in _FIELDS:
            field = _FIELDS[text.lower()]
        case _:
            raise _foreign(f"a condition takes a value and one of {', '.join(_FIELDS)}", call)
    if call.name in _NEGATED:
        positive = _compared(Call(_NEGATED[call.name], call.arguments))
        return lambda thread: not positive(thread)
    if call.name == "in":
        tests = [_compared(Call("eq", [call.arguments[0], one])) for one in listing(value) or [value]]
        return lambda thread: any(one(thread) for one in tests)
    if call.name == "eq" and value is None:
        return lambda thread: thread[field] is None
    return _of_field(field, call, value)


def _of_field(field: str, call: Call, value: Any) -> Test:
    if call.name in ("like", "search") and field in _TEXTS and isinstance(value, str):
        return _like(field, value if call.name == "like" else f"%{value}%")
    wanted = _value(field, call, value)
    if call.name == "eq":
        return lambda thread: _held(thread, field) == wanted
    ordered = _ORDERED.get(call.name)
    if ordered is None or field in _TEXTS:
        raise _foreign("nothing is compared so", call)
    return lambda thread: (held := _held(thread, field)) is not None and ordered(held, wanted)


def _value(field: str, call: Call, value: Any) -> Any:
    if field in _TIMES:
        at_ns = moment_ns(value)
        if at_ns is None:
            raise _foreign("a time in ISO 8601 is compared", call)
        return at_ns // 1000
    if field in _TEXTS:
        if not isinstance(value, str):
            raise _foreign("a text is compared", call)
        return value
    if isinstance(value, str) and (found := _SECONDS.fullmatch(value.strip())):
        return float(found[1]) * _UNITS_S[found[2]]
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _foreign("a number is compared", call)
    return value


def _held(thread: Mapping[str, Any], field: str) -> Any:
    value = thread[field]
    return round(value.timestamp() * 1e6) if isinstance(value, datetime) else value


def _like(field: str, text: str) -> Test:
    parts = text.casefold().split("%")
    return lambda thread: _fits((thread[field] or "").casefold(), parts)


def _fits(text: str, parts: Sequence[str]) -> bool:
    """Return whether a text is the parts, in their order, with anything between them."""
    first, *between, last = parts if len(parts) > 1 else (parts[0], "")
    if len(parts) == 1:
        return text == first
    if not text.startswith(first):
        return False
    place = len(first)
    for part in between:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(text) - place >= len(last) and text.endswith(last)


def _foreign(why: str, call: Any) -> InvalidRequest:
    told = call.name if isinstance(call, Call) else str(call)
    return InvalidRequest(f"`{PARAM}` is not understood: {why}: {told[:80]}", param=PARAM)
