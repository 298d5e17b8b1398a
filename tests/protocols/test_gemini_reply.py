"""Whole answers of Gemini's into the domain, and answers of the domain in Gemini's form, which its SDK takes."""

import base64
import json
from typing import Any

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.chat import (
    Audio,
    ChatReply,
    ChatRequest,
    Choice,
    Extra,
    Image,
    Media,
    Native,
    Part,
    Reasoning,
    Refusal,
    StopReason,
    Text,
    ToolCall,
)
from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols.base import Ask, Echo, Memo
from pilothouse.protocols.gemini import DIALECT, read_chat_reply, read_request, write_reply

ECHO = Echo(ChatRequest(dialect="gemini", model="asked", messages=()), "own", 9)
FULL: dict[str, Any] = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "Hm.", "thought": True},
                    {"text": "Hello", "thoughtSignature": "dA=="},
                    {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1.0}}, "thoughtSignature": "cw=="},
                    {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                    {"executableCode": {"language": "PYTHON", "code": "1"}},
                ],
            },
            "finishReason": "STOP",
            "index": 0,
            "logprobsResult": {
                "chosenCandidates": [{"token": "Hello", "logProbability": -0.5}],
                "topCandidates": [{"candidates": [{"token": "Hi", "logProbability": -1.5}]}],
            },
            "safetyRatings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "LOW"}],
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 20, "cachedContentTokenCount": 5, "candidatesTokenCount": 7, "thoughtsTokenCount": 3,
        "toolUsePromptTokenCount": 2, "totalTokenCount": 32,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 14}, {"modality": "AUDIO", "tokenCount": 6}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 4}], "trafficType": "ON_DEMAND_FLEX",
    },
    "modelVersion": "gemini-3-pro", "responseId": "r1", "createTime": "2026-01-02T03:04:05.678Z",
}  # fmt: skip
USAGE = Usage(11, 5, input_audio_tokens=6, output_tokens=3, reasoning_tokens=3, output_image_tokens=4, tier="flex")


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def read(document: Any, memo: Memo | None = None) -> ChatReply:
    return read_chat_reply(encoded(document), memo or Memo())


