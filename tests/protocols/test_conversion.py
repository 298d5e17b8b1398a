"""Every pair of chat dialects: what one says arrives in the other, whole and streamed, however the bytes are cut."""

import itertools
import json

import msgspec
import pytest

from pilothouse.domain.chat import (
    ChatReply,
    ChatRequest,
    Choice,
    CitationAdded,
    Extra,
    FunctionTool,
    Message,
    Role,
    StopReason,
    Text,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from pilothouse.domain.facts import ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.errors import AnswerBroken, UpstreamCut
from pilothouse.protocols import table
from pilothouse.protocols.base import NO_MEMO, Ask, ChatCodec, Dialect, Echo
from pilothouse.protocols.conversion import ConvertedScan, Task, convert, events_of

CHAT = [
    name
    for name in table.names()
    if isinstance(table.dialect(name).codec, ChatCodec) and table.dialect(name).operation == "chat"
]
PAIRS = [pair for pair in itertools.product(CHAT, CHAT) if pair[0] != pair[1]]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
REQUEST = ChatRequest(
    dialect="", model="m", streamed=True, wants_usage=True, max_output_tokens=500,
    messages=(
        Message(Role.SYSTEM, (Text("Be brief."),)),
        Message(Role.USER, (Text("Weather in Bern and Rome?"),)),
        Message(Role.ASSISTANT, (Text("Looking."), ToolCall("call_1", "weather", '{"city":"Bern"}'),
                                 ToolCall("call_2", "weather", '{"city":"Rome"}'))),
        Message(Role.TOOL, (ToolResult("call_1", "weather", (Text("sun"),)),
                            ToolResult("call_2", "weather", (Text("rain"),)))),
        Message(Role.USER, (Text("And Oslo?"),)),
    ),
    tools=(FunctionTool("weather", "Tells the weather", SCHEMA),),
    tool_choice=ToolChoice(ToolMode.AUTO),
)  # fmt: skip
REPLY = ChatReply(
    id="up-1", model="served", created_s=5, usage=Usage(11, 7, output_tokens=5),
    choices=(Choice((Text("Wéll\u2028 then"), ToolCall("call_3", "weather", '{"city":"Oslo"}'),
                     ToolCall("call_4", "weather", '{"city":"Os"}')), StopReason.TOOL_CALLS),),
)  # fmt: skip


def codec(dialect: Dialect) -> ChatCodec:
    assert isinstance(dialect.codec, ChatCodec)
    return dialect.codec


def ask_of(dialect: Dialect) -> Ask:
    return Ask("m", streamed=True) if "{model}" in dialect.path else Ask()


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]} to {pair[1]}")
def pair(request: pytest.FixtureRequest) -> tuple[Dialect, Dialect]:
    return table.dialect(request.param[0]), table.dialect(request.param[1])


def task(caller: Dialect, upstream: Dialect) -> Task:
    written = codec(caller).write_request(msgspec.structs.replace(REQUEST, dialect=caller.name), ModelFacts())
    return Task(caller, upstream, written.body, ask_of(caller), "m", ModelFacts(), "id", 9)


def said(reply: ChatReply) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for part in reply.choices[0].parts:
        if isinstance(part, Text) and part.text:
            found.append(("text", part.text))
        elif isinstance(part, ToolCall):
            found.append(("call", part.name, json.dumps(json.loads(part.arguments))))
    return found


def test_citations_of_a_whole_answer_are_events_too() -> None:
    cited = {"type": "char_location", "cited_text": "a"}
    text = Text("So.", citations=(cited,), extra=Extra("anthropic_messages", {}))
    reply = ChatReply(choices=(Choice((text,)),))
    assert [event for event in events_of(reply) if isinstance(event, CitationAdded)] == [
        CitationAdded(0, "anthropic_messages", cited)
    ]
    writer = codec(table.dialect("anthropic_messages")).writer(Echo(REQUEST))
    assert b"citations_delta" in b"".join(map(writer.write, events_of(reply)))


def test_a_request_arrives(pair: tuple[Dialect, Dialect]) -> None:
    caller, upstream = pair
    converted = convert(task(caller, upstream))
    assert converted is not None
    assert [loss for loss in converted.losses if loss.essential] == []
    request = codec(upstream).read_request(converted.body, ask_of(upstream))
    texts = [part.text for turn in request.messages for part in turn.parts if isinstance(part, Text)]
    for text in ("Be brief.", "Weather in Bern and Rome?", "Looking.", "And Oslo?"):
        assert any(text in found for found in texts)
    calls = [part for turn in request.messages for part in turn.parts if isinstance(part, ToolCall)]
    results = [part for turn in request.messages for part in turn.parts if isinstance(part, ToolResult)]
    assert [json.loads(call.arguments) for call in calls] == [{"city": "Bern"}, {"city": "Rome"}]
    assert [result.call_id for result in results] == [call.id for call in calls]
    tool = request.tools[0]
    assert isinstance(tool, FunctionTool)
    assert (tool.name, tool.description) == ("weather", "Tells the weather")
    assert tool.schema is not None
    assert tool.schema["properties"]["city"]["type"].lower() == "string"


