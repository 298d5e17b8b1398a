"""Streams of the Responses API: written ones against the SDK's own types, read ones however they are cut."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from pilothouse.domain.chat import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    ChatRequest,
    CitationAdded,
    Ended,
    Event,
    Finished,
    Message,
    Metered,
    Native,
    Reasoning,
    ReasoningDelta,
    Refusal,
    Role,
    SignatureDelta,
    Started,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolResult,
)
from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamCut, UpstreamProtocol
from pilothouse.protocols import marks, sse
from pilothouse.protocols.base import NO_ASK, NO_MEMO, ChatCodec, Echo, Memo
from pilothouse.protocols.conversion import events_of
from pilothouse.protocols.openai_responses import DIALECT
from pilothouse.protocols.openai_responses.scan import StreamScan
from pilothouse.protocols.openai_responses.stream_in import StreamReader

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
_WHOLE = TypeAdapter(Response)


def _codec() -> ChatCodec:
    assert isinstance(DIALECT.codec, ChatCodec)
    return DIALECT.codec


def _echo(**fields: Any) -> Echo:
    messages = (Message(Role.USER, (Text("hi"),)),)
    return Echo(
        ChatRequest(dialect="openai_responses", model="m", messages=messages, **fields), "call-1", 1_700_000_000
    )


def _documents(stream: bytes) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for frame in sse.frames(stream):
        name, data = sse.parse(frame)
        document = json.loads(data)
        assert name.decode() == document["type"]
        _EVENT.validate_python(document)
        out.append(document)
    assert [one["sequence_number"] for one in out] == list(range(len(out)))
    return out


def _write(events: list[Event], echo: Echo | None = None) -> list[dict[str, Any]]:
    writer = _codec().writer(echo or _echo())
    return _documents(b"".join(writer.write(event) for event in events))


_ANSWER: list[Event] = [
    Started("chatcmpl-1", "claude", 1_700_000_001),
    BlockStarted(0, Reasoning()),
    ReasoningDelta(0, "Let me "),
    ReasoningDelta(0, "think."),
    BlockEnded(0),
    BlockStarted(1, Text("")),
    TextDelta(1, "Hel"),
    TextDelta(1, "lo", [{"token": "lo", "logprob": -0.1, "top_logprobs": []}]),
    CitationAdded(1, "openai_chat", {"type": "url_citation", "url_citation": {"url": "https://a", "title": "A"}}),
    BlockEnded(1),
    BlockStarted(2, Text("")),
    TextDelta(2, "again"),
    BlockEnded(2),
    BlockStarted(3, ToolCall("call_1", "weather")),
    ArgumentsDelta(3, '{"city":'),
    ArgumentsDelta(3, '"Rome"}'),
    SignatureDelta(3, "gs"),
    BlockEnded(3),
    BlockStarted(4, ToolCall("call_2", "shell", custom=True)),
    ArgumentsDelta(4, "ls"),
    BlockEnded(4),
    Finished(StopReason.TOOL_CALLS),
    Metered(Usage(10, 5, output_tokens=7, reasoning_tokens=3), "default"),
    Ended(),
]


def test_the_mark_of_a_call_is_in_its_id_and_read_there() -> None:
    part = ToolCall("call_1", "f", signature="gs")
    events = _write([Started("r", "m"), BlockStarted(0, part), BlockEnded(0), Finished(StopReason.TOOL_CALLS), Ended()])
    items = [event["item"] for event in events if event["type"].startswith("response.output_item.")]
    assert [marks.out_of_id(item["call_id"]) for item in items] == [("call_1", "gs")] * 2
    raw = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    begun = [event.part for event in StreamReader(NO_MEMO).feed(raw) if isinstance(event, BlockStarted)]
    assert begun == [ToolCall("call_1", "f", signature="gs")]
    output = {"type": "function_call_output", "call_id": items[1]["call_id"], "output": "ok"}
    body = json.dumps({"model": "a/m", "input": [items[1], output]}).encode()
    called, result = DIALECT.codec.read_request(body, NO_ASK).messages
    assert called.parts == (ToolCall("call_1", "f", "{}", signature="gs"),)
    assert result.parts == (ToolResult("call_1", parts=(Text("ok"),)),)
    assert DIALECT.needs_canonical(body)
    sent = json.loads(DIALECT.rewrite(body, model="m", ask_usage=False))
    assert [item["call_id"] for item in sent["input"]] == ["call_1", "call_1"]


def test_a_written_stream_has_the_api_s_order_and_types() -> None:
    events = _write(_ANSWER)
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created", "in_progress",
        "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta",
        "reasoning_text.done", "content_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.annotation.added", "output_text.done", "content_part.done",
        "content_part.added", "output_text.delta", "output_text.done", "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
        "output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    final = events[-1]["response"]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert final["output"] == done
    assert [item["type"] for item in done] == ["reasoning", "message", "function_call", "custom_tool_call"]
    assert done[2]["extra_content"] == {"google": {"thought_signature": "gs"}}
    assert final["usage"]["input_tokens"] == 15
    assert final["usage"]["input_tokens_details"]["cached_tokens"] == 5
    assert final["usage"]["output_tokens_details"]["reasoning_tokens"] == 3
    assert final["id"] == events[0]["response"]["id"] == "resp_chatcmpl-1"
    assert len({item["id"] for item in done}) == 4


def test_ids_and_indices_of_a_written_stream_belong_together() -> None:
    ids: dict[int, str] = {}
    for event in _write(_ANSWER):
        if "item" in event:
            assert ids.setdefault(event["output_index"], event["item"]["id"]) == event["item"]["id"]
        elif "item_id" in event:
            assert ids[event["output_index"]] == event["item_id"]
    assert sorted(ids) == [0, 1, 2, 3]


def test_thoughts_are_given_as_summaries_to_who_asks_for_them_and_come_back_whole() -> None:
    echo = _echo(thinking=Thinking(summary="auto"))
    answer: list[Event] = [
        Started(),
        BlockStarted(0, Reasoning(vendor="anthropic")),
        ReasoningDelta(0, "deep"),
        SignatureDelta(0, "c2ln"),
        BlockEnded(0),
        Finished(StopReason.END),
        Ended(),
    ]
    events = _write(answer, echo)
    assert "response.reasoning_summary_text.delta" in {event["type"] for event in events}
    item = events[-1]["response"]["output"][0]
    body = json.dumps({"model": "m", "input": [item]}).encode()
    back = _codec().read_request(body, NO_ASK).messages[0].parts[0]
    assert back == Reasoning("deep", "c2ln", vendor="anthropic")


@pytest.mark.parametrize(
    ("stop", "last", "reason"),
    [
        (StopReason.END, "completed", None),
        (StopReason.STOP_TEXT, "completed", None),
        (StopReason.LENGTH, "incomplete", "max_output_tokens"),
        (StopReason.CONTEXT_FULL, "incomplete", "max_output_tokens"),
        (StopReason.FILTERED, "incomplete", "content_filter"),
        (StopReason.REFUSED, "incomplete", "content_filter"),
        (StopReason.UNKNOWN, "completed", None),
        (StopReason.BROKEN, "failed", None),
        (StopReason.PAUSED, "incomplete", None),
    ],
)
def test_ends(stop: StopReason, last: str, reason: str | None) -> None:
    answer: list[Event] = [
        Started(), BlockStarted(0, Text("")), TextDelta(0, "a"), BlockEnded(0), Finished(stop), Ended()
    ]  # fmt: skip
    final = _write(answer)[-1]
    assert final["type"] == f"response.{last}"
    assert final["response"]["status"] == last
    assert (final["response"]["incomplete_details"] or {}).get("reason") == reason
    assert final["response"]["id"] == "resp_call-1"
    assert (final["response"]["error"] is not None) == (last == "failed")


def test_a_refusal_in_words_is_a_complete_answer() -> None:
    answer: list[Event] = [
        Started(), BlockStarted(0, Refusal("")), TextDelta(0, "No."), BlockEnded(0), Finished(StopReason.REFUSED),
        Ended(),
    ]  # fmt: skip
    events = _write(answer)
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]


def test_a_stream_that_fails_says_so_and_has_no_proper_end() -> None:
    writer = _codec().writer(_echo())
    begun = b"".join(writer.write(event) for event in _ANSWER[:7])
    failed = writer.fail(UpstreamCut("cut off"), "r1")
    told = [json.loads(sse.parse(frame)[1]) for frame in sse.frames(begun + failed)]
    for event in told:
        _EVENT.validate_python(event)
    assert [event["type"] for event in told[-2:]] == ["error", "response.failed"]
    numbers = [event["sequence_number"] for event in told]
    assert numbers == sorted(set(numbers))
    assert told[-2]["message"] == "cut off"
    assert told[-1]["response"]["output"][1]["content"][0]["text"] == "Hel"


def test_a_stream_that_fails_before_it_began_is_only_an_error() -> None:
    told = _codec().writer(_echo()).fail(UpstreamCut("cut off"), "r1")
    assert [event["type"] for event in _documents(told)] == ["error"]


def test_an_error_in_a_stream_that_passes_is_of_the_sdk_s_type() -> None:
    name, data = sse.parse(DIALECT.render_stream_error(UpstreamCut("cut off"), "r1"))
    assert name == b"error"
    assert _EVENT.validate_json(data).type == "error"


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def _read(stream: bytes, memo: Memo | None = None, step: int = 0) -> tuple[list[Event], StreamReader]:
    reader = StreamReader(memo or Memo())
    out: list[Event] = []
    for at in range(0, len(stream), step or len(stream)):
        out += reader.feed(stream[at : at + (step or len(stream))])
    return [*out, *reader.end()], reader


_BEGUN = _event("response.created", response={"id": "resp_1", "model": "gpt-5", "created_at": 5, "output": []})
_USAGE = {
    "input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 6,
    "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15,
}  # fmt: skip


def _final(status: str = "completed", **fields: Any) -> bytes:
    response = {"id": "resp_1", "model": "gpt-5", "status": status, "output": [], "usage": _USAGE, **fields}
    return _event(f"response.{status}", response=response)


_FULL = b"".join(
    (
        _BEGUN,
        _event("response.output_item.added", output_index=0, item={"id": "rs_1", "type": "reasoning", "summary": []}),
        _event("response.reasoning_summary_part.added", output_index=0, summary_index=0),
        _event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="one"),
        _event("response.reasoning_summary_text.delta", output_index=0, summary_index=1, delta="two"),
        _event(
            "response.output_item.done",
            output_index=0,
            item={"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "xyz"},
        ),
        _event("response.output_item.added", output_index=1, item={"id": "m", "type": "message", "content": []}),
        _event("response.content_part.added", output_index=1, content_index=0, part={"type": "output_text"}),
        _event("response.output_text.delta", output_index=1, content_index=0, delta="né\u2028"),
        _event("response.output_text.done", output_index=1, content_index=0, text="né\u2028"),
        _event(
            "response.content_part.done",
            output_index=1,
            content_index=0,
            part={"type": "output_text", "text": "né\u2028"},
        ),
        _event(
            "response.output_item.done",
            output_index=1,
            item={"id": "m", "type": "message", "content": [{"type": "output_text", "text": "né\u2028"}]},
        ),
        _final(),
    )
)
_FULL_EVENTS: list[Event] = [
    Started("resp_1", "gpt-5", 5),
    BlockStarted(0, Reasoning(id="rs_1", vendor="openai")),
    ReasoningDelta(0, "one", summary=True),
    ReasoningDelta(0, "\n\ntwo", summary=True),
    SignatureDelta(0, "xyz"),
    BlockEnded(0),
    BlockStarted(1, Text("")),
    TextDelta(1, "né\u2028"),
    BlockEnded(1),
    Metered(Usage(5, 4, output_tokens=4, reasoning_tokens=2)),
    Finished(StopReason.END, "completed"),
    Ended(),
]


def test_a_stream_is_read() -> None:
    events, reader = _read(_FULL)
    assert events == _FULL_EVENTS
    assert reader.error is None


@given(st.integers(1, 40))
def test_a_stream_is_read_and_scanned_however_it_is_cut(step: int) -> None:
    raw = _FULL.replace(b"\\u00e9", "é".encode()).replace(b"\\u2028", "\u2028".encode())
    assert _read(raw, step=step)[0] == _FULL_EVENTS
    assert _read(raw.replace(b"\n", b"\r\n"), step=step)[0] == _FULL_EVENTS
    scan = StreamScan()
    passed = b"".join(scan.feed(raw[at : at + step]) for at in range(0, len(raw), step)) + scan.end()
    assert passed == raw
    assert (scan.complete, scan.finish_reason, scan.model) == (True, "completed", "gpt-5")
    assert scan.usage == Usage(5, 4, output_tokens=4, reasoning_tokens=2)


def test_a_stream_that_ends_early_has_no_end() -> None:
    for cut in range(1, len(_FULL) - 20, 7):
        events, _ = _read(_FULL[:cut])
        assert not any(isinstance(event, Ended) for event in events)
        scan = StreamScan()
        scan.feed(_FULL[:cut])
        scan.end()
        assert not scan.complete
        json.loads(DIALECT.fold(_FULL[:cut])) if DIALECT.fold else None


_CALL = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": ""}


@pytest.mark.parametrize(
    "pieces",
    [
        [_event("response.function_call_arguments.done", output_index=0, arguments='{"a":1}')],
        [],
        [
            _event("response.function_call_arguments.delta", output_index=0, delta='{"a"'),
            _event("response.function_call_arguments.delta", output_index=0, delta=":1}"),
            _event("response.function_call_arguments.done", output_index=0, arguments='{"a":1}'),
        ],
    ],
)
@pytest.mark.parametrize("announced", [True, False])
def test_arguments_come_once_however_a_server_sends_them(pieces: list[bytes], announced: bool) -> None:
    added = _event("response.output_item.added", output_index=0, item=_CALL) if announced else b""
    done = _event("response.output_item.done", output_index=0, item={**_CALL, "arguments": '{"a":1}'})
    events, _ = _read(_BEGUN + added + b"".join(pieces) + done + _final())
    assert "".join(event.text for event in events if isinstance(event, ArgumentsDelta)) == '{"a":1}'
    assert [event.part for event in events if isinstance(event, BlockStarted)] == [ToolCall("call_1", "f")]
    assert Finished(StopReason.TOOL_CALLS, "completed") in events


def test_calls_that_are_mixed_come_one_after_the_other() -> None:
    other = {**_CALL, "call_id": "call_2", "name": "g"}
    stream = b"".join(
        (
            _BEGUN,
            _event("response.output_item.added", output_index=0, item=_CALL),
            _event("response.output_item.added", output_index=1, item=other),
            _event("response.function_call_arguments.delta", output_index=1, delta="{2"),
            _event("response.function_call_arguments.delta", output_index=0, delta="{1"),
            _event("response.function_call_arguments.delta", output_index=1, delta="}"),
            _event("response.function_call_arguments.delta", output_index=0, delta="}"),
            _event("response.output_item.done", output_index=1, item={**other, "arguments": "{2}"}),
            _event("response.output_item.done", output_index=0, item={**_CALL, "arguments": "{1}"}),
            _final(),
        )
    )
    events, _ = _read(stream, Memo({"g": "ns.g"}))
    assert events[1:-3] == [
        BlockStarted(0, ToolCall("call_1", "f")), ArgumentsDelta(0, "{1"), ArgumentsDelta(0, "}"), BlockEnded(0),
        BlockStarted(1, ToolCall("call_2", "ns.g")), ArgumentsDelta(1, "{2"), ArgumentsDelta(1, "}"), BlockEnded(1),
    ]  # fmt: skip


def test_what_only_the_last_event_holds_is_read() -> None:
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    ]
    events, _ = _read(_BEGUN + _final(output=output))
    assert [event.part for event in events if isinstance(event, BlockStarted)] == [
        Reasoning(redacted="x", id="rs_1", vendor="openai"), Text(""), Native("openai_responses", output[2])
    ]  # fmt: skip
    assert TextDelta(1, "hi") in events


def test_incomplete_and_failed() -> None:
    events, reader = _read(_BEGUN + _final("incomplete", incomplete_details={"reason": "max_output_tokens"}))
    assert events[-2:] == [Finished(StopReason.LENGTH, "max_output_tokens"), Ended()]
    assert reader.error is None
    failed = _BEGUN + _final("failed", error={"code": "rate_limit_exceeded", "message": "slow"})
    events, reader = _read(failed)
    assert not any(isinstance(event, Ended) for event in events)
    assert reader.error is not None
    assert (reader.error.code, reader.error.message) == ("rate_limit_exceeded", "slow")
    scan = StreamScan()
    assert scan.feed(failed) == _BEGUN
    assert scan.error is not None
    assert (scan.error.code, scan.complete) == ("rate_limit_exceeded", False)


@pytest.mark.parametrize(
    "error",
    [
        _event("error", code="overloaded", message="busy", param=None, sequence_number=3),
        b'data: {"error":{"code":"overloaded","message":"busy"}}\n\n',
    ],
)
def test_an_error_event_ends_a_stream(error: bytes) -> None:
    events, reader = _read(_BEGUN + error + _final())
    assert events == [Started("resp_1", "gpt-5", 5)]
    assert reader.error is not None
    assert (reader.error.code, reader.error.message) == ("overloaded", "busy")
    scan = StreamScan()
    assert scan.feed(_BEGUN + error + _final()) == _BEGUN
    assert scan.error is not None
    assert scan.error.message == "busy"
    assert DIALECT.fold is not None
    assert json.loads(DIALECT.fold(_BEGUN + error))["error"]["message"] == "busy"


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        (_event("response.output_item.added", output_index=0, item=_CALL), False),
        (_event("response.content_part.added", output_index=0, content_index=0, part={"type": "output_text"}), False),
        (_event("response.output_text.delta", output_index=0, delta="a"), True),
        (_event("response.reasoning_summary_text.delta", output_index=0, delta="a"), True),
        (_event("response.function_call_arguments.delta", output_index=0, delta="{"), True),
        (_event("response.function_call_arguments.done", output_index=0, arguments="{}"), True),
        (_event("response.output_item.done", output_index=0, item=_CALL), True),
    ],
)
def test_content_is_seen_with_the_first_delta(event: bytes, seen: bool) -> None:
    scan = StreamScan()
    assert scan.feed(_BEGUN + event) == _BEGUN + event
    assert scan.content_seen is seen


def test_a_whole_answer_in_place_of_a_stream_becomes_one() -> None:
    whole = _codec().write_reply(_whole_reply(), _echo())
    scan = StreamScan()
    assert scan.feed(whole) == b""
    events = _documents(scan.end())
    assert scan.complete
    assert events[-1]["response"]["output"] == json.loads(whole)["output"]
    with pytest.raises(UpstreamProtocol):
        _scan_whole(b"<html>")
    assert _scan_whole(b'{"error":{"message":"no"}}').error is not None


def _scan_whole(body: bytes) -> StreamScan:
    scan = StreamScan()
    scan.feed(body)
    scan.end()
    return scan


def _whole_reply() -> Any:
    body = json.dumps({
        "id": "resp_1", "object": "response", "model": "m", "status": "completed", "usage": _USAGE,
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "s"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]},
            {**_CALL, "arguments": "{}"},
        ],
    }).encode()  # fmt: skip
    return _codec().read_reply(body, Memo())


def test_a_written_stream_folds_to_its_last_response_and_reads_back() -> None:
    writer = _codec().writer(_echo())
    stream = b"".join(writer.write(event) for event in events_of(_whole_reply()))
    stream += writer.write(Ended())
    final = _documents(stream)[-1]["response"]
    assert DIALECT.fold is not None
    assert json.loads(DIALECT.fold(stream)) == final
    _WHOLE.validate_python(final)
    part = stream[: stream.rindex(b"event: response.completed")]
    assert json.loads(DIALECT.fold(part))["output"] == final["output"]
    events, _ = _read(stream)
    assert isinstance(events[-1], Ended)
    assert TextDelta(1, "hi") in events


def test_an_answer_that_was_asked_for_in_an_object_is_taken_out() -> None:
    stream = b"".join(
        (
            _BEGUN,
            _event("response.output_text.delta", output_index=0, content_index=0, delta='{"value": [1,'),
            _event("response.output_text.delta", output_index=0, content_index=0, delta=" 2.50]}"),
            _final(),
        )
    )
    events, _ = _read(stream, Memo(wrapped=True))
    assert events[1:4] == [BlockStarted(0, Text("")), TextDelta(0, "[1, 2.50]"), BlockEnded(0)]
