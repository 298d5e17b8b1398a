"""Token usage as OpenAI-compatible servers report it, into disjoint buckets and back."""

from typing import Any

import msgspec

from pilothouse.domain.usage import Usage


class PromptDetails(msgspec.Struct):
    """Parts of the prompt tokens."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    """Parts of the completion tokens."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class RawUsage(msgspec.Struct):
    """The `usage` object; `prompt_tokens` includes what was cached, `completion_tokens` includes reasoning."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's word for cached tokens."""
    cached_tokens: int | None = None
    """Moonshot's place for cached tokens."""
    reasoning_tokens: int | None = None
    """SGLang's and Perplexity's place for reasoning tokens."""


_PRICED_TIERS = frozenset({"flex", "priority", "scale", "batch", "fast"})
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_NO_PROMPT_DETAILS = PromptDetails()
_NO_COMPLETION_DETAILS = CompletionDetails()


def read(raw: Any) -> Usage | None:
    """Return the usage of a decoded `usage` value; None when it holds no token count or is not such an object."""
    if not isinstance(raw, dict):
        return None
    try:
        return buckets(msgspec.convert(raw, RawUsage, strict=False))
    except msgspec.ValidationError:
        return None


def tiered(usage: Usage | None, tier: Any) -> Usage | None:
    """Return the usage with the tier that served, where the price depends on it."""
    if usage is None or not isinstance(tier, str) or tier not in _PRICED_TIERS:
        return usage
    return msgspec.structs.replace(usage, tier=tier)


def tier_word(tier: str) -> str:
    """Return a tier in OpenAI's words, which its SDK holds answers to; another provider's own is the usual one."""
    return tier if tier in _TIERS or not tier else "default"


def buckets(raw: RawUsage) -> Usage | None:
    """Return the disjoint buckets; None when there is neither a prompt nor a completion count.

    Figures that contradict each other are kept as they came, with `inconsistent` set.
    """
    if raw.prompt_tokens is None and raw.completion_tokens is None:
        return None
    into = raw.prompt_tokens_details or _NO_PROMPT_DETAILS
    out = raw.completion_tokens_details or _NO_COMPLETION_DETAILS
    prompt = raw.prompt_tokens or 0
    cached = into.cached_tokens or raw.prompt_cache_hit_tokens or raw.cached_tokens or 0
    written = into.cache_write_tokens or 0
    audio_in, image_in = into.audio_tokens or 0, into.image_tokens or 0
    reasoning = out.reasoning_tokens or raw.reasoning_tokens or 0
    completion = _completion(raw, prompt, reasoning)
    audio_out, image_out = out.audio_tokens or 0, out.image_tokens or 0
    if not (cached or written or reasoning or audio_in or image_in or audio_out or image_out) and (
        prompt >= 0 and completion >= 0
    ):
        return Usage(prompt, output_tokens=completion)
    counts = (prompt, completion, cached, written, audio_in, image_in, reasoning, audio_out, image_out)
    wrong = min(counts) < 0 or cached + written > prompt or reasoning > completion
    wrong = wrong or max(audio_in, image_in) > prompt or max(audio_out, image_out) > completion
    if wrong:
        raw_parts = (prompt, cached, written, 0, audio_in, image_in, completion, reasoning, audio_out, image_out)
        return Usage(*raw_parts, inconsistent=True)
    # Cached audio may be counted under both heads; the whole is right, so the overlap comes off the modality.
    audio_in = min(audio_in, prompt - cached - written)
    image_in = min(image_in, prompt - cached - written - audio_in)
    audio_out = min(audio_out, completion - reasoning)
    image_out = min(image_out, completion - reasoning - audio_out)
    text_in = prompt - cached - written - audio_in - image_in
    text_out = completion - reasoning - audio_out - image_out
    return Usage(text_in, cached, written, 0, audio_in, image_in, text_out, reasoning, audio_out, image_out)


def _completion(raw: RawUsage, prompt: int, reasoning: int) -> int:
    """xAI leaves reasoning out of `completion_tokens`, which only the total reveals."""
    completion = raw.completion_tokens or 0
    if reasoning and raw.total_tokens == prompt + completion + reasoning:
        return completion + reasoning
    return completion


def write(usage: Usage) -> dict[str, Any]:
    """Return the `usage` object."""
    prompt, completion = usage.input_total, usage.output_total
    into, out = {"cached_tokens": usage.cache_read_tokens}, {"reasoning_tokens": usage.reasoning_tokens}
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    if written:
        into["cache_write_tokens"] = written
    if usage.input_audio_tokens:
        into["audio_tokens"] = usage.input_audio_tokens
    if usage.input_image_tokens:
        into["image_tokens"] = usage.input_image_tokens
    if usage.output_audio_tokens:
        out["audio_tokens"] = usage.output_audio_tokens
    if usage.output_image_tokens:
        out["image_tokens"] = usage.output_image_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": into,
        "completion_tokens_details": out,
    }