def test_a_whole_answer_arrives(pair: tuple[Dialect, Dialect]) -> None:
    caller, upstream = pair
    converted = convert(task(caller, upstream))
    assert converted is not None
    answered = codec(upstream).write_reply(
        REPLY, Echo(msgspec.structs.replace(REQUEST, dialect=upstream.name), "id", 9)
    )
    found = upstream.read_reply(answered)
    assert (found.error, found.usage) == (None, REPLY.usage)
    reply = codec(caller).read_reply(converted.reply(answered), NO_MEMO)
    assert said(reply) == said(REPLY)
    assert reply.choices[0].stop is StopReason.TOOL_CALLS
    assert reply.usage is not None
    assert (reply.usage.input_total, reply.usage.output_total) == (18, 5)


def converted_stream(pair: tuple[Dialect, Dialect], step: int) -> tuple[bytes, ConvertedScan]:
    caller, upstream = pair
    converted = convert(task(caller, upstream))
    assert converted is not None
    writer = codec(upstream).writer(Echo(msgspec.structs.replace(REQUEST, dialect=upstream.name), "id", 9))
    stream = b"".join(writer.write(event) for event in events_of(REPLY))
    scan = converted.scan()
    out = b"".join(scan.feed(stream[at : at + step]) for at in range(0, len(stream), step)) + scan.end()
    return out, scan


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_a_stream_arrives_however_it_is_cut(pair: tuple[Dialect, Dialect], step: int) -> None:
    caller, _ = pair
    out, scan = converted_stream(pair, step)
    assert (scan.error, scan.complete, scan.content_seen) == (None, True, True)
    assert scan.usage == REPLY.usage
    assert caller.scan is not None
    assert caller.fold is not None
    passed = caller.scan(ask_of(caller), hide_usage=False)
    assert passed.feed(out) + passed.end() == out
    assert passed.complete
    reply = codec(caller).read_reply(caller.fold(out), NO_MEMO)
    assert said(reply) == said(REPLY)
    assert reply.choices[0].stop is StopReason.TOOL_CALLS
    assert reply.usage is not None
    assert (reply.usage.input_total, reply.usage.output_total) == (18, 5)


def test_a_cut_stream_never_ends_well(pair: tuple[Dialect, Dialect]) -> None:
    caller, upstream = pair
    converted = convert(task(caller, upstream))
    assert converted is not None
    writer = codec(upstream).writer(Echo(msgspec.structs.replace(REQUEST, dialect=upstream.name), "id", 9))
    events = list(events_of(REPLY))[:4]
    scan = converted.scan()
    out = scan.feed(b"".join(writer.write(event) for event in events)) + scan.end()
    assert not scan.complete
    tail = scan.fail(UpstreamCut("cut off"), "r")
    assert b"cut off" in tail
    assert caller.scan is not None
    passed = caller.scan(ask_of(caller), hide_usage=False)
    passed.feed(out + tail)
    passed.end()
    assert passed.error is not None or not passed.complete


def test_a_whole_answer_in_place_of_a_stream_is_streamed(pair: tuple[Dialect, Dialect]) -> None:
    caller, upstream = pair
    converted = convert(task(caller, upstream))
    assert converted is not None
    scan = converted.scan()
    answered = codec(upstream).write_reply(
        REPLY, Echo(msgspec.structs.replace(REQUEST, dialect=upstream.name), "id", 9)
    )
    out = scan.feed(answered) + scan.end()
    assert scan.complete
    assert caller.fold is not None
    assert said(codec(caller).read_reply(caller.fold(out), NO_MEMO)) == said(REPLY)


BROKEN = {"candidates": [{"content": {"parts": [{"text": "I call"}]}, "finishReason": "MALFORMED_FUNCTION_CALL"}]}
WORDS = {
    "bedrock_converse": b"malformed_model_output", "openai_responses": b'"failed"', "cohere_chat": b'"ERROR"',
    "mistral_chat": b'"error"',
}  # fmt: skip


@pytest.mark.parametrize("caller", [name for name in CHAT if name != "gemini"])
def test_an_answer_that_broke_its_own_format_never_passes_for_a_whole_one(caller: str) -> None:
    converted = convert(task(table.dialect(caller), table.dialect("gemini")))
    assert converted is not None
    raw = json.dumps(BROKEN).encode()
    scan = converted.scan()
    out = scan.feed(b"data: " + raw + b"\n\n")
    if caller in WORDS:
        assert WORDS[caller] in converted.reply(raw)
        assert WORDS[caller] in out + scan.end()
        return
    with pytest.raises(AnswerBroken, match="MALFORMED_FUNCTION_CALL"):
        converted.reply(raw)
    with pytest.raises(AnswerBroken, match="MALFORMED_FUNCTION_CALL"):
        scan.end()
    assert b"I call" in out
