"""Messages of every vocabulary in the one form that conversations are read in: that of OpenAI's chat.

Input becomes `{"messages": […], "tools": […], …parameters}`, output a list of messages.
"""

from collections.abc import Iterable
from typing import Any, cast

import msgspec

from pilothouse.otlp.values import as_text, loaded
from pilothouse.protocols.loose import listing, mapping, objects, text

Message = dict[str, Any]
_encoder = msgspec.json.Encoder()
_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "developer": "system"}


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked."""

    messages: list[Message]
    tools: list[Any] = []
    parameters: dict[str, Any] = {}
    """Such as temperature, by the names of OpenAI's chat."""


def asked(conversation: Conversation) -> str | None:
    """Return what was asked as one JSON document; None without messages."""
    if not conversation.messages:
        return None
    tools = {"tools": conversation.tools} if conversation.tools else {}
    return _json({"messages": conversation.messages, **tools, **conversation.parameters})


def answered(messages: list[Message]) -> str | None:
    """Return what was answered as one JSON document; None without messages."""
    return _json(messages) if messages else None


def read(value: Any) -> list[Message]:
    """Return the messages of a list that may be JSON text: GenAI's with parts, or OpenAI's with content.

    Empty when it is no list of messages.
    """
    found = loaded(value)
    items = objects(found) if isinstance(found, list) else [mapping(found)] if "role" in mapping(found) else []
    messages = [message for item in items for message in _message(item)]
    return messages if all("role" in message for message in messages) else []


def instructions(value: Any) -> list[Message]:
    """Return system instructions, given as text or as a list of parts, as a message in front of the others."""
    found = loaded(value)
    if isinstance(found, str):
        return [{"role": "system", "content": found}] if found else []
    parts = [part for item in listing(found) for part in _parts(item)]
    return [{"role": "system", "content": _content(parts)}] if parts else []


def tools(value: Any) -> list[Any]:
    """Return tool definitions of any vendor's form, each in the form of OpenAI's chat where that is clear."""
    found = loaded(value)
    return [_tool(loaded(item)) for item in listing(found)]


def tool_call(call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    """Return a call of a tool as OpenAI's chat has it."""
    said = "" if arguments is None else as_text(arguments)
    return {"id": text(call_id), "type": "function", "function": {"name": text(name), "arguments": said}}


def _json(value: Any) -> str:
    return _encoder.encode(value).decode()


def _message(item: dict[str, Any]) -> Iterable[Message]:
    role = _ROLES.get(text(item.get("role")), text(item.get("role")))
    if "parts" not in item:
        content = item.get("content")
        plain = {"content": _content(listing(content))} if isinstance(content, list) else {}
        return [{**item, **plain, "role": role}] if role else [item]
    plain_text = _only_text(item["parts"])
    if plain_text is not None:
        return [{"role": role, "content": plain_text, **_further(item, [])}]
    parts = [part for raw in listing(item["parts"]) for part in _parts(raw)]
    if len(parts) == 1 and parts[0].get("type") == "text":
        return [{"role": role, "content": _content(parts), **_further(item, [])}]
    results = [part for part in parts if part.get("type") == _RESULT]
    calls = [part["call"] for part in parts if part.get("type") == _CALL]
    rest = [part for part in parts if part.get("type") not in (_RESULT, _CALL)]
    found: list[Message] = [
        {"role": "tool", "tool_call_id": part["id"], "content": part["content"]} for part in results
    ]
    if rest or calls or not results:
        message: Message = {"role": role, "content": _content(rest) if rest else None if calls else ""}
        found.append(message | _further(item, calls))
    return found


def _only_text(parts: Any) -> str | None:
    """Return the text of a message that is nothing else, as most are."""
    if isinstance(parts, list) and len(cast("list[Any]", parts)) == 1:
        part = mapping(parts[0])
        held = part.get("content")
        if isinstance(held, str) and part.get("type") == "text":
            return held
    return None


def _further(item: dict[str, Any], calls: list[Any]) -> Message:
    found: Message = {"tool_calls": calls} if calls else {}
    for name in ("name", "finish_reason"):
        if isinstance(item.get(name), str) and item[name]:
            found[name] = item[name]
    return found


_CALL, _RESULT = "\0call", "\0result"
"""Marks of parts that become something else than content; no sender's type begins so."""


def _content(parts: list[Any]) -> Any:
    """Return content parts, as plain text where there is nothing else."""
    only = mapping(parts[0]) if len(parts) == 1 else {}
    return only.get("text", parts) if only.get("type") == "text" and len(only) == 2 else parts


def _parts(raw: Any) -> list[dict[str, Any]]:
    if isinstance(raw, str):
        return [{"type": "text", "text": raw}]
    part = mapping(raw)
    match part.get("type"):
        case "text":
            held = part.get("content", part.get("text"))
            return [] if held is None else [{"type": "text", "text": as_text(held)}]
        case "reasoning" | "thinking":
            return [{"type": "reasoning", "text": as_text(part.get("content") or part.get("text") or "")}]
        case "tool_call":
            return [{"type": _CALL, "call": tool_call(part.get("id"), part.get("name"), part.get("arguments"))}]
        case "tool_call_response":
            held = next((part[name] for name in ("response", "result", "content") if part.get(name) is not None), "")
            return [{"type": _RESULT, "id": text(part.get("id")), "content": as_text(held)}]
        case "blob":
            return [_blob(part)]
        case "uri" | "file":
            return [_referenced(part)]
        case _:
            return [part] if part else []


def _blob(part: dict[str, Any]) -> dict[str, Any]:
    mime, data = text(part.get("mime_type")), text(part.get("content", part.get("data")))
    if part.get("modality") == "image" or mime.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": f"data:{mime or 'image/png'};base64,{data}"}}
    if part.get("modality") == "audio" or mime.startswith("audio/"):
        return {"type": "input_audio", "input_audio": {"data": data, "format": mime.rpartition("/")[2]}}
    return {"type": "file", "file": {"filename": mime, "file_data": data}}


def _referenced(part: dict[str, Any]) -> dict[str, Any]:
    address, mime = text(part.get("uri")), text(part.get("mime_type"))
    if address and (part.get("modality") == "image" or mime.startswith("image/")):
        return {"type": "image_url", "image_url": {"url": address}}
    return {"type": "file", "file": {"filename": address or text(part.get("file_id"))}}


def _tool(item: Any) -> Any:
    held = mapping(item)
    if "function" in held or "name" not in held:
        return item
    schema = next(
        (
            held[name]
            for name in ("parameters", "input_schema", "inputSchema", "parameters_json_schema")
            if held.get(name)
        ),
        None,
    )
    said = {"name": held["name"], "description": held.get("description"), "parameters": loaded(schema)}
    return {"type": "function", "function": {key: value for key, value in said.items() if value is not None}}
