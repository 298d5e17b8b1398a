"""Streams in Anthropic's Messages form, written from events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.chat import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    ChatRequest,
    Ended,
    Event,
    Finished,
    Image,
    Media,
    Metered,
    Native,
    Reasoning,
    ReasoningDelta,
    Refusal,
    SignatureDelta,
    Started,
    StopReason,
    Text,
    TextDelta,
    ToolCall,
)
from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamCut, UpstreamOverloaded
from pilothouse.protocols.anthropic_messages import StreamWriter
from pilothouse.protocols.base import Echo

NAME = "anthropic_messages"
ECHO = Echo(ChatRequest(dialect=NAME, model="asked", messages=()), "r1")
SEARCH = {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srv", "content": [{"type": "web_search_result", "url": "u"}]}


def write(*events: Event) -> list[dict[str, Any]]:
    writer = StreamWriter(ECHO)
    raw = b"".join(writer.write(found) for found in events)
    documents: list[dict[str, Any]] = []
    for frame in raw.split(b"\n\n")[:-1]:
        name, data = frame.split(b"\n")
        document = json.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + document["type"].encode()
        documents.append(document)
    return documents


def check_grammar(documents: list[dict[str, Any]]) -> None:
    kinds = [document["type"] for document in documents]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    opened, count = None, 0
    for document in documents[1:-2]:
        if document["type"] == "content_block_start":
            assert opened is None
            assert document["index"] == count
            opened, count = document["index"], count + 1
        else:
            assert document["index"] == opened
            opened = None if document["type"] == "content_block_stop" else opened
    assert opened is None


def test_a_stream_of_another_dialect_is_written() -> None:
    documents = write(
        Started("chatcmpl-1", "gpt"),
        BlockStarted(0, Reasoning()),
        ReasoningDelta(0, "think"),
        SignatureDelta(0, "foreign"),
        BlockEnded(0),
        BlockStarted(1, Text("")),
        BlockEnded(1),
        BlockStarted(2, Text("")),
        TextDelta(2, "a"),
        BlockEnded(2),
        BlockStarted(3, Image(Media(data="AA=="))),
        BlockEnded(3),
        BlockStarted(4, ToolCall("call_1", "f")),
        ArgumentsDelta(4, '{"x":'),
        ArgumentsDelta(4, "1}"),
        BlockEnded(4),
        BlockStarted(5, Text(""), 1),
        TextDelta(5, "another choice"),
        BlockEnded(5),
        Finished(StopReason.TOOL_CALLS, "tool_calls"),
        Metered(Usage(3, 2, output_tokens=4, reasoning_tokens=1)),
        Ended(),
    )
    check_grammar(documents)
    message = documents[0]["message"]
    assert (message["id"], message["model"], message["role"]) == ("msg_chatcmpl-1", "gpt", "assistant")
    assert (message["content"], message["stop_reason"], message["stop_sequence"]) == ([], None, None)
    assert {"input_tokens", "output_tokens"} <= set(message["usage"])
    assert [document["content_block"] for document in documents if document["type"] == "content_block_start"] == [
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "text", "text": ""},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {}},
    ]
    assert [document["delta"] for document in documents if document["type"] == "content_block_delta"] == [
        {"type": "thinking_delta", "thinking": "think"},
        {"type": "text_delta", "text": "a"},
        {"type": "input_json_delta", "partial_json": '{"x":'},
        {"type": "input_json_delta", "partial_json": "1}"},
    ]
    assert documents[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 2,
            "output_tokens": 5,
            "output_tokens_details": {"thinking_tokens": 1},
        },
    }


def test_the_opening_has_the_usage_that_came_before_it() -> None:
    documents = write(
        Started("msg_1", "m"), Metered(Usage(9)), BlockStarted(0, Refusal("")), TextDelta(0, "no"), Ended()
    )
    check_grammar(documents)
    assert documents[0]["message"]["usage"]["input_tokens"] == 9
    assert documents[0]["message"]["id"] == "msg_1"


def test_an_empty_answer_is_a_whole_stream() -> None:
    documents = write(Started(), Ended())
    check_grammar(documents)
    assert (documents[0]["message"]["id"], documents[0]["message"]["model"]) == ("msg_r1", "asked")
    assert documents[1]["delta"]["stop_reason"] == "end_turn"


def test_a_failure_is_the_last_event_and_no_proper_end() -> None:
    writer = StreamWriter(ECHO)
    raw = writer.fail(UpstreamOverloaded("too busy"), "r1")
    assert raw.startswith(b"event: error\ndata: ")
    assert json.loads(raw.split(b"data: ")[1]) == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "too busy"},
        "request_id": "r1",
    }
    assert b"message_stop" not in writer.fail(UpstreamCut("cut"), "r1")


@pytest.mark.parametrize(
    ("word", "stop"),
    [
        ("end_turn", StopReason.END),
        ("stop_sequence", StopReason.STOP_TEXT),
        ("max_tokens", StopReason.LENGTH),
        ("model_context_window_exceeded", StopReason.CONTEXT_FULL),
        ("refusal", StopReason.REFUSED),
        ("pause_turn", StopReason.PAUSED),
    ],
)
def test_words_for_the_end(word: str, stop: StopReason) -> None:
    assert write(Finished(stop, "", "X"), Ended())[-2]["delta"] == {"stop_reason": word, "stop_sequence": "X"}


PARTS = st.sampled_from([
    Text(""), Refusal(""), Reasoning(), Reasoning(vendor="anthropic"), Reasoning(redacted="R", vendor="anthropic"),
    Reasoning(redacted="R", vendor="openai"), ToolCall("t", "f"), Native(NAME, FOUND), Native(NAME, SEARCH),
    Native("gemini_generate", {}), Image(Media(data="AA==")),
])  # fmt: skip


@given(st.lists(st.tuples(PARTS, st.lists(st.sampled_from(["", "a", "é"]), max_size=3), st.integers(0, 1))), st.data())
def test_whatever_is_written_keeps_the_grammar(blocks: list[tuple[Any, list[str], int]], data: st.DataObject) -> None:
    events: list[Event] = [Started()]
    for number, (part, pieces, choice) in enumerate(blocks):
        events.append(BlockStarted(number, part, choice))
        for piece in pieces:
            kind = data.draw(st.sampled_from([TextDelta, ReasoningDelta, ArgumentsDelta, SignatureDelta]))
            events.append(kind(number, piece))
        if data.draw(st.booleans()):
            events.append(BlockEnded(number))
    documents = write(*events, Metered(Usage(1)), Ended())
    check_grammar(documents)
