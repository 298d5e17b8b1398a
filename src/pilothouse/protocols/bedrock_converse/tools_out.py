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
from pilothouse.protocols import closed_schema, tool_text
from pilothouse.protocols.answer_tool import answer_tool
from pilothouse.protocols.base import Memo
from pilothouse.protocols.bedrock_converse import wire
from pilothouse.protocols.bedrock_converse.blocks_out import BlockWriter, cache_point, fields_of

_EMPTY: dict[str, Any] = {"type": "object", "properties": {}}


class Toolbox(msgspec.Struct, frozen=True):
    """What the tools of one request become."""

    config: dict[str, Any] | None
    memo: Memo


def write_tools(request: ChatRequest, facts: ModelFacts, writer: BlockWriter, names: dict[str, str]) -> Toolbox:
    """Return the `toolConfig` of a request, and what its answer has to be read with."""
    renamed = {sent: said for said, sent in names.items() if sent != said}
    entries, offered = _entries(request, facts, writer, names)
    used = tool_text.called_names(request)
    choice = request.tool_choice or ToolChoice()
    shaped = request.output.kind is OutputKind.SCHEMA
    schema_tool = shaped and not closed_schema.native(request, facts, wire.NAME)
    loosened = closed_schema.loosened(request.output.schema) if shaped and request.dialect != wire.NAME else None
    if choice.mode is ToolMode.NONE and not schema_tool:
        if not used:
            return Toolbox(None, Memo(renamed, schema=loosened))
        writer.lose("tool_choice", "the tools stay declared, since the history uses them")
    declared = set(offered)
    # Bedrock refuses a history with tools when none is declared.
    for name in dict.fromkeys(used):
        if name not in declared and (not entries or name not in {tool.name for tool in _functions(request)}):
            entries.append({"toolSpec": {"name": names[name], "inputSchema": {"json": _EMPTY}}})
    memo = Memo(renamed, schema=loosened)
    wanted: dict[str, Any] | None = _choice(request.tool_choice, names)
    if schema_tool:
        answer = answer_tool(request.output, renamed, set(names.values()))
        memo, schema = answer.memo, {"json": answer.schema}
        entries.append({"toolSpec": {"name": answer.name, "description": answer.description, "inputSchema": schema}})
        only = not offered or choice.mode is ToolMode.NONE
        wanted = {"tool": {"name": memo.format_tool}} if only else {"any": {}}
    if not entries:
        return Toolbox(None, memo)
    config: dict[str, Any] = {"tools": entries}
    if wanted is not None:
        config["toolChoice"] = wanted
    return Toolbox(config, memo)


def _functions(request: ChatRequest) -> list[FunctionTool]:
    return [tool for tool in request.tools if isinstance(tool, FunctionTool)]


def _entries(
    request: ChatRequest, facts: ModelFacts, writer: BlockWriter, names: dict[str, str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the entries of `tools`, and the names of those that may be called."""
    if request.tools and not facts.tools:
        writer.lose("tools", "the model takes no tools", essential=True)
        return [], []
    choice = request.tool_choice or ToolChoice()
    # One tool that must be called is forced by its name, with the others still declared.
    forced = choice.mode is ToolMode.REQUIRED and len(choice.names) == 1
    allowed = () if forced else choice.names
    entries: list[dict[str, Any]] = []
    offered: list[str] = []
    for place, tool in enumerate(request.tools):
        if isinstance(tool, FunctionTool):
            if allowed and tool.name not in allowed:
                continue
            spec = _spec(tool, request, facts, names)
            if tool.strict and "strict" not in spec:
                writer.lose(f"tools.{place}.strict", "the model cannot be held to this schema")
            entries.append({"toolSpec": spec})
            offered.append(tool.name)
            if tool.cache is not None:
                entries.append(cache_point(tool.cache))
        elif not isinstance(tool, CustomTool) and tool.dialect == wire.NAME:
            entries.append(tool.value)
        else:
            writer.lose(f"tools.{place}", "Bedrock has no such tool", essential=True)
    return entries, offered


def _spec(tool: FunctionTool, request: ChatRequest, facts: ModelFacts, names: dict[str, str]) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": names[tool.name]}
    if tool.description.strip():
        spec["description"] = tool.description
    schema = tool.schema or _EMPTY
    spec["inputSchema"] = {"json": schema if "type" in schema else {"type": "object", **schema}}
    own = request.dialect == wire.NAME
    held = tool.strict and facts.schema_output and closed_schema.strict_fits(schema)
    if tool.strict is not None and (own or held):
        spec["strict"] = tool.strict
    return spec | fields_of(tool.extra)


def _choice(choice: ToolChoice | None, names: dict[str, str]) -> dict[str, Any] | None:
    if choice is None or choice.mode is ToolMode.NONE:
        return None
    if choice.mode is ToolMode.AUTO:
        return {"auto": {}}
    if len(choice.names) == 1:
        return {"tool": {"name": names.get(choice.names[0], choice.names[0])}}
    return {"any": {}}
