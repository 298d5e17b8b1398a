"""Chat completions of odd servers, and what chat has no place for."""

import json
from typing import Any

import pytest

from pilothouse.domain.chat import (
    ArgumentsDelta,
    Audio,
    BlockStarted,
    CacheMark,
    ChatReply,
    ChatRequest,
    Choice,
    Document,
    Ended,
    Event,
    Finished,
    FunctionTool,
    Image,
    Media,
    Message,
    Metered,
    Native,
    Part,
    Reasoning,
    ReasoningDelta,
    Role,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolResult,
)
from pilothouse.domain.facts import ModelFacts, ThinkingStyle
from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols.base import NO_ASK, NO_MEMO, ChatCodec, Echo
from pilothouse.protocols.conversion import events_of
from pilothouse.protocols.openai_chat import DIALECT
from pilothouse.protocols.openai_chat.stream_in import StreamIn
from pilothouse.protocols.openai_chat.stream_out import StreamOut

assert isinstance(DIALECT.codec, ChatCodec)
CODEC = DIALECT.codec
FACTS = ModelFacts()
DONE = b"data: [DONE]\n\n"


def read(*messages: dict[str, Any], **more: Any) -> ChatRequest:
    return CODEC.read_request(json.dumps({"model": "m", "messages": messages, **more}).encode(), NO_ASK)


def write(*parts: Part, role: Role = Role.USER, facts: ModelFacts = FACTS, **more: Any) -> tuple[Any, list[Any]]:
    request = ChatRequest(dialect="anthropic_messages", model="m", messages=(Message(role, parts),), **more)
    written = CODEC.write_request(request, facts)
    return json.loads(written.body), [(loss.field, loss.essential) for loss in written.losses]


def frame(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def events(*frames: bytes) -> list[Event]:
    reader = StreamIn()
    return [*(event for piece in frames for event in reader.feed(piece)), *reader.end()]


def finish_of(found: list[Event]) -> Finished:
    return next(event for event in found if isinstance(event, Finished))


def answer(message: dict[str, Any], finish: str = "stop") -> Choice:
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}]}).encode()
    return CODEC.read_reply(body, NO_MEMO).choices[0]


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_a_forced_call_ends_as_a_call_though_the_provider_says_stop() -> None:
    assert answer({"tool_calls": [CALL]}).stop is StopReason.TOOL_CALLS
    assert answer({"tool_calls": [CALL]}, "length").stop is StopReason.LENGTH
    assert answer({"refusal": "no"}).stop is StopReason.REFUSED
    found = events(frame({"tool_calls": [{"index": 0, **CALL}]}), frame({}, "stop"), DONE)
    assert finish_of(found) == Finished(StopReason.TOOL_CALLS, "stop")
    assert finish_of(events(frame({"refusal": "no"}), frame({}, "stop"), DONE)).stop is StopReason.REFUSED


def test_a_stream_ends_at_its_done_and_not_when_the_connection_closes() -> None:
    reader = StreamIn()
    found = [*reader.feed(frame({"content": "a"}, "stop")), *reader.feed(DONE)]
    assert isinstance(found[-1], Ended)
    assert list(reader.feed(DONE)) == list(reader.end()) == []


def test_a_done_ends_also_what_no_finish_reason_ended() -> None:
    found = events(frame({"content": "a"}), DONE)
    assert finish_of(found) == Finished(StopReason.END)
    assert isinstance(found[-1], Ended)


def test_calls_without_ids_are_told_apart_by_their_names_and_get_ids() -> None:
    function = {"name": "f", "arguments": '{"a":1}'}
    stream = [frame({"tool_calls": [{"index": 0, "function": function}]}), frame({"tool_calls": [
        {"index": 0, "function": {"name": "f", "arguments": '{"a":2}'}}]}), frame({}, "tool_calls"), DONE]  # fmt: skip
    found = events(*stream)
    assert [event.text for event in found if isinstance(event, ArgumentsDelta)] == ['{"a":1}', '{"a":2}']
    echo = Echo(ChatRequest(dialect="openai_chat", model="m", messages=()), "x")
    out = StreamOut(echo)
    written = b"".join(out.write(event) for event in found)
    assert written.count(b'"id":"call_x_0_0"') == written.count(b'"id":"call_x_0_1"') == 1
    calls = ChatReply(choices=(Choice((ToolCall("", "f", "{}"), Text("so"), ToolCall("k", "f", "{}"))),))
    message = json.loads(CODEC.write_reply(calls, echo))["choices"][0]["message"]
    assert [call["id"] for call in message["tool_calls"]] == ["call_x_0_0", "k"]


