"""A request of the domain as one of Mistral's chat."""

from typing import Any

from pilothouse.domain.chat import (
    ChatRequest,
    FunctionTool,
    NativeTool,
    OutputKind,
    ToolChoice,
    ToolMode,
)
from pilothouse.domain.facts import ModelFacts, ThinkingStyle
from pilothouse.protocols import losses
from pilothouse.protocols.base import NO_MEMO, Memo, Written
from pilothouse.protocols.loose import ENCODER
from pilothouse.protocols.mistral_chat.turns_out import TurnWriter
from pilothouse.protocols.mistral_chat.wire import NAME, own
from pilothouse.protocols.openai_chat.request_out import effort_of

_EMPTY: dict[str, Any] = {"type": "object", "properties": {}}
_NO_SUCH = "Mistral has no such setting"
_HELD = frozenset({"frequency_penalty", "presence_penalty", "seed", "prompt_cache_key", "prediction"})
"""Hints that Mistral takes."""


def write_request(request: ChatRequest, facts: ModelFacts) -> Written:
    """Return the body; what Mistral has no place for is among the losses."""
    turns = TurnWriter(request)
    body: dict[str, Any] = {"model": request.model, "messages": turns.write()}
    if request.streamed:
        body["stream"] = True
    _write_knobs(request, facts, body, turns)
    _write_thinking(request, facts, body, turns)
    _write_tools(request, body, turns)
    _write_output(request, body)
    _note_rest(request, turns)
    body = {**own(request.extra), **body}
    turns.losses += losses.foreign(request, NAME, "Mistral has no such field")
    # As in OpenAI's chat, a schema that is not strict is advice.
    checked = request.output.held and request.output.strict is not True
    return Written(
        ENCODER.encode(body), tuple(turns.losses), Memo(schema=request.output.schema) if checked else NO_MEMO
    )


def _write_knobs(request: ChatRequest, facts: ModelFacts, body: dict[str, Any], turns: TurnWriter) -> None:
    sampling = request.sampling
    found: dict[str, Any] = {
        "max_tokens": request.max_output_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "random_seed": sampling.seed,
        "n": request.choices if request.choices > 1 else None,
        "stop": list(request.stop) or None,
        "metadata": request.labels or None,
        "prompt_cache_key": request.cache_key or None,
        "prediction": request.prediction,
    }
    if not facts.sampling:
        for name in ("temperature", "top_p", "top_k"):
            if found.pop(name) is not None:
                turns.lose(name, "the model takes none")
    body |= {name: value for name, value in found.items() if value is not None}


def _write_thinking(request: ChatRequest, facts: ModelFacts, body: dict[str, Any], turns: TurnWriter) -> None:
    thinking = request.thinking
    if thinking is None:
        return
    if facts.thinking is ThinkingStyle.NONE:
        if thinking.enabled is not False:
            turns.lose("thinking", "the model does not think")
        return
    effort = "none" if thinking.enabled is False else thinking.effort
    if not effort and thinking.budget_tokens is not None:
        effort = effort_of(thinking.budget_tokens)
    body["reasoning_effort"] = effort or "high"


def _write_tools(request: ChatRequest, body: dict[str, Any], turns: TurnWriter) -> None:
    choice = request.tool_choice or ToolChoice()
    alone = choice.names[0] if len(choice.names) == 1 and choice.mode is ToolMode.REQUIRED else ""
    tools: list[dict[str, Any]] = []
    for place, tool in enumerate(request.tools):
        if isinstance(tool, NativeTool) and tool.dialect == NAME:
            tools.append(tool.value)
        elif not isinstance(tool, FunctionTool):
            turns.lose(f"tools.{place}", "Mistral has no such tool", essential=True)
        elif alone or not choice.names or tool.name in choice.names:
            # Which of several tools may be called is said by declaring no other.
            tools.append(_write_tool(tool))
    if not tools:
        return
    body["tools"] = tools
    if alone:
        body["tool_choice"] = {"type": "function", "function": {"name": alone}}
    elif request.tool_choice is not None:
        body["tool_choice"] = "any" if choice.mode is ToolMode.REQUIRED else str(choice.mode)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _write_tool(tool: FunctionTool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.schema or _EMPTY}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function | own(tool.extra)}


def _write_output(request: ChatRequest, body: dict[str, Any]) -> None:
    output = request.output
    if output.kind is OutputKind.JSON:
        body["response_format"] = {"type": "json_object"}
    elif output.kind is OutputKind.SCHEMA:
        schema: dict[str, Any] = {"name": output.name or "answer", "schema": output.schema or {"type": "object"}}
        if output.description:
            schema["description"] = output.description
        if output.strict is not None:
            schema["strict"] = output.strict
        body["response_format"] = {"type": "json_schema", "json_schema": schema}


def _note_rest(request: ChatRequest, turns: TurnWriter) -> None:
    for name in losses.needs(request):
        if name != "n":
            turns.lose(name, _NO_SUCH, essential=True)
    for name in losses.hints(request):
        if name not in _HELD:
            turns.lose(name, _NO_SUCH)
    for name, value in (("service_tier", request.service_tier), ("user", request.user_id)):
        if value:
            turns.lose(name, _NO_SUCH)
