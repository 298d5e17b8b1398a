"""Marks of one vendor in the fields of another one's dialect: they come back, and reach nobody else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.chat import (
    ChatReply,
    ChatRequest,
    Choice,
    Message,
    Reasoning,
    Role,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
)
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import marks, table
from pilothouse.protocols.base import Ask, ChatCodec, Echo
from pilothouse.protocols.conversion import events_of

CARRIERS = ("anthropic_messages", "bedrock_converse")
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
CALL = ToolCall("gemini-call-1", "f", '{"a": 1}', signature="c2ln+/8=" * 400)


def codec(name: str) -> ChatCodec:
    found = table.dialect(name).codec
    assert isinstance(found, ChatCodec)
    return found


@given(identity=WORDS, signature=WORDS)
def test_any_mark_comes_out_of_the_id_that_it_went_into(identity: str, signature: str) -> None:
    packed = marks.into_id(identity, signature)
    assert marks.out_of_id(packed) == (identity, signature)
    assert marks.in_ids(packed.encode())
    assert marks.without_ids(json.dumps([packed, "x"]).encode()) == json.dumps([identity, "x"]).encode()


def test_an_id_without_a_mark_is_itself() -> None:
    assert marks.into_id("a", "") == "a"
    assert marks.out_of_id("a") == ("a", "")
    broken = "a__pilothouse_mark__\u00e9"
    assert marks.out_of_id(broken) == (broken, "")


@given(
    thought=st.builds(Reasoning, WORDS, signature=WORDS, vendor=st.sampled_from(["anthropic", "google"]))
    | st.builds(Reasoning, redacted=WORDS, vendor=st.just("openai"))
)
def test_any_thoughts_mark_comes_back(thought: Reasoning) -> None:
    assert marks.unpack(Reasoning(thought.text), marks.pack(thought)) == thought


def test_what_was_not_packed_here_is_left_alone() -> None:
    assert marks.pack(Reasoning("a")) == ""
    assert marks.unpack(Reasoning("a"), "pilothouse:odd") == Reasoning("a")
    assert not marks.is_packed("c2ln")


def returned(name: str, *, streamed: bool) -> tuple[dict[str, Any], ChatRequest]:
    """Return the request of a caller who got the call and gives it back with its result, raw and as it is read."""
    asked = ChatRequest(dialect=name, model="m", messages=(Message(Role.USER, (Text("hi"),)),))
    reply = ChatReply(id="r", choices=(Choice((CALL,), StopReason.TOOL_CALLS),))
    dialect, echo = table.dialect(name), Echo(asked, "i", 1)
    if streamed:
        assert dialect.fold is not None
        writer = codec(name).writer(echo)
        body = dialect.fold(b"".join(writer.write(event) for event in events_of(reply)))
    else:
        body = codec(name).write_reply(reply, echo)
    found = json.loads(body)
    if name == "anthropic_messages":
        [block] = found["content"]
        result: Any = {"type": "tool_result", "tool_use_id": block["id"], "content": "r"}
    else:
        [block] = found["output"]["message"]["content"]
        result = {"toolResult": {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"text": "r"}]}}
    turns = [{"role": "assistant", "content": [block]}, {"role": "user", "content": [result]}]
    given = {"model": "m", "max_tokens": 9, "messages": turns} if name == "anthropic_messages" else {"messages": turns}
    return given, codec(name).read_request(json.dumps(given).encode(), Ask("m", False))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", CARRIERS)
def test_googles_mark_on_a_call_travels_in_its_id(name: str, *, streamed: bool) -> None:
    _, request = returned(name, streamed=streamed)
    [call, result] = [part for turn in request.messages for part in turn.parts]
    assert call == CALL
    assert isinstance(result, ToolResult)
    assert result.call_id == CALL.id
    sent = json.loads(codec("gemini").write_request(request, ModelFacts()).body)
    marked = [part for turn in sent["contents"] for part in turn["parts"] if "functionCall" in part]
    assert marked[0]["thoughtSignature"] == CALL.signature


@pytest.mark.parametrize("name", CARRIERS)
def test_the_dialects_own_vendor_gets_no_mark(name: str) -> None:
    given, request = returned(name, streamed=False)
    dialect, body = table.dialect(name), json.dumps(given).encode()
    assert dialect.needs_canonical(body)
    passed = dialect.rewrite(body, model="m", ask_usage=False)
    assert not marks.in_ids(passed)
    assert passed.count(CALL.id.encode()) == 2
    assert not dialect.needs_canonical(passed)
    written = codec(name).write_request(request, ModelFacts())
    assert not marks.in_ids(written.body)
    assert written.body.count(CALL.id.encode()) == 2
