"""Previews of what went in and came out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.store.telemetry import previews


def said(*turns: tuple[str, object]) -> str:
    messages = [{"role": role, "content": content} for role, content in turns]
    return json.dumps({"model": "m", "messages": messages, "temperature": 0.5, "tools": [{"x": 1}]})


TOOLS = '{"choices":[{"message":{"content":null,"tool_calls":[]}}]}'
CALLS = (
    r'[{"type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Bern\"}"}},'
    r'{"function":{"name":"get_time","arguments":"{}"}}]'
)
NAMES = ["messages", "content", "role", "input", "choices", "message", "text", "tool_calls", "function"]
JSON = st.recursive(
    st.text() | st.none() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner),
)


INPUTS = {
    "last user": (said(("user", "one"), ("assistant", "x"), ("user", "two"), ("tool", "3")), "two"),
    "parts": (said(("user", [{"type": "text", "text": "look"}, {"type": "image_url"}, {"text": "here"}])), "look here"),
    "no user": (said(("system", "rules")), "rules"),
    "bare list": ('[{"role":"user","content":"hi"}]', "hi"),
    "embedding": ('{"input":"embed me"}', "embed me"),
    "embeddings": ('{"input":["first","second"]}', "first"),
    "responses": ('{"input":[{"role":"user","content":"ask"}]}', "ask"),
    "prompt": ('{"prompt":"complete me"}', "complete me"),
    "prompts": ('{"prompt":["a","b"]}', "a"),
    "plain": ("just\n  text ", "just text"),
    "empty": ("", ""),
    "not json": ("{nope", "{nope"),
    "other json": ('{"a": 1}', '{"a": 1}'),
    "wrong types": ('{"messages": 5}', '{"messages": 5}'),
    "empty messages": ('{"messages": []}', '{"messages": []}'),
}  # fmt: skip

OUTPUTS = {
    "answer": ('{"choices":[{"message":{"role":"assistant","content":"yes"}}]}', "yes"),
    "refusal": ('{"choices":[{"message":{"refusal":"no"}}]}', "no"),
    "completion": ('{"choices":[{"text":"done"}]}', "done"),
    "error": ('{"error":{"message":"bad key","type":"x"}}', "bad key"),
    "plain error": ('{"error":"bad key"}', "bad key"),
    "no tool calls": (TOOLS, TOOLS),
    "tool calls": (TOOLS.replace("[]", CALLS), 'get_weather({"city":"Bern"}), get_time({})'),
    "plain": ("text", "text"),
    "list": ('[{"role":"assistant","content":"last"}]', "last"),
    "empty list": ("[]", "[]"),
}  # fmt: skip


@pytest.mark.parametrize("case", INPUTS)
def test_of_input(case: str) -> None:
    text, expected = INPUTS[case]
    assert previews.of_input(text) == expected


@pytest.mark.parametrize("case", OUTPUTS)
def test_of_output(case: str) -> None:
    text, expected = OUTPUTS[case]
    assert previews.of_output(text) == expected


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (
            {"contents": [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}, {"role": "model", "parts": []}]},
            "a b",
        ),
        ({"contents": [{"parts": [{"text": "a"}]}]}, "a"),
        ({"messages": [{"role": "user", "content": [{"text": "a"}, {"image": {}}]}]}, "a"),
    ],
)
def test_requests_of_other_dialects(given: object, shown: str) -> None:
    assert previews.of_input(json.dumps(given)) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"type": "message", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}]}, "a"),
        (
            {"output": [{"type": "reasoning"}, {"type": "message", "role": "assistant", "content": [{"text": "a"}]}]},
            "a",
        ),
        ({"output": {"message": {"role": "assistant", "content": [{"text": "a"}]}}}, "a"),
        ({"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": "a"}]}}]}, "a"),
    ],
)
def test_answers_of_other_dialects(given: object, shown: str) -> None:
    assert previews.of_output(json.dumps(given)) == shown


def test_a_long_beginning_of_white_space_is_folded() -> None:
    assert previews.of_input(" \n" * 1000 + "at last") == "at last"


def test_deep_nesting_is_survived() -> None:
    assert len(previews.of_input("[" * 100_000)) == previews.LIMIT_CHARS


@given(st.text() | JSON.map(json.dumps))
def test_any_text_gives_one_short_line(text: str) -> None:
    for made in (previews.of_input(text), previews.of_output(text)):
        assert len(made) <= previews.LIMIT_CHARS
        assert made.splitlines() in ([made], [])
