"""Faults of answers of the Responses API on their way to other dialects that were seen in other gateways."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from pilothouse.domain.chat import ChatRequest, FunctionTool, Message, Role, StopReason, Text, ToolCall
from pilothouse.domain.facts import ModelFacts
from pilothouse.errors import UpstreamFault
from pilothouse.protocols import table
from pilothouse.protocols.base import NO_MEMO, Ask, ChatCodec
from pilothouse.protocols.conversion import ConvertedScan, Task, convert
from tests.gateway.pairs import broke, ended

CALLERS = ("openai_chat", "anthropic_messages", "bedrock_converse", "gemini")
REQUEST = ChatRequest(
    dialect="", model="m", streamed=True, wants_usage=True, max_output_tokens=100,
    messages=(Message(Role.USER, (Text("Weather?"),)),),
    tools=(FunctionTool("weather", "Tells the weather", {"type": "object", "properties": {}}),),
)  # fmt: skip
RESPONSE: dict[str, Any] = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": []}
USAGE = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
BEGUN: list[dict[str, Any]] = [
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}},
    {"type": "response.output_item.added", "output_index": 0,
     "item": {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}},
    {"type": "response.content_part.added", "item_id": "msg_1", "output_index": 0, "content_index": 0,
     "part": {"type": "output_text", "text": "", "annotations": []}},
    {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "It is"},
]  # fmt: skip
CALL = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "weather", "arguments": ""}


def codec(name: str) -> ChatCodec:
    found = table.dialect(name).codec
    assert isinstance(found, ChatCodec)
    return found


def streamed(caller: str, events: Sequence[dict[str, Any]]) -> tuple[bytes, ConvertedScan]:
    """Return what a caller gets of a stream of the Responses API."""
    body = codec(caller).write_request(msgspec.structs.replace(REQUEST, dialect=caller), ModelFacts()).body
    spoken, upstream = table.dialect(caller), table.dialect("openai_responses")
    converted = convert(Task(spoken, upstream, body, Ask("m", streamed=True), "m", ModelFacts(), "id", 9))
    assert converted is not None
    scan = converted.scan()
    raw = b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)
    return scan.feed(raw) + scan.end(), scan


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("reason", "stops"),
    [("max_output_tokens", {StopReason.LENGTH}), ("content_filter", {StopReason.FILTERED, StopReason.REFUSED})],
)
def test_an_incomplete_response_is_a_whole_stream_that_says_why(
    caller: str, reason: str, stops: set[StopReason]
) -> None:
    last = {**RESPONSE, "status": "incomplete", "incomplete_details": {"reason": reason}, "usage": USAGE}
    out, scan = streamed(caller, [*BEGUN, {"type": "response.incomplete", "response": last}])
    assert scan.complete
    assert ended(caller, out)
    assert not broke(caller, out)
    fold = table.dialect(caller).fold
    assert fold is not None
    reply = codec(caller).read_reply(fold(out), NO_MEMO)
    assert reply.choices[0].stop in stops
    assert reply.usage is not None
    assert reply.usage.output_total == 4


@pytest.mark.parametrize("caller", CALLERS)
def test_a_failed_response_is_an_error_and_no_end(caller: str) -> None:
    error = {"code": "server_error", "message": "The engine failed."}
    failed = {"type": "response.failed", "response": {**RESPONSE, "status": "failed", "error": error}}
    out, scan = streamed(caller, [*BEGUN, failed])
    assert not scan.complete
    assert scan.error is not None
    assert scan.error.message == "The engine failed."
    told = out + scan.fail(UpstreamFault("The engine failed."), "id")
    assert broke(caller, told)
    assert not ended(caller, told)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("told", ["done", "item", "end"])
def test_arguments_that_come_without_deltas_arrive(caller: str, told: str) -> None:
    whole = {**CALL, "arguments": '{"city":"Bern"}', "status": "completed"}
    events: list[dict[str, Any]] = [BEGUN[0], {"type": "response.output_item.added", "output_index": 0, "item": CALL}]
    if told == "done":
        events.append({"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 0,
                       "arguments": '{"city":"Bern"}'})  # fmt: skip
    if told != "end":
        events.append({"type": "response.output_item.done", "output_index": 0, "item": whole})
    last = {**RESPONSE, "status": "completed", "output": [whole], "usage": USAGE}
    out, scan = streamed(caller, [*events, {"type": "response.completed", "response": last}])
    assert scan.complete
    fold = table.dialect(caller).fold
    assert fold is not None
    parts = codec(caller).read_reply(fold(out), NO_MEMO).choices[0].parts
    calls = [part for part in parts if isinstance(part, ToolCall)]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [("weather", {"city": "Bern"})]
