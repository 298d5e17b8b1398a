"""A streamed answer as a sequence of events, whatever dialect it came in.

The grammar: `Started`, then for each block `BlockStarted`, deltas and `BlockEnded`, then `Finished` for each choice,
`Metered` at any place and more than once (the last one counts), and `Ended`. Blocks of one choice never overlap.
"""

from typing import Any, TypeAlias

import msgspec

from pilothouse.domain.chat.parts import Part
from pilothouse.domain.chat.reply import StopReason
from pilothouse.domain.usage import Usage


class Started(msgspec.Struct, frozen=True, gc=False):
    """The first event."""

    id: str = ""
    model: str = ""
    created_s: int = 0


class BlockStarted(msgspec.Struct, frozen=True, gc=False):
    """A part of the answer begins; `part` holds what is known of it: a tool call its id and name, text nothing.

    A part that comes whole (an image, a redacted thought, a native part) is here with all it has, and no delta follows.
    """

    block: int
    """Counts up from 0 over the whole stream."""
    part: Part
    choice: int = 0


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """More of a `Text` or a `Refusal`."""

    block: int
    text: str
    logprobs: Any = None
    """In OpenAI's chat form: the list under `content`."""


class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """More of a `Reasoning`'s text, or of its summary."""

    block: int
    text: str
    summary: bool = False


class SignatureDelta(msgspec.Struct, frozen=True, gc=False):
    """The opaque mark of a `Reasoning`, a `Text` or a `ToolCall`; the last one counts."""

    block: int
    signature: str


class ArgumentsDelta(msgspec.Struct, frozen=True, gc=False):
    """More of a `ToolCall`'s arguments, as JSON text."""

    block: int
    text: str


class CitationAdded(msgspec.Struct, frozen=True, gc=False):
    """A citation of a `Text`, as the dialect writes it."""

    block: int
    dialect: str
    citation: dict[str, Any]


class AudioDelta(msgspec.Struct, frozen=True, gc=False):
    """More of an `Audio`: base64 that decodes on its own, or text of its transcript."""

    block: int
    data: str = ""
    transcript: str = ""


class BlockEnded(msgspec.Struct, frozen=True, gc=False):
    """A part of the answer is whole."""

    block: int


class Finished(msgspec.Struct, frozen=True, gc=False):
    """One choice is whole."""

    stop: StopReason
    stop_raw: str = ""
    stop_text: str = ""
    choice: int = 0


class Metered(msgspec.Struct, frozen=True, gc=False):
    """The usage so far."""

    usage: Usage
    service_tier: str = ""


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The last event of a stream that came to its proper end."""


Event: TypeAlias = (
    Started
    | BlockStarted
    | TextDelta
    | ReasoningDelta
    | SignatureDelta
    | ArgumentsDelta
    | CitationAdded
    | AudioDelta
    | BlockEnded
    | Finished
    | Metered
    | Ended
)