def answer(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": "STOP"}], **fields}


def write(*parts: Part, echo: Echo = ECHO, **fields: Any) -> dict[str, Any]:
    """Return an answer that Google's own types take."""
    body = write_reply(ChatReply(choices=(Choice(parts, **fields),)), echo)
    types.GenerateContentResponse.model_validate_json(body)
    return json.loads(body)


def sent_parts(*parts: Part, **fields: Any) -> list[dict[str, Any]]:
    return write(*parts, **fields)["candidates"][0]["content"]["parts"]


def test_a_full_answer_is_read() -> None:
    types.GenerateContentResponse.model_validate(FULL)
    reply = read(FULL)
    [choice] = reply.choices
    assert choice.parts == (
        Reasoning("Hm."), Text("Hello", signature="dA=="), ToolCall("c1", "f", '{"a": 1.0}', signature="cw=="),
        Image(Media("image/png", "iVBORw0KGgo=")),
        Native("gemini", {"executableCode": {"language": "PYTHON", "code": "1"}}),
    )  # fmt: skip
    assert (choice.stop, choice.stop_raw) == (StopReason.TOOL_CALLS, "STOP")
    hi = {"token": "Hi", "logprob": -1.5, "bytes": list(b"Hi")}
    told = {"token": "Hello", "logprob": -0.5, "bytes": list(b"Hello"), "top_logprobs": [hi]}
    assert choice.logprobs == {"content": [told], "refusal": None}
    assert (reply.id, reply.model, reply.created_s) == ("r1", "gemini-3-pro", 1767323045)
    assert (reply.usage, reply.service_tier) == (USAGE, "ON_DEMAND_FLEX")
    assert DIALECT.read_reply(encoded(FULL)).usage == USAGE


def test_a_full_answer_comes_out_as_it_went_in() -> None:
    written = write_reply(read(FULL), ECHO)
    types.GenerateContentResponse.model_validate_json(written)
    found = json.loads(written)
    assert found["candidates"] == FULL["candidates"]
    assert (found["modelVersion"], found["responseId"]) == ("gemini-3-pro", "r1")
    assert read_chat_reply(written).usage == USAGE
    assert found["usageMetadata"]["totalTokenCount"] == 32


def test_calls_without_ids_get_some_of_their_own() -> None:
    call: dict[str, Any] = {"functionCall": {"name": "f", "args": {}}}
    first, second = read(answer(call, call, responseId="r")).choices[0].parts
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id
    assert first.id.startswith("gemini-call-")
    assert read(answer(call, call, responseId="r")).choices[0].parts == (first, second)
    assert read(answer(call, responseId="other")).choices[0].parts != (first,)


@pytest.mark.parametrize(
    ("word", "stop"),
    [
        ("STOP", StopReason.END), ("MAX_TOKENS", StopReason.LENGTH), ("SAFETY", StopReason.FILTERED),
        ("IMAGE_SAFETY", StopReason.FILTERED), ("RECITATION", StopReason.FILTERED), ("SPII", StopReason.FILTERED),
        ("MALFORMED_FUNCTION_CALL", StopReason.BROKEN), ("MISSING_THOUGHT_SIGNATURE", StopReason.BROKEN),
        ("CONTINUATION", StopReason.PAUSED), ("NEW_WORD", StopReason.UNKNOWN), ("OTHER", StopReason.UNKNOWN),
    ],
)  # fmt: skip
def test_why_it_ended(word: str, stop: StopReason) -> None:
    document = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": word}]}
    [choice] = read(document).choices
    assert (choice.stop, choice.stop_raw) == (stop, word)
    if stop is not StopReason.UNKNOWN:
        assert write(Text("a"), stop=stop, stop_raw=word)["candidates"][0]["finishReason"] == word


@pytest.mark.parametrize(
    ("stop", "raw", "word"),
    [
        (StopReason.END, "stop", "STOP"), (StopReason.TOOL_CALLS, "tool_use", "STOP"),
        (StopReason.STOP_TEXT, "stop_sequence", "STOP"), (StopReason.LENGTH, "max_tokens", "MAX_TOKENS"),
        (StopReason.CONTEXT_FULL, "", "MAX_TOKENS"), (StopReason.FILTERED, "content_filter", "SAFETY"),
        (StopReason.REFUSED, "refusal", "SAFETY"), (StopReason.BROKEN, "", "MALFORMED_RESPONSE"),
        (StopReason.UNKNOWN, "odd", "STOP"),
    ],
)  # fmt: skip
def test_ends_of_other_vendors(stop: StopReason, raw: str, word: str) -> None:
    assert write(Text("a"), stop=stop, stop_raw=raw)["candidates"][0]["finishReason"] == word


def test_a_blocked_prompt_is_an_answer_without_parts() -> None:
    document = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 3}}
    reply = read(document)
    assert reply.choices == (Choice((), StopReason.FILTERED, "PROHIBITED_CONTENT"),)
    assert reply.usage == Usage(3)


def test_several_answers() -> None:
    document = {"candidates": [{"content": {"parts": [{"text": said}]}, "finishReason": "STOP"} for said in "ab"]}
    reply = read(document)
    assert [choice.parts for choice in reply.choices] == [(Text("a"),), (Text("b"),)]
    assert [item["index"] for item in json.loads(write_reply(reply, ECHO))["candidates"]] == [0, 1]


def test_names_and_the_answer_tool_are_undone() -> None:
    memo = Memo({"_1st": "1st"}, "place", True)
    calls = [{"functionCall": {"id": "c1", "name": name, "args": args}} for name, args in (
        ("_1st", {}), ("place", {"value": [1]}),
    )]  # fmt: skip
    [choice] = read(answer(*calls), memo).choices
    assert choice.parts == (ToolCall("c1", "1st", "{}"), Text("[1]"))
    assert choice.stop is StopReason.TOOL_CALLS
    [choice] = read(answer(calls[1]), memo).choices
    assert (choice.parts, choice.stop) == ((Text("[1]"),), StopReason.END)


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{", b'{"candidates":{}}', b'{"candidates":[{"content":{"parts":[{"text":1}]}}]}', b"[" * 100_000,
    b'{"candidates":[{"content":{"parts":[{"functionCall":[]}]}}]}', b'{"candidates":[{"finishReason":1}]}',
])  # fmt: skip
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        read_chat_reply(body)


