"""One conversation through every pair of chat dialects: what is sent to the provider, and what its caller hears.

`python -m tests.protocols.golden_pairs` writes the files anew, one for each pair; read the difference before you keep
it.
"""

import itertools
import json
from pathlib import Path
from typing import Any

from pilothouse.domain.chat import (
    ChatReply,
    ChatRequest,
    Choice,
    FunctionTool,
    Image,
    Media,
    Message,
    Reasoning,
    Role,
    Sampling,
    StopReason,
    Text,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from pilothouse.domain.facts import ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.protocols import table
from pilothouse.protocols.base import Ask, ChatCodec, Echo
from pilothouse.protocols.conversion import Task, convert, events_of

FOLDER = Path(__file__).parent / "golden"
DIALECTS = (
    "openai_chat", "openai_responses", "anthropic_messages", "bedrock_converse", "gemini", "cohere_chat",
    "mistral_chat",
)  # fmt: skip
PAIRS = tuple(itertools.permutations(DIALECTS, 2))
_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_PICTURE = Image(Media("image/png", data="iVBORw0KGgo="))
_REQUEST = ChatRequest(
    dialect="",
    model="m",
    messages=(
        Message(Role.SYSTEM, (Text("Be brief."),)),
        Message(Role.USER, (Text("Weather in Zürich, as in the picture?"), _PICTURE)),
        Message(Role.ASSISTANT, (Text("I look."), ToolCall("call_1", "weather", '{"city":"Zürich"}'))),
        Message(Role.TOOL, (ToolResult("call_1", "weather", (Text("rain"),)),)),
        Message(Role.USER, (Text("And tomorrow?"),)),
    ),
    max_output_tokens=100,
    sampling=Sampling(temperature=0.5, top_p=0.9),
    tools=(FunctionTool("weather", "Tells the weather", _SCHEMA),),
    tool_choice=ToolChoice(ToolMode.AUTO),
)
_REPLY = ChatReply(
    id="answer-1",
    model="m-served",
    created_s=1_790_000_000,
    choices=(
        Choice(
            (Reasoning("Tomorrow is another day."), Text("Snow, "), ToolCall("call_2", "weather", '{"city":"Chur"}')),
            StopReason.TOOL_CALLS,
        ),
    ),
    usage=Usage(40, 60, output_tokens=25, reasoning_tokens=15),
)


def codec(name: str) -> ChatCodec:
    """Return a dialect's ways into the domain and out of it."""
    found = table.dialect(name).codec
    assert isinstance(found, ChatCodec)
    return found


def made(caller: str, upstream: str) -> dict[str, Any]:
    """Return what becomes of the conversation between two dialects, whole and streamed."""
    asked = codec(caller).write_request(_REQUEST, ModelFacts()).body
    ask = Ask("m", streamed=False) if caller in ("gemini", "bedrock_converse") else Ask()
    task = Task(
        table.dialect(caller), table.dialect(upstream), asked, ask, "m", ModelFacts(), "call-1", 1_790_000_000,
        lambda: 100,
    )  # fmt: skip
    conversion = convert(task)
    assert conversion is not None
    echo = Echo(_REQUEST, "call-1", 1_790_000_000, elapsed_ms=lambda: 100)
    whole = conversion.reply(codec(upstream).write_reply(_REPLY, echo))
    scan, writer = conversion.scan(), codec(upstream).writer(echo)
    streamed = b"".join(scan.feed(writer.write(event)) for event in events_of(_REPLY)) + scan.end()
    fold = table.dialect(caller).fold
    assert fold is not None
    return {
        "asked": json.loads(asked),
        "sent": json.loads(conversion.body),
        "losses": [f"{loss.field}: {loss.reason}" for loss in conversion.losses],
        "answer": json.loads(whole),
        "stream": json.loads(fold(streamed)) if caller == "bedrock_converse" else streamed.decode().splitlines(),
    }


def path(caller: str, upstream: str) -> Path:
    """Return the file of a pair."""
    return FOLDER / f"{caller} to {upstream}.json".replace(" ", "-")


if __name__ == "__main__":
    for pair in PAIRS:
        path(*pair).write_text(json.dumps(made(*pair), indent=1, ensure_ascii=False) + "\n", "utf-8")
