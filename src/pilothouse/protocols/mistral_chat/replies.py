"""Whole answers of Mistral's chat on their way out; those that come in are read as OpenAI's."""

from typing import Any

from pilothouse.domain.chat import ChatReply, Choice, ToolCall
from pilothouse.protocols import marks
from pilothouse.protocols.base import Echo
from pilothouse.protocols.loose import ENCODER, clean
from pilothouse.protocols.mistral_chat.turns_out import answer_content
from pilothouse.protocols.mistral_chat.wire import finish_reason
from pilothouse.protocols.openai_chat.replies import call_id, completion


def write_whole(reply: ChatReply, echo: Echo) -> bytes:
    """Return the answer as a `chat.completion` of Mistral's."""
    return ENCODER.encode(completion(reply, echo, _write_choice))


def _write_choice(number: int, choice: Choice, echo: Echo) -> dict[str, Any]:
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": answer_content(choice.parts),
        "tool_calls": [write_call(call, call_id(echo, number, place)) for place, call in enumerate(calls)] or None,
        "prefix": False,
    }
    return {"index": number, "message": message, "finish_reason": finish_reason(choice.stop)}


def write_call(part: ToolCall, otherwise: str) -> dict[str, Any]:
    """Return a tool call, with an id for one that has none; the mark of another vendor has its place in the id."""
    identity = marks.into_id(part.id or otherwise, part.signature)
    function = {"name": part.name, "arguments": clean(part.arguments) or "{}"}
    return {"id": identity, "type": "function", "function": function}
