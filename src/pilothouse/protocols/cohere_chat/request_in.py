"""A request of Cohere's chat into the domain."""

from typing import Any

from pilothouse.domain.chat import (
    ChatRequest,
    Document,
    FunctionTool,
    Image,
    Message,
    Native,
    NativeTool,
    OutputFormat,
    OutputKind,
    Part,
    Reasoning,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import json_body, marks
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.chat_turns import read_turns
from pilothouse.protocols.cohere_chat.cited import with_citations
from pilothouse.protocols.cohere_chat.given import with_documents
from pilothouse.protocols.cohere_chat.wire import NAME, VENDOR, extra
from pilothouse.protocols.loose import integer, json_text, listing, mapping, number, objects, text
from pilothouse.protocols.media_address import media_of

_KNOWN = frozenset({
    "model", "messages", "stream", "tools", "strict_tools", "tool_choice", "response_format", "max_tokens",
    "stop_sequences", "temperature", "seed", "frequency_penalty", "presence_penalty", "k", "p", "logprobs", "thinking",
    "documents",
})  # fmt: skip
_ROLES = {"system": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT, "tool": Role.TOOL}
_MODES = {"REQUIRED": ToolMode.REQUIRED, "NONE": ToolMode.NONE}


def read_request(body: bytes, _ask: Ask = NO_ASK) -> ChatRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where."""
    found = json_body.read_document(body)
    rest = {key: value for key, value in found.items() if key not in _KNOWN and value is not None}
    return ChatRequest(
        dialect=NAME,
        model=text(found.get("model")),
        messages=with_documents(
            _messages(found.get("messages")), found.get("documents"), found.get("citation_options")
        ),
        streamed=found.get("stream") is True,
        max_output_tokens=_limit(found.get("max_tokens")),
        stop=tuple(item for item in listing(found.get("stop_sequences")) if isinstance(item, str)),
        sampling=Sampling(
            temperature=number(found.get("temperature")),
            top_p=number(found.get("p")),
            top_k=integer(found.get("k")),
            frequency_penalty=number(found.get("frequency_penalty")),
            presence_penalty=number(found.get("presence_penalty")),
            seed=integer(found.get("seed")),
            logprobs=found.get("logprobs") is True,
        ),
        thinking=_thinking(mapping(found.get("thinking"))),
        tools=tuple(_tool(tool, strict=found.get("strict_tools") is True) for tool in objects(found.get("tools"))),
        tool_choice=_choice(found.get("tool_choice")),
        output=_format(mapping(found.get("response_format"))),
        extra=extra(rest),
    )


def _limit(value: Any) -> int | None:
    if value is None:
        return None
    count = integer(value)
    if count is None or count < 1:
        raise InvalidRequest("max_tokens must be a whole number above 0", param="max_tokens")
    return count


def _thinking(found: dict[str, Any]) -> Thinking | None:
    if not found:
        return None
    return Thinking(enabled=found.get("type") != "disabled", budget_tokens=integer(found.get("token_budget")))


def _tool(tool: dict[str, Any], *, strict: bool) -> Tool:
    function = mapping(tool.get("function"))
    if not function:
        return NativeTool(NAME, tool)
    name = text(function.get("name"))
    if not name:
        raise InvalidRequest("a function in tools has no name", param="tools")
    parameters: Any = function.get("parameters")
    schema = mapping(parameters) if isinstance(parameters, dict) else None
    return FunctionTool(name, text(function.get("description")), schema, True if strict else None)


def _choice(value: Any) -> ToolChoice | None:
    if value is None:
        return None
    mode = _MODES.get(text(value).upper())
    if mode is None:
        raise InvalidRequest(f"tool_choice is {value!r}; it may be REQUIRED or NONE", param="tool_choice")
    return ToolChoice(mode)


def _format(form: dict[str, Any]) -> OutputFormat:
    if form.get("type") != "json_object":
        return OutputFormat()
    schema = mapping(form.get("json_schema")) or mapping(form.get("schema"))
    return OutputFormat(OutputKind.SCHEMA, schema=schema, held=True) if schema else OutputFormat(OutputKind.JSON)


def _messages(value: Any) -> tuple[Message, ...]:
    """Return the turns; results of tools that follow one another are one turn."""
    if not value:
        raise InvalidRequest("messages must be a list of messages", param="messages")
    return read_turns(value, _ROLES, _parts)


def _parts(role: Role, message: dict[str, Any], where: str) -> tuple[Part, ...]:
    content = read_content(message.get("content"), where)
    if role is Role.TOOL:
        identity, _ = marks.out_of_id(text(message.get("tool_call_id")))
        return (ToolResult(identity, parts=content),)
    if role is not Role.ASSISTANT:
        return content
    return read_assistant(message, content)


def read_assistant(message: dict[str, Any], content: tuple[Part, ...]) -> tuple[Part, ...]:
    """Return the parts of an assistant's message: what it plans to do with tools is text before its calls."""
    plan = text(message.get("tool_plan"))
    content = with_citations(content, message.get("citations"))
    return (*content, *((Text(plan),) if plan else ()), *map(read_call, objects(message.get("tool_calls"))))


def read_call(call: dict[str, Any]) -> ToolCall:
    """Return a tool call."""
    function = mapping(call.get("function"))
    identity, mark = marks.out_of_id(text(call.get("id")))
    return ToolCall(identity, text(function.get("name")), json_text(function.get("arguments")), signature=mark)


def read_content(content: Any, where: str) -> tuple[Part, ...]:
    """Return the parts of a `content` value; raises `InvalidRequest` for one of no known form."""
    if content is None or content == "":
        return ()
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, list):
        raise InvalidRequest(f"{where}.content must be text or a list of parts", param=f"{where}.content")
    parts = json_body.objects_of(listing(content), f"{where}.content")
    return tuple(_part(part, f"{where}.content.{place}") for place, part in enumerate(parts))


def _part(part: dict[str, Any], where: str) -> Part:
    kind = text(part.get("type"))
    if kind == "text":
        return Text(text(part.get("text")))
    if kind == "thinking":
        return Reasoning(text(part.get("thinking")), vendor=VENDOR)
    if kind == "image_url":
        image = mapping(part.get("image_url"))
        if not text(image.get("url")):
            raise InvalidRequest(f"{where}.image_url names no url", param=where)
        return Image(media_of(text(image.get("url")), where), text(image.get("detail")))
    if kind == "document":
        document = mapping(part.get("document"))
        fields = {key: value for key, value in document.items() if key != "data"}
        return Document(text=json_text(document.get("data")), name=text(document.get("id")), extra=extra(fields))
    return Native(NAME, part)
