"""A completions request into the domain: a chat of one turn, so that any chat model can serve it."""

from typing import Any

import msgspec

from pilothouse.domain.chat import ChatRequest, Extra, Sampling
from pilothouse.protocols import json_body
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.loose import integer
from pilothouse.protocols.openai_chat.head import head_of
from pilothouse.protocols.openai_chat.request_in import first_integer, read_sampling, read_stop
from pilothouse.protocols.openai_completions.prompts import NAME, read_turn

_KNOWN = frozenset({
    "model", "prompt", "suffix", "echo", "best_of", "stream", "stream_options", "max_tokens", "stop", "n",
    "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed", "logit_bias", "logprobs", "user",
})  # fmt: skip


def read_request(body: bytes, _ask: Ask = NO_ASK) -> ChatRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where."""
    found = json_body.read_document(body)
    head = head_of(found, body)
    rest = {key: value for key, value in found.items() if key not in _KNOWN and value is not None}
    return ChatRequest(
        dialect=NAME,
        model=head.model_name,
        messages=(read_turn(found),),
        streamed=head.streamed,
        wants_usage=head.wants_usage,
        max_output_tokens=first_integer(found, "max_tokens") if found.get("max_tokens") else None,
        stop=read_stop(found.get("stop")),
        choices=integer(found.get("n")) or 1,
        sampling=_read_sampling(found),
        user_id=head.user_id,
        extra=Extra(NAME, rest) if rest else None,
    )


def _read_sampling(found: dict[str, Any]) -> Sampling:
    """Return how tokens are drawn; completions say with one number that probabilities are wanted, and how many."""
    wanted = integer(found.get("logprobs"))
    return msgspec.structs.replace(read_sampling(found), logprobs=wanted is not None, top_logprobs=wanted)
