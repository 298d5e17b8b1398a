"""Tools, the choice among them, and the tool that stands in for a schema."""

from typing import Any

import msgspec

from pilothouse.domain.chat import (
    ChatRequest,
    CustomTool,
    FunctionTool,
    OutputKind,
    ToolChoice,
    ToolMode,
)
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import closed_schema, loose, tool_text
from pilothouse.protocols.answer_tool import answer_tool
from pilothouse.protocols.anthropic_messages import wire
from pilothouse.protocols.anthropic_messages.blocks_out import BlockWriter, cache_control
from pilothouse.protocols.base import NO_MEMO, Memo

_EMPTY: dict[str, Any] = {"type": "object", "properties": {}}


class Toolbox(msgspec.Struct, frozen=True):
    """What the tools of one request become."""

    tools: list[dict[str, Any]]
    choice: dict[str, Any] | None
    memo: Memo
    forced: bool
    """Whether the model must call a tool."""


def write_tools(request: ChatRequest, facts: ModelFacts, writer: BlockWriter, names: dict[str, str]) -> Toolbox:
    """Return the tools of a request, and what its answer has to be read with."""
    if not request.tools and not names and request.output.kind is not OutputKind.SCHEMA:
        return Toolbox([], None, NO_MEMO, forced=False)
    memo = Memo({sent: said for said, sent in names.items() if sent != said})
    entries = _entries(request, facts, writer, names)
    offered = bool(entries)
    choice = request.tool_choice or ToolChoice()
    wanted = _choice(request.tool_choice, names)
    used = tool_text.called_names(request)
    if not entries and used and request.dialect != wire.NAME:
        # Anthropic refuses a history with calls when no tool is declared.
        entries = [{"name": names[name], "input_schema": _EMPTY} for name in dict.fromkeys(used)]
        wanted = {"type": "none"}
    if request.output.kind is OutputKind.SCHEMA and not closed_schema.native(request, facts, wire.NAME):
        answer = answer_tool(request.output, memo.tool_names, set(names.values()))
        memo = answer.memo
        entries.append({"name": answer.name, "description": answer.description, "input_schema": answer.schema})
        only = not offered or choice.mode is ToolMode.NONE
        if only:
            wanted = {"type": "tool", "name": memo.format_tool}
        elif wanted is None or wanted["type"] != "tool":
            wanted = {"type": "any"}
    elif request.output.kind is OutputKind.SCHEMA and request.dialect != wire.NAME:
        memo = msgspec.structs.replace(memo, schema=closed_schema.loosened(request.output.schema))
    if not entries:
        return Toolbox([], None, memo, forced=False)
    wanted = _parallel(request, wanted)
    forced = wanted is not None and wanted["type"] in ("any", "tool")
    return Toolbox(entries, wanted, memo, forced)


def _entries(
    request: ChatRequest, facts: ModelFacts, writer: BlockWriter, names: dict[str, str]
) -> list[dict[str, Any]]:
    if request.tools and not facts.tools:
        writer.lose("tools", "the model takes no tools", essential=True)
        return []
    choice = request.tool_choice or ToolChoice()
    # One tool that must be called is forced by its name, with the others still declared.
    forced = choice.mode is ToolMode.REQUIRED and len(choice.names) == 1
    allowed = () if forced else choice.names
    entries: list[dict[str, Any]] = []
    for place, tool in enumerate(request.tools):
        if isinstance(tool, FunctionTool):
            if not allowed or tool.name in allowed:
                entry, strict = _function(tool, names), _strict(tool, request, facts)
                if tool.strict and not strict:
                    writer.lose(f"tools.{place}.strict", "the model cannot be held to this schema")
                if strict is not None:
                    entry["strict"] = strict
                entries.append(entry)
        elif not isinstance(tool, CustomTool) and tool.dialect == wire.NAME:
            entries.append(dict(tool.value))
        else:
            writer.lose(f"tools.{place}", "Anthropic has no such tool", essential=True)
    return entries


def _function(tool: FunctionTool, names: dict[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": names[tool.name]}
    if tool.description:
        entry["description"] = loose.clean(tool.description)
    schema = tool.schema or _EMPTY
    entry["input_schema"] = schema if schema.get("type") == "object" else {**schema, "type": "object"}
    return entry | cache_control(tool.cache) | wire.fields_of(tool.extra)


def _strict(tool: FunctionTool, request: ChatRequest, facts: ModelFacts) -> bool | None:
    """A strict tool's schema is held to the same part of the language as that of an answer."""
    if request.dialect == wire.NAME:
        return tool.strict
    fits = facts.schema_output and closed_schema.strict_fits(tool.schema or {})
    return True if tool.strict and fits else None


def _choice(choice: ToolChoice | None, names: dict[str, str]) -> dict[str, Any] | None:
    if choice is None:
        return None
    if choice.mode is ToolMode.REQUIRED and len(choice.names) == 1:
        return {"type": "tool", "name": names.get(choice.names[0], choice.names[0])}
    return {"type": "any" if choice.mode is ToolMode.REQUIRED else str(choice.mode)}


def _parallel(request: ChatRequest, wanted: dict[str, Any] | None) -> dict[str, Any] | None:
    parallel = request.parallel_tool_calls
    if parallel is None or (parallel and request.dialect != wire.NAME):
        return wanted
    choice = wanted or {"type": "auto"}
    return choice if choice["type"] == "none" else {**choice, "disable_parallel_tool_use": not parallel}
