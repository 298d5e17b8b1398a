"""The messages of a request of Mistral's chat into the domain's turns."""

from typing import Any

import msgspec

from pilothouse.domain.chat import (
    Audio,
    Document,
    Media,
    Message,
    Native,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from pilothouse.protocols import json_body, marks
from pilothouse.protocols.chat_turns import read_turns
from pilothouse.protocols.loose import json_text, listing, mapping, objects, text
from pilothouse.protocols.media_address import media_of
from pilothouse.protocols.mistral_chat.wire import NAME, VENDOR
from pilothouse.protocols.openai_chat.parts import read_content as read_chat_content

_ROLES = {"system": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT, "tool": Role.TOOL}
_OWN = frozenset({"input_audio", "document_url", "file", "thinking", "reference"})
"""Parts that OpenAI's chat has in another form or not at all."""


def read_messages(value: Any) -> tuple[Message, ...]:
    """Return the turns; results of tools that follow one another are one turn. Raises `InvalidRequest`."""
    return read_turns(value, _ROLES, _read_parts)


def _read_parts(role: Role, message: dict[str, Any], where: str) -> tuple[Part, ...]:
    content = _read_content(message.get("content"), where)
    if role is Role.TOOL:
        identity, _ = marks.out_of_id(text(message.get("tool_call_id")))
        return (ToolResult(identity, text(message.get("name")), content),)
    if role is Role.ASSISTANT:
        return (*content, *map(_read_call, objects(message.get("tool_calls"))))
    # The pattern of a thought in a system message is a text like others.
    return tuple(Text(part.text) if isinstance(part, Reasoning) else part for part in content)


def _read_call(call: dict[str, Any]) -> ToolCall:
    function = mapping(call.get("function"))
    identity, mark = marks.out_of_id(text(call.get("id")))
    return ToolCall(identity, text(function.get("name")), json_text(function.get("arguments")), signature=mark)


def _read_content(content: Any, where: str) -> tuple[Part, ...]:
    if not isinstance(content, list):
        return read_chat_content(content, where)
    parts = json_body.objects_of(listing(content), f"{where}.content")
    return tuple(_read_part(part, f"{where}.content.{place}") for place, part in enumerate(parts))


def _read_part(part: dict[str, Any], where: str) -> Part:
    kind = text(part.get("type"))
    if kind in _OWN:
        return _read_own(kind, part, where)
    found = read_chat_content([part], where)[0]
    if isinstance(found, Native):
        return Native(NAME, part)
    # What stands beside the text or the picture is nothing that another dialect knows.
    return msgspec.structs.replace(found, extra=None) if hasattr(found, "extra") else found


def _read_own(kind: str, part: dict[str, Any], where: str) -> Part:
    if kind == "thinking":
        return _read_thought(part)
    if kind == "document_url":
        address = text(part.get("document_url")) or text(mapping(part.get("document_url")).get("url"))
        media = media_of(address, where)
        return Document(media, name=text(part.get("document_name")))
    if kind == "input_audio":
        return _read_audio(part)
    if kind == "file" and text(part.get("file_id")):
        return Document(Media(file_id=text(part.get("file_id"))))
    return Native(NAME, part)


def _read_audio(part: dict[str, Any]) -> Part:
    """Return a sound, which is base64 alone; its address is something that only Mistral takes."""
    said = text(part.get("input_audio")) or text(mapping(part.get("input_audio")).get("data"))
    if said.startswith(("http://", "https://")):
        return Native(NAME, part)
    return Audio(media_of(said, "messages") if said.startswith("data:") else Media("audio/mpeg", data=said))


def _read_thought(part: dict[str, Any]) -> Reasoning:
    thinking = part.get("thinking")
    said = text(thinking) or "".join(text(piece.get("text")) for piece in objects(thinking))
    mark = text(part.get("signature"))
    if marks.is_packed(mark):
        return marks.unpack(Reasoning(said), mark)
    return Reasoning(said, mark, vendor=VENDOR)
