"""A Responses request, read into the domain."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from pilothouse.domain.chat import (
    ChatRequest,
    Extra,
    Message,
    OutputFormat,
    OutputKind,
    Role,
    Sampling,
    Text,
    Thinking,
)
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import json_body, loose
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.loose import mapping, text
from pilothouse.protocols.openai_responses.items_in import read_input
from pilothouse.protocols.openai_responses.tools import read_choice, read_tools
from pilothouse.protocols.openai_responses.wire import NAME, string

_KNOWN = frozenset({
    "model", "input", "instructions", "stream", "max_output_tokens", "temperature", "top_p", "top_logprobs",
    "reasoning", "tools", "tool_choice", "parallel_tool_calls", "text", "service_tier", "prompt_cache_key", "user",
    "metadata", "previous_response_id", "store", "background", "include", "stream_options",
})  # fmt: skip
_STATE = {
    "conversation": "the conversation is held by the provider that made it; this model is served by another API, so "
    "send the earlier items themselves",
    "prompt": "the prompt template is held by the provider that made it; this model is served by another API, so send "
    "the prompt's text itself",
}
_REASONING = frozenset({"effort", "summary", "generate_summary"})
_LOGPROBS = "message.output_text.logprobs"

_Number = TypeVar("_Number", int, float)


def read_request(body: bytes, _ask: Ask = NO_ASK) -> ChatRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where."""
    whole = json_body.read_document(body)
    for name, why in _STATE.items():
        if whole.get(name) is not None:
            raise InvalidRequest(why, param=name)
    shown = mapping(whole.get("text"))
    instructions = _instructions(whole.get("instructions"))
    return ChatRequest(
        dialect=NAME,
        model=text(whole.get("model")),
        messages=(*instructions, *_input(whole)),
        instructions=len(instructions),
        streamed=_flag(whole, "stream") or False,
        wants_usage=True,
        max_output_tokens=_int(whole, "max_output_tokens"),
        sampling=_sampling(whole),
        thinking=_thinking(whole.get("reasoning")),
        tools=read_tools(whole.get("tools")),
        tool_choice=read_choice(whole.get("tool_choice")),
        parallel_tool_calls=_flag(whole, "parallel_tool_calls"),
        output=_format(shown.get("format")),
        verbosity=text(shown.get("verbosity")),
        service_tier=text(whole.get("service_tier")),
        cache_key=text(whole.get("prompt_cache_key")),
        user_id=loose.scalar(whole.get("user")) or loose.scalar(whole.get("safety_identifier")),
        labels=loose.scalars(whole.get("metadata")),
        previous_id=text(whole.get("previous_response_id")),
        store=_flag(whole, "store"),
        background=_flag(whole, "background") or False,
        extra=_extra(whole, shown),
    )


def _instructions(value: Any) -> tuple[Message, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return (Message(Role.SYSTEM, (Text(value),)),)
    if isinstance(value, list):
        return read_input(cast("Any", value))
    raise InvalidRequest("instructions must be a string", param="instructions")


def _input(whole: dict[str, Any]) -> tuple[Message, ...]:
    if whole.get("input") is None and whole.get("previous_response_id"):
        return ()
    return read_input(whole.get("input"))


def _extra(whole: dict[str, Any], shown: dict[str, Any]) -> Extra | None:
    left = {key: value for key, value in whole.items() if key not in _KNOWN and value is not None}
    if not loose.scalar(whole.get("user")):
        left.pop("safety_identifier", None)
    include = [name for name in loose.listing(whole.get("include")) if name != _LOGPROBS]
    if include:
        left["include"] = include
    reasoning = {key: value for key, value in mapping(whole.get("reasoning")).items() if key not in _REASONING}
    if reasoning:
        left["reasoning"] = reasoning
    other = {key: value for key, value in shown.items() if key not in ("format", "verbosity")}
    if other:
        left["text"] = other
    if whole.get("stream_options"):
        left["stream_options"] = whole["stream_options"]
    return Extra(NAME, left) if left else None


def _sampling(whole: dict[str, Any]) -> Sampling:
    top = _int(whole, "top_logprobs")
    return Sampling(
        temperature=_number(whole, "temperature", _as_float),
        top_p=_number(whole, "top_p", _as_float),
        logprobs=_LOGPROBS in loose.listing(whole.get("include")) or bool(top),
        top_logprobs=top,
    )


def _thinking(value: Any) -> Thinking | None:
    told = mapping(value)
    effort = text(told.get("effort"))
    summary = text(told.get("summary")) or text(told.get("generate_summary"))
    if not effort and not summary:
        return None
    return Thinking(
        enabled=effort != "none" if effort else None,
        effort=effort,
        shown=True if summary else None,
        summary=summary,
    )


def _format(value: Any) -> OutputFormat:
    form = mapping(value)
    kind = text(form.get("type")) or "text"
    if kind == "text":
        return OutputFormat()
    if kind == "json_object":
        return OutputFormat(OutputKind.JSON)
    if kind != "json_schema":
        raise InvalidRequest("text.format.type must be text, json_object or json_schema", param="text.format.type")
    schema, strict = form.get("schema"), form.get("strict")
    if not isinstance(schema, dict):
        raise InvalidRequest("text.format.schema must be an object", param="text.format.schema")
    return OutputFormat(
        OutputKind.SCHEMA,
        string(form, "name", "text.format"),
        text(form.get("description")),
        cast("dict[str, Any]", schema),
        strict if isinstance(strict, bool) else None,
    )


def _flag(whole: dict[str, Any], name: str) -> bool | None:
    value = whole.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise InvalidRequest(f"{name} must be true or false", param=name)


def _int(whole: dict[str, Any], name: str) -> int | None:
    return _number(whole, name, _as_int)


def _number(whole: dict[str, Any], name: str, convert: Callable[[int | float], _Number | None]) -> _Number | None:
    value = whole.get(name)
    if value is None:
        return None
    found = convert(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if found is None:
        raise InvalidRequest(f"{name} must be a number", param=name)
    return found


def _as_int(value: int | float) -> int | None:
    return int(value) if value == int(value) else None


def _as_float(value: int | float) -> float | None:
    return float(value)
