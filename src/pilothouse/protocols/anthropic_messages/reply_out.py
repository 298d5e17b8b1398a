"""An answer of the domain as a Messages answer."""

from typing import Any

from pilothouse.domain.chat import (
    Audio,
    ChatReply,
    Choice,
    Native,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from pilothouse.protocols import loose, marks, tool_text
from pilothouse.protocols.anthropic_messages import usage, wire
from pilothouse.protocols.anthropic_messages.blocks_out import reasoning_block
from pilothouse.protocols.base import Echo
from pilothouse.protocols.citations import dialect_of, page


def write_reply(reply: ChatReply, echo: Echo) -> bytes:
    """Return the answer; of several choices the first, since a message holds only one."""
    choice = reply.choices[0] if reply.choices else Choice(())
    blocks = [block for block in map(answer_block, choice.parts) if block is not None]
    called = any(isinstance(part, ToolCall) for part in choice.parts)
    document: dict[str, Any] = {
        "id": wire.message_id(reply.id, echo.id),
        "type": "message",
        "role": "assistant",
        "model": reply.model or echo.request.model,
        "content": blocks,
        "stop_reason": wire.stop_word(choice.stop, choice.stop_raw, called=called),
        "stop_sequence": choice.stop_text or None,
        **wire.fields_of(choice.extra),
        "usage": usage.write(reply.usage, reply.service_tier),
        **wire.fields_of(reply.extra),
    }
    return loose.ENCODER.encode(document)


def answer_block(part: Part) -> dict[str, Any] | None:
    """Return a part of an answer as a block; None for what a caller of this dialect cannot know."""
    match part:
        case Text():
            return text_block(part) if part.text else None
        case Refusal():
            return {"type": "text", "text": loose.clean(part.text)} if part.text else None
        case Reasoning():
            return _thought(part)
        case ToolCall():
            return call_start(part) | {"input": tool_text.input_object(part.arguments)}
        case Audio():
            return {"type": "text", "text": loose.clean(part.transcript)} if part.transcript else None
        case Native():
            return part.value if part.dialect == wire.NAME else None
        case _:
            return None


def text_block(part: Text) -> dict[str, Any]:
    """Return the block of a text with its citations."""
    block: dict[str, Any] = {"type": "text", "text": loose.clean(part.text), **wire.fields_of(part.extra)}
    found = [citation(dialect_of(part), one) for one in part.citations]
    cited = [one for one in found if one is not None]
    return block | ({"citations": cited} if cited else {})


def citation(dialect: str, found: dict[str, Any]) -> dict[str, Any] | None:
    """Return a citation as this dialect has it; None for one of another that names no page on the web."""
    if dialect == wire.NAME:
        return found
    cited = page(dialect, found)
    if cited is None:
        return None
    return {
        "type": "web_search_result_location", "url": cited.url, "title": cited.title, "cited_text": cited.quote,
        "encrypted_index": wire.NO_INDEX,
    }  # fmt: skip


def call_start(part: ToolCall) -> dict[str, Any]:
    """Return the block of a call before its input comes; the mark of another vendor has its place in the id only."""
    identity = marks.into_id(wire.call_id(part.id), part.signature)
    return {"type": "tool_use", "id": identity, "name": part.name, "input": {}, **wire.fields_of(part.extra)}


def _thought(part: Reasoning) -> dict[str, Any] | None:
    own = part.vendor == wire.VENDOR
    if own and (part.redacted or part.signature or part.text):
        return reasoning_block(part)
    said = part.text or "\n".join(part.summary)
    # A mark of another vendor would be taken for Claude's own when the caller sends the thought back.
    return {"type": "thinking", "thinking": loose.clean(said), "signature": ""} if said else None
