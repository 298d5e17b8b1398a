"""A chat request into the domain."""

from collections.abc import Callable
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
from pilothouse.protocols.openai_chat.head import ChatHead, head_of
from pilothouse.protocols.openai_chat.parts import cache_mark
from pilothouse.protocols.openai_chat.turns_in import read_messages
from pilothouse.protocols.openai_chat.wire import NAME

_HEAD = frozenset({"model", "messages", "stream", "stream_options", "user", "safety_identifier"})
_DRAWING = frozenset({
    "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed", "random_seed", "logit_bias",
    "logprobs", "top_logprobs",
})  # fmt: skip

# `any`, like `random_seed` above, is Mistral's word.
_MODES = {mode.value: mode for mode in ToolMode} | {"any": ToolMode.REQUIRED}
_NO_SAMPLING = Sampling()


def read_request(body: bytes, _ask: Ask = NO_ASK) -> ChatRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where."""
    found = json_body.read_document(body)
    return read_fields(head_of(found, body), found)


def read_fields(head: ChatHead, found: dict[str, Any]) -> ChatRequest:
    """Return the request of decoded fields; raises `InvalidRequest` whose `param` says where."""
    messages, said = read_messages(found.get("messages")), dict[str, Any]()
    rest: dict[str, Any] = {}
    # Of the many fields there are, a request has few: only those are looked at.
    for key, value in found.items():
        if value is None or key in _HEAD:
            continue
        if key in _ALONE:
            name, read = _ALONE[key]
            said[name] = read(value)
        elif key in _TOGETHER:
            name, read = _TOGETHER[key]
            if name not in said:
                said[name] = read(found)
        else:
            rest[key] = value
    return ChatRequest(
        dialect=NAME,
        model=head.model_name,
        messages=messages,
        streamed=head.streamed,
        wants_usage=head.wants_usage,
        user_id=head.user_id,
        extra=Extra(NAME, rest) if rest else None,
        **said,
    )


def _truth(value: Any) -> bool | None:
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


def _read_limit(found: dict[str, Any]) -> int | None:
    return first_integer(found, "max_completion_tokens", "max_tokens")


def read_stop(value: Any) -> tuple[str, ...]:
    """Return the stop sequences of one text or of a list."""
    if isinstance(value, str):
        return (value,)
    return tuple(item for item in cast("list[Any]", value) if isinstance(item, str)) if isinstance(value, list) else ()


def read_sampling(found: dict[str, Any]) -> Sampling:
    """Return how tokens are to be drawn, of a request's top-level fields."""
    if _DRAWING.isdisjoint(found):
        return _NO_SAMPLING
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


def _read_thinking(value: Any) -> Thinking | None:
    effort = text(value)
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
        _truth(function.get("strict")),
        extra=Extra(NAME, rest) if rest else None,
    )


def _read_choice(found: dict[str, Any]) -> ToolChoice | None:
    value = found.get("tool_choice", found.get("function_call"))
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


def _read_format(value: Any) -> OutputFormat:
    form = mapping(value)
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
        _truth(inner.get("strict")),
    )


def _read_speech(value: Any) -> Speech | None:
    audio = mapping(value)
    return Speech(audio.get("voice"), text(audio.get("format"))) if audio else None


def _read_labels(value: Any) -> dict[str, str]:
    return {key: loose.scalar(label) for key, label in mapping(value).items()}


def _read_modalities(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value or () if isinstance(item, str))


_ALONE: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "stop": ("stop", read_stop),
    "n": ("choices", lambda value: integer(value) or 1),
    "reasoning_effort": ("thinking", _read_thinking),
    "parallel_tool_calls": ("parallel_tool_calls", _truth),
    "response_format": ("output", _read_format),
    "modalities": ("modalities", _read_modalities),
    "audio": ("speech", _read_speech),
    "verbosity": ("verbosity", text),
    "service_tier": ("service_tier", text),
    "prompt_cache_key": ("cache_key", text),
    "metadata": ("labels", _read_labels),
    "prediction": ("prediction", lambda value: value),
    "store": ("store", _truth),
}
"""Fields that say something by themselves: the domain's name of it, and what reads the value."""

_TOGETHER: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "max_completion_tokens": ("max_output_tokens", _read_limit),
    "max_tokens": ("max_output_tokens", _read_limit),
    "tools": ("tools", _read_tools),
    "functions": ("tools", _read_tools),
    "tool_choice": ("tool_choice", _read_choice),
    "function_call": ("tool_choice", _read_choice),
    **dict.fromkeys(_DRAWING, ("sampling", read_sampling)),
}
"""Fields of which several say one thing, read from all fields of the request."""
