"""Tools, the choice among them, and the tool that stands in for a schema."""

import re
from typing import Any

import msgspec

from pilothouse.domain.chat import ChatRequest, FunctionTool, NativeTool, OutputKind, ToolChoice, ToolMode
from pilothouse.domain.facts import ModelFacts, ThinkingStyle
from pilothouse.protocols import loose, tool_text
from pilothouse.protocols.answer_tool import answer_tool
from pilothouse.protocols.base import Memo
from pilothouse.protocols.gemini import wire
from pilothouse.protocols.gemini.parts_out import PartWriter
from pilothouse.protocols.gemini.schema_out import OpenApi, is_empty, json_schema

_BEGINNING = re.compile(r"[a-zA-Z_]")
_MOST_CHARS = 64


class Toolbox(msgspec.Struct, frozen=True):
    """What the tools of one request become."""

    tools: list[dict[str, Any]]
    config: dict[str, Any] | None
    memo: Memo


def sent_names(request: ChatRequest) -> dict[str, str]:
    """Return the names of all tools, to those that are sent: Gemini's begin with a letter or an underscore."""
    names = tool_text.sent_names(request)
    for said, sent in names.items():
        if not _BEGINNING.match(sent):
            found = f"_{sent}"[:_MOST_CHARS]
            while found in names.values():
                found = f"_{found}"[:_MOST_CHARS]
            names[said] = found
    return names


def takes_both(request: ChatRequest, facts: ModelFacts) -> bool:
    """Return whether tools and a form of the answer may be asked for at once, which Gemini 3 began with."""
    offered = bool(request.tools) and (request.tool_choice or ToolChoice()).mode is not ToolMode.NONE
    return not offered or facts.thinking not in (ThinkingStyle.NONE, ThinkingStyle.BUDGET)


def plain_schema(facts: ModelFacts) -> bool:
    """Return whether the model takes JSON Schema; those from before it thought know OpenAPI's language only."""
    return facts.thinking is not ThinkingStyle.NONE


def write_tools(request: ChatRequest, facts: ModelFacts, writer: PartWriter, names: dict[str, str]) -> Toolbox:
    """Return the tools of a request, and what its answer has to be read with."""
    memo = Memo({sent: said for said, sent in names.items() if sent != said})
    declared, native = _entries(request, facts, writer, names)
    wanted = _choice(request.tool_choice, names) if declared or request.dialect == wire.NAME else None
    if request.output.kind is OutputKind.SCHEMA and not takes_both(request, facts) and declared:
        answer = answer_tool(request.output, memo.tool_names, set(names.values()))
        memo = answer.memo
        schema = _parameters(answer.schema, facts, writer, "response_format")
        declared.append({"name": answer.name, "description": answer.description, **schema})
        wanted = {"mode": "ANY"}
    tools = [*({"functionDeclarations": declared} for _ in declared[:1]), *native]
    return Toolbox(tools, wanted, memo)


def _entries(
    request: ChatRequest, facts: ModelFacts, writer: PartWriter, names: dict[str, str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the declarations of functions, and the tools that Google runs itself."""
    if request.tools and not facts.tools:
        writer.lose("tools", "the model takes no tools", essential=True)
        return [], []
    choice = request.tool_choice or ToolChoice()
    # Gemini can name the allowed tools only where one must be called.
    allowed = choice.names if choice.mode is ToolMode.AUTO and request.dialect != wire.NAME else ()
    declared: list[dict[str, Any]] = []
    native: list[dict[str, Any]] = []
    for place, tool in enumerate(request.tools):
        if isinstance(tool, FunctionTool):
            if not allowed or tool.name in allowed:
                declared.append(_declaration(tool, facts, writer, names, f"tools.{place}"))
        elif isinstance(tool, NativeTool) and tool.dialect == wire.NAME:
            native.append(tool.value)
        else:
            writer.lose(f"tools.{place}", "Gemini has no such tool", essential=True)
    return declared, native


def _declaration(
    tool: FunctionTool, facts: ModelFacts, writer: PartWriter, names: dict[str, str], path: str
) -> dict[str, Any]:
    out: dict[str, Any] = {"name": names[tool.name]}
    if tool.description:
        out["description"] = loose.clean(tool.description)
    if tool.strict:
        writer.lose(f"{path}.strict", "Gemini holds no single tool to its schema")
    if tool.cache is not None:
        writer.lose(f"{path}.cache_control", "Gemini chooses itself what to cache")
    return {**out, **_parameters(tool.schema, facts, writer, path), **wire.fields_of(tool.extra)}


def _parameters(schema: dict[str, Any] | None, facts: ModelFacts, writer: PartWriter, path: str) -> dict[str, Any]:
    if schema is None or is_empty(schema):
        return {}
    if not plain_schema(facts):
        written = OpenApi(schema)
        found = written.write()
        if written.lost:
            writer.lose(path, f"the model does not know {', '.join(sorted(written.lost))} in a schema")
        return {"parameters": found}
    found = json_schema(schema)
    return {"parametersJsonSchema": found if {"type", "$ref", "anyOf"} & found.keys() else {"type": "object", **found}}


def _choice(choice: ToolChoice | None, names: dict[str, str]) -> dict[str, Any] | None:
    if choice is None:
        return None
    own = wire.fields_of(choice.extra)
    if choice.mode is ToolMode.NONE:
        return {"mode": "NONE", **own}
    if choice.mode is ToolMode.AUTO:
        named = {"allowedFunctionNames": list(choice.names)} if choice.names and own.get("mode") else {}
        return {"mode": "AUTO", **named, **own}
    allowed = [names.get(name, name) for name in choice.names]
    return {"mode": "ANY", **({"allowedFunctionNames": allowed} if allowed else {}), **own}
