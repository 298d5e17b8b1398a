"""A Messages request as the domain sees it."""

from typing import Any

import msgspec

from pilothouse.domain.chat import (
    ChatRequest,
    FunctionTool,
    Message,
    NativeTool,
    OutputFormat,
    OutputKind,
    Role,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from pilothouse.errors import InvalidJson, InvalidRequest
from pilothouse.protocols import json_body, loose, raw_json
from pilothouse.protocols.anthropic_messages import blocks_in, wire
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.turns import apart

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_MODES = {"auto": ToolMode.AUTO, "any": ToolMode.REQUIRED, "tool": ToolMode.REQUIRED, "none": ToolMode.NONE}
_READ = (
    "model", "messages", "system", "max_tokens", "stream", "stop_sequences", "temperature", "top_p", "top_k",
    "thinking", "output_config", "output_format", "tools", "tool_choice", "metadata", "service_tier",
)  # fmt: skip


def read_request(body: bytes, _ask: Ask = NO_ASK) -> ChatRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where."""
    try:
        return _read(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Values are decoded one by one, so that what is wrong inside of one shows only then.
        raise InvalidJson(f"the request body is not valid JSON: {error}") from error


def _read(body: bytes) -> ChatRequest:
    top = {key: raw for key, raw in json_body.read_object(body).items() if bytes(raw) != b"null"}
    others = raw_json.rest(top, *_READ)
    thinking = _thinking(top, others)
    output = _output(top, others)
    choice, parallel = _choice(top.get("tool_choice"))
    tier = raw_json.text(top.get("service_tier"), "service_tier")
    system = _system(top.get("system"))
    return ChatRequest(
        dialect=wire.NAME,
        model=raw_json.text(top.get("model"), "model"),
        messages=tuple(system + _messages(top.get("messages"))),
        instructions=len(system),
        streamed=raw_json.flag(top.get("stream"), "stream") is True,
        wants_usage=True,
        max_output_tokens=raw_json.whole(top.get("max_tokens"), "max_tokens"),
        stop=_stops(top.get("stop_sequences")),
        sampling=Sampling(
            raw_json.number(top.get("temperature"), "temperature"),
            raw_json.number(top.get("top_p"), "top_p"),
            raw_json.whole(top.get("top_k"), "top_k"),
        ),
        thinking=thinking,
        tools=_tools(top.get("tools")),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        output=output,
        service_tier="default" if tier == "standard_only" else tier,
        user_id=_user(top.get("metadata"), others),
        extra=wire.extra(others),
    )


def _system(raw: msgspec.Raw | None) -> list[Message]:
    parts = blocks_in.read_content(raw, "system")
    return [Message(Role.SYSTEM, tuple(parts))] if parts else []


def _messages(raw: msgspec.Raw | None) -> list[Message]:
    if raw is None:
        raise InvalidRequest("messages: must be given", param="messages")
    messages: list[Message] = []
    for place, item in enumerate(raw_json.items(raw, "messages")):
        here = f"messages.{place}"
        fields = raw_json.members(item, here)
        role = _ROLES.get(raw_json.text(fields.get("role"), f"{here}.role"))
        if role is None:
            raise InvalidRequest(f"{here}.role: must be user, assistant or system", param=f"{here}.role")
        parts = blocks_in.read_content(fields.get("content"), f"{here}.content")
        others = wire.extra(raw_json.rest(fields, "role", "content"))
        if role is Role.USER and any(isinstance(part, ToolResult) for part in parts):
            messages.extend(apart(parts))
        else:
            messages.append(Message(role, tuple(parts), extra=others))
    return messages


def _stops(raw: msgspec.Raw | None) -> tuple[str, ...]:
    stops = enumerate(raw_json.items(raw, "stop_sequences"))
    return tuple(raw_json.text(item, f"stop_sequences.{place}") for place, item in stops)


def _thinking(top: dict[str, msgspec.Raw], others: dict[str, Any]) -> Thinking | None:
    """Return how much to think, which stands in two places; a form that the domain does not know goes to `others`."""
    config = raw_json.members(top["output_config"], "output_config") if "output_config" in top else {}
    effort = raw_json.text(config.get("effort"), "output_config.effort")
    fields = raw_json.members(top["thinking"], "thinking") if "thinking" in top else {}
    kind = raw_json.text(fields.get("type"), "thinking.type")
    if kind not in ("enabled", "adaptive", "disabled"):
        if fields:
            others["thinking"] = raw_json.rest(fields)
        return Thinking(effort=effort) if effort else None
    display = raw_json.text(fields.get("display"), "thinking.display")
    return Thinking(
        enabled=kind != "disabled",
        effort=effort,
        budget_tokens=raw_json.whole(fields.get("budget_tokens"), "thinking.budget_tokens"),
        adaptive=kind == "adaptive",
        shown=display != "omitted" if display else None,
    )


def _output(top: dict[str, msgspec.Raw], others: dict[str, Any]) -> OutputFormat:
    config = raw_json.members(top["output_config"], "output_config") if "output_config" in top else {}
    more = raw_json.rest(config, "effort", "format")
    if more:
        others["output_config"] = more
    path = "output_config.format" if "format" in config else "output_format"
    raw = config.get("format", top.get("output_format"))
    if raw is None:
        return OutputFormat()
    fields = raw_json.members(raw, path)
    if raw_json.text(fields.get("type"), f"{path}.type") != "json_schema":
        raise InvalidRequest(f"{path}.type: must be json_schema", param=f"{path}.type")
    return OutputFormat(
        OutputKind.SCHEMA,
        raw_json.text(fields.get("name"), f"{path}.name"),
        schema=_schema(fields.get("schema"), f"{path}.schema"),
        held=True,
    )


def _schema(raw: msgspec.Raw | None, path: str) -> dict[str, Any] | None:
    if raw is None:
        return None
    found = raw_json.value(raw)
    if not isinstance(found, dict):
        raise InvalidRequest(f"{path}: must be an object", param=path)
    return loose.mapping(found)


def _tools(raw: msgspec.Raw | None) -> tuple[Tool, ...]:
    return tuple(_tool(item, f"tools.{place}") for place, item in enumerate(raw_json.items(raw, "tools")))


def _tool(raw: msgspec.Raw, path: str) -> Tool:
    fields = raw_json.members(raw, path)
    if raw_json.text(fields.get("type"), f"{path}.type") not in ("", "custom"):
        return NativeTool(wire.NAME, raw_json.rest(fields))
    name = raw_json.text(fields.get("name"), f"{path}.name")
    if not name:
        raise InvalidRequest(f"{path}.name: must be given", param=f"{path}.name")
    return FunctionTool(
        name,
        raw_json.text(fields.get("description"), f"{path}.description"),
        _schema(fields.get("input_schema"), f"{path}.input_schema"),
        raw_json.flag(fields.get("strict"), f"{path}.strict"),
        wire.cache(fields.get("cache_control"), f"{path}.cache_control"),
        wire.extra(raw_json.rest(fields, "type", "name", "description", "input_schema", "strict", "cache_control")),
    )


def _choice(raw: msgspec.Raw | None) -> tuple[ToolChoice | None, bool | None]:
    if raw is None:
        return None, None
    fields = raw_json.members(raw, "tool_choice")
    kind = raw_json.text(fields.get("type"), "tool_choice.type")
    mode = _MODES.get(kind)
    if mode is None:
        raise InvalidRequest("tool_choice.type: must be auto, any, tool or none", param="tool_choice.type")
    name = raw_json.text(fields.get("name"), "tool_choice.name")
    if kind == "tool" and not name:
        raise InvalidRequest("tool_choice.name: must be given", param="tool_choice.name")
    single = raw_json.flag(fields.get("disable_parallel_tool_use"), "tool_choice.disable_parallel_tool_use")
    names = (name,) if kind == "tool" else ()
    return ToolChoice(mode, names), None if single is None else not single


def _user(raw: msgspec.Raw | None, others: dict[str, Any]) -> str:
    fields = raw_json.members(raw, "metadata") if raw is not None else {}
    more = raw_json.rest(fields, "user_id")
    if more:
        others["metadata"] = more
    return raw_json.text(fields.get("user_id"), "metadata.user_id")
