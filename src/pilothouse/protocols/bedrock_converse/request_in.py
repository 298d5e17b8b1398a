"""A Converse request as the domain sees it."""

from typing import Any, cast

import msgspec

from pilothouse.domain.chat import (
    CacheMark,
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
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.bedrock_converse import blocks_in, wire
from pilothouse.protocols.bedrock_converse.blocks_in import extra
from pilothouse.protocols.turns import apart

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_READ = (
    "messages", "system", "inferenceConfig", "toolConfig", "additionalModelRequestFields", "outputConfig",
    "serviceTier", "requestMetadata",
)  # fmt: skip


class _Inference(msgspec.Struct):
    maxTokens: int | None = None  # noqa: N815
    temperature: float | None = None
    topP: float | None = None  # noqa: N815
    stopSequences: list[str] | None = None  # noqa: N815


def read_request(body: bytes, ask: Ask = NO_ASK) -> ChatRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where."""
    try:
        return _read(body, ask)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # Values are skipped at first, and looked into one after the other.
        raise InvalidJson(f"the request body is not valid JSON: {error}") from error
    except RecursionError as error:
        raise InvalidJson("the request body is nested too deeply") from error


def _read(body: bytes, ask: Ask) -> ChatRequest:
    top = {key: raw for key, raw in json_body.read_object(body).items() if bytes(raw) != b"null"}
    inference, more_inference = _inference(top.get("inferenceConfig"))
    special, more_special = _special(top.get("additionalModelRequestFields"))
    output, effort, more_output = _output(top.get("outputConfig"))
    tools, choice = _tools(top.get("toolConfig"))
    tier = loose.mapping(raw_json.value(top["serviceTier"])).get("type") if "serviceTier" in top else ""
    system = _system(top.get("system"))
    others = raw_json.rest(top, *_READ)
    nested = {
        "inferenceConfig": more_inference,
        "additionalModelRequestFields": more_special,
        "outputConfig": more_output,
    }
    others |= {key: fields for key, fields in nested.items() if fields}
    return ChatRequest(
        dialect=wire.NAME,
        model=ask.model,
        messages=tuple(system + _messages(top.get("messages"))),
        instructions=len(system),
        streamed=ask.streamed is True,
        wants_usage=True,
        max_output_tokens=inference.maxTokens,
        stop=tuple(inference.stopSequences or ()),
        sampling=Sampling(inference.temperature, inference.topP, special.get("top_k")),
        thinking=_thinking(special, effort),
        tools=tuple(tools),
        tool_choice=choice,
        parallel_tool_calls=special.get("parallel"),
        output=output,
        service_tier=tier if isinstance(tier, str) else "",
        labels=_labels(top.get("requestMetadata")),
        extra=extra(others),
    )


def _convert(raw: msgspec.Raw, kind: Any, path: str) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{path}: {error}", param=path) from error


def _system(raw: msgspec.Raw | None) -> list[Message]:
    parts = blocks_in.read_blocks(raw_json.items(raw, "system"), "system")
    return [Message(Role.SYSTEM, tuple(parts))] if parts else []


def _messages(raw: msgspec.Raw | None) -> list[Message]:
    messages: list[Message] = []
    for place, item in enumerate(raw_json.items(raw, "messages")):
        here = f"messages.{place}"
        fields = raw_json.members(item, here)
        role = _ROLES.get(raw_json.text(fields.get("role"), f"{here}.role"))
        if role is None:
            raise InvalidRequest(f"{here}.role: must be user, assistant or system", param=f"{here}.role")
        parts = blocks_in.read_blocks(raw_json.items(fields.get("content"), f"{here}.content"), f"{here}.content")
        others = extra(raw_json.rest(fields, "role", "content"))
        if role is not Role.USER or not any(isinstance(part, ToolResult) for part in parts):
            messages.append(Message(role, tuple(parts), extra=others))
        else:
            messages.extend(apart(parts))
    return messages


def _inference(raw: msgspec.Raw | None) -> tuple[_Inference, dict[str, Any]]:
    if raw is None:
        return _Inference(), {}
    found = raw_json.members(raw, "inferenceConfig")
    read: _Inference = _convert(raw, _Inference, "inferenceConfig")
    return read, raw_json.rest(found, "maxTokens", "temperature", "topP", "stopSequences")


def _special(raw: msgspec.Raw | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is known of a model's own fields, and the others."""
    if raw is None:
        return {}, {}
    fields = raw_json.rest(raw_json.members(raw, "additionalModelRequestFields"))
    known: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, found in fields.items():
        if key == "top_k" and isinstance(found, int):
            known[key] = found
        elif key == "reasoning_effort" and isinstance(found, str):
            known["effort"] = found
        elif key == "thinking" and loose.mapping(found).get("type") in ("enabled", "disabled", "adaptive"):
            known[key] = found
        elif key == "tool_choice" and _sets_parallel(found):
            known["parallel"] = not found["disable_parallel_tool_use"]
        else:
            rest[key] = found
    return known, rest


def _sets_parallel(choice: Any) -> bool:
    fields = loose.mapping(choice)
    return fields.get("type") in ("auto", "any", "tool") and isinstance(fields.get("disable_parallel_tool_use"), bool)


def _thinking(special: dict[str, Any], effort: str) -> Thinking | None:
    told = loose.mapping(special.get("thinking"))
    effort = effort or special.get("effort", "")
    if not told:
        return Thinking(effort=effort) if effort else None
    budget = told.get("budget_tokens")
    display = told.get("display")
    return Thinking(
        enabled=told["type"] != "disabled",
        effort=effort,
        budget_tokens=budget if isinstance(budget, int) else None,
        adaptive=told["type"] == "adaptive",
        shown=None if display is None else display != "omitted",
    )


def _output(raw: msgspec.Raw | None) -> tuple[OutputFormat, str, dict[str, Any]]:
    fields = raw_json.members(raw, "outputConfig") if raw is not None else {}
    effort = raw_json.text(fields.get("effort"), "outputConfig.effort")
    others = raw_json.rest(fields, "textFormat", "effort")
    if "textFormat" not in fields:
        return OutputFormat(), effort, others
    told = loose.mapping(raw_json.value(fields["textFormat"]))
    form = loose.mapping(loose.mapping(told.get("structure")).get("jsonSchema"))
    path = "outputConfig.textFormat.structure.jsonSchema.schema"
    try:
        schema = msgspec.json.decode(form.get("schema", ""), type=dict[str, Any])
    except (msgspec.DecodeError, TypeError) as error:
        raise InvalidRequest(f"{path}: must be the text of a JSON schema", param=path) from error
    name, about = form.get("name"), form.get("description")
    return OutputFormat(OutputKind.SCHEMA, _said(name), _said(about), schema, held=True), effort, others


def _said(found: Any) -> str:
    return found if isinstance(found, str) else ""


def _tools(raw: msgspec.Raw | None) -> tuple[list[Tool], ToolChoice | None]:
    fields = raw_json.members(raw, "toolConfig") if raw is not None else {}
    tools: list[Tool] = []
    for place, item in enumerate(raw_json.items(fields.get("tools"), "toolConfig.tools")):
        here = f"toolConfig.tools.{place}"
        entry = raw_json.members(item, here)
        last = tools[-1] if tools else None
        if "toolSpec" in entry:
            tools.append(_tool(entry["toolSpec"], f"{here}.toolSpec"))
        elif "cachePoint" in entry and isinstance(last, FunctionTool) and last.cache is None:
            ttl = loose.mapping(raw_json.value(entry["cachePoint"])).get("ttl")
            tools[-1] = msgspec.structs.replace(last, cache=CacheMark(_said(ttl)))
        else:
            tools.append(NativeTool(wire.NAME, raw_json.rest(entry)))
    return tools, _choice(fields.get("toolChoice"))


def _tool(raw: msgspec.Raw, path: str) -> FunctionTool:
    fields = raw_json.members(raw, path)
    schema: Any = loose.mapping(raw_json.value(fields["inputSchema"])).get("json") if "inputSchema" in fields else None
    strict: Any = raw_json.value(fields["strict"]) if "strict" in fields else None
    return FunctionTool(
        raw_json.text(fields.get("name"), f"{path}.name"),
        raw_json.text(fields.get("description"), f"{path}.description"),
        cast("dict[str, Any]", schema) if isinstance(schema, dict) else None,
        strict if isinstance(strict, bool) else None,
        extra=extra(raw_json.rest(fields, "name", "description", "inputSchema", "strict")),
    )


def _choice(raw: msgspec.Raw | None) -> ToolChoice | None:
    if raw is None:
        return None
    fields = raw_json.members(raw, "toolConfig.toolChoice")
    if "any" in fields:
        return ToolChoice(ToolMode.REQUIRED)
    if "tool" in fields:
        path = "toolConfig.toolChoice.tool"
        return ToolChoice(ToolMode.REQUIRED, (raw_json.text(raw_json.members(fields["tool"], path).get("name"), path),))
    return ToolChoice(ToolMode.AUTO)


def _labels(raw: msgspec.Raw | None) -> dict[str, str]:
    return {} if raw is None else _convert(raw, dict[str, str], "requestMetadata")
