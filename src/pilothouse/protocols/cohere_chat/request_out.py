"""A request of the domain as one of Cohere's chat."""

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
from pilothouse.protocols import losses, tool_text
from pilothouse.protocols.base import Memo, Written
from pilothouse.protocols.cohere_chat.turns_out import TurnWriter
from pilothouse.protocols.cohere_chat.wire import NAME
from pilothouse.protocols.loose import ENCODER

_EMPTY: dict[str, Any] = {"type": "object", "properties": {}}
_MOST_STOPS = 5
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192}
"""Tokens of thought that an effort stands for; a higher one is not limited."""
_HELD = frozenset({"frequency_penalty", "presence_penalty", "seed"})
"""Hints that Cohere takes."""


def write_request(request: ChatRequest, facts: ModelFacts) -> Written:
    """Return the body; what Cohere has no place for is among the losses."""
    names = tool_text.sent_names(request)
    turns = TurnWriter(request, names)
    body: dict[str, Any] = {"model": request.model, "messages": turns.write()}
    if turns.documents:
        body["documents"] = turns.documents
    if request.streamed:
        body["stream"] = True
    _write_knobs(request, facts, body, turns)
    _write_thinking(request, facts, body, turns)
    _write_tools(request, body, turns, names)
    _write_output(request, body)
    _note_rest(request, turns)
    if request.extra is not None and request.extra.dialect == NAME:
        body = {**request.extra.fields, **body}
    turns.losses += losses.foreign(request, NAME, "Cohere has no such field")
    renamed = {sent: said for said, sent in names.items() if sent != said}
    schema = request.output.schema if request.dialect != NAME else None
    return Written(ENCODER.encode(body), tuple(turns.losses), Memo(renamed, schema=schema))


def _write_knobs(request: ChatRequest, facts: ModelFacts, body: dict[str, Any], turns: TurnWriter) -> None:
    sampling = request.sampling
    own = request.dialect == NAME
    found = {
        "max_tokens": request.max_output_tokens,
        "temperature": sampling.temperature,
        "p": sampling.top_p,
        "k": sampling.top_k,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "seed": sampling.seed,
        "logprobs": (sampling.logprobs and own) or None,
        "stop_sequences": list(request.stop[:_MOST_STOPS]) or None,
    }
    if not facts.sampling:
        for name, field in (("temperature", "temperature"), ("top_p", "p"), ("top_k", "k")):
            if found.pop(field) is not None:
                turns.lose(name, "the model takes none")
    if len(request.stop) > _MOST_STOPS:
        turns.lose("stop", f"Cohere takes {_MOST_STOPS} stop sequences at most", essential=True)
    body |= {name: value for name, value in found.items() if value is not None}


def _write_thinking(request: ChatRequest, facts: ModelFacts, body: dict[str, Any], turns: TurnWriter) -> None:
    thinking = request.thinking
    if thinking is None:
        return
    if facts.thinking is ThinkingStyle.NONE:
        if thinking.enabled is not False:
            turns.lose("thinking", "the model does not think")
        return
    if thinking.enabled is False or thinking.effort == "none":
        body["thinking"] = {"type": "disabled"}
        return
    budget = thinking.budget_tokens or _BUDGETS.get(thinking.effort)
    body["thinking"] = {"type": "enabled", **({} if budget is None else {"token_budget": budget})}


def _write_tools(request: ChatRequest, body: dict[str, Any], turns: TurnWriter, names: dict[str, str]) -> None:
    choice = request.tool_choice or ToolChoice()
    tools: list[dict[str, Any]] = []
    for place, tool in enumerate(request.tools):
        if isinstance(tool, NativeTool) and tool.dialect == NAME:
            tools.append(tool.value)
        elif not isinstance(tool, FunctionTool):
            turns.lose(f"tools.{place}", "Cohere has no such tool", essential=True)
        elif not choice.names or tool.name in choice.names:
            # Which tools may be called is said by declaring no other.
            function = {"name": names[tool.name], "description": tool.description, "parameters": tool.schema or _EMPTY}
            tools.append({"type": "function", "function": function})
    if not tools:
        return
    body["tools"] = tools
    if choice.mode is not ToolMode.AUTO:
        body["tool_choice"] = str(choice.mode).upper()
    strict = [tool.strict is True for tool in request.tools if isinstance(tool, FunctionTool)]
    if strict and all(strict):
        body["strict_tools"] = True
    elif any(strict):
        turns.lose("tools", "Cohere takes all tools strictly or none")
    if request.parallel_tool_calls is False:
        turns.lose("parallel_tool_calls", "the model may call several tools at once")


def _write_output(request: ChatRequest, body: dict[str, Any]) -> None:
    output = request.output
    if output.kind is OutputKind.SCHEMA:
        body["response_format"] = {"type": "json_object", "json_schema": output.schema or {"type": "object"}}
    elif output.kind is OutputKind.JSON:
        body["response_format"] = {"type": "json_object"}


def _note_rest(request: ChatRequest, turns: TurnWriter) -> None:
    for name in losses.needs(request):
        if name != "logprobs" or request.dialect != NAME:
            turns.lose(name, "Cohere has no such setting", essential=True)
    for name in losses.hints(request):
        if name not in _HELD:
            turns.lose(name, "Cohere has no such setting")
    others = {"service_tier": request.service_tier, "user": request.user_id, "metadata": request.labels}
    for name, value in others.items():
        if value:
            turns.lose(name, "Cohere has no such setting")
