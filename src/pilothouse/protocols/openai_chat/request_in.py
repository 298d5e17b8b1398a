"""A chat request into the domain."""

from typing import Any, cast

import msgspec

from pilothouse.domain.chat import (
    ChatRequest,
    CustomTool,
    Extra,
    FunctionTool,
    NativeTool,
    OutputFormat,
    OutputKind,
    Sampling,
    Speech,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
)
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import json_body, loose
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.loose import integer, mapping, number, objects, text
from pilothouse.protocols.openai_chat.head import ChatHead, read_head
from pilothouse.protocols.openai_chat.parts import cache_mark
from pilothouse.protocols.openai_chat.turns_in import read_messages
from pilothouse.protocols.openai_chat.wire import NAME

_KNOWN = frozenset({
    "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "stop", "n", "temperature",
    "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed", "logit_bias", "logprobs", "top_logprobs",
    "reasoning_effort", "tools", "tool_choice", "parallel_tool_calls", "response_format", "modalities", "audio",
    "verbosity", "service_tier", "prompt_cache_key", "user", "safety_identifier", "metadata", "prediction", "store",
    "functions", "function_call", "random_seed",
})  # fmt: skip
_DRAWING = frozenset({
    "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed", "random_seed", "logit_bias",
    "logprobs", "top_logprobs",
})  # fmt: skip

# `any`, like `random_seed` above, is Mistral's word.
_MODES = {mode.value: mode for mode in ToolMode} | {"any": ToolMode.REQUIRED}


def read_request(body: bytes, _ask: Ask = NO_ASK) -> ChatRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where."""
    return read_fields(read_head(body), json_body.read_document(body))


def read_fields(head: ChatHead, found: dict[str, Any]) -> ChatRequest:
    """Return the request of decoded fields; raises `InvalidRequest` whose `param` says where."""
    rest = {key: value for key, value in found.items() if key not in _KNOWN and value is not None}
    return ChatRequest(
        dialect=NAME,
        model=head.model_name,
        messages=read_messages(found.get("messages")),
        streamed=head.streamed,
        wants_usage=head.wants_usage,
        max_output_tokens=first_integer(found, "max_completion_tokens", "max_tokens"),
        stop=read_stop(found.get("stop")),
        choices=integer(found.get("n")) or 1,
        sampling=read_sampling(found),
        thinking=_read_thinking(text(found.get("reasoning_effort"))),
        tools=_read_tools(found),
        tool_choice=_read_choice(found.get("tool_choice", found.get("function_call"))),
        parallel_tool_calls=_flag(found, "parallel_tool_calls"),
        output=_read_format(mapping(found.get("response_format"))),
        modalities=tuple(item for item in found.get("modalities") or () if isinstance(item, str)),
        speech=_read_speech(mapping(found.get("audio"))),
        verbosity=text(found.get("verbosity")),
        service_tier=text(found.get("service_tier")),
        cache_key=text(found.get("prompt_cache_key")),
        user_id=head.user_id,
        labels={key: loose.scalar(value) for key, value in mapping(found.get("metadata")).items()},
        prediction=found.get("prediction"),
        store=_flag(found, "store"),
        extra=Extra(NAME, rest) if rest else None,
    )


def _flag(found: dict[str, Any], name: str) -> bool | None:
    value = found.get(name)
    return value if isinstance(value, bool) else None


def first_integer(found: dict[str, Any], *names: str) -> int | None:
    """Return the first of the counts that is given; raises `InvalidRequest` for one that is no count."""
    for name in names:
        value = found.get(name)
        if value is None:
            continue
        count = integer(value)
        if count is None or count < 1:
            raise InvalidRequest(f"{name} must be a whole number above 0", param=name)
        return count
    return None


def read_stop(value: Any) -> tuple[str, ...]:
    """Return the stop sequences of one text or of a list."""
    if isinstance(value, str):
        return (value,)
    return tuple(item for item in cast("list[Any]", value) if isinstance(item, str)) if isinstance(value, list) else ()


def read_sampling(found: dict[str, Any]) -> Sampling:
    """Return how tokens are to be drawn, of a request's top-level fields."""
    if _DRAWING.isdisjoint(found):
        return Sampling()
    bias = mapping(found.get("logit_bias"))
    return Sampling(
        temperature=number(found.get("temperature")),
        top_p=number(found.get("top_p")),
        top_k=integer(found.get("top_k")),
        frequency_penalty=number(found.get("frequency_penalty")),
        presence_penalty=number(found.get("presence_penalty")),
        seed=integer(found.get("seed", found.get("random_seed"))),
        logit_bias={key: value for key, value in bias.items() if number(value) is not None} or None,
        logprobs=found.get("logprobs") is True,
        top_logprobs=integer(found.get("top_logprobs")),
    )


