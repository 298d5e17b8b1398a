"""Tools and the choice among them, both ways; Responses writes tools flat."""

import re
from collections.abc import Sequence
from typing import Any, cast

from pilothouse.domain.chat import CustomTool, Extra, FunctionTool, NativeTool, Tool, ToolChoice, ToolMode
from pilothouse.domain.facts import Loss
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.loose import mapping, objects, text
from pilothouse.protocols.openai_responses import wire
from pilothouse.protocols.openai_responses.wire import NAME, string

_FUNCTION = frozenset({"type", "name", "description", "parameters", "strict"})
_CUSTOM = frozenset({"type", "name", "description", "format"})
_MODES = {"auto": ToolMode.AUTO, "none": ToolMode.NONE, "required": ToolMode.REQUIRED}
_NAMED = ("function", "custom")
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_-]")
_NAME_CHARS = 64


def read_tools(value: Any) -> tuple[Tool, ...]:
    """Return the tools; raises `InvalidRequest`."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidRequest("tools must be a list", param="tools")
    return tuple(_read(tool, f"tools.{place}") for place, tool in enumerate(cast("list[Any]", value)))


def read_choice(value: Any) -> ToolChoice | None:
    """Return which tools may be called; raises `InvalidRequest`.

    A choice of a built-in tool stays as it is in `extra`; to other dialects it is a call of any tool.
    """
    if value is None:
        return None
    if isinstance(value, str) and value in _MODES:
        return ToolChoice(_MODES[value])
    if not isinstance(value, dict):
        raise InvalidRequest("tool_choice must be auto, none, required or an object", param="tool_choice")
    choice = cast("dict[str, Any]", value)
    kind = text(choice.get("type"))
    if kind in _NAMED:
        # The form of chat completions has the name one level down.
        name = text(choice.get("name")) or text(mapping(choice.get(kind)).get("name"))
        return ToolChoice(ToolMode.REQUIRED, (name or string(choice, "name", "tool_choice"),))
    if kind == "allowed_tools":
        return _allowed(choice)
    return ToolChoice(ToolMode.REQUIRED, extra=Extra(NAME, {"tool_choice": choice}))


def write_tools(tools: Sequence[Tool], names: dict[str, str], losses: list[Loss], *, own: bool) -> list[dict[str, Any]]:
    """Return the tools in this dialect.

    `strict` is said to be off where a caller of another dialect leaves it out, since here it would be on.
    """
    out: list[dict[str, Any]] = []
    for place, tool in enumerate(tools):
        if isinstance(tool, FunctionTool):
            out.append(function(tool, names, own=own))
        elif isinstance(tool, CustomTool):
            out.append(custom(tool, names))
        elif tool.dialect == NAME:
            out.append(tool.value)
        else:
            losses.append(Loss(f"tools.{place}", "only the vendor of another API runs this tool", essential=True))
    return out


def function(tool: FunctionTool, names: dict[str, str], *, own: bool) -> dict[str, Any]:
    """Return a function tool."""
    strict = tool.strict if tool.strict is not None or own else False
    out: dict[str, Any] = {"type": "function", "name": names.get(tool.name, tool.name)}
    if tool.description:
        out["description"] = tool.description
    return {**out, "parameters": tool.schema, "strict": strict, **wire.own(tool.extra)}


def custom(tool: CustomTool, names: dict[str, str]) -> dict[str, Any]:
    """Return a custom tool."""
    out: dict[str, Any] = {"type": "custom", "name": names.get(tool.name, tool.name)}
    if tool.description:
        out["description"] = tool.description
    if tool.format is not None:
        out["format"] = tool.format
    return {**out, **wire.own(tool.extra)}


def write_choice(choice: ToolChoice, tools: Sequence[Tool], names: dict[str, str]) -> Any:
    """Return `tool_choice`."""
    kept = wire.own(choice.extra).get("tool_choice")
    if kept is not None:
        return kept
    customs = {tool.name for tool in tools if isinstance(tool, CustomTool)}
    listed = [
        {"type": "custom" if name in customs else "function", "name": names.get(name, name)} for name in choice.names
    ]
    if not listed or choice.mode is ToolMode.NONE:
        return choice.mode.value
    if choice.mode is ToolMode.REQUIRED and len(listed) == 1:
        return listed[0]
    return {"type": "allowed_tools", "mode": choice.mode.value, "tools": listed}


def sent_names(tools: Sequence[Tool]) -> dict[str, str]:
    """Return the names that have to be sent in another spelling, since only letters, digits, `_` and `-` are taken."""
    named = [tool.name for tool in tools if not isinstance(tool, NativeTool)]
    taken = {name for name in named if _is_allowed(name)}
    out: dict[str, str] = {}
    for name in named:
        if name in out or _is_allowed(name):
            continue
        stem = _NOT_ALLOWED.sub("_", name)[:_NAME_CHARS] or "_"
        spelled, number = stem, 1
        while spelled in taken:
            number += 1
            tail = f"_{number}"
            spelled = stem[: _NAME_CHARS - len(tail)] + tail
        taken.add(spelled)
        out[name] = spelled
    return out


def _is_allowed(name: str) -> bool:
    return 0 < len(name) <= _NAME_CHARS and _NOT_ALLOWED.search(name) is None


def _read(value: Any, where: str) -> Tool:
    if not isinstance(value, dict):
        raise InvalidRequest(f"{where} must be an object", param=where)
    tool = cast("dict[str, Any]", value)
    kind = string(tool, "type", where)
    if kind == "function":
        # Tools in the form of chat completions are what many callers send here, and their meaning is plain.
        nested = tool.get("function")
        return _function({"type": kind, **mapping(nested)} if isinstance(nested, dict) else tool, where)
    if kind == "custom":
        return CustomTool(
            string(tool, "name", where),
            text(tool.get("description")),
            mapping(tool.get("format")) or None,
            wire.rest(tool, _CUSTOM),
        )
    return NativeTool(NAME, tool)


def _function(tool: dict[str, Any], where: str) -> FunctionTool:
    schema, strict = tool.get("parameters"), tool.get("strict")
    if schema is not None and not isinstance(schema, dict):
        raise InvalidRequest(f"{where}.parameters must be an object", param=f"{where}.parameters")
    return FunctionTool(
        string(tool, "name", where),
        text(tool.get("description")),
        cast("dict[str, Any] | None", schema),
        strict if isinstance(strict, bool) else None,
        extra=wire.rest(tool, _FUNCTION),
    )


def _allowed(choice: dict[str, Any]) -> ToolChoice:
    mode = _MODES.get(text(choice.get("mode")), ToolMode.AUTO)
    tools = objects(choice.get("tools"))
    names = tuple(text(tool.get("name")) for tool in tools if tool.get("type") in _NAMED)
    if len(names) == len(tools):
        return ToolChoice(mode, names)
    return ToolChoice(mode, names, Extra(NAME, {"tool_choice": choice}))