def test_a_name_that_comes_again_with_every_piece_is_one_call() -> None:
    pieces = ['{"a"', ":1}"]
    found = events(*(frame({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": piece}}]})
                     for piece in pieces), frame({}, "tool_calls"), DONE)  # fmt: skip
    assert sum(isinstance(event, BlockStarted) for event in found) == 1


def test_thoughts_among_the_parts_of_the_content_are_thoughts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert answer({"content": [thinking, {"type": "text", "text": "so"}]}).parts == (
        Reasoning("hm", vendor="mistral"),
        Text("so"),
    )
    found = events(frame({"content": [thinking]}), frame({"content": "so"}), frame({}, "stop"), DONE)
    assert [event.text for event in found if isinstance(event, ReasoningDelta)] == ["hm"]
    assert [event.text for event in found if isinstance(event, TextDelta)] == ["so"]


def test_an_emoji_cut_in_two_is_put_together() -> None:
    first = b'data: {"choices":[{"index":0,"delta":{"content":"a\\ud83d"}}]}\n\n'
    second = b'data: {"choices":[{"index":0,"delta":{"content":"\\ude00b"}}]}\n\n'
    lone = b'data: {"choices":[{"index":0,"delta":{"content":"\\ude00"}}]}\n\n'
    found = events(first, second, lone, frame({}, "stop"), DONE)
    assert [event.text for event in found if isinstance(event, TextDelta)] == ["a", "\U0001f600b", "\ufffd"]
    with pytest.raises(UpstreamProtocol):
        events(b'data: {"choices":\n\n')


def test_content_of_no_known_form_is_the_providers_fault() -> None:
    with pytest.raises(UpstreamProtocol):
        answer({"content": 5})
    with pytest.raises(UpstreamProtocol):
        events(frame({"content": 5}))


def test_the_tier_is_part_of_the_usage_where_the_price_depends_on_it() -> None:
    usage = {"prompt_tokens": 2, "completion_tokens": 1}
    flex = Usage(2, output_tokens=1, tier="flex")
    found = events(frame({}, "stop", service_tier="flex", usage=usage), DONE)
    assert Metered(flex, "flex") in found
    body = json.dumps({"choices": [], "usage": usage, "service_tier": "flex"}).encode()
    assert DIALECT.read_reply(body).usage == CODEC.read_reply(body, NO_MEMO).usage == flex
    assert DIALECT.read_reply(body.replace(b"flex", b"default")).usage == Usage(2, output_tokens=1)
    assert DIALECT.scan is not None
    scan = DIALECT.scan(NO_ASK, hide_usage=False)
    scan.feed(frame({"content": "a"}, service_tier="flex") + frame({}, "stop", service_tier="flex", usage=usage))
    assert scan.usage == flex


def test_an_empty_answer_begins_with_its_role() -> None:
    writer = StreamOut(Echo(ChatRequest(dialect="openai_chat", model="m", messages=()), "x"))
    reply = ChatReply(choices=(Choice(()),))
    assert b'"role":"assistant"' in b"".join(writer.write(event) for event in events_of(reply))


def test_marks_for_a_cache_are_read_and_given_back() -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    message = {"role": "user", "content": [
        {"type": "text", "text": "a", **mark},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}, **mark},
        {"type": "file", "file": {"file_id": "f"}, **mark},
    ]}  # fmt: skip
    tool = {"type": "function", "function": {"name": "f"}, **mark}
    request = read(message, tools=[tool])
    for item in (*request.messages[0].parts, *request.tools):
        assert isinstance(item, Text | Image | Document | FunctionTool)
        assert item.cache == CacheMark("1h")
    written = CODEC.write_request(request, FACTS)
    assert json.loads(written.body) == {"model": "m", "messages": [message], "tools": [tool]}
    assert written.losses == ()


def test_an_older_function_that_is_called_twice_has_two_ids() -> None:
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    result = {"role": "function", "name": "f", "content": "one"}
    turns = read(call, result, call, result).messages
    calls = [part.id for turn in turns for part in turn.parts if isinstance(part, ToolCall)]
    results = [part.call_id for turn in turns for part in turn.parts if isinstance(part, ToolResult)]
    assert calls == results == ["f", "f_2"]


def test_what_chat_has_no_place_for_is_named() -> None:
    body, losses = write(
        Text("so"), Reasoning("hm", "s", vendor="openai"), Native("anthropic_messages", {"type": "server_tool_use"}),
        Document(text="d"), Audio(Media("audio/wav", data="AA==")), role=Role.ASSISTANT,
    )  # fmt: skip
    assert body["messages"] == [{"role": "assistant", "content": "so"}]
    assert losses == [
        ("messages.0.content.1", False), ("messages.0.content.2", True), ("messages.0.content.3", True),
        ("messages.0.content.4", True),
    ]  # fmt: skip


def test_hints_of_another_dialect_are_not_sent_and_named() -> None:
    body, losses = write(
        Text("hi", CacheMark()), service_tier="priority", cache_key="k", labels={"a": "b"}, store=False, verbosity="low"
    )
    assert body == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "verbosity": "low"}
    assert losses == [
        ("service_tier", False), ("prompt_cache_key", False), ("metadata", False), ("cache_control", False),
    ]  # fmt: skip


def test_a_model_that_does_not_think_is_not_told_how_much() -> None:
    body, losses = write(
        Text("hi"), thinking=Thinking(enabled=True, effort="high"), facts=ModelFacts(thinking=ThinkingStyle.NONE)
    )
    assert ("reasoning_effort" in body, losses) == (False, [("thinking", False)])
    body, losses = write(Text("hi"), thinking=Thinking(effort="enormous"))
    assert ("reasoning_effort" in body, losses) == (False, [("thinking", False)])


def test_an_error_of_a_tool_is_told_in_words() -> None:
    body, losses = write(
        ToolResult("c", parts=(Text("no"),), is_error=True),
        ToolResult("d", parts=(Text("a"), Text("b"), Image(Media(url="https://example.org/a.png"))), is_error=True),
        role=Role.TOOL,
    )
    assert losses == []
    one, two, picture = body["messages"]
    assert one == {"role": "tool", "tool_call_id": "c", "content": "Error: no"}
    assert [part["text"] for part in two["content"]] == ["Error:", "a", "b"]
    assert picture["role"] == "user"
