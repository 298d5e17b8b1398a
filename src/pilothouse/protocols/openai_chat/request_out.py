"""A request of the domain as a chat request."""

from typing import Any

from pilothouse.domain.chat import (
    ChatRequest,
    CustomTool,
    FunctionTool,
    NativeTool,
    OutputKind,
    Tool,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from pilothouse.domain.facts import ModelFacts, ThinkingStyle
from pilothouse.protocols import losses
from pilothouse.protocols.base import NO_MEMO, Memo, Written
from pilothouse.protocols.loose import ENCODER
from pilothouse.protocols.openai_chat.turns_out import TurnWriter
from pilothouse.protocols.openai_chat.wire import NAME

_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh"})
_BUDGETS = ((2048, "low"), (12_000, "medium"))
"""Up to how many tokens of thought an effort stands for."""
_MOST_STOPS = 4


def write_request(request: ChatRequest, facts: ModelFacts) -> Written:
    """Return the body; a streamed request asks for usage."""
    turns = TurnWriter(request, facts)
    body: dict[str, Any] = {"model": request.model, "messages": turns.write()}
    if request.streamed:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    _write_knobs(request, facts, body, turns)
    _write_thinking(request, facts, body, turns)
    _write_tools(request, body, turns)
    _write_output(request, body)
    _write_hints(request, body, turns)
    if request.extra is not None and request.extra.dialect == NAME:
        body = {**request.extra.fields, **body}
    turns.losses += losses.foreign(request, NAME, "chat has no such field")
    if _is_marked(request):
        turns.lose("cache_control", "chat providers choose themselves what to cache")
    # Unless told to be strict, chat takes a schema for advice.
    checked = request.output.held and request.output.strict is not True
    memo = Memo(schema=request.output.schema) if checked else NO_MEMO
    return Written(ENCODER.encode(body), tuple(turns.losses), memo)


def _is_marked(request: ChatRequest) -> bool:
    """Return whether another dialect's caller says where to cache; a chat caller's own marks go on as they came."""
    if request.dialect == NAME:
        return False
    parts = [part for turn in request.messages for part in turn.parts]
    inner = [item for part in parts if isinstance(part, ToolResult) for item in part.parts]
    return any(getattr(item, "cache", None) is not None for item in (*parts, *inner, *request.tools))


def _write_knobs(request: ChatRequest, facts: ModelFacts, body: dict[str, Any], turns: TurnWriter) -> None:
    sampling = request.sampling
    # OpenAI's thinking models refuse the older name, and many other servers know no other.
    limit = "max_completion_tokens" if facts.thinking is ThinkingStyle.EFFORT else "max_tokens"
    found = {
        limit: request.max_output_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k if facts.top_k else None,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "seed": sampling.seed,
        "logit_bias": sampling.logit_bias,
        "logprobs": sampling.logprobs or None,
        "top_logprobs": sampling.top_logprobs,
        "n": request.choices if request.choices > 1 else None,
        "stop": list(request.stop[:_MOST_STOPS]) or None,
    }
    if not facts.sampling:
        for name in ("temperature", "top_p", "top_k"):
            if found.pop(name) is not None:
                turns.lose(name, "the model takes none")
    elif sampling.top_k is not None and not facts.top_k:
        turns.lose("top_k", "the model takes none")
    if len(request.stop) > _MOST_STOPS:
        turns.lose("stop", f"chat takes {_MOST_STOPS} stop sequences at most", essential=True)
    body |= {name: value for name, value in found.items() if value is not None}


def effort_of(budget_tokens: int) -> str:
    """Return the effort that stands for so many tokens of thought."""
    return next((word for most, word in _BUDGETS if budget_tokens <= most), "high")


def _write_thinking(request: ChatRequest, facts: ModelFacts, body: dict[str, Any], turns: TurnWriter) -> None:
    thinking = request.thinking
    if thinking is None:
        return
    if facts.thinking is ThinkingStyle.NONE:
        if thinking.enabled is not False:
            turns.lose("thinking", "the model does not think")
        return
    effort = {"max": "xhigh"}.get(thinking.effort, thinking.effort)
    if thinking.enabled is False:
        effort = "none"
    elif not effort and thinking.budget_tokens is not None:
        effort = effort_of(thinking.budget_tokens)
    if effort in _EFFORTS:
        body["reasoning_effort"] = effort
    elif effort:
        turns.lose("thinking", f"chat has no effort {effort!r}")


def _write_tools(request: ChatRequest, body: dict[str, Any], turns: TurnWriter) -> None:
    tools = [found for number, tool in enumerate(request.tools) if (found := _write_tool(tool, number, turns))]
    if not tools:
        return
    body["tools"] = tools
    if request.tool_choice is not None:
        body["tool_choice"] = _write_choice(request.tool_choice, request.tools)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _write_tool(tool: Tool, number: int, turns: TurnWriter) -> dict[str, Any] | None:
    if isinstance(tool, NativeTool):
        if tool.dialect == NAME:
            return tool.value
        turns.lose(f"tools.{number}", "it is run by another vendor's servers", essential=True)
        return None
    if isinstance(tool, CustomTool):
        custom: dict[str, Any] = {"name": tool.name, "description": tool.description, "format": tool.format}
        return {"type": "custom", "custom": {key: value for key, value in custom.items() if value}}
    function = _write_function(tool)
    # The mark stands beside the function, not in it.
    marked = {"cache_control": function.pop("cache_control")} if "cache_control" in function else {}
    return {"type": "function", "function": function, **marked}


def _write_function(tool: FunctionTool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    if tool.extra is not None and tool.extra.dialect == NAME:
        function |= tool.extra.fields
    return function


def _write_choice(choice: ToolChoice, tools: tuple[Tool, ...]) -> Any:
    if not choice.names or choice.mode is ToolMode.NONE:
        return str(choice.mode)
    custom = {tool.name for tool in tools if isinstance(tool, CustomTool)}
    named = [_named("custom" if name in custom else "function", name) for name in choice.names]
    if len(named) == 1 and choice.mode is ToolMode.REQUIRED:
        return named[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": str(choice.mode), "tools": named}}


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"type": kind, kind: {"name": name}}


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
    if request.modalities:
        body["modalities"] = list(request.modalities)
    if request.speech is not None:
        body["audio"] = {"voice": request.speech.voice, "format": request.speech.format}


def _write_hints(request: ChatRequest, body: dict[str, Any], turns: TurnWriter) -> None:
    found: dict[str, Any] = {
        "service_tier": request.service_tier,
        "prompt_cache_key": request.cache_key,
        "metadata": request.labels,
        "prediction": request.prediction,
        "store": request.store,
    }
    given = {name: value for name, value in found.items() if value or value is False}
    if request.dialect == NAME:
        body |= given
    else:
        # Many servers that speak chat refuse a field they do not know, and the caller did not ask for chat's.
        for name, value in given.items():
            if value is not False:
                turns.lose(name, "not every chat server takes it")
    if request.verbosity:
        body["verbosity"] = request.verbosity
    if request.user_id:
        body["user"] = request.user_id
    if request.previous_id:
        turns.lose("previous_response_id", "chat has no memory of earlier answers", essential=True)
    if request.background:
        turns.lose("background", "chat answers at once", essential=True)
