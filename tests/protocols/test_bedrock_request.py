"""Converse requests, into the domain and out of it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.chat import (
    CacheMark,
    ChatRequest,
    CustomTool,
    Document,
    Extra,
    FunctionTool,
    Image,
    Media,
    Message,
    Native,
    OutputFormat,
    OutputKind,
    Reasoning,
    Role,
    Sampling,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from pilothouse.domain.facts import ModelFacts, ThinkingStyle
from pilothouse.errors import InvalidJson, InvalidRequest
from pilothouse.protocols.base import Ask
from pilothouse.protocols.bedrock_converse import read_request, write_request

ASK = Ask("anthropic.claude-sonnet-4-5-20250929-v1:0", streamed=True)
FULL: dict[str, Any] = {
    "system": [{"text": "sys"}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"text": "hi"},
                {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
                {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://b/k", "bucketOwner": "1"}}}},
                {"document": {"format": "pdf", "name": "a b", "source": {"bytes": "JVBERi0="}}},
                {"document": {"name": "plain", "source": {"text": "words"}, "citations": {"enabled": True}}},
                {"document": {"name": "pieces", "source": {"content": [{"text": "one"}, {"text": "two"}]}}},
                {"video": {"format": "three_gp", "source": {"s3Location": {"uri": "s3://b/v"}}}},
                {"cachePoint": {"type": "default"}},
                {"guardContent": {"text": {"text": "g", "qualifiers": ["query"]}}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "t", "signature": "c2ln"}}},
                {"reasoningContent": {"redactedContent": "AAAA"}},
                {"text": "ok"},
                {"citationsContent": {"content": [{"text": "c"}], "citations": [{"title": "t"}]}},
                {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"b": 12345678901234567890123, "a": 1.0}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "toolResult": {
                        "toolUseId": "t1",
                        "content": [{"json": {"x": 1}}, {"text": "y"}],
                        "status": "error",
                    }
                },
                {"cachePoint": {"type": "default"}},
                {"text": "next"},
            ],
        },
    ],
    "inferenceConfig": {"maxTokens": 5000, "stopSequences": ["x"], "temperature": 0.5, "topP": 0.9},
    "additionalModelRequestFields": {"anthropic_beta": ["b"], "top_k": 5},
    "outputConfig": {
        "effort": "high",
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": '{"type":"object"}', "name": "n", "description": "d"}},
        },
    },
    "toolConfig": {
        "tools": [
            {
                "toolSpec": {
                    "name": "f",
                    "description": "d",
                    "inputSchema": {"json": {"type": "object", "properties": {"b": {"type": "integer"}}}},
                    "strict": True,
                }
            },
            {"cachePoint": {"type": "default"}},
            {"systemTool": {"name": "nova_grounding"}},
        ],
        "toolChoice": {"auto": {}},
    },
    "serviceTier": {"type": "flex"},
    "requestMetadata": {"a": "b"},
    "guardrailConfig": {"guardrailIdentifier": "x"},
    "performanceConfig": {"latency": "optimized"},
    "additionalModelResponseFieldPaths": ["/stop_sequence"],
}


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def body(request: ChatRequest, **facts: Any) -> dict[str, Any]:
    return json.loads(write_request(request, ModelFacts(**facts)).body)


def ask(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest(
        dialect="openai_chat", model=fields.pop("model", ASK.model), messages=messages or (USER,), **fields
    )


USER = Message(Role.USER, (Text("hi"),))
F = FunctionTool("f", schema={"type": "object", "properties": {}})
CALL = Message(Role.ASSISTANT, (ToolCall("c1", "f", "{}"),))
RESULT = Message(Role.TOOL, (ToolResult("c1", parts=(Text("r"),)),))


def losses(request: ChatRequest, **facts: Any) -> dict[str, bool]:
    return {loss.field: loss.essential for loss in write_request(request, ModelFacts(**facts)).losses}


def test_a_full_request_comes_out_as_it_went_in() -> None:
    request = read_request(encoded(FULL), ASK)
    written = write_request(request, ModelFacts())
    assert json.loads(written.body) == FULL
    assert written.losses == ()
    assert read_request(written.body, ASK) == request
    assert (request.model, request.streamed, request.wants_usage) == (ASK.model, True, True)


def test_arguments_keep_their_exact_text() -> None:
    use = b'{"toolUseId":"t","name":"f","input":{ "z":1.10, "a":%d}}' % 10**30
    request = read_request(b'{"messages":[{"role":"assistant","content":[{"toolUse":%s}]}]}' % use, ASK)
    part = request.messages[0].parts[0]
    assert isinstance(part, ToolCall)
    assert part.arguments == f'{{ "z":1.10, "a":{10**30}}}'
    assert use in write_request(request, ModelFacts()).body


def test_parts_are_read() -> None:
    first, second, third = read_request(encoded(FULL), ASK).messages[1:4]
    assert first.parts[1] == Image(Media("image/png", data="iVBORw0KGgo="))
    assert first.parts[4] == Document(text="words", name="plain", cited=True)
    assert isinstance(first.parts[-1], Native)
    assert second.parts[0] == Reasoning("t", signature="c2ln", vendor="anthropic")
    assert second.parts[1] == Reasoning(redacted="AAAA", vendor="anthropic")
    assert third.role is Role.TOOL
    result = third.parts[0]
    assert isinstance(result, ToolResult)
    assert (result.call_id, result.is_error, result.cache) == ("t1", True, CacheMark(""))


@pytest.mark.parametrize(
    ("document", "param"),
    [
        ({"messages": {}}, "messages"),
        ({"messages": [1]}, "messages.0"),
        ({"messages": [{"role": "tool", "content": []}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"text": 1}]}]}, "messages.0.content.0.text"),
        ({"messages": [{"role": "user", "content": [{"text": "a", "image": {}}]}]}, "messages.0.content.0"),
        (
            {"messages": [{"role": "user", "content": [{"image": {"format": "png"}}]}]},
            "messages.0.content.0.image.source",
        ),
        ({"inferenceConfig": {"maxTokens": "many"}}, "inferenceConfig"),
        ({"requestMetadata": {"a": 1}}, "requestMetadata"),
        (
            {"outputConfig": {"textFormat": {"structure": {"jsonSchema": {"schema": {}}}}}},
            "outputConfig.textFormat.structure.jsonSchema.schema",
        ),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(document: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request(encoded(document), ASK)
    assert caught.value.param == param


@pytest.mark.parametrize("text", [b"\xff", b"\\ud800", b"[" * 100_000])
def test_bad_json_is_refused(text: bytes) -> None:
    for body in (b"{", b'{"messages":[{"role":"user","content":[{"text":"%s"}]}]}' % text, b'{"x":%s' % text):
        if text[:1] != b"[" or b'"text"' not in body:
            with pytest.raises(InvalidJson):
                read_request(body, ASK)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "json", "x"]), inner),
    max_leaves=5,
)


def places(found: Any) -> list[tuple[Any, Any]]:
    """Return every place in a document: what holds it, and under which key."""
    keys = list(found) if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else []
    return [place for key in keys for place in ((found, key), *places(found[key]))]


@given(st.data())
def test_odd_requests_are_refused_or_written(data: st.DataObject) -> None:
    document = json.loads(encoded(FULL))
    holder, key = data.draw(st.sampled_from(places(document)))
    holder[key] = data.draw(ODD)
    try:
        request = read_request(encoded(document), ASK)
    except InvalidRequest:
        return
    json.loads(write_request(request, ModelFacts()).body)


def test_turns_alternate_and_begin_with_the_user() -> None:
    said = body(ask(Message(Role.ASSISTANT, (Text("a"),)), USER, USER, CALL, RESULT, USER, tools=(F,)))
    assert [turn["role"] for turn in said["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert "toolResult" in said["messages"][-1]["content"][0]
    assert said["messages"][-1]["content"][1] == {"text": "hi"}


def test_a_system_message_in_the_middle_keeps_its_place() -> None:
    request = ask(Message(Role.DEVELOPER, (Text("d"),)), USER, Message(Role.SYSTEM, (Text("now"),)), USER)
    said = body(request)
    assert said["system"] == [{"text": "d"}]
    assert said["messages"][0]["content"][1] == {"text": "<system>\nnow\n</system>"}
    assert losses(request) == {"messages.2": False}
    behind = ask(USER, Message(Role.SYSTEM, (Text("now"),)), Message(Role.ASSISTANT, (Text("a"),)), USER)
    told = [turn["role"] for turn in body(behind, mid_system=True)["messages"]]
    assert told == ["user", "system", "assistant", "user"]


def test_calls_and_results_are_paired() -> None:
    lonely = Message(Role.TOOL, (ToolResult("gone", parts=(Text("old"),)),))
    said = body(ask(USER, CALL, USER, lonely, tools=(F,)))
    last = said["messages"][-1]["content"]
    assert last[0]["toolResult"]["status"] == "error"
    assert last[1:] == [{"text": "hi"}, {"text": "old"}]
    assert "toolResult" in body(ask(USER, CALL, tools=(F,)))["messages"][-1]["content"][0]


def test_blank_text_is_left_out_and_a_begun_answer_has_no_blank_end() -> None:
    said = body(ask(Message(Role.USER, (Text(" "), Text("hi"))), Message(Role.ASSISTANT, (Text("So \n"),))))
    assert [turn["content"] for turn in said["messages"]] == [[{"text": "hi"}], [{"text": "So"}]]
    assert losses(ask(USER, Message(Role.ASSISTANT, (Text("So"),))), prefill=False) == {"messages": True}


def test_only_claudes_own_marks_are_given_back() -> None:
    thoughts = (
        Reasoning("a", signature="s", vendor="openai"),
        Reasoning("b"),
        Reasoning("c", signature="s", vendor="anthropic"),
        Text("x"),
    )
    request = ask(USER, Message(Role.ASSISTANT, thoughts), USER)
    assert [next(iter(block)) for block in body(request)["messages"][1]["content"]] == ["reasoningContent", "text"]
    assert losses(request) == {"messages.1.content.0": False, "messages.1.content.1": False}


@pytest.mark.parametrize(
    "media",
    [Media("image/png", url="https://x/y.png"), Media(file_id="f"), Media("image/bmp", data="AAAA")],
)
def test_media_that_bedrock_cannot_take_is_an_essential_loss(media: Media) -> None:
    assert losses(ask(Message(Role.USER, (Text("hi"), Image(media))))) == {"messages.0.content.1": True}


def test_a_format_is_told_by_the_first_bytes_or_the_name() -> None:
    parts = (Image(Media(data="/9j/AAAA")), Document(Media(data="AAAA"), name="Über uns.v2!.DOCX"), Text("x"))
    content = body(ask(Message(Role.USER, parts)))["messages"][0]["content"]
    assert content[0]["image"]["format"] == "jpeg"
    assert content[1]["document"]["format"] == "docx"
    assert content[1]["document"]["name"] == "ber uns v2"


def test_documents_have_names_of_their_own_and_a_text_beside_them() -> None:
    parts = tuple(Document(Media("application/pdf", data="AAAA"), name=name) for name in ("a.pdf", "a.pdf", "", "日本"))
    content = body(ask(Message(Role.USER, parts)))["messages"][0]["content"]
    assert [block["document"]["name"] for block in content[:-1]] == ["a", "a-2", "document-3", "document-4"]
    assert content[-1] == {"text": "a"}


def test_a_plain_text_document_is_bytes_for_other_models() -> None:
    request = ask(Message(Role.USER, (Document(text="é", name="n"), Text("x"))), model="amazon.nova-pro-v1:0")
    found = body(request)["messages"][0]["content"][0]["document"]
    assert found == {"format": "txt", "name": "n", "source": {"bytes": "w6k="}}


def test_ids_and_names_are_made_fit_and_remembered() -> None:
    call = Message(Role.ASSISTANT, (ToolCall("call|1 ü", "my.tool", "{}"),))
    result = Message(Role.TOOL, (ToolResult("call|1 ü", parts=(Text("r"),)),))
    tools = (FunctionTool("my.tool"), FunctionTool("my_tool"))
    written = write_request(ask(USER, call, result, tools=tools), ModelFacts())
    said = json.loads(written.body)
    use, back = said["messages"][1]["content"][0]["toolUse"], said["messages"][2]["content"][0]["toolResult"]
    assert use["toolUseId"] == back["toolUseId"]
    assert use["name"] == "my_tool_2"
    assert [tool["toolSpec"]["name"] for tool in said["toolConfig"]["tools"]] == ["my_tool_2", "my_tool"]
    assert written.memo.tool_names == {"my_tool_2": "my.tool"}


def test_broken_arguments_survive_as_text() -> None:
    request = ask(USER, Message(Role.ASSISTANT, (ToolCall("c1", "f", '{"a":'),)), RESULT, tools=(F,))
    assert body(request)["messages"][1]["content"][0]["toolUse"]["input"] == {"arguments": '{"a":'}
    assert losses(request) == {"messages.1.content.0.arguments": False}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        (ToolChoice(ToolMode.AUTO), {"auto": {}}),
        (ToolChoice(ToolMode.REQUIRED), {"any": {}}),
        (ToolChoice(ToolMode.REQUIRED, ("f",)), {"tool": {"name": "f"}}),
    ],
)
def test_the_choice_of_tools(choice: ToolChoice | None, sent: Any) -> None:
    assert body(ask(tools=(F,), tool_choice=choice))["toolConfig"].get("toolChoice") == sent


def test_one_call_at_a_time_is_claudes_own_word() -> None:
    one = ask(tools=(F,), tool_choice=ToolChoice(ToolMode.REQUIRED, ("f",)), parallel_tool_calls=False)
    assert body(one)["additionalModelRequestFields"] == {
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}
    }
    assert read_request(write_request(one, ModelFacts()).body, ASK).parallel_tool_calls is False


def test_of_several_allowed_tools_only_those_are_sent() -> None:
    tools = (F, FunctionTool("g"), FunctionTool("h"))
    config = body(ask(tools=tools, tool_choice=ToolChoice(ToolMode.AUTO, ("f", "h"))))["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["f", "h"]


def test_no_tools_means_none_unless_the_history_has_some() -> None:
    none = ToolChoice(ToolMode.NONE)
    assert "toolConfig" not in body(ask(tools=(F,), tool_choice=none))
    with_history = ask(USER, CALL, RESULT, tools=(F,), tool_choice=none)
    assert "toolChoice" not in body(with_history)["toolConfig"]
    assert losses(with_history) == {"tool_choice": False}
    undeclared = body(ask(USER, CALL, RESULT))["toolConfig"]["tools"]
    assert undeclared == [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}}}}}]


def test_an_empty_schema_is_one_of_an_object() -> None:
    spec = body(ask(tools=(FunctionTool("f", schema={"properties": {"a": {}}}), FunctionTool("g"))))["toolConfig"][
        "tools"
    ]
    assert spec[0]["toolSpec"]["inputSchema"]["json"] == {"type": "object", "properties": {"a": {}}}
    assert spec[1]["toolSpec"]["inputSchema"]["json"] == {"type": "object", "properties": {}}


def test_a_schema_is_asked_for_by_a_forced_tool_where_the_model_takes_none() -> None:
    output = OutputFormat(OutputKind.SCHEMA, "weather", schema={"type": "object", "properties": {"t": {}}})
    written = write_request(ask(output=output), ModelFacts(schema_output=False))
    config = json.loads(written.body)["toolConfig"]
    assert config["toolChoice"] == {"tool": {"name": "weather"}}
    assert (written.memo.format_tool, written.memo.wrapped) == ("weather", False)
    both = write_request(ask(output=output, tools=(F,)), ModelFacts(schema_output=False))
    assert json.loads(both.body)["toolConfig"]["toolChoice"] == {"any": {}}
    listed = OutputFormat(OutputKind.SCHEMA, schema={"type": "array", "$defs": {"x": {}}})
    wrapped = write_request(ask(output=listed), ModelFacts(schema_output=False))
    spec = json.loads(wrapped.body)["toolConfig"]["tools"][0]["toolSpec"]
    assert wrapped.memo.wrapped
    assert spec["inputSchema"]["json"] == {
        "type": "object", "properties": {"value": {"type": "array"}}, "required": ["value"], "$defs": {"x": {}},
    }  # fmt: skip


def test_a_schema_is_text_where_the_model_takes_one() -> None:
    output = OutputFormat(OutputKind.SCHEMA, "n", schema={"b": 1, "a": 2})
    own = msgspec.structs.replace(ask(output=output), dialect="bedrock_converse")
    form = body(own)["outputConfig"]["textFormat"]
    assert form["structure"]["jsonSchema"] == {"schema": '{"b":1,"a":2}', "name": "n"}
    plain = ask(output=OutputFormat(OutputKind.JSON))
    assert body(plain)["system"] == [{"text": "Answer with one JSON object and nothing else."}]
    assert losses(plain) == {"response_format": False}


def test_another_dialects_schema_is_closed_and_what_it_loses_is_told_and_checked_later() -> None:
    bounded = {"type": "object", "properties": {"a": {"type": "integer", "maximum": 9}}}
    output = OutputFormat(OutputKind.SCHEMA, "n", schema=bounded, strict=True)
    written = write_request(ask(output=output), ModelFacts())
    form = json.loads(written.body)["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(form["schema"]) == {
        "type": "object",
        "properties": {"a": {"type": "integer", "description": "maximum: 9"}},
        "additionalProperties": False,
    }
    assert losses(ask(output=output)) == {"response_format": False}
    assert written.memo.schema == bounded
    kept = OutputFormat(OutputKind.SCHEMA, schema={"type": "object", "properties": {"a": {"type": "string"}}})
    assert write_request(ask(output=kept), ModelFacts()).memo.schema is None
    listed = OutputFormat(OutputKind.SCHEMA, schema={"type": "array", "items": {"type": "string"}})
    asked = write_request(ask(output=listed), ModelFacts())
    assert (asked.memo.wrapped, asked.memo.schema) == (True, listed.schema)
    assert "outputConfig" not in json.loads(asked.body)


def test_a_tool_is_strict_only_with_a_schema_that_allows_it() -> None:
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    tools = (FunctionTool("f", schema=closed, strict=True), FunctionTool("g", schema={"type": "object"}, strict=True))
    written = write_request(ask(tools=tools), ModelFacts())
    specs = [tool["toolSpec"] for tool in json.loads(written.body)["toolConfig"]["tools"]]
    assert [spec.get("strict") for spec in specs] == [True, None]
    assert losses(ask(tools=tools)) == {"tools.1.strict": False}


@pytest.mark.parametrize(
    ("thinking", "facts", "special", "effort"),
    [
        (Thinking(enabled=True, budget_tokens=2000), {}, {"type": "enabled", "budget_tokens": 2000}, None),
        (Thinking(effort="high"), {}, {"type": "adaptive"}, "high"),
        (
            Thinking(effort="high", shown=True),
            {"thinking": ThinkingStyle.ADAPTIVE},
            {"type": "adaptive", "display": "summarized"},
            "high",
        ),
        (
            Thinking(effort="low"),
            {"thinking": ThinkingStyle.BUDGET},
            {"type": "enabled", "budget_tokens": 2048},
            None,
        ),
        (Thinking(effort="none"), {}, {"type": "disabled"}, None),
        (Thinking(effort="high"), {"thinking": ThinkingStyle.NONE}, None, None),
    ],
)
def test_how_claude_is_told_to_think(
    thinking: Thinking, facts: dict[str, Any], special: Any, effort: str | None
) -> None:
    said = body(ask(thinking=thinking, max_output_tokens=4000), **facts)
    assert said.get("additionalModelRequestFields", {}).get("thinking") == special
    assert said.get("outputConfig", {}).get("effort") == effort


def test_a_budget_stays_below_the_limit() -> None:
    thinking = Thinking(enabled=True, budget_tokens=8000)
    said = body(ask(thinking=thinking, max_output_tokens=4000))
    assert said["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 3999
    assert body(ask(thinking=thinking))["inferenceConfig"]["maxTokens"] == 8000 + 4096
    assert losses(ask(thinking=thinking, max_output_tokens=1000)) == {"thinking": False}


def test_thinking_and_a_forced_tool_exclude_each_other() -> None:
    request = ask(
        thinking=Thinking(effort="high"), tools=(F,), tool_choice=ToolChoice(ToolMode.REQUIRED),
        sampling=Sampling(temperature=0.2),
    )  # fmt: skip
    assert "additionalModelRequestFields" not in body(request)
    assert losses(request) == {"thinking": False}
    free = ask(thinking=Thinking(effort="high"), sampling=Sampling(temperature=0.2, top_k=3))
    assert losses(free) == {"temperature": False, "top_k": False}


def test_claude_does_not_begin_to_think_in_the_middle_of_calls() -> None:
    thinking = Thinking(enabled=True, budget_tokens=2000)
    request = ask(USER, CALL, RESULT, tools=(F,), thinking=thinking, max_output_tokens=4000)
    assert losses(request) == {"thinking": False}
    signed = Message(Role.ASSISTANT, (Reasoning("t", signature="s", vendor="anthropic"), ToolCall("c1", "f", "{}")))
    assert losses(ask(USER, signed, RESULT, tools=(F,), thinking=thinking, max_output_tokens=4000)) == {}


def test_other_models_take_an_effort() -> None:
    gpt = ask(model="openai.gpt-oss-120b-1:0", thinking=Thinking(effort="low"))
    assert body(gpt)["outputConfig"] == {"effort": "low"}
    assert body(gpt, thinking=ThinkingStyle.EFFORT)["additionalModelRequestFields"] == {"reasoning_effort": "low"}


def test_what_converse_has_no_word_for_is_told() -> None:
    request = ask(
        choices=2, modalities=("text", "audio"), previous_id="r", background=True, verbosity="low", cache_key="k",
        user_id="u", store=True, service_tier="scale", parallel_tool_calls=False, labels={"a b": "c", "ü": "d"},
        tools=(CustomTool("c"),), model="amazon.nova-pro-v1:0",
        extra=Extra("openai_chat", {"safety": 1}),
        sampling=Sampling(temperature=1.5, seed=1, logit_bias={"1": 2}, frequency_penalty=1, logprobs=True, top_k=4),
    )  # fmt: skip
    assert losses(request) == {
        "n": True, "modalities": True, "previous_response_id": True, "background": True, "logprobs": True,
        "tools.0": True, "verbosity": False, "prompt_cache_key": False, "user": False, "store": False,
        "service_tier": False, "parallel_tool_calls": False, "metadata.ü": False, "temperature": False, "seed": False,
        "logit_bias": False, "frequency_penalty": False, "safety": False,
    }  # fmt: skip
    said = body(request)
    assert said["inferenceConfig"] == {"temperature": 1.0}
    assert said["requestMetadata"] == {"a b": "c"}
    assert said["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 4}}


TEXTS = st.text(min_size=1, max_size=12).map(lambda said: said.encode(errors="replace").decode()).filter(str.strip)
USER_PARTS = st.one_of(
    st.builds(Text, TEXTS, cache=st.none() | st.builds(CacheMark, st.sampled_from(["", "5m", "1h"]))),
    st.just(Image(Media("image/gif", data="R0lGOD=="))),
)
ASSISTANT_PARTS = st.one_of(
    st.builds(Text, TEXTS.map(lambda said: said + "x")),
    st.builds(Reasoning, TEXTS, signature=st.just("c2ln"), vendor=st.just("anthropic")),
)
TURNS = st.lists(st.tuples(st.lists(USER_PARTS, min_size=1), st.lists(ASSISTANT_PARTS, min_size=1)), min_size=1)


UNITS = st.none() | st.floats(0, 1)
NAMES = st.from_regex("[a-z]{1,9}", fullmatch=True)


@given(
    turns=TURNS,
    limit=st.none() | st.integers(1, 10**6),
    stop=st.lists(TEXTS.filter(lambda said: bool(said.strip())), max_size=3),
    sampling=st.builds(Sampling, UNITS, UNITS, st.none() | st.integers(1, 9)),
    tools=st.lists(st.builds(FunctionTool, NAMES, schema=st.just({"type": "object"}))),
    labels=st.dictionaries(NAMES, st.just("v"), max_size=4),
)  # fmt: skip
def test_requests_come_back_as_they_were(
    turns: list[tuple[list[Any], list[Any]]], limit: int | None, stop: list[str], **fields: Any
) -> None:
    messages = [
        message
        for asked, answered in turns
        for message in (Message(Role.USER, tuple(asked)), Message(Role.ASSISTANT, tuple(answered)))
    ]
    fields["tools"] = tuple(fields["tools"])
    request = ChatRequest(
        dialect="bedrock_converse", model=ASK.model, messages=tuple(messages), streamed=True, wants_usage=True,
        max_output_tokens=limit, stop=tuple(stop), **fields,
    )  # fmt: skip
    written = write_request(request, ModelFacts())
    assert written.losses == ()
    assert read_request(written.body, ASK) == request
