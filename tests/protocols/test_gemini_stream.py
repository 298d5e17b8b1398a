"""Gemini's streams, as events and as an array: read however they are cut, and written as Google's SDK takes them."""

import itertools
import json
from collections.abc import Iterable
from typing import Any

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.chat import (
    ArgumentsDelta,
    Audio,
    AudioDelta,
    BlockEnded,
    BlockStarted,
    ChatReply,
    ChatRequest,
    Choice,
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
    Refusal,
    SignatureDelta,
    Started,
    StopReason,
    Text,
    TextDelta,
    ToolCall,
)
from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamCut, UpstreamProtocol
from pilothouse.protocols.base import Ask, Echo, Memo
from pilothouse.protocols.conversion import events_of
from pilothouse.protocols.gemini import StreamReader, StreamScan, StreamWriter, fold, read_chat_reply

REQUEST = ChatRequest(dialect="gemini", model="asked", messages=())
ECHO, ARRAY = Echo(REQUEST, "own", 9), Echo(REQUEST, "own", 9, "array")
SHELL = {"modelVersion": "g-3", "responseId": "r1"}
USAGE = {"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11}


def chunk(*parts: dict[str, Any], finish: str = "", index: int = 0, **fields: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": index}
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})], **SHELL, **fields}


def events(chunks: Iterable[Any]) -> bytes:
    return b"".join(b"data: %s\r\n\r\n" % json.dumps(item, ensure_ascii=False).encode() for item in chunks)


def array(chunks: list[Any]) -> bytes:
    return json.dumps(chunks, ensure_ascii=False).replace("}, {", "}\n,\r\n{").encode()


def read(stream: bytes, memo: Memo | None = None) -> list[Event]:
    reader = StreamReader(memo or Memo())
    return [*reader.feed(stream), *reader.end()]


def told(*chunks: dict[str, Any], memo: Memo | None = None) -> list[Event]:
    """Return the events between the first and the last ones."""
    [_, *found, _, ended] = read(events(chunks), memo)
    assert ended == Ended()
    return found


CHUNKS: list[Any] = [
    chunk({"text": "Hm, ", "thought": True}, usageMetadata={"promptTokenCount": 9, "totalTokenCount": 9}),
    chunk({"text": "so.", "thought": True}),
    chunk({"text": "Grüße\u2028]},"}, {"text": ' "🌍'}),
    chunk({"functionCall": {"name": "f", "args": {"a": 1.0}}, "thoughtSignature": "c2ln"},
          {"functionCall": {"id": "c2", "name": "g"}}),
    chunk({"text": "", "thoughtSignature": "dGV4dA=="}, finish="STOP", usageMetadata=USAGE),
]  # fmt: skip


def test_a_stream_is_read() -> None:
    found = read(events(CHUNKS))
    calls = [event.part for event in found if isinstance(event, BlockStarted) and isinstance(event.part, ToolCall)]
    identity = calls[0].id
    assert identity.startswith("gemini-call-")
    assert found == [
        Started("r1", "g-3"), BlockStarted(0, Reasoning()), ReasoningDelta(0, "Hm, "), Metered(Usage(9)),
        ReasoningDelta(0, "so."), BlockEnded(0),
        BlockStarted(1, Text("")), TextDelta(1, "Grüße\u2028]},"), TextDelta(1, ' "🌍'), BlockEnded(1),
        BlockStarted(2, ToolCall(identity, "f", signature="c2ln")), ArgumentsDelta(2, '{"a": 1.0}'), BlockEnded(2),
        BlockStarted(3, ToolCall("c2", "g")), ArgumentsDelta(3, "{}"), BlockEnded(3),
        BlockStarted(4, Text("")), SignatureDelta(4, "dGV4dA=="), BlockEnded(4), Metered(Usage(9, output_tokens=2)),
        Finished(StopReason.TOOL_CALLS, "STOP"), Ended(),
    ]  # fmt: skip
    assert read(array(CHUNKS)) == found


