"""The messages of a chat request into the domain's turns."""

from typing import Any

import msgspec

from pilothouse.domain.chat import (
    Audio,
    Extra,
    Media,
    Message,
    Native,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import json_body
from pilothouse.protocols.loose import json_text, mapping, objects, text
from pilothouse.protocols.openai_chat.parts import read_content
from pilothouse.protocols.openai_chat.wire import NAME

_ASSISTANT = frozenset({
    "role", "content", "name", "refusal", "tool_calls", "function_call", "audio", "reasoning_content", "reasoning",
    "reasoning_details", "annotations",
})  # fmt: skip
_SPEAKERS = {str(role): role for role in (Role.SYSTEM, Role.DEVELOPER, Role.USER)}


def read_messages(value: Any) -> tuple[Message, ...]:
    """Return the turns; results of tools that follow one another are one turn."""
    out: list[Message] = []
    custom: set[str] = set()
    uses: dict[str, int] = {}
    for number, message in enumerate(json_body.objects_of(value, "messages")):
        turn = _read_message(message, f"messages.{number}")
        if "function_call" in message or message.get("role") == "function":
            turn = _numbered(message, turn, uses)
        if turn.role is Role.ASSISTANT:
            custom |= {part.id for part in turn.parts if isinstance(part, ToolCall) and part.custom}
        elif turn.role is Role.TOOL:
            turn = msgspec.structs.replace(turn, parts=tuple(_of_custom(part, custom) for part in turn.parts))
            if out and out[-1].role is Role.TOOL:
                turn = Message(Role.TOOL, out.pop().parts + turn.parts)
        out.append(turn)
    return tuple(out)


def _numbered(message: dict[str, Any], turn: Message, uses: dict[str, int]) -> Message:
    """Return the turn with ids for older function calls, which have none: the name, and from its second use a number.

    A result belongs to the last call of its name; `uses` counts the calls.
    """
    name = text(mapping(message.get("function_call")).get("name"))
    if name:
        uses[name] = uses.get(name, 0) + 1
    elif message.get("role") == "function":
        name = text(message.get("name"))
    if uses.get(name, 0) < 2:
        return turn
    return msgspec.structs.replace(turn, parts=tuple(_renamed(part, name, uses[name]) for part in turn.parts))


def _renamed(part: Part, name: str, use: int) -> Part:
    if isinstance(part, ToolCall) and part.id == name:
        return msgspec.structs.replace(part, id=f"{name}_{use}")
    if isinstance(part, ToolResult) and part.call_id == name:
        return msgspec.structs.replace(part, call_id=f"{name}_{use}")
    return part


def _of_custom(part: Part, custom: set[str]) -> Part:
    """Return a result with what only its call says: whether the tool is a custom one."""
    if isinstance(part, ToolResult) and part.call_id in custom:
        return msgspec.structs.replace(part, custom=True)
    return part


def _read_message(message: dict[str, Any], where: str) -> Message:
    role = text(message.get("role"))
    if role == "assistant":
        return read_assistant(message, where)
    if role in ("tool", "function"):
        call_id = text(message.get("tool_call_id")) or text(message.get("name"))
        parts = read_content(message.get("content"), where)
        return Message(Role.TOOL, (ToolResult(call_id, text(message.get("name")), parts),))
    speaker = _SPEAKERS.get(role)
    if speaker is None:
        raise InvalidRequest(f"{where}.role is {role!r}; it must be one of the roles of chat", param=f"{where}.role")
    return Message(speaker, read_content(message.get("content"), where), text(message.get("name")))


def read_assistant(message: dict[str, Any], where: str = "message") -> Message:
    """Return an assistant's message, of a request or of an answer: thoughts first, calls last."""
    said = _cited(read_content(message.get("content"), where), message)
    parts: list[Part] = [*read_reasoning(message), *said]
    if text(message.get("refusal")):
        parts.append(Refusal(text(message.get("refusal"))))
    audio = mapping(message.get("audio"))
    if audio:
        parts.append(_read_audio(audio))
    parts += [read_call(call) for call in objects(message.get("tool_calls"))]
    legacy = mapping(message.get("function_call"))
    if legacy:
        name = text(legacy.get("name"))
        parts.append(ToolCall(name, name, json_text(legacy.get("arguments"))))
    rest = {key: value for key, value in message.items() if key not in _ASSISTANT and value is not None}
    return Message(Role.ASSISTANT, tuple(parts), text(message.get("name")), Extra(NAME, rest) if rest else None)


def _cited(parts: tuple[Part, ...], message: dict[str, Any]) -> tuple[Part, ...]:
    """Return the parts with the message's annotations on its first text, from which they count."""
    annotations = tuple(objects(message.get("annotations")))
    out: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and annotations:
            out.append(msgspec.structs.replace(part, citations=annotations, extra=part.extra or Extra(NAME, {})))
            annotations = ()
        else:
            out.append(part)
    return tuple(out)


def read_call(call: dict[str, Any]) -> Part:
    """Return a tool call."""
    signature = text(mapping(mapping(call.get("extra_content")).get("google")).get("thought_signature"))
    if call.get("type") == "custom":
        custom = mapping(call.get("custom"))
        return ToolCall(text(call.get("id")), text(custom.get("name")), text(custom.get("input")), custom=True)
    function = mapping(call.get("function"))
    if not function:
        return Native(NAME, call)
    arguments = json_text(function.get("arguments"))
    return ToolCall(text(call.get("id")), text(function.get("name")), arguments, signature=signature)


def read_reasoning(message: dict[str, Any]) -> list[Part]:
    """Return the thoughts, with their marks where `reasoning_details` has them."""
    details = [found for item in objects(message.get("reasoning_details")) if (found := _read_detail(item))]
    if details:
        return list(details)
    thought = text(message.get("reasoning_content")) or text(message.get("reasoning"))
    return [Reasoning(thought)] if thought else []


def _read_detail(item: dict[str, Any]) -> Reasoning | None:
    vendor = text(item.get("format")).partition("-")[0]
    kind = item.get("type")
    if kind == "reasoning.text":
        return Reasoning(text(item.get("text")), text(item.get("signature")), id=text(item.get("id")), vendor=vendor)
    if kind == "reasoning.encrypted":
        return Reasoning(redacted=text(item.get("data")), id=text(item.get("id")), vendor=vendor)
    if kind == "reasoning.summary":
        return Reasoning(summary=(text(item.get("summary")),), id=text(item.get("id")), vendor=vendor)
    return None


def _read_audio(audio: dict[str, Any]) -> Audio:
    # The answer does not say the format; the request did.
    media = Media(data=text(audio.get("data")))
    expires = {"expires_at": audio["expires_at"]} if "expires_at" in audio else {}
    extra = Extra(NAME, expires) if expires else None
    return Audio(media, text(audio.get("transcript")), text(audio.get("id")), extra)
