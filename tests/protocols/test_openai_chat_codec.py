"""Chat completions into the domain and back: nothing is lost on the way."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from pilothouse.domain.chat import (
    ChatReply,
    ChatRequest,
    Choice,
    Ended,
    Event,
    Message,
    Reasoning,
    Refusal,
    Role,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
)
from pilothouse.domain.facts import ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidJson, InvalidRequest, UpstreamCut
from pilothouse.protocols.base import NO_ASK, NO_MEMO, ChatCodec, Echo
from pilothouse.protocols.conversion import events_of
from pilothouse.protocols.openai_chat import DIALECT
from pilothouse.protocols.openai_chat.stream_in import StreamIn
from pilothouse.protocols.openai_chat.stream_out import StreamOut

assert isinstance(DIALECT.codec, ChatCodec)
CODEC = DIALECT.codec
FACTS = ModelFacts()
REQUEST: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "name": "ada", "content": [
            {"type": "text", "text": "Look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
        ]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"n":12345678901234567890,"a":}'}},
            {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "free"}},
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "assistant", "content": "so", "refusal": "no"},
        {"role": "user", "content": "go on"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "strict": True,
                                          "parameters": {"z": 1, "type": "object", "a": 2}}},
        {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}},
    ],
    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
        {"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "g"}}]}},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {
        "name": "n", "strict": True, "schema": {"type": "object"}}},
    "reasoning_effort": "low", "max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "stop": ["a", "b"], "seed": 1,
    "logit_bias": {"5": -100}, "logprobs": True, "top_logprobs": 2, "n": 2, "frequency_penalty": 0.1,
    "presence_penalty": 0.2, "user": "u", "metadata": {"k": "v"}, "verbosity": "low", "service_tier": "flex",
    "prompt_cache_key": "p", "store": False, "modalities": ["text"], "prediction": {"type": "content", "content": "x"},
    "vendor_field": {"kept": True},
}  # fmt: skip


def read(document: dict[str, Any]) -> ChatRequest:
    return CODEC.read_request(json.dumps(document).encode(), NO_ASK)


def test_a_request_comes_back_as_it_went_in() -> None:
    written = CODEC.write_request(read(REQUEST), FACTS)
    assert json.loads(written.body) == REQUEST
    assert written.losses == ()


def test_keys_of_a_schema_keep_their_order() -> None:
    assert b'{"z":1,"type":"object","a":2}' in CODEC.write_request(read(REQUEST), FACTS).body


def test_results_of_tools_are_one_turn() -> None:
    turns = read(REQUEST).messages
    assert [turn.role for turn in turns[2:5]] == [Role.ASSISTANT, Role.TOOL, Role.ASSISTANT]
    assert turns[3].parts == (
        ToolResult("c1", parts=(Text("one"),)), ToolResult("c2", parts=(Text("two"),), custom=True)
    )  # fmt: skip


def test_the_older_function_calls_are_read() -> None:
    request = read({
        "model": "m", "functions": [{"name": "f"}], "function_call": {"name": "f"},
        "messages": [{"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
                     {"role": "function", "name": "f", "content": "one"}],
    })  # fmt: skip
    out = json.loads(CODEC.write_request(request, FACTS).body)
    assert out["messages"][0]["tool_calls"][0]["id"] == out["messages"][1]["tool_call_id"] == "f"
    assert out["tool_choice"] == {"type": "function", "function": {"name": "f"}}


def test_thoughts_of_the_past_are_read_and_not_sent_to_models_that_take_none() -> None:
    signed = {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic"}
    message = {"role": "assistant", "content": "so", "reasoning_details": [signed], "reasoning_content": "hm"}
    request = read({"model": "m", "messages": [message]})
    assert request.messages[0].parts == (Reasoning("hm", "s", vendor="anthropic"), Text("so"))
    written = CODEC.write_request(request, FACTS)
    assert b"hm" not in written.body
    assert [loss.essential for loss in written.losses] == [False]


@pytest.mark.parametrize(
    ("change", "param"),
    [({"messages": "x"}, "messages"), ({"messages": [{"role": "nobody"}]}, "messages.0.role"),
     ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"), ({"max_tokens": 0}, "max_tokens"),
     ({"tool_choice": "perhaps"}, "tool_choice"), ({"tools": [{"type": "function", "function": {}}]}, "tools")],
)  # fmt: skip
def test_malformed_requests_are_refused_with_the_place(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read({**REQUEST, **change})
    assert caught.value.param == param


@pytest.mark.parametrize("value", [b'"\xff"', b'"\\ud83d"', b"1e999", b"[" * 100_000])
def test_a_body_that_is_not_json_further_in_is_refused_as_such(value: bytes) -> None:
    with pytest.raises(InvalidJson):
        CODEC.read_request(b'{"model":"m","messages":[{"role":"user","content":' + value + b"}]}", NO_ASK)


REPLY = ChatReply(
    id="r", model="m", created_s=5, usage=Usage(3, 4, output_tokens=5, reasoning_tokens=6),
    choices=(
        Choice((Reasoning("hm", "s", vendor="anthropic"), Text("so"), ToolCall("c", "f", '{"a":1}'),
                ToolCall("d", "f", '{"b":2}')), StopReason.TOOL_CALLS, "tool_calls"),
        Choice((Refusal("no"),), StopReason.REFUSED, "stop"),
    ),
)  # fmt: skip
ECHO = Echo(ChatRequest(dialect="openai_chat", model="asked", messages=(), wants_usage=True), "id", 9)


def test_a_whole_answer_comes_back_as_it_went_out() -> None:
    body = CODEC.write_reply(REPLY, ECHO)
    answer = ChatCompletion.model_validate_json(body, strict=True)
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (7, 11, 18)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert CODEC.read_reply(body, NO_MEMO) == REPLY


def stream_of(reply: ChatReply) -> bytes:
    writer = StreamOut(ECHO)
    return b"".join(writer.write(event) for event in events_of(reply))


def chunks(stream: bytes) -> list[ChatCompletionChunk]:
    frames = [frame.removeprefix(b"data: ") for frame in stream.split(b"\n\n") if frame]
    assert frames[-1] == b"[DONE]"
    return [ChatCompletionChunk.model_validate_json(frame, strict=True) for frame in frames[:-1]]


def test_a_stream_has_one_identity_and_right_indices() -> None:
    found = chunks(stream_of(REPLY))
    assert {(chunk.id, chunk.created, chunk.model) for chunk in found} == {("r", 5, "m")}
    calls = [call for chunk in found for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    assert [(call.index, call.id) for call in calls if call.id] == [(0, "c"), (1, "d")]
    assert [choice.delta.role for chunk in found for choice in chunk.choices].count("assistant") == 2
    assert found[-1].choices == []
    assert found[-1].usage is not None
    assert found[-1].usage.prompt_tokens == 7


def test_usage_is_streamed_only_when_asked_for() -> None:
    silent = StreamOut(Echo(ChatRequest(dialect="openai_chat", model="m", messages=())))
    assert b'"usage"' not in b"".join(silent.write(event) for event in events_of(REPLY))


def read_stream(*pieces: bytes) -> list[Event]:
    reader = StreamIn()
    events = [event for piece in pieces for event in reader.feed(piece)]
    assert reader.error is None
    return [*events, *reader.end()]


@given(cuts=st.lists(st.integers(0, 5000), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_events(cuts: list[int]) -> None:
    stream = stream_of(REPLY).replace(b"so", "sö\u2028".encode())
    places = sorted({0, *(cut % len(stream) for cut in cuts), len(stream)})
    assert read_stream(*(stream[a:b] for a, b in itertools.pairwise(places))) == read_stream(stream)


def test_parallel_calls_that_all_stand_on_index_0_are_told_apart() -> None:
    pieces = [("a", "f", ""), ("", "", '{"x":1}'), ("b", "g", ""), ("", "", '{"y":2}')]
    deltas = [
        {"index": 0, **({"id": i} if i else {}), "function": {**({"name": n} if n else {}), "arguments": a}}
        for i, n, a in pieces
    ]
    frames = [{"choices": [{"index": 0, "delta": {"tool_calls": [delta]}}]} for delta in deltas]
    frames.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    stream = b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames)
    out = StreamOut(ECHO)
    written = chunks(b"".join(out.write(event) for event in read_stream(stream, b"data: [DONE]\n\n")))
    calls = [call for chunk in written for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    arguments = {0: "", 1: ""}
    for call in calls:
        assert call.function is not None
        arguments[call.index] += call.function.arguments or ""
    assert arguments == {0: '{"x":1}', 1: '{"y":2}'}


def test_usage_is_read_from_any_chunk() -> None:
    last = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":1,' \
           b'"prompt_tokens_details":{"cached_tokens":4}}}\n\n'  # fmt: skip
    usages = [event.usage for event in read_stream(last, b"data: [DONE]\n\n") if hasattr(event, "usage")]
    assert usages == [Usage(1, 4, output_tokens=1)]


def test_a_cut_stream_has_no_end_and_an_error_no_done() -> None:
    events = read_stream(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n')
    assert not any(isinstance(event, Ended) for event in events)
    writer = StreamOut(ECHO)
    for event in events:
        writer.write(event)
    tail = writer.fail(UpstreamCut("cut"), "r")
    assert b"[DONE]" not in tail
    assert b"cut" in tail


def test_an_error_inside_the_stream_is_found() -> None:
    reader = StreamIn()
    assert reader.feed(b'data: {"error":{"message":"overloaded","code":"overloaded"}}\n\n') == []
    assert reader.error is not None
    assert reader.error.code == "overloaded"
    assert reader.end() == []


TEXTS = st.text(min_size=1, max_size=20)
PARTS = st.one_of(
    st.builds(Text, TEXTS),
    st.builds(ToolCall, TEXTS, TEXTS, st.just("{}")),
)


@given(turns=st.lists(st.tuples(TEXTS, st.lists(PARTS, min_size=1, max_size=3)), max_size=3))
def test_conversations_come_back_as_they_went_in(turns: list[tuple[str, list[Any]]]) -> None:
    messages: list[Message] = []
    for said, parts in turns:
        texts = [part for part in parts if isinstance(part, Text)][:1]
        calls = [part for part in parts if isinstance(part, ToolCall)]
        messages += [Message(Role.USER, (Text(said),)), Message(Role.ASSISTANT, (*texts, *calls))]
    request = ChatRequest(dialect="openai_chat", model="m", messages=tuple(messages))
    assert CODEC.read_request(CODEC.write_request(request, FACTS).body, NO_ASK) == request
