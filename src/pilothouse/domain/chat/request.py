"""A chat request, whatever dialect it came in."""

from enum import StrEnum
from typing import Any

import msgspec

from pilothouse.domain.chat.parts import Extra, Part
from pilothouse.domain.chat.tools import OutputFormat, Tool, ToolChoice


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    """Results of tools, all of one turn in one message; a dialect that has no such role puts them with the user's."""


class Message(msgspec.Struct, frozen=True):
    """One turn; a system message may stand anywhere and keeps its place where the target allows it."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    extra: Extra | None = None


class Thinking(msgspec.Struct, frozen=True):
    """How much the model is to think first; fields that are None or empty leave it to the model."""

    enabled: bool | None = None
    effort: str = ""
    """`none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`."""
    budget_tokens: int | None = None
    adaptive: bool = False
    shown: bool | None = None
    """Whether thoughts or their summary are to be in the answer."""
    summary: str = ""
    """`auto`, `concise` or `detailed` (Responses)."""


class Sampling(msgspec.Struct, frozen=True):
    """How tokens are drawn; None leaves it to the model."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool = False
    top_logprobs: int | None = None


class Speech(msgspec.Struct, frozen=True):
    """The voice of an answer that is to be heard."""

    voice: Any = None
    format: str = ""
    extra: Extra | None = None


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A chat request as a superset of the dialects; what is not set is left to the provider."""

    dialect: str
    """The caller's."""
    model: str
    messages: tuple[Message, ...]
    instructions: int = 0
    """How many of the first messages stand beside the conversation in the caller's request (`system`)."""
    streamed: bool = False
    wants_usage: bool = False
    """Whether the caller wants usage in a stream whose dialect has it on request only."""
    max_output_tokens: int | None = None
    stop: tuple[str, ...] = ()
    choices: int = 1
    sampling: Sampling = Sampling()
    thinking: Thinking | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat = OutputFormat()
    modalities: tuple[str, ...] = ()
    """Of the answer, in lower case: `text`, `audio`, `image`; empty means text."""
    speech: Speech | None = None
    verbosity: str = ""
    service_tier: str = ""
    cache_key: str = ""
    user_id: str = ""
    labels: dict[str, str] = {}
    """The caller's own metadata."""
    prediction: Any = None
    previous_id: str = ""
    """Of the answer that this request continues (Responses)."""
    store: bool | None = None
    background: bool = False
    extra: Extra | None = None
    """Every other top-level field."""