@pytest.mark.parametrize("stream", [events(CHUNKS), array(CHUNKS)], ids=["events", "array"])
@given(cuts=st.lists(st.integers(0, 5000), max_size=12))
def test_any_cut_of_the_bytes_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    reader, places = StreamReader(), sorted({0, *(cut % len(stream) for cut in cuts), len(stream)})
    found = [event for a, b in itertools.pairwise(places) for event in reader.feed(stream[a:b])]
    assert [*found, *reader.end()] == read(stream)


@pytest.mark.parametrize("stream", [events(CHUNKS), array(CHUNKS)], ids=["events", "array"])
def test_a_stream_that_is_cut_off_does_not_end(stream: bytes) -> None:
    whole = read(stream)
    for end in range(0, len(stream) - 4, 7):
        found = read(stream[:end])
        assert Ended() not in found
        assert found == whole[: len(found)]


def test_an_array_without_its_bracket_does_not_end() -> None:
    assert Ended() not in read(array(CHUNKS).rstrip().removesuffix(b"]"))


def test_an_error_inside_a_stream_stops_it() -> None:
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    for stream in (events([CHUNKS[0], error, CHUNKS[-1]]), array([CHUNKS[0], error, CHUNKS[-1]])):
        reader = StreamReader()
        found = [*reader.feed(stream), *reader.end()]
        assert reader.error is not None
        assert (reader.error.status, reader.error.message) == (503, "overloaded")
        assert not any(isinstance(event, Finished | Ended) for event in found)


@pytest.mark.parametrize("data", [b"data: {\r\n\r\n", b"data: []\r\n\r\n", b'data: {"candidates":{}}\n\n',
                                  b'data: {"candidates":[{"content":{"parts":[{"text":1}]}}]}\n\n'])  # fmt: skip
