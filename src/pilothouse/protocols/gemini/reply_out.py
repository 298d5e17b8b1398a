"""An answer of the domain as an answer of Gemini's."""

from typing import Any

from pilothouse.domain.chat import Audio, ChatReply, Choice, Image, Native, Part, Reasoning, Refusal, Text, ToolCall
from pilothouse.protocols import loose
from pilothouse.protocols.base import Echo
from pilothouse.protocols.citations import pages
from pilothouse.protocols.gemini import logprobs, usage, wire
from pilothouse.protocols.gemini.grounding import Grounding
from pilothouse.protocols.gemini.parts_in import packed_mark
from pilothouse.protocols.gemini.parts_out import call_part, data_part, text_part
from pilothouse.protocols.gemini.schema_in import bare_word


def write_reply(reply: ChatReply, echo: Echo) -> bytes:
    """Return the answer."""
    document: dict[str, Any] = {
        "candidates": [_candidate(number, choice, echo) for number, choice in enumerate(reply.choices)],
        "usageMetadata": usage.write(reply.usage, reply.service_tier),
        "modelVersion": reply.model or echo.request.model,
        "responseId": reply.id or echo.id,
        **wire.fields_of(reply.extra),
    }
    return loose.ENCODER.encode(document)


def answer_part(part: Part) -> dict[str, Any] | None:
    """Return a part of an answer; None for what a caller of this dialect cannot know."""
    match part:
        case Text():
            return text_part(part) if part.text or part.signature else None
        case Refusal():
            return {"text": loose.clean(part.text)} if part.text else None
        case Reasoning():
            return thought_part(part)
        case ToolCall():
            return call_part(part, part.name)
        case Image():
            return data_part(part.media, "image", part.extra)
        case Audio():
            return _sound(part)
        case Native():
            return part.value if part.dialect == wire.NAME else None
        case _:
            return None


def thought_part(part: Reasoning) -> dict[str, Any] | None:
    """Return a thought; the mark of another vendor stands in it so that it comes back."""
    said, mark = part.text or "\n\n".join(part.summary), packed_mark(part)
    if not said and not mark:
        return None
    return {"text": loose.clean(said), "thought": True, **({"thoughtSignature": mark} if mark else {})}


def candidate(number: int, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a candidate, or a piece of one."""
    return {"content": {"parts": parts, "role": "model"}, "index": number}


def _candidate(number: int, choice: Choice, echo: Echo) -> dict[str, Any]:
    parts = [found for part in choice.parts if (found := answer_part(part)) is not None]
    if is_word(echo):
        parts = [{**part, "text": bare_word(part["text"])} if set(part) == {"text"} else part for part in parts]
    out = {**candidate(number, parts), "finishReason": wire.stop_word(choice.stop, choice.stop_raw)}
    out |= _grounded(choice)
    chances = logprobs.write(loose.mapping(choice.logprobs).get("content"))
    if chances is not None:
        out["logprobsResult"] = chances
    return {**out, **wire.fields_of(choice.extra)}


def _grounded(choice: Choice) -> dict[str, Any]:
    """Return the pages that the texts rest on; their numbers are those of the parts that are shown."""
    grounding, place = Grounding(), 0
    for part in choice.parts:
        if isinstance(part, Text):
            for found in pages(part):
                grounding.add(found, part.text, place)
        place += answer_part(part) is not None
    return grounding.fields


def is_word(echo: Echo) -> bool:
    """Return whether the caller wants one word of a list as it is, where other dialects answer with JSON."""
    config = loose.mapping(wire.fields_of(echo.request.extra).get("generationConfig"))
    return "responseMimeType" in config and config["responseMimeType"] == "text/x.enum"


def _sound(part: Audio) -> dict[str, Any] | None:
    if part.media.data:
        return data_part(part.media, "audio", None)
    return {"text": loose.clean(part.transcript)} if part.transcript else None
