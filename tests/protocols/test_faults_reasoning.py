"""Faults with reasoning that were seen in other gateways: dropped, put in another order, sent to another vendor."""

import itertools
import json
from typing import Any

import msgspec
import pytest

from pilothouse.domain.chat import (
    ChatReply,
    ChatRequest,
    Choice,
    FunctionTool,
    Message,
    Reasoning,
    Role,
    StopReason,
    Text,
    Thinking,
    ToolCall,
)
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import table
from pilothouse.protocols.base import Ask, ChatCodec, Echo, Written

SIGNED = "c2lnbmVk"
OTHER = "b3RoZXI="
ASKED = Message(Role.USER, (Text("Weather?"),))
TOOL = FunctionTool("weather", "Tells the weather", {"type": "object", "properties": {}})
CALL = ToolCall("call_1", "weather", "{}")
THOUGHTS = {
    "anthropic": Reasoning("Rain?", SIGNED, vendor="anthropic"),
    "openai": Reasoning(redacted=SIGNED, summary=("Rain?",), id="rs_1", vendor="openai"),
}
TARGETS = {"anthropic_messages": "anthropic", "bedrock_converse": "anthropic", "openai_responses": "openai"}
"""Dialects whose providers take thoughts back, and whose marks they are."""
CHAT = ("openai_chat", "openai_responses", "anthropic_messages", "bedrock_converse", "gemini")

CARRIED = [
    (caller, target)
    for caller, target in itertools.product(CHAT, TARGETS)
    if target != "openai_responses" or caller not in ("anthropic_messages", "bedrock_converse")
]
"""Callers of Claude's APIs get no seal of OpenAI's, for they would take it for one of Claude's."""
FOREIGN = [
    (caller, target, vendor)
    for caller, target, vendor in itertools.product(CHAT, CHAT, ("anthropic", "openai"))
    if caller != target and TARGETS.get(target) != vendor
]


def codec(name: str) -> ChatCodec:
    found = table.dialect(name).codec
    assert isinstance(found, ChatCodec)
    return found


def given_back(caller: str, answer: dict[str, Any]) -> bytes:
    """Return the next request of a caller that puts what it got into its history, as each API says to."""
    if caller == "openai_responses":
        result = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
        items = [{"role": "user", "content": "Weather?"}, *answer["output"], result]
        return json.dumps({"model": "m", "input": items}).encode()
    if caller == "openai_chat":
        said = answer["choices"][0]["message"]
        turns = [said, {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "rain"}]
    elif caller == "anthropic_messages":
        block = {"type": "tool_result", "tool_use_id": answer["content"][-1]["id"], "content": "rain"}
        turns = [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": [block]}]
    elif caller == "bedrock_converse":
        said = answer["output"]["message"]
        call = said["content"][-1]["toolUse"]["toolUseId"]
        turns = [
            said,
            {"role": "user", "content": [{"toolResult": {"toolUseId": call, "content": [{"text": "rain"}]}}]},
        ]
        return json.dumps({"messages": [{"role": "user", "content": [{"text": "Weather?"}]}, *turns]}).encode()
    else:
        said = answer["candidates"][0]["content"]
        result = {"functionResponse": {"name": "weather", "response": {"output": "rain"}}}
        turns = [{"role": "user", "parts": [{"text": "Weather?"}]}, said, {"role": "user", "parts": [result]}]
        return json.dumps({"contents": turns}).encode()
    asked = {"role": "user", "content": "Weather?"}
    return json.dumps({"model": "m", "max_tokens": 99, "messages": [asked, *turns]}).encode()


def sent(caller: str, target: str, *parts: Any) -> tuple[list[Any], Written]:
    """Return the parts of an answer that a caller got and gives back, as the target's server reads them."""
    request = ChatRequest(
        dialect=caller, model="m", messages=(ASKED,), tools=(TOOL,), thinking=Thinking(shown=True, summary="auto"),
        store=False,
    )  # fmt: skip
    reply = ChatReply(id="1", model="m", choices=(Choice(parts, StopReason.TOOL_CALLS),))
    answer = json.loads(codec(caller).write_reply(reply, Echo(request, "id", 9)))
    read = codec(caller).read_request(given_back(caller, answer), Ask("m", streamed=False))
    written = codec(target).write_request(msgspec.structs.replace(read, model="m"), ModelFacts())
    arrived = codec(target).read_request(written.body, Ask("m", streamed=False))
    return [part for turn in arrived.messages if turn.role is Role.ASSISTANT for part in turn.parts], written


def marks(parts: list[Any]) -> list[str]:
    return [part.signature or part.redacted for part in parts if isinstance(part, Reasoning)]


@pytest.mark.parametrize(("caller", "target"), CARRIED)
def test_a_thought_comes_back_to_its_vendor_through_any_api(caller: str, target: str) -> None:
    parts, _ = sent(caller, target, THOUGHTS[TARGETS[target]], CALL)
    assert marks(parts) == [SIGNED]
    assert [type(part) for part in parts] == [Reasoning, ToolCall]


@pytest.mark.parametrize("caller", CHAT)
@pytest.mark.parametrize("target", ["anthropic_messages", "bedrock_converse"])
def test_thoughts_keep_their_places_between_the_words(caller: str, target: str) -> None:
    second = Reasoning("No, snow.", OTHER, vendor="anthropic")
    parts, _ = sent(caller, target, THOUGHTS["anthropic"], Text("Let me see."), second, CALL)
    assert marks(parts) == [SIGNED, OTHER]
    # A message of chat has one place for all thoughts, before its text.
    middle = [Reasoning, Text] if caller == "openai_chat" else [Text, Reasoning]
    assert [type(part) for part in parts] == [Reasoning, *middle, ToolCall]


@pytest.mark.parametrize(("caller", "target", "vendor"), FOREIGN)
def test_a_thought_of_another_vendor_is_left_out_and_that_is_told(caller: str, target: str, vendor: str) -> None:
    parts, written = sent(caller, target, THOUGHTS[vendor], CALL)
    assert SIGNED not in marks(parts)
    assert any("thought" in loss.reason or "mark" in loss.reason for loss in written.losses)


def test_unsigned_reasoning_of_a_chat_never_reaches_claude() -> None:
    history = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "Rain.", "reasoning_content": "Hm."},
        {"role": "user", "content": "And then?"},
    ]
    body = json.dumps({"model": "m", "messages": history}).encode()
    read = codec("openai_chat").read_request(body, Ask("m", streamed=False))
    for target in ("anthropic_messages", "bedrock_converse"):
        written = codec(target).write_request(read, ModelFacts())
        assert b"Hm." not in written.body
        assert len(written.losses) == 1
        assert "thoughts" in written.losses[0].reason
