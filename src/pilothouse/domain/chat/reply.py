"""An answer that came whole, whatever dialect it came in."""

from enum import StrEnum
from typing import Any

import msgspec

from pilothouse.domain.chat.parts import Extra, Part
from pilothouse.domain.usage import Usage


class StopReason(StrEnum):
    """Why the model stopped."""

    END = "end"
    STOP_TEXT = "stop_text"
    LENGTH = "length"
    CONTEXT_FULL = "context_full"
    TOOL_CALLS = "tool_calls"
    FILTERED = "filtered"
    """By the provider's content filter."""
    REFUSED = "refused"
    """By the model itself."""
    BROKEN = "broken"
    """The model's output was not what its own format demands."""
    PAUSED = "paused"
    """The provider wants to be called again to go on."""
    UNKNOWN = "unknown"
    """A word that this version does not know; callers see a natural end."""


class Choice(msgspec.Struct, frozen=True):
    """One of the answers that were asked for."""

    parts: tuple[Part, ...]
    stop: StopReason = StopReason.END
    stop_raw: str = ""
    """The provider's own word."""
    stop_text: str = ""
    """The stop sequence that was met."""
    logprobs: Any = None
    """In OpenAI's chat form."""
    extra: Extra | None = None


class ChatReply(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    id: str = ""
    model: str = ""
    created_s: int = 0
    """Unix time; 0 when the provider does not say."""
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    service_tier: str = ""
    """The tier that served, in the provider's own word."""
    extra: Extra | None = None
