"""Cohere's chat: requests, answers and streams, both ways."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.chat import (
    ArgumentsDelta,
    BlockStarted,
    ChatReply,
    ChatRequest,
    Choice,
    CustomTool,
    Document,
    Ended,
    Finished,
    FunctionTool,
    Image,
    Media,
    Message,
    Metered,
    OutputFormat,
    OutputKind,
    Reasoning,
    ReasoningDelta,
    Role,
    Sampling,
    Started,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidRequest, UpstreamCut, UpstreamProtocol
from pilothouse.protocols import caller_fields, losses
from pilothouse.protocols.base import NO_MEMO, Ask, ChatCodec, Echo, Memo
from pilothouse.protocols.cohere_chat import DIALECT, StreamReader, StreamScan, StreamWriter, fold

CODEC: Any = DIALECT.codec
FACTS = ModelFacts()
CALL = {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "UTC"}'}}
REQUEST: dict[str, Any] = {
    "model": "command-a", "stream": True, "max_tokens": 50, "stop_sequences": ["."], "temperature": 0.3, "p": 0.9,
    "k": 5, "seed": 7, "frequency_penalty": 0.1, "presence_penalty": 0.2, "strict_tools": True,
    "thinking": {"type": "enabled", "token_budget": 900}, "tool_choice": "REQUIRED", "safety_mode": "OFF",
    "tools": [
        {"type": "function", "function": {"name": "clock", "description": "Time", "parameters": {"type": "object"}}},
    ],
    "response_format": {"type": "json_object", "json_schema": {"type": "object"}},
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "When?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        ]},
        {"role": "assistant", "tool_plan": "I look.", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "document", "document": {"data": "noon"}}]},
    ],
}  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant", "content": []}}},
    {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "thinking", "thinking": ""}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"thinking": "Hm — "}}}},
    {"type": "content-end", "index": 0},
    {"type": "content-start", "index": 1, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    {"type": "content-delta", "index": 1, "delta": {"message": {"content": {"text": "Grüße"}}}},
    {"type": "content-delta", "index": 1, "delta": {"message": {"content": {"text": " 🌍"}}}},
    {"type": "content-end", "index": 1},
    {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": {**CALL, "function": {
        "name": "clock", "arguments": ""}}}}},
    {"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": {"function": {
        "arguments": '{"zone": "UTC"}'}}}}},
    {"type": "tool-call-end", "index": 0},
    {"type": "message-end", "id": "c1", "delta": {"finish_reason": "TOOL_CALL", "usage": {
        "billed_units": {"input_tokens": 9, "output_tokens": 4}, "tokens": {"input_tokens": 12, "output_tokens": 4},
        "cached_tokens": 3}}},
]  # fmt: skip


def sse(events: list[dict[str, Any]]) -> bytes:
    lines = [f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events]
    return "".join(lines).encode()


STREAM = sse(EVENTS)


def read(**changes: Any) -> ChatRequest:
    return CODEC.read_request(json.dumps({**REQUEST, **changes}).encode(), Ask())


def written(request: ChatRequest, facts: ModelFacts = FACTS) -> tuple[dict[str, Any], dict[str, bool]]:
    found = CODEC.write_request(request, facts)
    return json.loads(found.body), {loss.field: loss.essential for loss in found.losses}


def said(text: str = "Hi.", **fields: Any) -> ChatRequest:
    return ChatRequest(dialect="openai_chat", model="m", messages=(Message(Role.USER, (Text(text),)),), **fields)


def test_a_request_is_read() -> None:
    request = read()
    assert isinstance(CODEC, ChatCodec)
    assert (request.model, request.streamed, request.max_output_tokens, request.stop) == ("command-a", True, 50, (".",))
    assert request.sampling == Sampling(0.3, 0.9, 5, 0.1, 0.2, 7)
    assert request.thinking == Thinking(enabled=True, budget_tokens=900)
    assert request.tools == (FunctionTool("clock", "Time", {"type": "object"}, True),)
    assert request.tool_choice == ToolChoice(ToolMode.REQUIRED)
    assert request.output == OutputFormat(OutputKind.SCHEMA, schema={"type": "object"}, held=True)
    assert request.extra is not None
    assert request.extra.fields == {"safety_mode": "OFF"}
    system, user, model, tool = request.messages
    assert system == Message(Role.SYSTEM, (Text("Be brief."),))
    assert user.parts == (Text("When?"), Image(Media("image/png", data="AA=="), "low"))
    assert model.parts == (Text("I look."), ToolCall("call_1", "clock", '{"zone": "UTC"}'))
    assert tool.parts == (ToolResult("call_1", parts=(Document(text="noon"),)),)


def test_documents_to_answer_from_are_part_of_what_the_user_says() -> None:
    request = read(documents=["a"])
    assert "documents" not in [loss.field for loss in losses.foreign(request, "openai_chat", "no")]
    assert [part.text for part in request.messages[1].parts if isinstance(part, Document)] == ["a"]
    assert caller_fields.named(request, [Loss("messages.2.content.1", "x"), Loss("top_k", "x")]) == (
        Loss("messages.2.tool_calls.0", "x"), Loss("k", "x"),
    )  # fmt: skip


def test_an_own_request_comes_back_as_it_was() -> None:
    body, losses = written(read())
    assert body == REQUEST
    assert losses == {}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "bot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"tool_choice": "SOME"}, "tool_choice"),
        ({"tools": [{"type": "function", "function": {"description": "x"}}]}, "tools"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages.0.content.0"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidRequest) as found:
        read(**changes)
    assert found.value.param == where


def test_what_cohere_cannot_take_is_told() -> None:
    request = said(
        choices=2, user_id="u", labels={"a": "b"}, previous_id="p", parallel_tool_calls=False,
        stop=("1", "2", "3", "4", "5", "6"), sampling=Sampling(logit_bias={"1": 1.0}, seed=3),
        tools=(CustomTool("free"), FunctionTool("a b", strict=True), FunctionTool("c")),
    )  # fmt: skip
    body, losses = written(request)
    assert losses == {
        "n": True, "user": False, "metadata": False, "previous_response_id": True, "parallel_tool_calls": False,
        "stop": True, "logit_bias": False, "tools.0": True, "tools": False,
    }  # fmt: skip
    assert (body["seed"], body["stop_sequences"]) == (3, ["1", "2", "3", "4", "5"])
    assert [tool["function"]["name"] for tool in body["tools"]] == ["a_b", "c"]


def test_turns_of_others_are_put_in_its_form() -> None:
    picture = Image(Media("image/png", data="AA=="))
    turns = (
        Message(Role.DEVELOPER, (Text("Be kind."),)),
        Message(Role.USER, (Text("A"), Document(Media("application/pdf", data="AA==")))),
        Message(Role.ASSISTANT, (Reasoning("Hm", vendor="cohere"), Reasoning("No", "sig", vendor="anthropic"),
                                 Text("I look."), ToolCall("c", "clock", ""))),
        Message(Role.USER, (ToolResult("c", parts=(Text("noon"), picture), is_error=True), Text("And now?"))),
    )  # fmt: skip
    body, losses = written(ChatRequest(dialect="anthropic_messages", model="m", messages=turns))
    assert losses == {"messages.1.content.1": True, "messages.2.content.1": False}
    assert body["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "A"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm"}], "tool_plan": "I look.",
         "tool_calls": [{"id": "c", "type": "function", "function": {"name": "clock", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "Error:"},
                                                          {"type": "text", "text": "noon"}]},
        {"role": "user", "content": [
            {"type": "text", "text": "Picture of tool call c:"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            {"type": "text", "text": "And now?"}]},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("thinking", "sent"),
    [
        (Thinking(enabled=False), {"type": "disabled"}),
        (Thinking(effort="none"), {"type": "disabled"}),
        (Thinking(effort="low"), {"type": "enabled", "token_budget": 2048}),
        (Thinking(effort="high"), {"type": "enabled"}),
        (Thinking(enabled=True, budget_tokens=77), {"type": "enabled", "token_budget": 77}),
    ],
)
def test_thinking(thinking: Thinking, sent: dict[str, Any]) -> None:
    assert written(said(thinking=thinking))[0]["thinking"] == sent


def test_only_the_tools_that_may_be_called_are_declared() -> None:
    tools = (FunctionTool("a"), FunctionTool("b"))
    body, _ = written(said(tools=tools, tool_choice=ToolChoice(ToolMode.REQUIRED, ("b",))))
    assert ([tool["function"]["name"] for tool in body["tools"]], body["tool_choice"]) == (["b"], "REQUIRED")


def test_a_whole_answer() -> None:
    usage = {"billed_units": {"input_tokens": 9, "output_tokens": 4}, "cached_tokens": 3}
    content = [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Yes."}]
    message = {"role": "assistant", "content": content, "tool_plan": "I look.", "tool_calls": [CALL]}
    body = json.dumps({"id": "c1", "finish_reason": "TOOL_CALL", "message": message, "usage": usage}).encode()
    reply = CODEC.read_reply(body, Memo({"clock": "the clock"}))
    call = ToolCall("call_1", "the clock", '{"zone": "UTC"}')
    parts = (Reasoning("Hm", vendor="cohere"), Text("Yes."), Text("I look."), call)
    assert reply.choices == (Choice(parts, StopReason.TOOL_CALLS, "TOOL_CALL"),)
    assert (reply.id, reply.usage) == ("c1", Usage(6, 3, output_tokens=4))
    found = DIALECT.read_reply(body)
    assert (found.usage, found.finish_reason) == (reply.usage, "TOOL_CALL")
    out = json.loads(CODEC.write_reply(reply, Echo(read(), "x1")))
    assert out["message"]["content"] == [*content, {"type": "text", "text": "I look."}]
    assert out["message"]["tool_calls"][0]["function"]["name"] == "the clock"
    assert out["usage"]["tokens"] == {"input_tokens": 9, "output_tokens": 4}


def test_marks_of_calls_ride_in_their_ids() -> None:
    reply = ChatReply(choices=(Choice((ToolCall("c", "clock", "{}", signature="mark"),)),))
    call = json.loads(CODEC.write_reply(reply, Echo(read(), "x1")))["message"]["tool_calls"][0]
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]},
             {"role": "tool", "tool_call_id": call["id"], "content": "noon"}]  # fmt: skip
    _, model, tool = read(messages=turns).messages
    assert model.parts == (ToolCall("c", "clock", "{}", signature="mark"),)
    assert tool.parts == (ToolResult("c", parts=(Text("noon"),)),)
    sent = DIALECT.rewrite(json.dumps({"model": "m", "messages": turns}).encode(), model="n", ask_usage=False)
    assert json.loads(sent)["messages"][2]["tool_call_id"] == "c"


def test_answers_that_are_none() -> None:
    with pytest.raises(UpstreamProtocol):
        DIALECT.read_reply(b'{"id": "c1"}')
    found = DIALECT.read_reply(b'{"id": "c1", "message": "invalid request"}').error
    assert found is not None
    assert found.message == "invalid request"


def events(stream: bytes, *cuts: int) -> list[Any]:
    reader = StreamReader(NO_MEMO)
    places = [0, *sorted(cuts), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(places)]
    return [event for piece in pieces for event in reader.feed(piece)] + list(reader.end())


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_a_stream_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    found = events(STREAM, *cuts)
    assert found == events(STREAM)
    assert (found[0], found[-1]) == (Started("c1"), Ended())
    assert [event for event in found if isinstance(event, BlockStarted)] == [
        BlockStarted(0, Reasoning(vendor="cohere")), BlockStarted(1, Text("")),
        BlockStarted(2, ToolCall("call_1", "clock")),
    ]  # fmt: skip
    assert [event for event in found if isinstance(event, TextDelta | ReasoningDelta | ArgumentsDelta)] == [
        ReasoningDelta(0, "Hm — "), TextDelta(1, "Grüße"), TextDelta(1, " 🌍"), ArgumentsDelta(2, '{"zone": "UTC"}'),
    ]  # fmt: skip
    assert Finished(StopReason.TOOL_CALLS, "TOOL_CALL") in found
    assert Metered(Usage(6, 3, output_tokens=4)) in found


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_a_stream_passes_byte_for_byte(cuts: list[int]) -> None:
    scan = StreamScan()
    places = [0, *sorted(cuts), len(STREAM)]
    out = [scan.feed(STREAM[start:end]) for start, end in itertools.pairwise(places)]
    assert b"".join(out) + scan.end() == STREAM
    assert (scan.complete, scan.finish_reason, scan.usage) == (True, "TOOL_CALL", Usage(6, 3, output_tokens=4))


def test_a_written_stream_reads_as_it_was_meant() -> None:
    writer = StreamWriter(Echo(read(), "x1"))
    stream = b"".join(map(writer.write, events(STREAM)))
    assert events(stream) == [
        event if not isinstance(event, Metered) else Metered(Usage(6, 3, output_tokens=4)) for event in events(STREAM)
    ]
    kinds = [line[7:] for line in stream.decode().splitlines() if line.startswith("event: ")]
    assert kinds == [event["type"] for event in EVENTS]


def test_streams_that_fail() -> None:
    ending = {"type": "message-end", "id": "c1", "delta": {"finish_reason": "ERROR", "error": "The engine failed."}}
    broken = sse([*EVENTS[:6], ending])
    reader, scan = StreamReader(NO_MEMO), StreamScan()
    assert not any(isinstance(event, Finished | Ended) for event in reader.feed(broken))
    assert reader.error is not None
    assert reader.error.message == "The engine failed."
    assert scan.feed(broken) == sse(EVENTS[:6])
    assert (scan.complete, scan.error is not None) == (False, True)
    tail = StreamWriter(Echo(read())).fail(UpstreamCut("cut off"), "r1").decode()
    assert json.loads(tail.partition("data: ")[2])["delta"] == {"finish_reason": "ERROR", "error": "cut off"}


def test_a_stream_that_is_cut_has_no_end() -> None:
    cut = sse(EVENTS[:7])
    assert not any(isinstance(event, Ended) for event in events(cut))
    scan = StreamScan()
    assert scan.feed(cut) + scan.end() == cut
    assert not scan.complete


def test_a_recorded_stream_is_one_answer() -> None:
    folded = json.loads(fold(STREAM))
    assert folded["message"] == {
        "role": "assistant", "tool_calls": [CALL],
        "content": [{"type": "thinking", "thinking": "Hm — "}, {"type": "text", "text": "Grüße 🌍"}],
    }  # fmt: skip
    assert (folded["id"], folded["finish_reason"]) == ("c1", "TOOL_CALL")
    assert fold(b'{"id":"c1"}') == b'{"id":"c1"}'


@pytest.mark.parametrize(
    ("messages", "param"),
    [([7], "messages.0"), ([{"role": "user", "content": "a"}, None], "messages.1"),
     ([{"role": "user", "content": [7]}], "messages.0.content.0")],
)  # fmt: skip
def test_what_is_no_message_is_refused_by_name(messages: list[Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(messages=messages)
    assert refused.value.param == param


def test_citations_stand_at_the_content_that_they_name() -> None:
    source = {"type": "document", "id": "d", "document": {"url": "https://a.test"}}
    cited = {"start": 0, "end": 3, "text": "two", "content_index": 1, "sources": [source], "type": "TEXT_CONTENT"}
    plan = {**cited, "content_index": 0, "type": "PLAN"}
    content = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    body = {"finish_reason": "COMPLETE", "message": {"content": content, "citations": [cited, plan]}}
    first, second = CODEC.read_reply(json.dumps(body).encode(), NO_MEMO).choices[0].parts
    assert (first.citations, second.citations) == ((), (cited,))


def test_a_passed_event_is_not_decoded_once_content_has_come() -> None:
    scan = StreamScan()
    head = sse(EVENTS[:6])
    broken = b'event: content-delta\ndata: {"type":"content-delta","delta":\n\n'
    assert scan.feed(head) + scan.feed(broken) == head + broken
    untyped = b'data: {"message":"too many tokens"}\n\n'
    assert scan.feed(untyped) == b""
    assert scan.error is not None
