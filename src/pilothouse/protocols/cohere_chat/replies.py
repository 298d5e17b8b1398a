"""Whole answers of Cohere's chat, both ways."""

from typing import Any

import msgspec

from pilothouse.domain.chat import ChatReply, Choice, Part, Reasoning, Refusal, Text, ToolCall
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols import loose, marks
from pilothouse.protocols.answer_body import decode
from pilothouse.protocols.base import Echo, Memo
from pilothouse.protocols.cohere_chat import usage, wire
from pilothouse.protocols.cohere_chat.cited import citations
from pilothouse.protocols.cohere_chat.request_in import read_assistant, read_content


def read_whole(body: bytes, memo: Memo) -> ChatReply:
    """Return a provider's answer; raises `UpstreamProtocol`."""
    fields = decode(body)
    message = loose.mapping(fields.get("message"))
    try:
        parts = read_assistant(message, read_content(message.get("content"), "message"))
    except InvalidRequest as error:
        raise UpstreamProtocol(f"the provider's answer cannot be read: {error.detail}", upstream_status=200) from error
    word = loose.text(fields.get("finish_reason"))
    choice = Choice(tuple(_renamed(part, memo) for part in parts), wire.stop_reason(word), word)
    return ChatReply(id=loose.text(fields.get("id")), choices=(choice,), usage=usage.read(fields.get("usage")))


def _renamed(part: Part, memo: Memo) -> Part:
    if isinstance(part, ToolCall) and part.name in memo.tool_names:
        return msgspec.structs.replace(part, name=memo.tool_names[part.name])
    return part


def write_whole(answer: ChatReply, echo: Echo) -> bytes:
    """Return the answer; of several choices the first, since an answer holds only one."""
    choice = answer.choices[0] if answer.choices else Choice(())
    message: dict[str, Any] = {"role": "assistant"}
    content: list[dict[str, Any]] = []
    cited: list[dict[str, Any]] = []
    for part in choice.parts:
        if (found := _content(part)) is not None:
            cited += citations(part, len(content)) if isinstance(part, Text) else ()
            content.append(found)
    if content:
        message["content"] = content
    if cited:
        message["citations"] = cited
    calls = [write_call(part, echo, place) for place, part in enumerate(_calls(choice))]
    if calls:
        message["tool_calls"] = calls
    document = {
        "id": answer.id or echo.id,
        "finish_reason": wire.finish_reason(choice.stop),
        "message": message,
        "usage": usage.write(answer.usage),
    }
    return loose.ENCODER.encode(document)


def _calls(choice: Choice) -> list[ToolCall]:
    return [part for part in choice.parts if isinstance(part, ToolCall)]


def write_call(part: ToolCall, echo: Echo, place: int) -> dict[str, Any]:
    """Return a tool call; the mark of another vendor has its place in the id."""
    identity = marks.into_id(part.id or f"call_{echo.id}_{place}", part.signature)
    return {
        "id": identity,
        "type": "function",
        "function": {"name": part.name, "arguments": loose.clean(part.arguments)},
    }


def _content(part: Part) -> dict[str, Any] | None:
    if isinstance(part, Text | Refusal) and part.text:
        return {"type": "text", "text": loose.clean(part.text)}
    if isinstance(part, Reasoning):
        said = part.text or "\n".join(part.summary)
        return {"type": "thinking", "thinking": loose.clean(said)} if said else None
    return None
