"""Tools of a request for content, and the choice among them, as the domain sees them."""

from typing import Any

import msgspec

from pilothouse.domain.chat import FunctionTool, NativeTool, Tool, ToolChoice, ToolMode
from pilothouse.protocols import loose, raw_json
from pilothouse.protocols.gemini import wire
from pilothouse.protocols.gemini.schema_in import plain_schema

_FUNCTIONS = "functionDeclarations"
_READ = ("name", "description", "parameters", "parametersJsonSchema")
_MODES = {"ANY": ToolMode.REQUIRED, "NONE": ToolMode.NONE}
_PLAIN = frozenset({"", "AUTO", "ANY", "NONE", "MODE_UNSPECIFIED"})


def read_tools(raw: msgspec.Raw | None) -> tuple[Tool, ...]:
    """Return the tools; those that Google runs itself stay as they are. Raises `InvalidRequest`."""
    tools: list[Tool] = []
    for place, item in enumerate(wire.listed(raw, "tools")):
        here = f"tools.{place}"
        fields = wire.members(item, here)
        for number, declared in enumerate(raw_json.items(fields.get(_FUNCTIONS), f"{here}.{_FUNCTIONS}")):
            tools.append(_function(declared, f"{here}.{_FUNCTIONS}.{number}"))
        tools += [NativeTool(wire.NAME, {key: found}) for key, found in raw_json.rest(fields, _FUNCTIONS).items()]
    return tuple(tools)


def read_choice(raw: msgspec.Raw | None) -> ToolChoice | None:
    """Return what a `functionCallingConfig` says; raises `InvalidRequest`."""
    if raw is None:
        return None
    path = "toolConfig.functionCallingConfig"
    fields = wire.members(raw, path)
    mode = raw_json.text(fields.get("mode"), f"{path}.mode").upper()
    names = raw_json.items(fields.get("allowedFunctionNames"), f"{path}.allowedFunctionNames")
    more = raw_json.rest(fields, "mode", "allowedFunctionNames")
    if mode not in _PLAIN:
        more = {"mode": mode, **more}
    return ToolChoice(
        _MODES.get(mode, ToolMode.AUTO),
        tuple(raw_json.text(name, f"{path}.allowedFunctionNames") for name in names),
        wire.extra(more),
    )


def _function(raw: msgspec.Raw, path: str) -> FunctionTool:
    fields = wire.members(raw, path)
    schema: Any = None
    if "parametersJsonSchema" in fields:
        schema = raw_json.value(fields["parametersJsonSchema"])
    elif "parameters" in fields:
        schema = plain_schema(raw_json.value(fields["parameters"]))
    return FunctionTool(
        raw_json.text(fields.get("name"), f"{path}.name"),
        raw_json.text(fields.get("description"), f"{path}.description"),
        loose.mapping(schema) if isinstance(schema, dict) else None,
        extra=wire.extra(raw_json.rest(fields, *_READ)),
    )
