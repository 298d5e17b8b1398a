"""What SDKs say in OpenAI's chat in words of their own, and what they expect to hear."""

import json
from typing import Any

import pytest

from pilothouse.domain.chat import (
    BlockStarted,
    ChatRequest,
    Reasoning,
    ReasoningDelta,
    Started,
    Text,
    ToolChoice,
    ToolMode,
)
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.base import Echo
from pilothouse.protocols.openai_chat.request_in import read_request
from pilothouse.protocols.openai_chat.stream_out import StreamOut


def read(**fields: Any) -> Any:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi."}], **fields}
    return read_request(json.dumps(body).encode())


def test_any_tool_is_a_required_one() -> None:
    assert read(tool_choice="any").tool_choice == ToolChoice(ToolMode.REQUIRED)
    with pytest.raises(InvalidRequest, match="tool_choice"):
        read(tool_choice="some")


def test_the_random_seed_is_the_seed() -> None:
    found = read(random_seed=7)
    assert (found.sampling.seed, found.extra) == (7, None)
    assert read(seed=3, random_seed=7).sampling.seed == 3


def test_thoughts_among_the_parts_of_a_turn() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Yes."}]
    found = read(messages=[{"role": "assistant", "content": parts, "prefix": True}])
    assert found.messages[0].parts == (Reasoning("Hm.", vendor="mistral"), Text("Yes."))
    assert found.messages[0].extra.fields == {"prefix": True}


def test_the_first_chunk_has_content_even_when_a_thought_comes_first() -> None:
    out = StreamOut(Echo(ChatRequest(dialect="openai_chat", model="m", messages=())))
    events = (Started("id", "m"), BlockStarted(0, Reasoning("")), ReasoningDelta(0, "Hm"), ReasoningDelta(0, "."))
    sent = b"".join(map(out.write, events)).decode()
    deltas = [json.loads(line[6:])["choices"][0]["delta"] for line in sent.split("\n\n") if line]
    assert deltas == [{"role": "assistant", "content": "", "reasoning_content": "Hm"}, {"reasoning_content": "."}]
