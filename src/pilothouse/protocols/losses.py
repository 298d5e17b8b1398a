"""What of a request a dialect without such words loses."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from pilothouse.domain.chat import ChatRequest
from pilothouse.domain.facts import Loss
from pilothouse.protocols.loose import listing, mapping, text

_NEEDED = frozenset({
    "web_search_options", "mcp_servers", "container", "promptVariables", "guardrailConfig", "modelArmorConfig",
    "documents", "safe_prompt", "guardrails", "logprobs",
})  # fmt: skip
"""Fields of single dialects without which the answer would be another one, or come past a guard that was asked for."""
_NESTED = frozenset({
    "generationConfig", "toolConfig", "inferenceConfig", "additionalModelRequestFields", "outputConfig",
    "output_config", "metadata", "text", "reasoning",
})  # fmt: skip
"""Fields of which the domain knows a part: the rest is named by what stands in them."""
_HINTS = {
    "frequency_penalty": "sampling.frequency_penalty",
    "presence_penalty": "sampling.presence_penalty",
    "seed": "sampling.seed",
    "logit_bias": "sampling.logit_bias",
    "verbosity": "verbosity",
    "prompt_cache_key": "cache_key",
    "prediction": "prediction",
    "store": "store",
}
"""Names of settings, and where they stand in a request."""
_hinted = attrgetter(*_HINTS.values())
_needed = attrgetter("sampling.logprobs", "sampling.top_logprobs", "modalities", "previous_id", "background")
_SAFETY = "safetySettings"
_LOOSE = frozenset({"OFF", "BLOCK_NONE", "HARM_BLOCK_THRESHOLD_UNSPECIFIED", ""})
_READ = frozenset({"generationConfig.responseMimeType"})
"""Kept for the way back only."""


def hints(request: ChatRequest) -> list[str]:
    """Return the names of the settings given without which the answer is still the one that was asked for."""
    values = _hinted(request)
    if not any(values) and request.sampling.seed is None:
        return []
    return [name for name, value in zip(_HINTS, values, strict=True) if value or (name == "seed" and value is not None)]


def needs(request: ChatRequest) -> list[str]:
    """Return the names of the settings given without which the answer would be another one."""
    if request.choices == 1 and not any(_needed(request)):
        return []
    sampling = request.sampling
    found = {
        "n": request.choices > 1,
        "logprobs": sampling.logprobs or sampling.top_logprobs,
        "modalities": set(request.modalities) - {"text"},
        "previous_response_id": request.previous_id,
        "background": request.background,
    }
    return [name for name, value in found.items() if value]


def foreign(request: ChatRequest, dialect: str, reason: str) -> Iterator[Loss]:
    """Yield the fields that only the caller's own dialect has; none when that is the target's."""
    if request.extra is None or request.extra.dialect == dialect:
        return
    for field, value in request.extra.fields.items():
        inner = mapping(value) if field in _NESTED else {}
        for name in [f"{field}.{key}" for key in inner] or [field]:
            if name not in _READ:
                yield Loss(name, reason, essential=name in _NEEDED or (name == _SAFETY and _tightens(value)))


def _tightens(settings: Any) -> bool:
    """Return whether Gemini's filters are to let through less; other vendors have none to loosen."""
    return any(text(mapping(setting).get("threshold")) not in _LOOSE for setting in listing(settings))
