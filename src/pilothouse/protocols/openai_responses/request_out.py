"""A request of the domain, written for a server of the Responses API."""

from typing import Any

from pilothouse.domain.chat import ChatRequest, Message, OutputKind, Role, Text, Thinking
from pilothouse.domain.facts import Loss, ModelFacts, ThinkingStyle
from pilothouse.protocols import loose
from pilothouse.protocols.answer_tool import wrap
from pilothouse.protocols.base import Memo, Written
from pilothouse.protocols.losses import foreign
from pilothouse.protocols.openai_responses import wire
from pilothouse.protocols.openai_responses.items_out import Items
from pilothouse.protocols.openai_responses.parts_out import Place
from pilothouse.protocols.openai_responses.tools import sent_names, write_choice, write_tools
from pilothouse.protocols.openai_responses.wire import NAME

_JSON_WORD: dict[str, Any] = {
    "type": "message",
    "role": "system",
    "content": [{"type": "input_text", "text": "Answer in JSON."}],
}
"""OpenAI refuses to answer in JSON unless the input has the word."""

_LEAST_TOKENS = 16
_SEALED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_FOREIGN_TIERS = {"standard": "default", "standard_only": "default", "on_demand": "default"}
_LOW_BUDGET, _MEDIUM_BUDGET = 2048, 8192


def write_request(request: ChatRequest, facts: ModelFacts) -> Written:
    """Return the request as a Responses body, and what of it has no place there."""
    losses: list[Loss] = []
    names = sent_names(request.tools)
    out: dict[str, Any] = {"model": request.model}
    _write_messages(request, out, names, losses)
    _write_limits(request, facts, out, losses)
    _write_tools(request, out, names, losses)
    _write_thinking(request.thinking, facts, out, losses)
    wrapped = _write_form(request, out)
    _write_who(request, out, losses)
    _write_state(request, facts, out, losses)
    _write_extra(request, out, losses)
    _lose_rest(request, losses)
    if request.streamed:
        out["stream"] = True
    checked = request.output.schema if wrapped or (request.output.held and request.output.strict is not True) else None
    memo = Memo({sent: said for said, sent in names.items()}, wrapped=wrapped, schema=checked)
    return Written(wire.encode(out), tuple(losses), memo)


def _write_messages(request: ChatRequest, out: dict[str, Any], names: dict[str, str], losses: list[Loss]) -> None:
    messages = request.messages
    start = 0
    if messages and (instructions := leading_text(messages[0])):
        out["instructions"] = instructions
        start = 1
    items = Items(names)
    place = Place("messages", losses, request.dialect)
    out["input"] = [
        item
        for number, message in enumerate(messages)
        if number >= start
        for item in items.of(message, place.at(number))
    ]
    if request.output.kind is OutputKind.JSON and request.dialect != NAME and not _speaks_of_json(out["input"]):
        out["input"].insert(0, _JSON_WORD)
    last = messages[-1] if messages else None
    if last is not None and last.role is Role.ASSISTANT and request.dialect != NAME and _is_prefill(last):
        place.at(len(messages) - 1).lose("an answer cannot be begun for the model; it starts a new one")


def _speaks_of_json(items: list[dict[str, Any]]) -> bool:
    return b"json" in wire.encode(items).lower()


def leading_text(message: Message) -> str:
    """Return the text of a system message that is one plain text; empty for any other."""
    if message.role is not Role.SYSTEM or len(message.parts) != 1 or message.name or message.extra is not None:
        return ""
    part = message.parts[0]
    plain = isinstance(part, Text) and part.cache is None and part.extra is None and not part.signature
    return part.text if plain and isinstance(part, Text) else ""


def _is_prefill(message: Message) -> bool:
    return bool(message.parts) and isinstance(message.parts[-1], Text)


def _write_limits(request: ChatRequest, facts: ModelFacts, out: dict[str, Any], losses: list[Loss]) -> None:
    limit = request.max_output_tokens
    if limit is not None:
        if limit < _LEAST_TOKENS and request.dialect != NAME:
            losses.append(Loss("max_output_tokens", f"OpenAI takes no limit below {_LEAST_TOKENS}"))
            limit = _LEAST_TOKENS
        out["max_output_tokens"] = limit
    sampling = request.sampling
    for name, value in (("temperature", sampling.temperature), ("top_p", sampling.top_p)):
        if value is None:
            continue
        if facts.sampling:
            out[name] = value
        else:
            losses.append(Loss(name, "the model takes no sampling settings"))
    if sampling.top_logprobs is not None:
        out["top_logprobs"] = sampling.top_logprobs


def _write_tools(request: ChatRequest, out: dict[str, Any], names: dict[str, str], losses: list[Loss]) -> None:
    tools = write_tools(request.tools, names, losses, own=request.dialect == NAME)
    if tools:
        out["tools"] = tools
    if request.tool_choice is not None and (tools or request.dialect == NAME):
        out["tool_choice"] = write_choice(request.tool_choice, request.tools, names)
    if request.parallel_tool_calls is not None:
        out["parallel_tool_calls"] = request.parallel_tool_calls


