"""What of a request a dialect without such words loses."""

from typing import Any

from pilothouse.domain.chat import ChatRequest


def hints(request: ChatRequest) -> dict[str, Any]:
    """Return settings without which the answer is still the one that was asked for, by name; unset ones are falsy."""
    sampling = request.sampling
    return {
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "seed": sampling.seed is not None,
        "logit_bias": sampling.logit_bias,
        "verbosity": request.verbosity,
        "prompt_cache_key": request.cache_key,
        "prediction": request.prediction,
        "store": request.store,
    }


def needs(request: ChatRequest) -> dict[str, Any]:
    """Return settings without which the answer would be another one, by name; unset ones are falsy."""
    sampling = request.sampling
    return {
        "n": request.choices > 1,
        "logprobs": sampling.logprobs or sampling.top_logprobs,
        "modalities": set(request.modalities) - {"text"},
        "previous_response_id": request.previous_id,
        "background": request.background,
    }
