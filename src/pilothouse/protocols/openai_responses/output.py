"""Items of an answer's output, each put together from a part of the domain."""

from collections.abc import Sequence
from typing import Any

from pilothouse.domain.chat import Audio, Image, Native, Part, Reasoning, Refusal, Text, ToolCall
from pilothouse.protocols import loose
from pilothouse.protocols import marks as id_marks
from pilothouse.protocols.loose import mapping, objects
from pilothouse.protocols.openai_responses import marks, wire
from pilothouse.protocols.openai_responses.items_out import is_item
from pilothouse.protocols.openai_responses.parts_out import annotations
from pilothouse.protocols.openai_responses.wire import NAME

NO_ARGUMENTS = "{}"
"""Callers parse the arguments of a finished call as JSON."""

IN_PROGRESS, COMPLETED, INCOMPLETE = "in_progress", "completed", "incomplete"


def message(identity: str, content: list[dict[str, Any]], status: str) -> dict[str, Any]:
    """Return a message item."""
    return {"id": identity, "type": "message", "status": status, "role": "assistant", "content": content}


def text_part(text: str, annotations: Sequence[dict[str, Any]] = (), logprobs: Any = None) -> dict[str, Any]:
    """Return a part of a message."""
    return {
        "type": "output_text", "text": text, "annotations": list(annotations), "logprobs": token_logprobs(logprobs)
    }  # fmt: skip


def refusal_part(text: str) -> dict[str, Any]:
    """Return a refusal as a part of a message."""
    return {"type": "refusal", "refusal": text}


def signed(out: dict[str, Any], signature: str) -> dict[str, Any]:
    """Return a part, or a call whose id has gone out already, with the mark that Google's models want back on it."""
    return {**out, "extra_content": {"google": {"thought_signature": signature}}} if signature else out


def call(identity: str, part: ToolCall, status: str) -> dict[str, Any]:
    """Return a call of a tool; the mark that Google's models want back on it has its place in the id of the call."""
    call_id = id_marks.into_id(part.id, part.signature)
    if part.custom:
        out = {
            "id": identity, "type": "custom_tool_call", "call_id": call_id, "name": part.name, "input": part.arguments
        }  # fmt: skip
    else:
        out = {
            "id": identity, "type": "function_call", "status": status, "call_id": call_id, "name": part.name,
            "arguments": part.arguments if status == IN_PROGRESS else part.arguments or NO_ARGUMENTS,
        }  # fmt: skip
    return {**out, **wire.own(part.extra)}


def thought(identity: str, part: Reasoning, status: str) -> dict[str, Any]:
    """Return a reasoning item."""
    out: dict[str, Any] = {
        "id": part.id or identity,
        "type": "reasoning",
        "status": status,
        "summary": [{"type": "summary_text", "text": text} for text in part.summary],
    }
    if part.text:
        out["content"] = [{"type": "reasoning_text", "text": part.text}]
    return {**out, "encrypted_content": marks.pack(part) or None, **wire.own(part.extra)}


def summarised(part: Reasoning) -> Reasoning:
    """Return a thought with its text as the summary, for a caller that asked for summaries."""
    if not part.text or part.summary:
        return part
    return Reasoning("", part.signature, part.redacted, (part.text,), part.id, part.vendor, part.extra)


def whole(identity: str, part: Part) -> dict[str, Any] | None:
    """Return the item of a part that comes whole and is no text; None when this API has no item for it."""
    if isinstance(part, Image) and part.media.data:
        return {"id": f"ig_{identity}", "type": "image_generation_call", "status": COMPLETED, "result": part.media.data}
    return part.value if isinstance(part, Native) and is_item(part) and part.dialect == NAME else None


def content_of(part: Part, logprobs: Any = None) -> dict[str, Any] | None:
    """Return a part of a message; None for what is an item of its own or has no place here."""
    if isinstance(part, Text):
        return signed(text_part(part.text, annotations(part), logprobs), part.signature)
    if isinstance(part, Refusal):
        return refusal_part(part.text)
    if isinstance(part, Audio) and part.transcript:
        return text_part(part.transcript)
    return None


def token_logprobs(logprobs: Any) -> list[dict[str, Any]]:
    """Return log probabilities in OpenAI's chat form as this API has them, which demands the bytes."""
    listed: Any = mapping(logprobs).get("content") if isinstance(logprobs, dict) else logprobs
    return [
        {**_token(one), "top_logprobs": [_token(other) for other in objects(one.get("top_logprobs"))]}
        for one in objects(listed)
    ]


def _token(one: dict[str, Any]) -> dict[str, Any]:
    token = loose.text(one.get("token"))
    return {
        "token": token, "bytes": one.get("bytes") or list(token.encode(errors="replace")),
        "logprob": one.get("logprob", 0.0),
    }  # fmt: skip
