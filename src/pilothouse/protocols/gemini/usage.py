"""Token usage in Gemini's form: the prompt includes what was cached, the candidates leave out what was thought."""

from typing import Any

import msgspec

from pilothouse.domain.usage import Usage
from pilothouse.protocols import loose
from pilothouse.protocols.gemini.wire import camel

_TIERS = {
    "ON_DEMAND_FLEX": "flex", "FLEX": "flex", "ON_DEMAND_PRIORITY": "priority", "PRIORITY": "priority",
    "PROVISIONED_THROUGHPUT": "provisioned", "BATCH": "batch",
}  # fmt: skip
_TRAFFIC = frozenset({"ON_DEMAND", "ON_DEMAND_FLEX", "ON_DEMAND_PRIORITY", "PROVISIONED_THROUGHPUT"})


class _Count(msgspec.Struct, rename="camel"):
    modality: str = ""
    token_count: int = 0


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    response_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[_Count] | None = None
    cache_tokens_details: list[_Count] | None = None
    candidates_tokens_details: list[_Count] | None = None
    response_tokens_details: list[_Count] | None = None


def read(raw: Any) -> Usage | None:
    """Return the usage of a decoded `usageMetadata`; None when it holds no token count.

    Figures that contradict each other are kept as they came, with `inconsistent` set.
    """
    fields = {camel(key): value for key, value in loose.mapping(raw).items() if value is not None}
    try:
        found = msgspec.convert(fields, _Usage, strict=False)
    except msgspec.ValidationError:
        return None
    if found.prompt_token_count is None and found.candidates_token_count is None and found.total_token_count is None:
        return None
    prompt, cached = found.prompt_token_count or 0, found.cached_content_token_count or 0
    out = found.candidates_token_count or found.response_token_count or 0
    thought, tool = found.thoughts_token_count or 0, found.tool_use_prompt_token_count or 0
    audio_in, image_in = _fresh(found, "AUDIO"), _fresh(found, "IMAGE", "VIDEO")
    outs = found.candidates_tokens_details or found.response_tokens_details
    audio_out, image_out = _sum(outs, "AUDIO"), _sum(outs, "IMAGE", "VIDEO")
    wrong = min(prompt, cached, out, thought, tool, audio_in, image_in, audio_out, image_out) < 0
    wrong = wrong or cached > prompt or audio_out + image_out > out
    if wrong:
        return Usage(prompt + tool, cached, 0, 0, audio_in, image_in, out, thought, audio_out, image_out, True)
    audio_in = min(audio_in, prompt - cached)
    image_in = min(image_in, prompt - cached - audio_in)
    return Usage(
        input_tokens=prompt - cached - audio_in - image_in + tool,
        cache_read_tokens=cached,
        input_audio_tokens=audio_in,
        input_image_tokens=image_in,
        output_tokens=out - audio_out - image_out,
        reasoning_tokens=thought,
        output_audio_tokens=audio_out,
        output_image_tokens=image_out,
        tier=_TIERS.get(tier_name(raw).upper(), ""),
    )


def tier_name(raw: Any) -> str:
    """Return the provider's own word for the tier that served, empty when it says none."""
    fields = loose.mapping(raw)
    return loose.text(fields.get("serviceTier")) or loose.text(fields.get("trafficType"))


def _fresh(found: _Usage, *kinds: str) -> int:
    """Tokens of these kinds in the prompt that were not read from the cache."""
    return max(_sum(found.prompt_tokens_details, *kinds) - _sum(found.cache_tokens_details, *kinds), 0)


def _sum(counts: list[_Count] | None, *kinds: str) -> int:
    return sum(count.token_count for count in counts or () if count.modality.upper() in kinds)


def write(usage: Usage | None, tier: str = "") -> dict[str, Any]:
    """Return the usage as Gemini reports it; `tier` is told only in Gemini's own words."""
    found = usage or Usage()
    visible = found.output_total - found.reasoning_tokens
    out: dict[str, Any] = {
        "promptTokenCount": found.input_total,
        "candidatesTokenCount": visible,
        "totalTokenCount": found.total,
    }
    if found.cache_read_tokens:
        out["cachedContentTokenCount"] = found.cache_read_tokens
    if found.reasoning_tokens:
        out["thoughtsTokenCount"] = found.reasoning_tokens
    media = {"AUDIO": found.input_audio_tokens, "IMAGE": found.input_image_tokens}
    out["promptTokensDetails"] = _modal(found.input_total, media)
    media = {"AUDIO": found.output_audio_tokens, "IMAGE": found.output_image_tokens}
    if any(media.values()):
        out["candidatesTokensDetails"] = _modal(visible, media)
    if tier.upper() in _TRAFFIC:
        out["trafficType"] = tier.upper()
    return out


def _modal(total: int, media: dict[str, int]) -> list[dict[str, Any]]:
    counts = {"TEXT": total - sum(media.values()), **media}
    return [{"modality": kind, "tokenCount": count} for kind, count in counts.items() if count]
