"""Checks of answers against the caller's own schema: what they find, and that a schema cannot make them endless."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.chat import ChatReply, Choice, Part, Refusal, StopReason, Text, ToolCall
from pilothouse.domain.chat.events import BlockStarted, Event, Finished, TextDelta
from pilothouse.errors import AnswerOffSchema
from pilothouse.protocols.answer_check import AnswerCheck, Said, Verdict
from pilothouse.protocols.conversion import events_of
from pilothouse.protocols.schema_cost import Counter, Size, size

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 3}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
}
TREE: dict[str, Any] = {
    "type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}, "additionalProperties": False,
}  # fmt: skip


def checked(schema: dict[str, Any], *parts: Part, stop: StopReason = StopReason.END) -> AnswerCheck:
    check = AnswerCheck(schema, refuses=True)
    check.reply(ChatReply(choices=(Choice(parts, stop),)))
    return check


def test_an_answer_that_fits_is_kept() -> None:
    check = checked(SCHEMA, Text('{"name":'), Text('"Ada","age":36}'))
    assert (check.verdict, check.told, check.refusal) == (Verdict.KEPT, "kept", None)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ('{"name":"Al"}', 'name: "Al" is shorter than 3 characters'),
        ('{"name":"Ada","age":-1}', "age: -1 is less than the minimum of 0"),
        ("Sure! Here it is.", "it is not JSON"),
        ("", "it is not JSON"),
        ('"\\ud800', "it is not JSON"),
    ],
)
def test_one_that_does_not_is_broken_and_says_why(said: str, reason: str) -> None:
    check = checked(SCHEMA, Text(said))
    assert (check.verdict, check.told) == (Verdict.BROKEN, f"broken: {reason}")
    assert isinstance(check.refusal, AnswerOffSchema)
    assert reason in check.refusal.detail


@pytest.mark.parametrize("stop", [StopReason.LENGTH, StopReason.REFUSED, StopReason.TOOL_CALLS, StopReason.FILTERED])
def test_an_answer_that_is_not_whole_is_not_checked(stop: StopReason) -> None:
    assert checked(SCHEMA, Text('{"na'), stop=stop).verdict is Verdict.NONE
    assert checked(SCHEMA, Refusal("No.")).verdict is Verdict.NONE


def test_of_several_answers_the_worst_counts() -> None:
    check = AnswerCheck(SCHEMA, refuses=False)
    for said in ('{"name":"Ada"}', "{}", '{"name":"Bob"}'):
        check.choice(Choice((Text(said),)))
    assert check.verdict is Verdict.BROKEN
    assert check.refusal is None, "an answer may pass where the caller was promised nothing"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "file:///etc/hostname"},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}, {"type": "object"}]},
        {"$dynamicRef": "#node"},
        {"type": "no such type"},
        {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "pattern": "("},
        {"$schema": "https://example.com/of-our-own", "type": "string"},
        {"properties": {"a": {"$id": "https://example.com/a", "$ref": "#/$defs/b"}}},
    ],
)
def test_a_schema_that_cannot_be_used_leaves_the_answer_unchecked(schema: dict[str, Any]) -> None:
    check = checked(schema, Text('{"name":"Ada"}'))
    assert (check.verdict, check.refusal) == (Verdict.UNCHECKED, None)
    assert check.reason


def doubling(levels: int) -> dict[str, Any]:
    """Return a schema of which each level is looked at twice as often as the one above it."""
    defs: dict[str, Any] = {f"l{level}": {"anyOf": [{"$ref": f"#/$defs/l{level + 1}"}] * 2} for level in range(levels)}
    return {"$ref": "#/$defs/l0", "$defs": defs | {f"l{levels}": {"type": "array"}}}


def deep(levels: int) -> str:
    return '{"left":' * levels + "1" + "}" * levels


@pytest.mark.parametrize(
    ("schema", "said", "verdict"),
    [
        (doubling(40), "{}", Verdict.UNCHECKED),
        (doubling(14), "{}", Verdict.BROKEN),
        (doubling(14), "[]", Verdict.KEPT),
        ({"type": "string", "pattern": "^(a+)+$"}, json.dumps("a" * 50_000 + "b"), Verdict.BROKEN),
        ({"properties": {"left": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}, deep(100), Verdict.UNCHECKED),
        ({"properties": {"left": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}, deep(3), Verdict.KEPT),
        (TREE, deep(100), Verdict.BROKEN),
        ({"items": {"unevaluatedItems": {"unevaluatedItems": {"unevaluatedItems": False}}}}, "[[1]]", Verdict.KEPT),
        ({"uniqueItems": True}, json.dumps([{"a": number} for number in range(20_000)]), Verdict.KEPT),
        ({"items": {"anyOf": [{"const": n} for n in range(3000)]}}, json.dumps([1] * 3000), Verdict.UNCHECKED),
        (
            {"items": {"dependentRequired": {f"n{n}": ["a"] for n in range(3000)}}},
            json.dumps([{}] * 3000),
            Verdict.UNCHECKED,
        ),
        ({"items": {"properties": {f"n{n}": True for n in range(9000)}}}, json.dumps([{}] * 9000), Verdict.UNCHECKED),
        ({"items": {"properties": {f"n{n}": True for n in range(300)}}}, json.dumps([{}] * 9000), Verdict.KEPT),
    ],
)
def test_no_schema_and_no_answer_takes_long(schema: dict[str, Any], said: str, verdict: Verdict) -> None:
    began = time.perf_counter()
    assert checked(schema, Text(said)).verdict is verdict
    assert time.perf_counter() - began < 1.0


def test_what_a_recursive_schema_costs_grows_with_the_answer_alone() -> None:
    assert [Counter(TREE).cost(depth).checks for depth in (0, 1, 6, 60)] == [1, 3, 13, 121]
    assert Counter({"properties": {"a": {"type": "string"}}}).cost(4).checks == 1
    twice = {"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}
    assert Counter(twice).cost(10).checks > 2**10


def test_an_answer_is_measured() -> None:
    assert size({"a": [1, {"b": 2}], "c": ""}) == Size(6, 3)
    assert size(1) == Size(1, 0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.lists(st.integers(1, 6), max_size=6))
def test_a_stream_is_judged_as_the_whole_answer_is(value: object, cuts: list[int]) -> None:
    said = json.dumps(value)
    whole = checked({"type": "object", "properties": {"a": {"type": "integer"}}}, Text(said))
    streamed = AnswerCheck({"type": "object", "properties": {"a": {"type": "integer"}}}, refuses=True)
    heard = Said(streamed)
    events: list[Event] = [BlockStarted(0, Text(""))]
    at = 0
    for cut in cuts:
        events.append(TextDelta(0, said[at : at + cut]))
        at += cut
    events += [TextDelta(0, said[at:]), Finished(StopReason.END)]
    found = [heard.hear(event) for event in events]
    assert (streamed.verdict, streamed.reason) == (whole.verdict, whole.reason)
    assert all(error is None for error in found[:-1])
    assert (found[-1] is not None) == (whole.verdict is Verdict.BROKEN)


def test_refusals_calls_and_choices_of_a_stream_are_told_apart() -> None:
    check = AnswerCheck(SCHEMA, refuses=True)
    heard = Said(check)
    reply = ChatReply(
        choices=(
            Choice((Text('{"name":"Ada"}'),)),
            Choice((Refusal("No."),), StopReason.END),
            Choice((Text("x"), ToolCall("c", "f", "{}")), StopReason.TOOL_CALLS),
        )
    )
    assert [heard.hear(event) for event in events_of(reply)][-1] is None
    assert check.verdict is Verdict.KEPT
