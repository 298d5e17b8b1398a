"""Streams in Anthropic's Messages form: passed through, folded, read into events, and written as they were read."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.domain.chat import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    ChatRequest,
    CitationAdded,
    Ended,
    Event,
    Extra,
    Finished,
    Metered,
    Native,
    Reasoning,
    ReasoningDelta,
    SignatureDelta,
    Started,
    StopReason,
    Text,
    TextDelta,
    ToolCall,
)
from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols.anthropic_messages import StreamReader, StreamScan, StreamWriter, fold, read_chat_reply
from pilothouse.protocols.base import NO_MEMO, Echo, Memo
from pilothouse.protocols.conversion import events_of

NAME = "anthropic_messages"
ECHO = Echo(ChatRequest(dialect=NAME, model="asked", messages=()), "r1")
SEARCH = {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srv", "content": [{"type": "web_search_result", "url": "u"}]}
CITATION = {"type": "char_location", "cited_text": "c", "document_index": 0}


def event(kind: str, **fields: Any) -> bytes:
    document = json.dumps({"type": kind, **fields}, ensure_ascii=False)
    return f"event: {kind}\ndata: {document}\n\n".encode()


def start(**fields: Any) -> bytes:
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 7,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
        "output_tokens": 1,
        "service_tier": "standard",
    }
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": usage | fields}  # fmt: skip
    return event("message_start", message=message)


def block(index: int, begun: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
    return b"".join((
        event("content_block_start", index=index, content_block=begun),
        *(event("content_block_delta", index=index, delta=delta) for delta in deltas),
        event("content_block_stop", index=index),
    ))  # fmt: skip


def ending(reason: str, met: str | None = None, **usage: Any) -> bytes:
    delta = {"stop_reason": reason, "stop_sequence": met}
    return event("message_delta", delta=delta, usage={"output_tokens": 20} | usage) + event("message_stop")


WHOLE = b"".join((
    start(),
    event("ping"),
    block(0, {"type": "thinking", "thinking": "", "signature": ""},
          {"type": "thinking_delta", "thinking": "hm é\u2028"}, {"type": "signature_delta", "signature": "S="}),
    block(1, {"type": "redacted_thinking", "data": "R="}),
    block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Hel"}, {"type": "text_delta", "text": "lo"}),
    block(3, SEARCH, {"type": "input_json_delta", "partial_json": '{"query"'},
          {"type": "input_json_delta", "partial_json": ':"q"}'}),
    block(4, FOUND),
    block(5, {"type": "text", "text": "", "citations": []}, {"type": "citations_delta", "citation": CITATION},
          {"type": "text_delta", "text": "cited"}),
    block(6, {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
          {"type": "input_json_delta", "partial_json": ""},
          {"type": "input_json_delta", "partial_json": '{"a": 1'}, {"type": "input_json_delta", "partial_json": ".0}"}),
    block(7, {"type": "tool_use", "id": "t2", "name": "g", "input": {}}),
    ending("tool_use", server_tool_use={"web_search_requests": 2}, output_tokens_details={"thinking_tokens": 8}),
))  # fmt: skip

LAST_USAGE = Usage(10, 5, 3, 4, output_tokens=12, reasoning_tokens=8, searches=2)


def read(raw: bytes, memo: Memo = NO_MEMO) -> list[Event]:
    reader = StreamReader(memo)
    return [*reader.feed(raw), *reader.end()]


def test_a_stream_is_read_event_by_event() -> None:
    events = read(WHOLE)
    assert events == [
        Started("msg_1", "claude-x"),
        Metered(Usage(10, 5, 3, 4, output_tokens=1), "standard"),
        BlockStarted(0, Reasoning(vendor="anthropic")),
        ReasoningDelta(0, "hm é\u2028"),
        SignatureDelta(0, "S="),
        BlockEnded(0),
        BlockStarted(1, Reasoning(redacted="R=", vendor="anthropic")),
        BlockEnded(1),
        BlockStarted(2, Text("")),
        TextDelta(2, "Hel"),
        TextDelta(2, "lo"),
        BlockEnded(2),
        BlockStarted(3, Native(NAME, SEARCH | {"input": {"query": "q"}})),
        BlockEnded(3),
        BlockStarted(4, Native(NAME, FOUND)),
        BlockEnded(4),
        BlockStarted(5, Text("", extra=Extra(NAME, {}))),
        TextDelta(5, "cited"),
        CitationAdded(5, NAME, CITATION),
        BlockEnded(5),
        BlockStarted(6, ToolCall("t1", "f")),
        ArgumentsDelta(6, '{"a": 1'),
        ArgumentsDelta(6, ".0}"),
        BlockEnded(6),
        BlockStarted(7, ToolCall("t2", "g")),
        BlockEnded(7),
        Finished(StopReason.TOOL_CALLS, "tool_use"),
        Metered(LAST_USAGE, "standard"),
        Ended(),
    ]


@settings(max_examples=80)
@given(st.lists(st.integers(0, len(WHOLE)), max_size=12), st.booleans())
def test_the_cut_of_the_bytes_does_not_matter(cuts: list[int], crlf: bool) -> None:
    raw = WHOLE.replace(b"\n", b"\r\n") if crlf else WHOLE
    reader, scan = StreamReader(NO_MEMO), StreamScan()
    events: list[Event] = []
    passed = b""
    places = [0, *sorted(cuts), len(raw)]
    for begin, end in itertools.pairwise(places):
        events += reader.feed(raw[begin:end])
        passed += scan.feed(raw[begin:end])
    events += reader.end()
    passed += scan.end()
    assert events == read(WHOLE)
    assert passed == raw
    assert (scan.model, scan.finish_reason, scan.usage) == ("claude-x", "tool_use", LAST_USAGE)
    assert scan.content_seen
    assert scan.done
    assert scan.complete


def test_a_stream_that_breaks_off_has_no_end() -> None:
    cut = WHOLE[: WHOLE.index(b"event: message_delta")]
    events = read(cut)
    assert not any(isinstance(found, Finished | Ended) for found in events)
    scan = StreamScan()
    assert scan.feed(cut) == cut
    assert scan.end() == b""
    assert not scan.complete
    assert scan.usage == Usage(10, 5, 3, 4, output_tokens=1)
    assert read(WHOLE[: WHOLE.index(b"event: message_stop")])[-1] == Ended()


def test_half_an_event_is_not_passed_on() -> None:
    scan = StreamScan()
    head = start()
    assert scan.feed(head + b'event: content_block_delta\ndata: {"type":"content') == head
    assert scan.end() == b""


def test_an_error_inside_a_stream_ends_it() -> None:
    problem = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    raw = start() + problem + ending("end_turn")
    reader, scan = StreamReader(NO_MEMO), StreamScan()
    assert reader.feed(raw) == [Started("msg_1", "claude-x"), Metered(Usage(10, 5, 3, 4, output_tokens=1), "standard")]
    assert reader.end() == []
    assert scan.feed(raw) == start()
    for error in (reader.error, scan.error):
        assert error is not None
        assert (error.type, error.message, error.status) == ("overloaded_error", "Overloaded", 529)
    assert not scan.complete
    assert not scan.content_seen


def test_only_content_counts_as_content() -> None:
    scan = StreamScan()
    scan.feed(
        start() + event("ping") + event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    )
    assert not scan.content_seen
    scan.feed(event("content_block_delta", index=0, delta={"type": "text_delta", "text": "a"}))
    assert scan.content_seen


def test_texts_that_look_like_events_pass() -> None:
    said = "event: message_stop\n\ndata: error message_delta"
    raw = start() + block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": said}) + ending("end_turn")
    scan = StreamScan()
    assert scan.feed(raw) + scan.end() == raw
    assert scan.error is None
    assert TextDelta(0, said) in read(raw)


def test_a_whole_answer_in_place_of_a_stream_is_passed_as_one() -> None:
    whole = fold(WHOLE)
    scan = StreamScan()
    assert scan.feed(whole) == b""
    passed = scan.end()
    assert scan.complete
    assert scan.usage == LAST_USAGE
    assert json.loads(fold(passed)) == json.loads(whole)
    page = StreamScan()
    assert page.feed(b"<html>") == b""
    with pytest.raises(UpstreamProtocol):
        page.end()


def test_a_recorded_stream_is_folded() -> None:
    folded = json.loads(fold(WHOLE))
    assert (folded["id"], folded["stop_reason"], folded["stop_sequence"]) == ("msg_1", "tool_use", None)
    assert folded["content"] == [
        {"type": "thinking", "thinking": "hm é\u2028", "signature": "S="},
        {"type": "redacted_thinking", "data": "R="},
        {"type": "text", "text": "Hello"},
        SEARCH | {"input": {"query": "q"}},
        FOUND,
        {"type": "text", "text": "cited", "citations": [CITATION]},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1.0}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
    ]
    assert folded["usage"]["output_tokens"] == 20
    assert folded["usage"]["input_tokens"] == 10
    assert fold(b'{"type":"message"}') == b'{"type":"message"}'


@given(st.integers(0, len(WHOLE)))
def test_a_cut_tail_is_folded_too(cut: int) -> None:
    folded = json.loads(fold(WHOLE[:cut]))
    assert folded["type"] == ("message")


def test_an_error_is_folded() -> None:
    raw = start() + event("error", error={"type": "api_error", "message": "m"})
    assert json.loads(fold(raw))["error"] == {"type": "api_error", "message": "m"}


def test_a_tool_that_stands_in_for_a_schema_is_text() -> None:
    call = {"type": "tool_use", "id": "t", "name": "answer", "input": {}}
    pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"value": ', "[1, 2]}")]
    raw = start() + block(0, call, *pieces) + ending("tool_use")
    plain = read(raw, Memo(format_tool="answer"))
    assert [found.text for found in plain if isinstance(found, TextDelta)] == ['{"value": ', "[1, 2]}"]
    assert Finished(StopReason.END, "tool_use") in plain
    wrapped = read(raw, Memo(format_tool="answer", wrapped=True))
    assert [found.text for found in wrapped if isinstance(found, TextDelta)] == ["[1, 2]"]


def test_names_of_tools_are_mapped_back() -> None:
    raw = start() + block(0, {"type": "tool_use", "id": "t", "name": "a_b", "input": {"x": 1}}) + ending("tool_use")
    events = read(raw, Memo({"a_b": "a.b"}))
    assert BlockStarted(0, ToolCall("t", "a.b")) in events
    assert ArgumentsDelta(0, '{"x":1}') in events


def test_odd_streams_are_borne() -> None:
    raw = b": comment\n\n" + event("what", x=1) + b"data: [1]\n\ndata: {broken\n\n" + block(0, {"type": "text"})
    assert read(raw + ending("new_word", output_tokens=1)) == [
        Started(),
        BlockStarted(0, Text("")),
        BlockEnded(0),
        Finished(StopReason.UNKNOWN, "new_word"),
        Metered(Usage(output_tokens=1)),
        Ended(),
    ]


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
    events = read(start() + ending(word, "X"))
    assert Finished(stop, word, "X") in events


def test_what_was_read_is_written_the_same() -> None:
    writer = StreamWriter(ECHO)
    raw = b"".join(writer.write(found) for found in read(WHOLE))
    assert read(raw)[2:-2] == read(WHOLE)[2:-2]
    one, other = json.loads(fold(raw)), json.loads(fold(WHOLE))
    assert one["content"] == other["content"]
    assert one["usage"]["cache_creation"] == other["usage"]["cache_creation"]


def test_a_whole_answer_and_its_stream_say_the_same() -> None:
    writer = StreamWriter(ECHO)
    reply = read_chat_reply(fold(WHOLE), NO_MEMO)
    raw = b"".join(writer.write(found) for found in events_of(reply))
    one, other = json.loads(fold(raw))["content"], json.loads(fold(WHOLE))["content"]
    # Citations of a whole answer are not events.
    del one[5]["citations"], other[5]["citations"]
    assert one == other