def _write_thinking(thinking: Thinking | None, facts: ModelFacts, out: dict[str, Any], losses: list[Loss]) -> None:
    if thinking is None:
        return
    if facts.thinking is ThinkingStyle.NONE:
        if thinking.enabled is not False:
            losses.append(Loss("thinking", "the model does not think"))
        return
    told: dict[str, Any] = {}
    effort = _effort(thinking, losses)
    if effort:
        told["effort"] = effort
    if thinking.summary or thinking.shown:
        told["summary"] = thinking.summary or "auto"
    if told:
        out["reasoning"] = told


def _effort(thinking: Thinking, losses: list[Loss]) -> str:
    if thinking.effort:
        return thinking.effort
    if thinking.enabled is False:
        return "none"
    budget = thinking.budget_tokens
    if budget is None:
        return ""
    losses.append(Loss("thinking.budget_tokens", "OpenAI is told an effort, not a number of tokens"))
    if budget <= _LOW_BUDGET:
        return "low"
    return "medium" if budget <= _MEDIUM_BUDGET else "high"


def _write_form(request: ChatRequest, out: dict[str, Any]) -> bool:
    """Return whether the schema had to be put into an object, since OpenAI takes no other at the top."""
    wrapped = False
    form, shown = request.output, dict[str, Any]()
    if form.kind is OutputKind.JSON:
        shown["format"] = {"type": "json_object"}
    elif form.kind is OutputKind.SCHEMA:
        schema = form.schema or {}
        wrapped = request.dialect != NAME and schema.get("type") != "object"
        told: dict[str, Any] = {"type": "json_schema", "name": form.name or "answer"}
        told["schema"] = {**wrap(schema), "additionalProperties": False} if wrapped else schema
        if form.description:
            told["description"] = form.description
        if form.strict is not None:
            told["strict"] = form.strict
        shown["format"] = told
    if request.verbosity:
        shown["verbosity"] = request.verbosity
    if shown:
        out["text"] = shown
    return wrapped


def _write_who(request: ChatRequest, out: dict[str, Any], losses: list[Loss]) -> None:
    if request.user_id:
        out["user"] = request.user_id
    if request.labels:
        out["metadata"] = request.labels
    if request.cache_key:
        out["prompt_cache_key"] = request.cache_key
    tier = _FOREIGN_TIERS.get(request.service_tier, request.service_tier)
    if tier in _TIERS or (tier and request.dialect == NAME):
        out["service_tier"] = tier
    elif tier:
        losses.append(Loss("service_tier", f"OpenAI has no tier {tier!r}"))


def _write_state(request: ChatRequest, facts: ModelFacts, out: dict[str, Any], losses: list[Loss]) -> None:
    """Nothing of a converted call is kept by the provider, so its thoughts have to come sealed in the answer."""
    include: list[str] = [_LOGPROBS] if request.sampling.logprobs else []
    if request.dialect != NAME:
        if request.store:
            losses.append(Loss("store", "converted calls are not stored by the provider"))
        out["store"] = False
        if facts.thinking is not ThinkingStyle.NONE:
            include.append(_SEALED)
    elif request.store is not None:
        out["store"] = request.store
    if request.previous_id:
        out["previous_response_id"] = request.previous_id
    if request.background:
        out["background"] = True
    if include:
        out["include"] = include


def _write_extra(request: ChatRequest, out: dict[str, Any], losses: list[Loss]) -> None:
    extra = request.extra
    losses.extend(foreign(request, NAME, "the Responses API has no such field"))
    if extra is None or extra.dialect != NAME:
        return
    for name, value in extra.fields.items():
        held = out.get(name)
        if isinstance(held, dict) and isinstance(value, dict):
            out[name] = {**held, **loose.mapping(value)}
        elif isinstance(held, list) and isinstance(value, list):
            out[name] = [*loose.listing(held), *(one for one in loose.listing(value) if one not in held)]
        else:
            out[name] = value


def _lose_rest(request: ChatRequest, losses: list[Loss]) -> None:
    sampling = request.sampling
    hints = {
        "top_k": sampling.top_k,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "seed": sampling.seed,
        "logit_bias": sampling.logit_bias or None,
        "prediction": request.prediction,
    }
    losses.extend(
        Loss(name, "the Responses API has no such field") for name, value in hints.items() if value is not None
    )
    if request.stop:
        losses.append(Loss("stop", "the Responses API has no stop sequences", essential=True))
    if request.choices > 1:
        losses.append(Loss("n", "the Responses API gives one answer", essential=True))
    if any(kind != "text" for kind in request.modalities) or request.speech is not None:
        losses.append(Loss("modalities", "the Responses API answers in text", essential=True))
