"""Usage in the words of OpenTelemetry's GenAI conventions, of all their generations and of those who write them."""

from pilothouse.domain.usage import Usage
from pilothouse.otlp.signals import Attributes
from pilothouse.otlp.tokens import Counts, buckets
from pilothouse.otlp.values import below, count, loaded, text, whole
from pilothouse.protocols.loose import mapping
from pilothouse.protocols.openai_usage import tiered

_PREFIX = "gen_ai.usage."
_NAMES: dict[str, tuple[str, ...]] = {
    "input": ("input_tokens", "prompt_tokens"),
    "output": ("output_tokens", "completion_tokens"),
    "total": ("total_tokens",),
    "cache_read": (
        "cache_read.input_tokens", "cache_read_input_tokens", "input_tokens.cached", "details.cache_read_tokens",
        "details.cached_tokens", "details.cache_read_input_tokens", "cached_tokens", "cached_input_tokens",
    ),
    "cache_write": (
        "cache_write.input_tokens", "cache_creation.input_tokens", "cache_creation_input_tokens",
        "details.cache_write_tokens", "details.cache_creation_input_tokens",
    ),
    "reasoning": (
        "reasoning.output_tokens", "reasoning_tokens", "details.reasoning_tokens", "output_tokens.reasoning",
        "experimental.reasoning_tokens", "details.thoughts_tokens",
    ),
    "input_audio": ("audio.input_tokens", "details.input_audio_tokens"),
    "input_image": ("image.input_tokens", "details.input_image_tokens"),
    "output_audio": ("audio.output_tokens",),
    "output_image": ("image.output_tokens",),
}  # fmt: skip
"""By bucket, the names that its count has; the first that is said holds."""
_PLACES = {name: (bucket, rank) for bucket, names in _NAMES.items() for rank, name in enumerate(names)}
_DETAILS = {
    "input_token_details": {"cache_read": "cache_read", "cache_creation": "cache_write", "audio": "input_audio"},
    "output_token_details": {"reasoning": "reasoning", "audio": "output_audio"},
}
"""LangChain's, as one object each; what is said by its own name comes first."""
_CACHED = {"input_audio": "audio.cache_read.input_tokens", "input_image": "image.cache_read.input_tokens"}
_TIER = ("openai.response.service_tier", "anthropic.response.service_tier", "gen_ai.openai.response.service_tier")


def usage_of(attributes: Attributes, *, inclusive: bool = True) -> Usage | None:
    """Return the buckets of `gen_ai.usage.*`; both totals hold their parts, as the conventions have it."""
    said = below(attributes, _PREFIX)
    if not said:
        return None
    counts = _counts(said)
    total = count(attributes, "llm.usage.total_tokens")
    written_1h = count(attributes, "anthropic.usage.cache_creation.ephemeral_1h_input_tokens")
    if total is not None:
        counts.setdefault("total", total)
    found = buckets(Counts(**counts, cache_write_1h=written_1h), inclusive=inclusive)
    return tiered(found, text(attributes, *_TIER))


def _counts(said: Attributes) -> dict[str, int]:
    """Return what is said by bucket. It walks over the few names that are there, not over all that there may be."""
    found: dict[str, int] = {}
    ranks: dict[str, int] = {}
    for name, told in said.items():
        place = _PLACES.get(name)
        if place is None:
            continue
        bucket, rank = place
        value = whole(told) if rank <= ranks.get(bucket, rank) else None
        if value is not None:
            found[bucket], ranks[bucket] = value, rank
    for bucket, name in _CACHED.items():
        # what of it came from the cache is among the cached tokens
        cached = count(said, name) if bucket in found else None
        if cached:
            found[bucket] -= min(found[bucket], cached)
    for name, parts in _DETAILS.items():
        if name in said:
            held = mapping(loaded(said[name]))
            more = {bucket: value for key, bucket in parts.items() if (value := count(held, key)) is not None}
            found = more | found
    return found
