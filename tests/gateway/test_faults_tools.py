"""Faults with tools and schemas that were seen in other gateways, for all callers and kinds of provider."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from pilothouse.protocols import loose
from tests.gateway.pairs import CALLERS, PAIRS, Calls, heard, house

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLED = [
    {"name": "a", "arguments": '{"city":"Zürich","days":[1,2],"deep":{"x":null}}', "id": "call_1"},
    {"name": "b", "arguments": '{"city":"Bern"}', "id": "call_2"},
]
HEARD = [("a", {"city": "Zürich", "days": [1, 2], "deep": {"x": None}}), ("b", {"city": "Bern"})]
HARD: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "place": {"$ref": "#/$defs/place", "description": "Where"},
        "unit": {"type": ["string", "null"], "enum": ["c", "f", None]},
        "kind": {"const": "now"},
        "when": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}]},
        "more": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["place", "unit", "kind", "when", "more"],
    "additionalProperties": False,
    "$defs": {"place": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
}
TOP_ANY: dict[str, Any] = {
    "anyOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]},
    ]
}
NOT_GEMINIS = {"$ref", "$defs", "$schema", "const", "additionalProperties", "strict"}
"""Keywords that Gemini refuses in `parameters`."""
both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
pairs = pytest.mark.parametrize(("caller", "provider"), PAIRS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    async with house(tmp_path_factory.mktemp("gateway")) as made:
        yield made


def arguments(caller: str, answer: dict[str, Any]) -> list[Any]:
    """Return the arguments of the calls in a whole answer as they stand there."""
    if caller == "openai_chat":
        return [call["function"]["arguments"] for call in answer["choices"][0]["message"]["tool_calls"]]
    if caller == "openai_responses":
        return [item["arguments"] for item in answer["output"] if item["type"] == "function_call"]
    if caller == "anthropic_messages":
        return [block["input"] for block in answer["content"] if block["type"] == "tool_use"]
    if caller == "bedrock_converse":
        return [block["toolUse"]["input"] for block in answer["output"]["message"]["content"] if "toolUse" in block]
    parts = answer["candidates"][0]["content"]["parts"]
    return [part["functionCall"]["args"] for part in parts if "functionCall" in part]


@pairs
@both
async def test_parallel_calls_arrive_whole_and_apart(calls: Calls, caller: str, provider: str, *, stream: bool) -> None:
    script = {"text": "", "tool_calls": CALLED}
    answer, record = await calls(caller, provider, script, stream=stream, **CALLERS[caller].tools)
    found = heard(caller, answer.content, stream=stream)
    assert found.calls == HEARD
    assert len(set(found.ids)) == 2
    assert found.stop == "tool_calls"
    assert record.finish_reason


@pairs
async def test_arguments_have_the_form_of_the_callers_api(calls: Calls, caller: str, provider: str) -> None:
    script = {"text": "", "tool_calls": CALLED}
    answer, _ = await calls(caller, provider, script, stream=False, **CALLERS[caller].tools)
    given = arguments(caller, answer.json())
    as_text = caller in ("openai_chat", "openai_responses")
    assert [type(one) for one in given] == [str if as_text else dict] * 2
    assert [json.loads(one) if as_text else one for one in given] == [wanted for _, wanted in HEARD]


@pytest.mark.parametrize("provider", ["anthropic", "gemini", "bedrock"])
async def test_calls_of_a_stream_are_numbered_one_by_one(calls: Calls, provider: str) -> None:
    script = {"text": "Look.", "tool_calls": CALLED}
    answer, _ = await calls("openai_chat", provider, script, stream=True, **CALLERS["openai_chat"].tools)
    deltas = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    pieces = [
        piece for delta in deltas for choice in delta["choices"] for piece in choice["delta"].get("tool_calls", ())
    ]
    begun = [(piece["index"], piece["function"]["name"]) for piece in pieces if piece["function"].get("name")]
    assert begun == [(0, "a"), (1, "b")]
    assert {piece["index"] for piece in pieces} == {0, 1}


@pytest.mark.parametrize("caller", [name for name in CALLERS if name != "openai_chat"])
@pytest.mark.parametrize("index", ["zero", "missing"])
async def test_calls_that_a_server_numbers_alike_are_told_apart(calls: Calls, caller: str, index: str) -> None:
    script = {"text": "", "tool_calls": CALLED, "tool_index": index}
    answer, _ = await calls(caller, "openai_compatible", script, stream=True, **CALLERS[caller].tools)
    assert heard(caller, answer.content, stream=True).calls == HEARD


@pytest.mark.parametrize("provider", ["openai_compatible", "anthropic", "gemini", "bedrock"])
async def test_any_schema_of_a_tool_is_put_into_what_the_provider_takes(calls: Calls, provider: str) -> None:
    tool = {"type": "function", "name": "look", "parameters": HARD, "strict": True}
    answer, _ = await calls("openai_responses", provider, "normal", stream=False, tools=[tool])
    assert answer.status_code == 200, answer.text
    sent = calls.running.fake.requests[-1].json
    assert '"city"' in json.dumps(sent)
    if provider == "gemini":
        declared = sent["tools"][0]["functionDeclarations"][0]
        assert "strict" not in declared
        assert NOT_GEMINIS.isdisjoint(keys(declared.get("parameters", {})))
        assert "city" in keys(declared.get("parameters") or declared["parametersJsonSchema"])


@pytest.mark.parametrize("provider", ["openai_compatible", "openai", "anthropic", "gemini", "bedrock"])
@pytest.mark.parametrize("caller", ["openai_chat", "openai_responses"])
@both
async def test_a_schema_without_an_object_on_top_is_answered_as_asked(
    calls: Calls, caller: str, provider: str, *, stream: bool
) -> None:
    named = {"name": "either", "schema": TOP_ANY}
    form: dict[str, Any] = {"response_format": {"type": "json_schema", "json_schema": named}}
    if caller == "openai_responses":
        form = {"text": {"format": {"type": "json_schema", **named}}}
    answer, _ = await calls(caller, provider, {"text": '{"a":"x"}'}, stream=stream, **form)
    assert answer.status_code == 200, answer.text
    assert json.loads(heard(caller, answer.content, stream=stream).text) == {"a": "x"}
    sent = calls.running.fake.requests[-1].body
    assert b'"tools"' not in sent or b'"tool_choice"' in sent or b'"toolChoice"' in sent, (
        "a tool in its stead is forced"
    )


def keys(found: object) -> set[str]:
    """Return every key anywhere in a JSON value."""
    if isinstance(found, list):
        return set[str]().union(*map(keys, loose.listing(found)))
    fields = loose.mapping(found)
    return set(fields).union(*map(keys, fields.values()))