def test_parts_of_other_vendors() -> None:
    assert sent_parts(
        Refusal("no"), Text(""), Audio(Media("audio/wav", "UklGRg==")), Audio(transcript="said", id="a"),
        Image(Media("image/png", "iVBORw0KGgo=")), Native("openai_chat", {"a": 1}),
        Text("x", extra=Extra("openai_chat", {"a": 1})), ToolCall("c1", "f", "{broken"), ToolCall("c2", "f", ""),
    ) == [
        {"text": "no"}, {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}, {"text": "said"},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}, {"text": "x"},
        {"functionCall": {"id": "c1", "name": "f", "args": {"arguments": "{broken"}}},
        {"functionCall": {"id": "c2", "name": "f", "args": {}}},
    ]  # fmt: skip


THOUGHTS = [
    Reasoning("a", "c2ln+/8=", vendor="anthropic"), Reasoning(redacted="AAAA", vendor="anthropic"),
    Reasoning("s", redacted="gAAA", vendor="openai"), Reasoning("g", "c2ln", vendor="google"), Reasoning("plain"),
]  # fmt: skip


@pytest.mark.parametrize("thought", THOUGHTS, ids=lambda thought: f"{thought.vendor}-{bool(thought.redacted)}")
def test_marks_of_any_vendor_come_back_through_googles_sdk(thought: Reasoning) -> None:
    body = write_reply(ChatReply(choices=(Choice((thought, Text("b"))),)), ECHO)
    content: Any = types.GenerateContentResponse.model_validate_json(body).candidates
    # The SDK writes base64 in the other alphabet.
    turn = content[0].content.model_dump(mode="json", by_alias=True, exclude_none=True)
    request = read_request(encoded({"contents": [turn]}), Ask("m"))
    assert request.messages[0].parts == (thought, Text("b"))


def test_pieces_of_a_thought_that_another_vendor_signed_become_one() -> None:
    mark = base64.b64encode(b"pilothouse:anthropic:signature:c2ln").decode()
    pieces = [{"text": said, "thought": True} for said in ("Two ", "things.")]
    signed = {"text": "", "thought": True, "thoughtSignature": mark}
    body = encoded({"contents": [{"role": "model", "parts": [*pieces, signed, {"text": "b"}]}]})
    parts = read_request(body, Ask("m")).messages[0].parts
    assert parts == (Reasoning("Two things.", "c2ln", vendor="anthropic"), Text("b"))


def test_one_word_of_a_list_is_not_json() -> None:
    config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a", "b"]}}
    request = read_request(encoded({"contents": [], "generationConfig": config}), Ask("m"))
    assert request.output.schema == {"type": "string", "enum": ["a", "b"]}
    assert sent_parts(Text('"a"'), echo=Echo(request)) == [{"text": "a"}]
    assert sent_parts(Text("a"), echo=Echo(request)) == [{"text": "a"}]
    assert sent_parts(Text('"a"')) == [{"text": '"a"'}]


def test_what_the_provider_does_not_say_is_the_calls_own() -> None:
    found = write(Text("a"))
    assert (found["modelVersion"], found["responseId"]) == ("asked", "own")


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
MARKS = st.sampled_from(["", "c2ln"])
COUNTS = st.integers(0, 99)
PARTS = st.one_of(
    st.builds(Text, WORDS, signature=MARKS),
    st.builds(Reasoning, WORDS, st.just("c2ln"), vendor=st.just("google")),
    st.builds(ToolCall, st.just("c1"), WORDS, st.just('{"a":1}'), signature=MARKS),
)


@given(
    parts=st.lists(PARTS, max_size=4).map(tuple),
    usage=st.builds(Usage, COUNTS, COUNTS, st.just(0), st.just(0), COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
)
def test_any_answer_comes_back(parts: tuple[Part, ...], usage: Usage) -> None:
    stop = StopReason.TOOL_CALLS if any(isinstance(part, ToolCall) for part in parts) else StopReason.END
    reply = ChatReply(id="r", model="m", choices=(Choice(parts, stop, "STOP"),), usage=usage)
    body = write_reply(reply, ECHO)
    types.GenerateContentResponse.model_validate_json(body)
    assert read_chat_reply(body) == reply
    assert DIALECT.read_reply(body).usage == usage