def test_what_is_no_event_is_refused(data: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        StreamReader().feed(data)


def test_a_blocked_prompt_ends_well() -> None:
    found = read(events([{"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": USAGE, **SHELL}]))
    assert found[-2:] == [Finished(StopReason.FILTERED, "SAFETY"), Ended()]


def test_several_candidates_each_have_their_blocks() -> None:
    pieces = [chunk({"text": said}, index=index) for index, said in ((0, "a"), (1, "b"), (0, "c"))]
    found = read(events([*pieces, chunk(finish="STOP"), chunk(finish="MAX_TOKENS", index=1)]))
    assert [event for event in found if isinstance(event, TextDelta)] == [
        TextDelta(0, "a"), TextDelta(1, "b"), TextDelta(0, "c")
    ]  # fmt: skip
    assert [event for event in found if isinstance(event, Finished)] == [
        Finished(StopReason.END, "STOP"), Finished(StopReason.LENGTH, "MAX_TOKENS", choice=1)
    ]  # fmt: skip
    assert read(events(pieces))[-1] != Ended()


def test_a_mark_closes_its_own_part() -> None:
    parts = [{"text": "a"}, {"text": "b", "thoughtSignature": "YmI="}, {"text": "c"},
             {"text": "t", "thought": True, "thoughtSignature": "dHQ="}, {"text": "u", "thought": True}]  # fmt: skip
    assert told(chunk(*parts, finish="STOP")) == [
        BlockStarted(0, Text("")), TextDelta(0, "a"), BlockEnded(0),
        BlockStarted(1, Text("")), TextDelta(1, "b"), SignatureDelta(1, "YmI="), BlockEnded(1),
        BlockStarted(2, Text("")), TextDelta(2, "c"), BlockEnded(2),
        BlockStarted(3, Reasoning(vendor="google")), ReasoningDelta(3, "t"), SignatureDelta(3, "dHQ="), BlockEnded(3),
        BlockStarted(4, Reasoning()), ReasoningDelta(4, "u"), BlockEnded(4),
    ]  # fmt: skip


def test_names_and_the_answer_tool_are_undone() -> None:
    memo = Memo({"_1st": "1st"}, "place", True)
    place = {"functionCall": {"name": "place", "args": {"value": [1]}}}
    first: dict[str, Any] = {"functionCall": {"id": "c1", "name": "_1st", "args": {}}}
    found = told(chunk(place, first, finish="STOP"), memo=memo)
    assert found[1] == TextDelta(0, "[1]")
    assert found[3] == BlockStarted(1, ToolCall("c1", "1st"))
    assert read(events([chunk(place, finish="STOP")]), memo)[-2] == Finished(StopReason.END, "STOP")


def test_parts_that_come_whole() -> None:
    code = {"executableCode": {"code": "1"}}
    found = told(chunk({"inlineData": {"mimeType": "image/png", "data": "aaaa"}}, code, finish="STOP"))
    assert found == [
        BlockStarted(0, Image(Media("image/png", "aaaa"))), BlockEnded(0),
        BlockStarted(1, Native("gemini", code)), BlockEnded(1),
    ]  # fmt: skip


def test_chances_of_tokens_come_with_the_text() -> None:
    told_chances = {"chosenCandidates": [{"token": "a", "logProbability": -0.5}]}
    first = chunk({"text": "a"}, finish="STOP")
    first["candidates"][0]["logprobsResult"] = told_chances
    chances = [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]
    assert told(first)[1] == TextDelta(0, "a", chances)
    out = write([Started(), BlockStarted(0, Text("")), TextDelta(0, "a", chances)])
    assert documents(out)[0]["candidates"][0]["logprobsResult"]["chosenCandidates"] == told_chances["chosenCandidates"]


# What is written.


def write(given: Iterable[Event], echo: Echo = ECHO) -> bytes:
    writer = StreamWriter(echo)
    return b"".join(writer.write(event) for event in given)


def documents(stream: bytes) -> list[Any]:
    """Return the documents of a stream of events, each of which Google's types take."""
    found = [frame.removeprefix(b"data: ") for frame in stream.split(b"\r\n\r\n") if frame]
    for document in found:
        types.GenerateContentResponse.model_validate_json(document)
    return [json.loads(document) for document in found]


def written(given: Iterable[Event]) -> list[Any]:
    """Return the parts of each document."""
    return [item["content"]["parts"] for document in documents(write(given)) for item in document["candidates"]]


REPLY = ChatReply(
    id="r1", model="g-3", usage=Usage(5, 4, output_tokens=2, reasoning_tokens=3),
    choices=(Choice((
        Reasoning("Hm.", "c2ln", vendor="google"), Text("Grüße\u2028"),
        ToolCall("c1", "f", '{"a":1.0}', signature="bWs="), ToolCall("c2", "g"),
        Image(Media("image/png", "iVBORw0KGgo=")), Text("end", signature="dGV4dA=="),
    ), StopReason.TOOL_CALLS, "STOP"),),
)  # fmt: skip


def test_a_stream_is_written() -> None:
    [thought, mark, text, call, bare, image, end, sign, last] = documents(write(events_of(REPLY)))
    pairs: list[tuple[Any, dict[str, Any]]] = [
        (thought, {"text": "Hm.", "thought": True}), (mark, {"text": "", "thought": True, "thoughtSignature": "c2ln"}),
        (text, {"text": "Grüße\u2028"}), (bare, {"functionCall": {"id": "c2", "name": "g", "args": {}}}),
        (call, {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1.0}}, "thoughtSignature": "bWs="}),
        (image, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}), (end, {"text": "end"}),
        (sign, {"text": "", "thoughtSignature": "dGV4dA=="}),
    ]  # fmt: skip
    for document, part in pairs:
        assert document == {"candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}], **SHELL}
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert last["usageMetadata"] == {
        "promptTokenCount": 9, "cachedContentTokenCount": 4, "candidatesTokenCount": 2, "thoughtsTokenCount": 3,
        "totalTokenCount": 14, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
    }  # fmt: skip


@pytest.mark.parametrize("echo", [ECHO, ARRAY], ids=["events", "array"])
def test_what_is_written_passes_and_folds(echo: Echo) -> None:
    out = write(events_of(REPLY), echo)
    scan = StreamScan(Ask(variant=echo.variant))
    assert scan.feed(out) + scan.end() == out
    assert (scan.complete, scan.usage, scan.finish_reason) == (True, REPLY.usage, "STOP")
    reply = read_chat_reply(fold(out))
    assert [part for part in reply.choices[0].parts if isinstance(part, ToolCall)] == [
        ToolCall("c1", "f", '{"a":1.0}', signature="bWs="), ToolCall("c2", "g", "{}")
    ]  # fmt: skip
    assert read(out)[-1] == Ended()
    if echo is ARRAY:
        assert len(json.loads(out)) == 9


@pytest.mark.parametrize(("begun", "count"), [(True, 2), (False, 1)])
def test_an_array_ends_in_its_error(begun: bool, count: int) -> None:
    writer = StreamWriter(ARRAY)
    opening: list[Event] = [Started(), BlockStarted(0, Text("")), TextDelta(0, "a")] if begun else []
    out = b"".join(writer.write(event) for event in opening) + writer.fail(UpstreamCut("cut off"), "req")
    found = json.loads(out)
    assert (len(found), found[-1]["error"]["message"]) == (count, "cut off")
    scan = StreamScan(Ask(variant="array"))
    scan.feed(out)
    scan.end()
    assert scan.error is not None


def test_events_end_in_their_error() -> None:
    found = StreamWriter(ECHO).fail(UpstreamCut("cut off"), "req")
    assert json.loads(found.removeprefix(b"data: "))["error"]["code"] == 502


def test_other_vendors_parts() -> None:
    given = [
        Started(), BlockStarted(0, Refusal("")), TextDelta(0, "no"), BlockEnded(0), BlockStarted(1, Audio(id="a")),
        AudioDelta(1, transcript="said"), AudioDelta(1, data="UklG"), BlockEnded(1),
        BlockStarted(2, Native("openai_chat", {"a": 1})), BlockEnded(2), BlockStarted(3, ToolCall("c", "f")),
        ArgumentsDelta(3, '{"a"'), ArgumentsDelta(3, ":1}"), SignatureDelta(3, "c2ln"), BlockEnded(3),
    ]  # fmt: skip
    assert written(given) == [
        [{"text": "no"}], [{"inlineData": {"mimeType": "audio/wav", "data": "UklG"}}],
        [{"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}],
    ]  # fmt: skip


def test_one_word_of_a_list_is_not_json() -> None:
    extra = Extra("gemini", {"generationConfig": {"responseMimeType": "text/x.enum"}})
    echo = Echo(ChatRequest(dialect="gemini", model="m", messages=(), extra=extra))
    given = [Started(), BlockStarted(0, Text("")), TextDelta(0, '"a'), TextDelta(0, 'b"'), BlockEnded(0)]
    assert documents(write(given, echo))[0]["candidates"][0]["content"]["parts"] == [{"text": "ab"}]


def test_usage_and_ends_of_several_answers_come_last() -> None:
    given = [
        Started(), BlockStarted(0, Text("")), TextDelta(0, "a"), Metered(Usage(1), "flex"), BlockEnded(0),
        Finished(StopReason.END), BlockStarted(1, Text(""), 1), TextDelta(1, "b"), BlockEnded(1),
        Finished(StopReason.LENGTH, choice=1), Metered(Usage(2)), Ended(),
    ]  # fmt: skip
    [_, _, last] = documents(write(given))
    assert [item["finishReason"] for item in last["candidates"]] == ["STOP", "MAX_TOKENS"]
    assert last["usageMetadata"]["promptTokenCount"] == 2
