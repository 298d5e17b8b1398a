"""The response object around the output: what it repeats of the request, and how it ended."""

import re
from typing import Any

import msgspec

from pilothouse.domain.chat import ChatRequest, OutputFormat, OutputKind, StopReason
from pilothouse.domain.usage import Usage
from pilothouse.protocols.base import Echo
from pilothouse.protocols.openai_responses import usage, wire
from pilothouse.protocols.openai_responses.request_out import leading_text
from pilothouse.protocols.openai_responses.tools import write_choice, write_tools
from pilothouse.protocols.openai_responses.wire import NAME
from pilothouse.protocols.openai_usage import tier_word

_NOT_ID = re.compile(r"[^a-zA-Z0-9_-]")
_PREFIX = "resp_"
_ECHOED = (
    "safety_identifier", "max_tool_calls", "truncation", "prompt_cache_retention", "prompt_cache_options", "moderation",
)  # fmt: skip
_INCOMPLETE = {
    StopReason.LENGTH: "max_output_tokens",
    StopReason.CONTEXT_FULL: "max_output_tokens",
    StopReason.FILTERED: "content_filter",
    StopReason.REFUSED: "content_filter",
}


class Ending(msgspec.Struct, frozen=True):
    """How an answer ended."""

    status: str = "completed"
    reason: str = ""
    """Why it is incomplete; empty where this API has no word for it."""
    error: dict[str, Any] | None = None

    @property
    def event(self) -> str:
        """The name of the stream's last event."""
        return f"response.{self.status}"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What of an answer stands around its output."""

    id: str
    model: str
    created_s: int
    usage: Usage | None = None
    service_tier: str = ""


def ending(stop: StopReason, *, refusal_shown: bool) -> Ending:
    """Return how an answer that stopped so has ended here; a refusal in words is a complete answer."""
    if stop is StopReason.BROKEN:
        return Ending("failed", error={"code": "server_error", "message": "the model's output broke its own format"})
    if stop is StopReason.PAUSED:
        return Ending("incomplete")
    reason = _INCOMPLETE.get(stop)
    if reason is None or (stop is StopReason.REFUSED and refusal_shown):
        return Ending()
    return Ending("incomplete", reason)


def base_id(given: str, echo: Echo) -> str:
    """Return what the answer's id and those of its items are made of: the provider's id, else the call's own."""
    return _NOT_ID.sub("", given.removeprefix(_PREFIX)) or _NOT_ID.sub("", echo.id) or "0"


def document(answer: Answer, output: list[dict[str, Any]], end: Ending, request: ChatRequest) -> dict[str, Any]:
    """Return the response object; with an `end` of status `in_progress` that of an answer which has just begun."""
    return {
        "id": _PREFIX + answer.id,
        "object": "response",
        "created_at": answer.created_s,
        "status": end.status,
        "background": request.background,
        "error": end.error,
        "incomplete_details": {"reason": end.reason} if end.reason else None,
        "instructions": (leading_text(request.messages[0]) or None) if request.messages else None,
        "max_output_tokens": request.max_output_tokens,
        "model": answer.model or request.model,
        "output": output,
        **_echoed(request),
        "service_tier": tier_word(answer.service_tier or request.service_tier) or None,
        "usage": usage.write(answer.usage) if answer.usage is not None else None,
    }


def _echoed(request: ChatRequest) -> dict[str, Any]:
    thinking, extra = request.thinking, wire.own(request.extra)
    choice = request.tool_choice
    return {
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": request.previous_id or None,
        "prompt_cache_key": request.cache_key or None,
        "reasoning": {
            "effort": (thinking.effort or None) if thinking else None,
            "summary": (thinking.summary or None) if thinking else None,
        },
        "store": request.store is True,
        "temperature": request.sampling.temperature,
        "text": {"format": _format(request.output), **({"verbosity": request.verbosity} if request.verbosity else {})},
        "tool_choice": write_choice(choice, request.tools, {}) if choice is not None else "auto",
        "tools": write_tools(request.tools, {}, [], own=request.dialect == NAME),
        "top_logprobs": request.sampling.top_logprobs,
        "top_p": request.sampling.top_p,
        "truncation": "disabled",
        "user": request.user_id or None,
        "metadata": request.labels,
        **{name: extra[name] for name in _ECHOED if name in extra},
    }


def _format(form: OutputFormat) -> dict[str, Any]:
    if form.kind is OutputKind.TEXT:
        return {"type": "text"}
    if form.kind is OutputKind.JSON:
        return {"type": "json_object"}
    return {
        "type": "json_schema", "name": form.name, "schema": form.schema or {}, "strict": form.strict,
        "description": form.description or None,
    }  # fmt: skip
