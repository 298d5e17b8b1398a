"""What a model can do, as far as translating a request needs to know it."""

from enum import StrEnum

import msgspec


class ThinkingStyle(StrEnum):
    """How a model is told how much to think."""

    NONE = "none"
    """It does not think, or cannot be told."""
    BUDGET = "budget"
    """A number of tokens."""
    ADAPTIVE = "adaptive"
    """By itself, with an effort."""
    LEVEL = "level"
    """A named level (Gemini 3)."""
    EFFORT = "effort"
    """A named effort (OpenAI)."""


class ThoughtsField(StrEnum):
    """Where a chat server takes back the thoughts of its model that carry no mark."""

    NONE = "none"
    """Nowhere: it refuses them, passes over them, or nobody knows."""
    CONTENT = "reasoning_content"
    REASONING = "reasoning"
    DETAILS = "reasoning_details"


class ThoughtsOf(StrEnum):
    """Of which turns of the past it takes them."""

    ROUND = "round"
    """Of those since the user spoke last: a round of calls of tools and their results."""
    TOOLS = "tools"
    """Of every round in which tools were called."""
    ALL = "all"


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One model's abilities; by default those of a model that nothing is known about, which is refused nothing."""

    context_tokens: int | None = None
    max_output_tokens: int | None = None
    default_output_tokens: int = 4096
    """Sent when the target demands a limit and the caller gives none."""
    sampling: bool = True
    """Whether temperature, top_p and top_k may be set."""
    top_k: bool = True
    thinking: ThinkingStyle | None = None
    """None: not known; the target's newest style is used."""
    tools: bool = True
    schema_output: bool = True
    """Whether the model takes a JSON schema for its answer itself; else a forced tool stands in for it."""
    inputs: frozenset[str] | None = None
    """Of `text`, `image`, `document`, `audio`, `video`; None: not known, so nothing is refused."""
    mid_system: bool = False
    """Whether a system message may stand between turns."""
    prefill: bool = True
    """Whether the last message may be the beginning of the answer."""
    thoughts: ThoughtsField = ThoughtsField.NONE
    thoughts_of: ThoughtsOf = ThoughtsOf.ROUND


class Loss(msgspec.Struct, frozen=True):
    """Something of a request that the target has no place for."""

    field: str
    """In the caller's words, such as `stop_sequences` or `messages.2.content.0`; codecs note the domain's words, which
    are put into the caller's once the request is whole."""
    reason: str
    essential: bool = False
    """Without it the answer would be another one than was asked for; such a request is refused unless the operator or
    the caller allows the loss."""
    address: str = ""
    """Of an image or a document on the web that the target would take if it were given the bytes."""
