"""A request of the domain as a completions request."""

from typing import Any

from pilothouse.domain.chat import ChatRequest, Message, Native, OutputKind, Role, Text
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.protocols import losses
from pilothouse.protocols.base import Written
from pilothouse.protocols.loose import ENCODER
from pilothouse.protocols.openai_completions.prompts import NAME, own_fields

_MOST_STOPS = 4


def write_request(request: ChatRequest, _facts: ModelFacts) -> Written:
    """Return the body; a streamed request asks for usage, and anything but one text of a user is a loss."""
    lost = [*_lost_turns(request.messages), *_lost_fields(request)]
    texts = ["".join(part.text for part in turn.parts if isinstance(part, Text)) for turn in request.messages]
    body: dict[str, Any] = {"model": request.model, "prompt": "\n\n".join(text for text in texts if text)}
    if request.streamed:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    body |= _knobs(request) | own_fields(request)
    if request.extra is not None and request.extra.dialect == NAME:
        body = {**request.extra.fields, **body}
    return Written(ENCODER.encode(body), tuple(lost))


def _knobs(request: ChatRequest) -> dict[str, Any]:
    sampling = request.sampling
    found = {
        "max_tokens": request.max_output_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "seed": sampling.seed,
        "logit_bias": sampling.logit_bias,
        "logprobs": (sampling.top_logprobs or 0) if sampling.logprobs else None,
        "n": request.choices if request.choices > 1 else None,
        "stop": list(request.stop[:_MOST_STOPS]) or None,
        "user": request.user_id or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _lost_turns(messages: tuple[Message, ...]) -> list[Loss]:
    lost: list[Loss] = []
    if [turn.role for turn in messages] != [Role.USER]:
        lost.append(Loss("messages", "a completion takes one text, not a conversation", essential=True))
    for place, turn in enumerate(messages):
        for number, part in enumerate(turn.parts):
            if isinstance(part, Text) or (isinstance(part, Native) and part.dialect == NAME):
                continue
            lost.append(Loss(f"messages.{place}.content.{number}", "a completion takes text only", essential=True))
    return lost


def _lost_fields(request: ChatRequest) -> list[Loss]:
    essential = {
        "tools": bool(request.tools),
        "response_format": request.output.kind is not OutputKind.TEXT,
        "modalities": bool(set(request.modalities) - {"text"}),
        "previous_response_id": bool(request.previous_id),
        "background": request.background,
        "stop": len(request.stop) > _MOST_STOPS,
    }
    hints: dict[str, Any] = {
        "thinking": request.thinking,
        "verbosity": request.verbosity,
        "service_tier": request.service_tier,
        "prompt_cache_key": request.cache_key,
        "metadata": request.labels,
        "prediction": request.prediction,
    }
    reason = "completions have no such field"
    lost = [Loss(name, reason, essential=True) for name, given in essential.items() if given]
    lost += (Loss(name, reason) for name, given in hints.items() if given)
    return [*lost, *losses.foreign(request, NAME, reason)]
