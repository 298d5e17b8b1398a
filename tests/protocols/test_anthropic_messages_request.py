"""Requests in Anthropic's Messages form: into the domain, and round."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.domain.chat import (
    CacheMark,
    ChatRequest,
    Document,
    FunctionTool,
    Image,
    Media,
    Message,
    Native,
    NativeTool,
    OutputFormat,
    OutputKind,
    Part,
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
from pilothouse.protocols.anthropic_messages import read_head, read_request, rewrite, write_request
from pilothouse.protocols.base import NO_ASK, Written

FACTS = ModelFacts()
BUDGET = ModelFacts(thinking=ThinkingStyle.BUDGET)
ADAPTIVE = ModelFacts(thinking=ThinkingStyle.ADAPTIVE)
NAME = "anthropic_messages"
HELLO = Message(Role.USER, (Text("hello"),))


def sent(request: ChatRequest, facts: ModelFacts = FACTS) -> tuple[dict[str, Any], Written]:
    written = write_request(request, facts)
    return json.loads(written.body), written


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def read(**fields: Any) -> ChatRequest:
    body = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]} | fields
    return read_request(json.dumps(body).encode(), NO_ASK)


def test_the_head_has_model_stream_and_user() -> None:
    head = read_head(b'{"model":"m","stream":true,"metadata":{"user_id":"u","team":"t"},"messages":[]}')
    assert (head.model_name, head.streamed, head.user_id, head.labels) == ("m", True, "u", {"team": "t"})
    assert read_head(b'{"metadata":null}').user_id == ""


def test_only_the_model_is_rewritten() -> None:
    body = b'{"model":"a/b","stream":true,"x":1.50}'
    assert rewrite(body, model="b", ask_usage=True) == b'{"model":"b","stream":true,"x":1.50}'


def test_a_whole_request_is_read() -> None:
    found = read(
        system="be brief",
        temperature=1,
        top_p=0.5,
        top_k=3,
        stop_sequences=["x"],
        stream=True,
        metadata={"user_id": "u"},
        service_tier="standard_only",
        thinking={"type": "adaptive", "display": "summarized"},
        output_config={"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        tools=[{"name": "f", "input_schema": {"type": "object"}, "strict": True}, {"type": "bash_1", "name": "bash"}],
        tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        inference_geo="eu",
    )
    assert found.messages[0] == Message(Role.SYSTEM, (Text("be brief"),))
    assert found.sampling == Sampling(1, 0.5, 3)
    assert (found.max_output_tokens, found.stop, found.streamed, found.user_id) == (9, ("x",), True, "u")
    assert found.service_tier == "default"
    assert found.thinking == Thinking(enabled=True, effort="high", adaptive=True, shown=True)
    assert found.output == OutputFormat(OutputKind.SCHEMA, schema={"type": "object"}, held=True)
    assert found.tools[0] == FunctionTool("f", schema={"type": "object"}, strict=True)
    assert found.tools[1] == NativeTool(NAME, {"type": "bash_1", "name": "bash"})
    assert found.tool_choice == ToolChoice(ToolMode.REQUIRED, ("f",))
    assert found.parallel_tool_calls is False
    assert found.extra is not None
    assert found.extra.fields == {"inference_geo": "eu"}


def test_blocks_are_read() -> None:
    blocks = [
        {"type": "text", "text": "t", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "T",
         "context": "C", "citations": {"enabled": True}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "search_result", "source": "s", "title": "t", "content": []},
    ]  # fmt: skip
    parts = read(messages=[{"role": "user", "content": blocks}]).messages[0].parts
    assert parts == (
        Text("t", CacheMark("1h")),
        Image(Media("image/png", data="AA==")),
        Image(Media(url="https://a/b.png")),
        Document(text="d", name="T", context="C", cited=True),
        Document(Media(file_id="file_1")),
        Native(NAME, blocks[5]),
    )


def test_results_of_tools_are_a_message_of_their_own_and_thoughts_keep_every_byte() -> None:
    body = (
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":['
        b'{"type":"thinking","thinking":"\\u00e9 ","signature":"S+/="},{"type":"redacted_thinking","data":"R+/="},'
        b'{"type":"tool_use","id":"t1","name":"f","input":{"b":123456789012345678901234567890, "a":1.0}}]},'
        b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":['
        b'{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}]},'
        b'{"type":"text","text":"go on"}]}]}'
    )
    found = read_request(body, NO_ASK)
    assert [message.role for message in found.messages] == [Role.USER, Role.ASSISTANT, Role.TOOL, Role.USER]
    thought, hidden, call = found.messages[1].parts
    assert thought == Reasoning("é ", "S+/=", vendor="anthropic")
    assert hidden == Reasoning(redacted="R+/=", vendor="anthropic")
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"b":123456789012345678901234567890, "a":1.0}'
    assert found.messages[2].parts[0] == ToolResult(
        "t1", parts=(Image(Media("image/png", data="AA==")),), is_error=True
    )
    written = write_request(found, FACTS)
    assert written.losses == ()
    assert b'"input":{"b":123456789012345678901234567890, "a":1.0}' in written.body
    assert read_request(written.body, NO_ASK) == found


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}, "messages.0.content.0.text"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"messages": 5}, "messages"),
        ({"messages": None}, "messages"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"temperature": True}, "temperature"),
        ({"stream": "yes"}, "stream"),
        ({"stop_sequences": [1]}, "stop_sequences.0"),
        ({"tools": [{"input_schema": {}}]}, "tools.0.name"),
        ({"tools": [{"name": "f", "input_schema": []}]}, "tools.0.input_schema"),
        ({"tool_choice": {"type": "must"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
    ],
)
def test_a_malformed_request_is_refused_by_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**fields)
    assert refused.value.param == param


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"messages":[{"role":"user","content":"\xff"}]}',
        b'{"messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"messages":' + b"[" * 100_000,
        b'{"messages":[{"role":"user","content":' + b"[" * 5000 + b"]" * 5000 + b"}]}",
    ],
)
def test_bytes_that_are_no_json_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_request(body, NO_ASK)
    with pytest.raises(InvalidJson):
        read_request(b"{", NO_ASK)


def test_tools_of_the_vendor_pass_to_the_vendor() -> None:
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    found = read(
        tools=[tool],
        messages=[{"role": "user", "content": "q"}, {"role": "assistant", "content": [use, text("a")]}],
    )
    body, written = sent(found)
    assert body["tools"] == [tool]
    assert body["messages"][1]["content"] == [use, text("a")]
    assert not written.losses


words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=9).map(lambda said: f"w{said}w")
marks = st.none() | st.builds(CacheMark, st.sampled_from(["", "5m", "1h"]))
texts = st.builds(Text, words)
images = st.builds(Image, st.builds(Media, st.just("image/png"), st.just("iVBORw0KGgo=")))
documents = st.builds(Document, text=words, name=words, cited=st.booleans())
thoughts = st.builds(Reasoning, words, words, vendor=st.just("anthropic")) | st.builds(
    Reasoning, redacted=words, vendor=st.just("anthropic")
)
inputs = st.dictionaries(words, words | st.integers() | st.booleans(), max_size=3).map(json.dumps)


@st.composite
def exchanges(draw: st.DrawFn) -> list[Message]:
    """A question, an answer with calls, their results and a question again."""
    names = draw(st.lists(st.from_regex(r"\A[a-z]{1,8}\Z"), max_size=3, unique=True))
    calls = [ToolCall(f"id_{name}", name, draw(inputs)) for name in names]
    first: list[Part] = [*draw(st.lists(thoughts, max_size=2)), *draw(st.lists(texts, max_size=2)), *calls]
    results = [
        ToolResult(call.id, parts=tuple(draw(st.lists(texts | images, max_size=2))), is_error=draw(st.booleans()))
        for call in calls
    ]
    messages = [Message(Role.USER, tuple(draw(st.lists(texts | images | documents, min_size=1, max_size=3))))]
    messages += [Message(Role.ASSISTANT, tuple(first))] if first else []
    messages += [Message(Role.TOOL, tuple(results))] if results else []
    return messages


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    messages = draw(st.lists(st.builds(lambda said: Message(Role.SYSTEM, (said,)), texts), max_size=1))
    messages += draw(exchanges())
    if messages[-1].role is not Role.ASSISTANT and messages[-1].role is not Role.USER:
        messages += [Message(Role.ASSISTANT, (Text("a"),)), HELLO]
    tools = draw(st.lists(st.builds(FunctionTool, st.from_regex(r"\A[a-z]{1,8}\Z"), words, cache=marks), max_size=3))
    tools = [msgspec.structs.replace(tool, schema={"type": "object"}) for tool in tools]
    return ChatRequest(
        dialect=NAME, model="claude", messages=tuple(messages), wants_usage=True,
        streamed=draw(st.booleans()), max_output_tokens=draw(st.integers(5000, 9000)),
        stop=tuple(draw(st.lists(words, max_size=2))),
        sampling=Sampling(draw(st.none() | st.floats(0, 1))),
        thinking=draw(st.none() | st.just(Thinking(effort="high"))
                      | st.builds(lambda budget: Thinking(enabled=False) if budget is None else Thinking(
                          enabled=True, budget_tokens=budget), st.none())),
        tools=tuple(tools), user_id=draw(st.just("") | words),
        tool_choice=draw(st.none() | st.just(ToolChoice(ToolMode.AUTO))) if tools else None,
    )  # fmt: skip


@settings(max_examples=150)
@given(requests())
def test_a_request_survives_the_way_round(request: ChatRequest) -> None:
    written = write_request(request, FACTS)
    assert written.losses == ()
    found = read_request(written.body, NO_ASK)
    assert msgspec.structs.replace(found, instructions=0) == request
    assert write_request(found, FACTS).body == written.body
