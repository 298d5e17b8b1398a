"""Items, of a request's input as of an answer's output, read into messages of the domain."""

from typing import Any, cast

from pilothouse.domain.chat import Message, Native, Part, Reasoning, Role, Text, ToolCall, ToolResult
from pilothouse.domain.chat.parts import Extra
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import marks as id_marks
from pilothouse.protocols.loose import objects, text
from pilothouse.protocols.openai_responses import marks, wire
from pilothouse.protocols.openai_responses.parts_in import read_content, thought_signature
from pilothouse.protocols.openai_responses.wire import NAME, string

_ROLES = {
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
    "developer": Role.DEVELOPER,
}
_ONE_TURN = (Role.ASSISTANT, Role.TOOL)
_CALL = frozenset({"type", "id", "status", "call_id", "name", "arguments", "input", "extra_content"})
_RESULT = frozenset({"type", "id", "status", "call_id", "output"})
_MESSAGE = frozenset({"type", "id", "status", "role", "content"})
_THOUGHT = frozenset({"type", "id", "status", "summary", "content", "encrypted_content"})
_NO_STATE = (
    "an item_reference names an item that only the provider which made it holds; this model is served by another API, "
    "so send the item itself"
)


def read_input(value: Any) -> tuple[Message, ...]:
    """Return a request's input as messages; raises `InvalidRequest`.

    Items of the assistant that follow each other are one turn and so one message, and so are results of tools.
    """
    if isinstance(value, str):
        return (Message(Role.USER, (Text(value),)),)
    if not isinstance(value, list):
        raise InvalidRequest("input must be a string or a list of items", param="input")
    turns: list[tuple[Message, list[Part]]] = []
    for place, item in enumerate(cast("list[Any]", value)):
        where = f"input.{place}"
        if not isinstance(item, dict):
            raise InvalidRequest(f"{where} must be an object", param=where)
        message = read_item(cast("dict[str, Any]", item), where)
        if turns and message.role in _ONE_TURN and turns[-1][0].role is message.role:
            turns[-1][1].extend(message.parts)
        else:
            turns.append((message, list(message.parts)))
    return tuple(Message(first.role, tuple(parts), extra=first.extra) for first, parts in turns)


def read_item(item: dict[str, Any], where: str) -> Message:
    """Return one item as a message of its own; raises `InvalidRequest`."""
    kind = text(item.get("type")) or ("message" if "role" in item else "item_reference" if "id" in item else "")
    if kind == "message":
        return _message(item, where)
    if kind == "item_reference":
        raise InvalidRequest(_NO_STATE, param=where)
    if not kind:
        raise InvalidRequest(f"{where}.type must be a string", param=f"{where}.type")
    if kind in ("function_call_output", "custom_tool_call_output"):
        return Message(Role.TOOL, (_result(item, where),))
    if kind.endswith(("_output", "_response")):
        return Message(Role.TOOL, (Native(NAME, item),))
    return Message(Role.ASSISTANT, (_said(kind, item, where),))


def read_thought(item: dict[str, Any]) -> Reasoning:
    """Return a reasoning item."""
    part = Reasoning(
        "".join(text(piece.get("text")) for piece in objects(item.get("content"))),
        summary=tuple(text(piece.get("text")) for piece in objects(item.get("summary"))),
        id=text(item.get("id")),
        extra=wire.rest(item, _THOUGHT),
    )
    return marks.unpack(part, text(item.get("encrypted_content")))


def read_call(item: dict[str, Any], where: str) -> ToolCall:
    """Return a call of a function or of a custom tool; raises `InvalidRequest`."""
    custom = item.get("type") == "custom_tool_call"
    arguments = item.get("input" if custom else "arguments")
    if arguments is not None and not isinstance(arguments, str):
        arguments = wire.encode(arguments).decode()
    identity, mark = id_marks.out_of_id(string(item, "call_id", where))
    return ToolCall(
        identity,
        string(item, "name", where),
        arguments or "",
        custom,
        mark or thought_signature(item),
        extra=wire.rest(item, _CALL),
    )


def _said(kind: str, item: dict[str, Any], where: str) -> Part:
    if kind == "reasoning":
        return read_thought(item)
    if kind in ("function_call", "custom_tool_call"):
        return read_call(item, where)
    return Native(NAME, item)


def _message(item: dict[str, Any], where: str) -> Message:
    role = _ROLES.get(text(item.get("role")))
    if role is None:
        raise InvalidRequest(
            f"{where}.role must be one of user, assistant, system and developer", param=f"{where}.role"
        )
    parts = read_content(item.get("content"), f"{where}.content")
    extra = wire.rest(item, _MESSAGE)
    if role is Role.ASSISTANT and extra is not None:
        return Message(role, tuple(_with(part, extra) for part in parts))
    return Message(role, parts, extra=extra)


def _with(part: Part, extra: Extra) -> Part:
    """The fields of an assistant's item (`phase`) stay with its texts, since other items join the same message."""
    if not isinstance(part, Text):
        return part
    inner = {**wire.own(part.extra), "item": extra.fields}
    return Text(part.text, part.cache, part.citations, part.signature, Extra(NAME, inner))


def _result(item: dict[str, Any], where: str) -> ToolResult:
    output = item.get("output")
    parts = () if output in ("", None) else read_content(output, f"{where}.output")
    custom = item.get("type") == "custom_tool_call_output"
    identity, _ = id_marks.out_of_id(string(item, "call_id", where))
    return ToolResult(identity, parts=parts, custom=custom, extra=wire.rest(item, _RESULT))
