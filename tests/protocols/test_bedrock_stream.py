"""Converse streams: scanned, folded, read and written."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse import errors
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
    Image,
    Media,
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
from pilothouse.errors import PilothouseError, UpstreamProtocol
from pilothouse.protocols.base import NO_ASK, Echo, Memo
from pilothouse.protocols.bedrock_converse import (
    DIALECT,
    StreamReader,
    StreamScan,
    StreamWriter,
    event_stream,
    fold,
    read_chat_reply,
    read_reply,
    write_reply,
)

ECHO = Echo(ChatRequest(dialect="bedrock_converse", model="m", messages=()))
USAGE = Usage(input_tokens=3, cache_read_tokens=2, cache_write_5m_tokens=1, cache_write_1h_tokens=3, output_tokens=5)


def frame(kind: str, **fields: Any) -> bytes:
    return event_stream.event(kind, json.dumps(fields).encode())


def delta(place: int, **fields: Any) -> bytes:
    return frame("contentBlockDelta", contentBlockIndex=place, delta=fields, p="abcdefgh")


def stop(place: int) -> bytes:
    return frame("contentBlockStop", contentBlockIndex=place)


def tool(place: int, identity: str = "t1", name: str = "f") -> bytes:
    start = {"toolUse": {"toolUseId": identity, "name": name}}
    return frame("contentBlockStart", contentBlockIndex=place, start=start)


def metadata(**more: Any) -> bytes:
    counts: dict[str, Any] = {
        "inputTokens": 3, "outputTokens": 5, "totalTokens": 14, "cacheReadInputTokens": 2, "cacheWriteInputTokens": 4,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 3}, {"ttl": "5m", "inputTokens": 1}],
    }  # fmt: skip
    return frame("metadata", usage=counts, metrics={"latencyMs": 7}, **more)


def read(*frames: bytes, memo: Memo | None = None) -> list[Event]:
    reader = StreamReader(memo or Memo())
    return [*reader.feed(b"".join(frames)), *reader.end()]


START = frame("messageStart", role="assistant")
DONE = frame("messageStop", stopReason="end_turn")
PARALLEL = (
    START, delta(0, reasoningContent={"text": "hm"}), delta(0, reasoningContent={"signature": "sig"}), stop(0),
    delta(1, reasoningContent={"redactedContent": "AAAA"}), stop(1), delta(2, text="Hi \N{SMILE}"), stop(2),
    tool(3), delta(3, toolUse={"input": '{"a": '}), delta(3, toolUse={"input": "1.0}"}), stop(3),
    tool(4, "t2", "g"), delta(4, toolUse={"input": ""}), stop(4),
    frame("messageStop", stopReason="tool_use"), metadata(serviceTier={"type": "flex"}),
)  # fmt: skip
EVENTS: list[Event] = [
    Started(),
    BlockStarted(0, Reasoning(vendor="anthropic")), ReasoningDelta(0, "hm"), SignatureDelta(0, "sig"), BlockEnded(0),
    BlockStarted(1, Reasoning(redacted="AAAA", vendor="anthropic")), BlockEnded(1),
    BlockStarted(2, Text("")), TextDelta(2, "Hi \N{SMILE}"), BlockEnded(2),
    BlockStarted(3, ToolCall("t1", "f")), ArgumentsDelta(3, '{"a": '), ArgumentsDelta(3, "1.0}"), BlockEnded(3),
    BlockStarted(4, ToolCall("t2", "g")), ArgumentsDelta(4, "{}"), BlockEnded(4),
    Finished(StopReason.TOOL_CALLS, "tool_use"),
    Metered(Usage(3, 2, 1, 3, output_tokens=5, tier="flex"), "flex"),
    Ended(),
]  # fmt: skip


@given(st.integers(1, 200))
def test_any_cut_gives_the_same_events_and_bytes(step: int) -> None:
    whole = b"".join(PARALLEL)
    reader, scan, passed = StreamReader(), StreamScan(NO_ASK, hide_usage=True), b""
    events: list[Event] = []
    for start in range(0, len(whole), step):
        events += reader.feed(whole[start : start + step])
        passed += scan.feed(whole[start : start + step])
    assert [*events, *reader.end()] == EVENTS
    assert passed + scan.end() == whole
    assert (scan.complete, scan.done, scan.content_seen, scan.finish_reason) == (True, True, True, "tool_use")
    assert scan.usage == Usage(3, 2, 1, 3, output_tokens=5, tier="flex")


def test_the_scan_holds_back_until_a_frame_is_whole() -> None:
    scan = StreamScan()
    assert scan.feed(START[:-1]) == b""
    assert scan.feed(START[-1:] + delta(0, text="a")[:20]) == START
    assert not scan.content_seen
    assert scan.feed(delta(0, text="a")[20:]) == delta(0, text="a")
    assert scan.content_seen


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["delta", "start", "toolUse", "text", "reasoningContent", "image", "source", "usage", "stopReason",
                 "inputTokens", "serviceTier", "trace", "contentBlockIndex", "citation", "input", "toolResult"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)  # fmt: skip
KINDS = ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "x"]


@given(st.lists(st.tuples(st.sampled_from(KINDS), ODD), max_size=6))
def test_odd_events_are_refused_or_read(found: list[tuple[str, Any]]) -> None:
    raw = b"".join(event_stream.event(kind, json.dumps(payload).encode()) for kind, payload in found)
    json.loads(fold(raw))
    for take in (StreamReader(Memo(format_tool="f", wrapped=True)).feed, StreamScan().feed):
        with suppress(UpstreamProtocol):
            take(raw)


def test_a_cut_stream_is_not_complete() -> None:
    for frames in ((START,), (START, delta(0, text="a"), stop(0)), (START, DONE, metadata()[:-3])):
        scan, reader = StreamScan(), StreamReader()
        scan.feed(b"".join(frames))
        assert scan.end() == b""
        assert not scan.complete
        events = [*reader.feed(b"".join(frames)), *reader.end()]
        assert Ended() not in events
    without_usage = StreamScan()
    without_usage.feed(START + DONE)
    without_usage.end()
    assert (without_usage.complete, without_usage.usage) == (True, None)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("throttlingException", 429),
        ("modelStreamErrorException", 424),
        ("validationException", 400),
        ("newException", 0),
    ],
)
def test_an_exception_ends_the_stream(kind: str, status: int) -> None:
    problem = event_stream.exception(kind, b'{"message":"slow down"}')
    scan, reader = StreamScan(), StreamReader()
    assert scan.feed(START + problem + delta(0, text="late")) == START
    assert [*reader.feed(START + problem + delta(0, text="late")), *reader.end()] == [Started()]
    for found in (scan.error, reader.error):
        assert found is not None
        assert (found.message, found.status) == ("slow down", status)
        assert json.loads(found.raw)["__type"] == found.type
        assert found.type.lower() == kind.lower()
    assert not scan.complete


def test_an_error_frame_has_its_words_in_headers() -> None:
    problem = event_stream.build(
        {":message-type": "error", ":error-code": "InternalServerException", ":error-message": "oops"}, b""
    )
    scan = StreamScan()
    scan.feed(problem)
    assert scan.error is not None
    assert (scan.error.message, scan.error.status) == ("oops", 500)


def test_a_body_that_is_no_stream_is_told() -> None:
    scan = StreamScan()
    assert scan.feed(b'{"__type":"ThrottlingException","message":"m"}') + scan.end() == b""
    assert scan.error is not None
    assert scan.error.status == 429
    page = StreamScan()
    page.feed(b"<html>")
    with pytest.raises(UpstreamProtocol):
        page.end()
    with pytest.raises(UpstreamProtocol):
        StreamScan().feed(b"data: hello, this is an event of another kind\n\n")
    with pytest.raises(UpstreamProtocol):
        StreamReader().feed(event_stream.event("metadata", b"not json"))


def test_a_whole_answer_in_place_of_a_stream_becomes_one() -> None:
    whole = fold(b"".join(PARALLEL))
    scan = StreamScan()
    assert scan.feed(whole[:50]) + scan.feed(whole[50:]) == b""
    passed = scan.end()
    assert (scan.complete, scan.finish_reason, scan.content_seen) == (True, "tool_use", True)
    assert json.loads(fold(passed))["output"] == json.loads(whole)["output"]


def test_a_prompt_router_names_the_model() -> None:
    scan = StreamScan()
    scan.feed(START + DONE + metadata(trace={"promptRouter": {"invokedModelId": "arn:x"}}))
    assert scan.model == "arn:x"


def test_blocks_that_are_not_closed_are_closed() -> None:
    found = read(START, delta(0, reasoningContent={"text": "a"}), delta(1, text="b"), tool(2), DONE)
    kinds = [type(event).__name__ for event in found]
    assert kinds == [
        "Started", "BlockStarted", "ReasoningDelta", "BlockEnded", "BlockStarted", "TextDelta", "BlockEnded",
        "BlockStarted", "ArgumentsDelta", "BlockEnded", "Finished", "Ended",
    ]  # fmt: skip


def test_citations_pictures_and_the_providers_own_tools() -> None:
    place = {"title": "t", "location": {"web": {"url": "u"}}}
    found = read(
        START, delta(0, text="a"), delta(0, citation=place), stop(0),
        frame("contentBlockStart", contentBlockIndex=1, start={"image": {"format": "png"}}),
        delta(1, image={"source": {"bytes": "iVBORw0KGgo="}}), stop(1),
        frame("contentBlockStart", contentBlockIndex=2, start={"toolUse": {"toolUseId": "s", "type": "server"}}),
        stop(2), DONE,
    )  # fmt: skip
    assert CitationAdded(0, "bedrock_converse", place) in found
    assert BlockStarted(1, Image(Media("image/png", data="iVBORw0KGgo="))) in found
    assert isinstance(found[-4], BlockStarted)
    assert isinstance(found[-4].part, Native)


def test_the_format_tool_is_the_answer() -> None:
    frames = (
        START, tool(0, name="out"), delta(0, toolUse={"input": '{"value":'}), delta(0, toolUse={"input": " [1, 2]}"}),
        stop(0), frame("messageStop", stopReason="tool_use"),
    )  # fmt: skip
    plain = read(*frames, memo=Memo(format_tool="out"))
    assert plain[1:4] == [BlockStarted(0, Text("")), TextDelta(0, '{"value":'), TextDelta(0, " [1, 2]}")]
    assert Finished(StopReason.END, "tool_use") in plain
    wrapped = read(*frames, memo=Memo(format_tool="out", wrapped=True))
    assert wrapped[1:4] == [BlockStarted(0, Text("")), TextDelta(0, "[1, 2]"), BlockEnded(0)]
    whole = fold(b"".join(frames))
    reply = read_chat_reply(whole, Memo(format_tool="out", wrapped=True))
    assert reply.choices[0].parts == (Text("[1, 2]"),)
    assert reply.choices[0].stop is StopReason.END


def test_names_of_tools_are_given_back() -> None:
    memo = Memo(tool_names={"f": "my.f"})
    assert BlockStarted(0, ToolCall("t1", "my.f")) in read(START, tool(0), memo=memo)
    reply = read_chat_reply(fold(START + tool(0)), memo)
    assert isinstance(reply.choices[0].parts[0], ToolCall)
    assert reply.choices[0].parts[0].name == "my.f"


def test_a_stream_is_folded_to_a_whole_answer() -> None:
    whole = json.loads(fold(b"".join(PARALLEL)))
    assert whole["output"]["message"] == {
        "role": "assistant",
        "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
            {"reasoningContent": {"redactedContent": "AAAA"}},
            {"text": "Hi \N{SMILE}"},
            {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 1.0}}},
            {"toolUse": {"toolUseId": "t2", "name": "g", "input": {}}},
        ],
    }
    assert (whole["stopReason"], whole["metrics"]) == ("tool_use", {"latencyMs": 7})
    record = read_reply(fold(b"".join(PARALLEL)))
    assert (record.finish_reason, record.usage) == ("tool_use", Usage(3, 2, 1, 3, output_tokens=5, tier="flex"))


@given(st.integers(0, len(b"".join(PARALLEL))))
def test_a_cut_record_is_folded_as_far_as_it_goes(length: int) -> None:
    found = json.loads(fold(b"".join(PARALLEL)[:length]))
    assert found["output"]["message"]["role"] == "assistant"


def test_a_record_of_an_error_and_a_whole_answer_are_folded() -> None:
    problem = event_stream.exception("throttlingException", b'{"message":"m"}')
    assert json.loads(fold(START + problem))["error"] == {"type": "ThrottlingException", "message": "m"}
    assert fold(b'{"output":{}}') == b'{"output":{}}'


def write(events: Sequence[Event]) -> bytes:
    writer = StreamWriter(ECHO)
    return b"".join(writer.write(event) for event in events)


def test_what_is_written_is_read_again() -> None:
    assert read(write(EVENTS)) == EVENTS
    # A call without arguments gets an empty object, which clients can parse.
    assert read(write([event for event in EVENTS if event != ArgumentsDelta(4, "{}")])) == EVENTS


def test_the_usage_comes_last_and_empty_blocks_leave_no_trace() -> None:
    events: list[Event] = [
        Started("id", "m"), Metered(USAGE), BlockStarted(0, Text("")), BlockEnded(0),
        BlockStarted(1, Native("anthropic_messages", {"type": "web_search"})), BlockEnded(1),
        BlockStarted(2, Reasoning("secret", signature="g", vendor="google")), SignatureDelta(2, "g"), BlockEnded(2),
        BlockStarted(3, Text("")), TextDelta(3, "a"), BlockStarted(4, Text(""), choice=1), TextDelta(4, "other"),
        BlockEnded(3), Finished(StopReason.END), Finished(StopReason.END, choice=1), Ended(),
    ]  # fmt: skip
    frames = [event_stream.parse(raw) for raw in event_stream.Splitter().feed(write(events))]
    kinds = [(found.text(":event-type"), json.loads(found.payload)) for found in frames]
    assert kinds == [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"delta": {"reasoningContent": {"text": "secret"}}, "contentBlockIndex": 0}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockDelta", {"delta": {"text": "a"}, "contentBlockIndex": 1}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("messageStop", {"stopReason": "end_turn"}),
        (
            "metadata",
            {
                "usage": {
                    "inputTokens": 3, "outputTokens": 5, "totalTokens": 14, "cacheReadInputTokens": 2,
                    "cacheWriteInputTokens": 4,
                    "cacheDetails": [{"ttl": "5m", "inputTokens": 1}, {"ttl": "1h", "inputTokens": 3}],
                },
            },
        ),
    ]  # fmt: skip


def test_a_failed_stream_ends_with_an_exception() -> None:
    raw = StreamWriter(ECHO).fail(errors.UpstreamCut("cut"), "r1")
    found = event_stream.parse(raw)
    assert found.text(":message-type") == "exception"
    assert found.text(":exception-type") == "serviceUnavailableException"
    assert json.loads(found.payload) == {"message": "cut"}


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.KeyUnknown("x"), 403, b"UnrecognizedClientException"),
        (errors.ModelForbidden("x"), 403, b"AccessDeniedException"),
        (errors.ModelUnknown("x"), 404, b"ResourceNotFoundException"),
        (errors.InvalidJson("x"), 400, b"ValidationException"),
        (errors.BodyTooLarge("x"), 413, b"ValidationException"),
        (errors.ContextLength("x"), 400, b"ValidationException"),
        (errors.UpstreamRateLimited("x"), 429, b"ThrottlingException"),
        (errors.SpoolFull("x"), 429, b"ThrottlingException"),
        (errors.UpstreamTimeout("x"), 408, b"ModelTimeoutException"),
        (errors.UpstreamAuth("x"), 424, b"ModelErrorException"),
        (errors.UpstreamOverloaded("x"), 503, b"ServiceUnavailableException"),
        (errors.ShuttingDown("x"), 503, b"ServiceUnavailableException"),
        (errors.UpstreamFault("x"), 500, b"InternalServerException"),
        (errors.InternalError("x"), 500, b"InternalServerException"),
    ],
)
def test_errors_have_the_types_of_the_service(error: PilothouseError, status: int, kind: bytes) -> None:
    assert DIALECT.error_status(error, error.status) == status
    assert DIALECT.error_headers(error) == ((b"x-amzn-errortype", kind),)


def test_the_providers_words_are_shown_where_they_help() -> None:
    body = b'{"message":"too hot"}'
    assert json.loads(DIALECT.render_error(errors.UpstreamInvalid("ours", body=body), "r")) == {"message": "too hot"}
    assert json.loads(DIALECT.render_error(errors.UpstreamAuth("ours", body=body), "r")) == {"message": "ours"}
    other = b'{"error":{"message":"from elsewhere","type":"x"}}'
    assert json.loads(DIALECT.render_error(errors.UpstreamFault("o", body=other), "r")) == {"message": "from elsewhere"}


def answer(**fields: Any) -> bytes:
    return json.dumps({"output": {"message": {"role": "assistant", "content": [{"text": "a"}]}}, **fields}).encode()


@pytest.mark.parametrize(
    ("raw", "stop_reason"),
    [
        ("end_turn", StopReason.END),
        ("stop_sequence", StopReason.STOP_TEXT),
        ("max_tokens", StopReason.LENGTH),
        ("model_context_window_exceeded", StopReason.CONTEXT_FULL),
        ("tool_use", StopReason.TOOL_CALLS),
        ("content_filtered", StopReason.FILTERED),
        ("guardrail_intervened", StopReason.FILTERED),
        ("malformed_tool_use", StopReason.BROKEN),
        ("malformed_model_output", StopReason.BROKEN),
        ("brand_new", StopReason.UNKNOWN),
    ],
)
def test_every_end_is_known_and_comes_back(raw: str, stop_reason: StopReason) -> None:
    reply = read_chat_reply(answer(stopReason=raw), Memo())
    assert (reply.choices[0].stop, reply.choices[0].stop_raw) == (stop_reason, raw)
    back = json.loads(write_reply(reply, ECHO))["stopReason"]
    assert back == (raw if stop_reason is not StopReason.UNKNOWN else "end_turn")


def test_a_whole_answer_comes_out_as_it_went_in() -> None:
    raw = json.loads(fold(b"".join(PARALLEL)))
    raw |= {"additionalModelResponseFields": {"x": 1}, "performanceConfig": {"latency": "optimized"}}
    raw["metrics"] = {"latencyMs": 1234}
    raw["usage"]["cacheDetails"].reverse()
    timed = msgspec.structs.replace(ECHO, elapsed_ms=lambda: 1234)
    assert json.loads(write_reply(read_chat_reply(json.dumps(raw).encode(), Memo()), timed)) == raw
    del raw["metrics"]
    assert json.loads(write_reply(read_chat_reply(json.dumps(raw).encode(), Memo()), ECHO)) == raw


def test_the_last_frame_says_how_long_the_call_took_where_that_is_known() -> None:
    timed = StreamWriter(msgspec.structs.replace(ECHO, elapsed_ms=lambda: 1234))
    assert b'"metrics":{"latencyMs":1234}' in timed.write(Ended())
    assert b"metrics" not in StreamWriter(ECHO).write(Ended())


@pytest.mark.parametrize(
    "body", [b"[]", answer(stopReason=1), b'{"output":{"message":{"content":{}}}}', b'{"output":1}', b"<html>"]
)
def test_a_broken_answer_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        read_chat_reply(body, Memo())


def test_text_of_answers_from_elsewhere_is_cited_and_signed_by_nobody() -> None:
    reply = read_chat_reply(answer(), Memo())
    foreign = Text("b", citations=({"url": "u"},), extra=Extra("openai_chat", {}))
    parts = (Reasoning("r", signature="s", vendor="openai"), foreign, ToolCall("a b", "f", "{broken"))
    out = json.loads(write_reply(type(reply)(choices=(type(reply.choices[0])(parts),)), ECHO))
    assert out["output"]["message"]["content"][:2] == [
        {"reasoningContent": {"reasoningText": {"text": "r"}}},
        {"text": "b"},
    ]
    assert out["output"]["message"]["content"][2]["toolUse"]["input"] == {"arguments": "{broken"}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, Usage(1, output_tokens=2)),
        ({"inputTokens": 1, "outputTokens": 2, "cacheWriteInputTokens": 4}, Usage(1, 0, 4, output_tokens=2)),
        ({"inputTokens": 5, "outputTokens": 2, "totalTokens": 3}, Usage(5, output_tokens=2, inconsistent=True)),
        (
            {"inputTokens": 1, "outputTokens": 2, "cacheWriteInputTokens": 1,
             "cacheDetails": [{"ttl": "1h", "inputTokens": 4}]},
            Usage(1, 0, 1, output_tokens=2, inconsistent=True),
        ),
        ({"inputTokens": -1, "outputTokens": 2}, Usage(-1, output_tokens=2, inconsistent=True)),
        ({}, None), (None, None), ([], None), ({"inputTokens": "many"}, None),
    ],
)  # fmt: skip
def test_usage_is_read(raw: Any, expected: Usage | None) -> None:
    assert read_reply(answer(usage=raw)).usage == expected


def test_an_error_in_place_of_an_answer_is_told() -> None:
    found = read_reply(b'{"__type":"ThrottlingException","message":"m"}').error
    assert found is not None
    assert (found.type, found.message, found.status) == ("ThrottlingException", "m", 429)