def _read_thinking(effort: str) -> Thinking | None:
    return Thinking(enabled=effort != "none", effort=effort) if effort else None


def _read_tools(found: dict[str, Any]) -> tuple[Tool, ...]:
    legacy = [_read_function(function) for function in objects(found.get("functions"))]
    return (*map(_read_tool, objects(found.get("tools"))), *legacy)


def _read_tool(tool: dict[str, Any]) -> Tool:
    kind = text(tool.get("type"))
    if kind == "custom":
        custom = mapping(tool.get("custom"))
        form = mapping(custom.get("format")) or None
        return CustomTool(text(custom.get("name")), text(custom.get("description")), form)
    if kind != "function":
        return NativeTool(NAME, tool)
    found = _read_function(mapping(tool.get("function")))
    mark = cache_mark(tool)
    if mark is None:
        return found
    own = found.extra.fields if found.extra is not None else {}
    extra = Extra(NAME, {**own, "cache_control": tool["cache_control"]})
    return msgspec.structs.replace(found, cache=mark, extra=extra)


def _read_function(function: dict[str, Any]) -> FunctionTool:
    name = text(function.get("name"))
    if not name:
        raise InvalidRequest("a function in tools has no name", param="tools")
    known = ("name", "description", "parameters", "strict")
    rest = {key: value for key, value in function.items() if key not in known}
    parameters: Any = function.get("parameters")
    return FunctionTool(
        name,
        text(function.get("description")),
        mapping(parameters) if isinstance(parameters, dict) else None,
        _flag(function, "strict"),
        extra=Extra(NAME, rest) if rest else None,
    )


def _read_choice(value: Any) -> ToolChoice | None:
    if isinstance(value, str):
        if value not in _MODES:
            raise InvalidRequest(
                f"tool_choice is {value!r}; it may be none, auto, required or a tool", param="tool_choice"
            )
        return ToolChoice(_MODES[value])
    choice = mapping(value)
    if not choice:
        return None
    if choice.get("type") == "allowed_tools":
        allowed = mapping(choice.get("allowed_tools"))
        names = tuple(_chosen_name(tool) for tool in objects(allowed.get("tools")))
        mode = ToolMode.REQUIRED if allowed.get("mode") == "required" else ToolMode.AUTO
        return ToolChoice(mode, names)
    return ToolChoice(ToolMode.REQUIRED, (_chosen_name(choice),))


def _chosen_name(choice: dict[str, Any]) -> str:
    inner = mapping(choice.get("function")) or mapping(choice.get("custom")) or choice
    return text(inner.get("name"))


def _read_format(form: dict[str, Any]) -> OutputFormat:
    kind = form.get("type")
    if kind == "json_object":
        return OutputFormat(OutputKind.JSON)
    if kind != "json_schema":
        return OutputFormat()
    inner = mapping(form.get("json_schema"))
    return OutputFormat(
        OutputKind.SCHEMA,
        text(inner.get("name")),
        text(inner.get("description")),
        mapping(inner.get("schema")),
        _flag(inner, "strict"),
    )


def _read_speech(audio: dict[str, Any]) -> Speech | None:
    return Speech(audio.get("voice"), text(audio.get("format"))) if audio else None
