"""Completions: passed through, and served by any chat model."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from pilothouse.domain.chat import (
    ChatReply,
    ChatRequest,
    Choice,
    FunctionTool,
    Message,
    Reasoning,
    Refusal,
    Role,
    StopReason,
    Text,
)
from pilothouse.domain.facts import ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidRequest, UpstreamCut, UpstreamProtocol
from pilothouse.protocols import table
from pilothouse.protocols.base import NO_ASK, NO_MEMO, ChatCodec, Dialect, Echo
from pilothouse.protocols.conversion import Task, convert, events_of
from pilothouse.protocols.openai_completions import DIALECT

assert isinstance(DIALECT.codec, ChatCodec)
CODEC = DIALECT.codec
FACTS = ModelFacts()
CHAT = [
    name
    for name in table.names()
    if isinstance(table.dialect(name).codec, ChatCodec) and table.dialect(name).operation == "chat"
]
REQUEST: dict[str, Any] = {
    "model": "m", "prompt": "Once upon a time", "max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "n": 2,
    "logprobs": 2, "stop": ["\n"], "seed": 3, "presence_penalty": 0.1, "frequency_penalty": 0.2,
    "logit_bias": {"50256": -100}, "user": "u", "vendor_field": {"kept": True},
}  # fmt: skip
CHANCES = {"content": [
    {"token": " the", "logprob": -0.5, "bytes": [32, 116, 104, 101],
     "top_logprobs": [{"token": " the", "logprob": -0.5, "bytes": [32, 116, 104, 101]},
                      {"token": " a", "logprob": -1.5, "bytes": [32, 97]}]},
    {"token": " king", "logprob": -0.25, "bytes": [32, 107, 105, 110, 103], "top_logprobs": []},
], "refusal": None}  # fmt: skip
REPLY = ChatReply(
    id="r", model="served", created_s=5, usage=Usage(3, 4, output_tokens=5),
    choices=(
        Choice((Text(" the king"),), StopReason.END, "stop", logprobs=CHANCES),
        Choice((Text(" a queen"),), StopReason.LENGTH, "length"),
    ),
)  # fmt: skip


def read(document: dict[str, Any]) -> ChatRequest:
    return CODEC.read_request(json.dumps(document).encode(), NO_ASK)


def echo_of(**document: Any) -> Echo:
    return Echo(read({"model": "asked", "prompt": "Once", **document}), "id", 9)


def stream_of(reply: ChatReply, echo: Echo) -> bytes:
    writer = CODEC.writer(echo)
    return b"".join(writer.write(event) for event in events_of(reply))


def chunks(stream: bytes) -> list[dict[str, Any]]:
    lines = [line.removeprefix(b"data: ") for line in stream.split(b"\n\n") if line]
    assert lines[-1] == b"[DONE]"
    return [json.loads(line) for line in lines[:-1]]


@pytest.mark.parametrize("change", [
    {}, {"prompt": ["a", "b"]}, {"prompt": [1, 2]}, {"prompt": [[1, 2], [3]]}, {"prompt": ["a", [3]]},
    {"suffix": "the end"}, {"echo": True}, {"best_of": 5}, {"max_tokens": 0}, {"logprobs": 0},
])  # fmt: skip
def test_a_request_comes_back_as_it_went_in(change: dict[str, Any]) -> None:
    written = CODEC.write_request(read({**REQUEST, **change}), FACTS)
    assert json.loads(written.body) == {**REQUEST, **change}
    assert written.losses == ()


@given(
    prompt=st.one_of(st.text(), st.lists(st.one_of(st.text(), st.lists(st.integers(0, 9), min_size=1)), min_size=1)),
    change=st.fixed_dictionaries(
        {},
        optional={
            "suffix": st.text(),
            "echo": st.booleans(),
            "best_of": st.integers(1, 3),
            "logprobs": st.integers(0, 5),
            "n": st.integers(1, 3),
            "max_tokens": st.integers(0, 9),
            "stream": st.booleans(),
            "stream_options": st.just({"include_usage": True}),
        },
    ),
)
def test_any_request_comes_back(prompt: Any, change: dict[str, Any]) -> None:
    request = read({"model": "m", "prompt": prompt, **change})
    again = CODEC.read_request(CODEC.write_request(request, FACTS).body, NO_ASK)
    assert again.messages == request.messages
    assert (again.sampling, again.choices, again.max_output_tokens, again.streamed) == (
        request.sampling, request.choices, request.max_output_tokens, request.streamed,
    )  # fmt: skip


@pytest.mark.parametrize("prompt", [None, [], 5, [None], ["a", []], [[True]], {"a": 1}])
def test_a_prompt_of_no_known_form_is_refused(prompt: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read({"model": "m", "prompt": prompt})
    assert caught.value.param == "prompt"


@pytest.fixture(params=CHAT)
def upstream(request: pytest.FixtureRequest) -> Dialect:
    return table.dialect(request.param)


def task(upstream: Dialect, **document: Any) -> Task:
    body = json.dumps({"model": "a/m", "prompt": "Once", **document}).encode()
    return Task(DIALECT, upstream, body, NO_ASK, "m", FACTS, "id", 9)


def test_any_chat_provider_serves_a_prompt(upstream: Dialect) -> None:
    codec = upstream.codec
    assert isinstance(codec, ChatCodec)
    # What is repeated before the answer is our own doing, so nothing is lost.
    converted = convert(task(upstream, echo=True, max_tokens=50))
    assert converted is not None
    assert converted.losses == ()
    turns = codec.read_request(converted.body, NO_ASK).messages
    assert [(turn.role, turn.parts) for turn in turns] == [(Role.USER, (Text("Once"),))]
    answer = ChatReply(id="r", model="m", choices=(Choice((Text(" there was"),)),), usage=Usage(2, output_tokens=3))
    answered = codec.write_reply(answer, Echo(ChatRequest(dialect=upstream.name, model="m", messages=()), "id", 9))
    found = Completion.model_validate_json(converted.reply(answered), strict=True)
    assert (found.choices[0].text, found.choices[0].finish_reason) == ("Once there was", "stop")
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (2, 3)


def test_a_stream_of_any_chat_provider_is_a_completions_stream(upstream: Dialect) -> None:
    codec = upstream.codec
    assert isinstance(codec, ChatCodec)
    converted = convert(task(upstream, stream=True, stream_options={"include_usage": True}))
    assert converted is not None
    answer = ChatReply(
        id="r", model="m", usage=Usage(2, output_tokens=3),
        choices=(Choice((Reasoning("hm"), Text(" there\u2028 was"))),),
    )  # fmt: skip
    asked = ChatRequest(dialect=upstream.name, model="m", messages=(), streamed=True, wants_usage=True)
    writer = codec.writer(Echo(asked, "id", 9))
    stream = b"".join(writer.write(event) for event in events_of(answer))
    scan = converted.scan()
    out = b"".join(scan.feed(stream[at : at + 7]) for at in range(0, len(stream), 7)) + scan.end()
    assert scan.complete
    *found, last = chunks(out)
    assert "".join(chunk["choices"][0]["text"] for chunk in found) == " there\u2028 was"
    assert [chunk["choices"][0]["finish_reason"] for chunk in found] == [None] * (len(found) - 1) + ["stop"]
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 5)
    for chunk in found:
        # The SDK's type has no word for a choice that goes on, though every server streams null for it.
        chunk["choices"][0]["finish_reason"] = "stop"
        Completion.model_validate(chunk, strict=True)


@pytest.mark.parametrize(
    "change",
    [{"prompt": ["a", "b"]}, {"prompt": [1, 2]}, {"suffix": "end"}, {"best_of": 3}, {"max_tokens": 0},
     {"echo": True, "logprobs": 1}],
)  # fmt: skip
def test_what_no_chat_can_do_is_an_essential_loss(upstream: Dialect, change: dict[str, Any]) -> None:
    converted = convert(task(upstream, **change))
    assert converted is not None
    assert any(loss.essential for loss in converted.losses)


def test_a_conversation_cannot_become_a_prompt() -> None:
    request = ChatRequest(
        dialect="openai_chat", model="m", tools=(FunctionTool("f"),), verbosity="low",
        messages=(Message(Role.SYSTEM, (Text("Be brief."),)), Message(Role.USER, (Text("Hi"), Refusal("no")))),
    )  # fmt: skip
    written = CODEC.write_request(request, FACTS)
    assert json.loads(written.body)["prompt"] == "Be brief.\n\nHi"
    assert [(loss.field, loss.essential) for loss in written.losses] == [
        ("messages", True), ("messages.1.content.1", True), ("tools", True), ("verbosity", False),
    ]  # fmt: skip


def test_a_whole_answer_comes_back_as_it_went_out() -> None:
    body = CODEC.write_reply(REPLY, echo_of())
    answer = Completion.model_validate_json(body, strict=True)
    chances = answer.choices[0].logprobs
    assert chances is not None
    assert (chances.tokens, chances.text_offset) == ([" the", " king"], [0, 4])
    assert chances.top_logprobs == [{" the": -0.5, " a": -1.5}, {}]
    assert CODEC.read_reply(body, NO_MEMO) == REPLY
    assert DIALECT.read_reply(body).usage == REPLY.usage


def test_thoughts_are_no_part_of_the_text_and_the_prompt_is_repeated() -> None:
    reply = ChatReply(choices=(Choice((Reasoning("hm"), Text(" there")), StopReason.TOOL_CALLS, logprobs=CHANCES),))
    found = json.loads(CODEC.write_reply(reply, echo_of(echo=True)))
    assert (found["id"], found["created"], found["model"]) == ("cmpl-id", 9, "asked")
    assert (found["choices"][0]["text"], found["choices"][0]["finish_reason"]) == ("Once there", "stop")
    assert found["choices"][0]["logprobs"]["text_offset"] == [4, 8]


def test_a_stream_has_one_identity_and_repeats_the_prompt_of_each_choice() -> None:
    reply = ChatReply(id="r", choices=(*REPLY.choices, Choice(())), usage=REPLY.usage)
    found = chunks(stream_of(reply, echo_of(echo=True, stream=True, stream_options={"include_usage": True})))
    assert {(chunk["id"], chunk["object"], chunk["created"], chunk["model"]) for chunk in found} == {
        ("r", "text_completion", 9, "asked")
    }
    said = ["", "", ""]
    for chunk in found:
        for choice in chunk["choices"]:
            said[choice["index"]] += choice["text"]
    assert said == ["Once the king", "Once a queen", "Once"]
    assert [chunk["choices"] for chunk in found][-1] == []
    assert found[-1]["usage"]["prompt_tokens"] == 7


def test_usage_is_streamed_only_when_asked_for() -> None:
    assert b'"usage"' not in stream_of(REPLY, echo_of(stream=True))


@given(st.lists(st.integers(1, 2000), max_size=5))
def test_any_split_of_the_bytes_gives_the_same_events(cuts: list[int]) -> None:
    stream = stream_of(REPLY, echo_of(stream=True, stream_options={"include_usage": True}))
    places = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    whole, cut = CODEC.reader(NO_MEMO), CODEC.reader(NO_MEMO)
    expected = [*whole.feed(stream), *whole.end()]
    pieces = [stream[start:end] for start, end in itertools.pairwise(places)]
    assert [*(event for piece in pieces for event in cut.feed(piece)), *cut.end()] == expected


def test_a_stream_passes_byte_for_byte_and_is_noted_and_folded() -> None:
    assert DIALECT.scan is not None
    assert DIALECT.fold is not None
    stream = stream_of(REPLY, echo_of(stream=True, stream_options={"include_usage": True}))
    scan = DIALECT.scan(NO_ASK, hide_usage=False)
    assert b"".join(scan.feed(stream[at : at + 11]) for at in range(0, len(stream), 11)) + scan.end() == stream
    assert (scan.complete, scan.content_seen, scan.model, scan.usage) == (True, True, "served", REPLY.usage)
    folded = Completion.model_validate_json(DIALECT.fold(stream), strict=True)
    assert [choice.text for choice in folded.choices] == [" the king", " a queen"]
    assert [choice.finish_reason for choice in folded.choices] == ["stop", "length"]
    cut = json.loads(DIALECT.fold(stream[:200]))
    assert (cut["object"], cut["choices"][0]["text"], cut["choices"][0]["finish_reason"]) == (
        "text_completion", " the king", None,
    )  # fmt: skip
    assert DIALECT.fold(b'{"choices":[]}') == b'{"choices":[]}'


def test_usage_that_the_gateway_asked_for_is_withheld() -> None:
    assert DIALECT.scan is not None
    stream = stream_of(REPLY, echo_of(stream=True, stream_options={"include_usage": True}))
    scan = DIALECT.scan(NO_ASK, hide_usage=True)
    passed = scan.feed(stream) + scan.end()
    assert b'"usage"' not in passed
    assert scan.usage == REPLY.usage


def test_a_whole_answer_in_place_of_a_stream_is_streamed() -> None:
    assert DIALECT.scan is not None
    scan = DIALECT.scan(NO_ASK, hide_usage=False)
    passed = scan.feed(CODEC.write_reply(REPLY, echo_of())) + scan.end()
    assert [Completion.model_validate(chunk).choices[0].text for chunk in chunks(passed)] == [" the king"]
    assert (scan.complete, scan.finish_reason) == (True, "length")
    failed = DIALECT.scan(NO_ASK, hide_usage=False)
    assert failed.feed(b'{"error":{"message":"no"}}') + failed.end() == b""
    assert failed.error is not None


def test_an_error_ends_a_stream_without_done() -> None:
    writer = CODEC.writer(echo_of(stream=True))
    tail = writer.fail(UpstreamCut("cut off"), "r")
    assert b"cut off" in tail
    assert b"[DONE]" not in tail
    reader = CODEC.reader(NO_MEMO)
    reader.feed(tail)
    assert reader.error is not None
    assert reader.end() == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"choices":'])
def test_answers_without_choices_are_refused(body: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        CODEC.read_reply(body, NO_MEMO)
