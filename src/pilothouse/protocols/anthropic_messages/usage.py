"""Token usage in Anthropic's form: `input_tokens` leaves out what was read from and written to the cache."""

from typing import Any

import msgspec

from pilothouse.domain.usage import Usage
from pilothouse.protocols import loose

_PRICED_TIERS = frozenset({"priority", "batch", "flex"})
_TIERS = frozenset({"standard", "priority", "batch"})


class _CacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _ServerTools(msgspec.Struct):
    web_search_requests: int | None = None


class RawUsage(msgspec.Struct):
    """The `usage` object."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None
    output_tokens_details: _OutputDetails | None = None
    server_tool_use: _ServerTools | None = None
    speed: Any = None
    service_tier: Any = None


_NO_CREATION = _CacheCreation()


def merged(held: dict[str, Any], raw: Any) -> dict[str, Any]:
    """Return the usage of a stream after one more report: figures are totals so far, so the newest one counts."""
    return held | {key: found for key, found in loose.mapping(raw).items() if found is not None}


def read(raw: Any) -> Usage | None:
    """Return the usage of a decoded `usage` value; None when it holds no token count or is not such an object."""
    try:
        return buckets(msgspec.convert(raw, RawUsage, strict=False))
    except msgspec.ValidationError:
        return None


def buckets(found: RawUsage) -> Usage | None:
    """Return the disjoint buckets; None when there is no token count.

    Figures that contradict each other are kept as they came, with `inconsistent` set.
    """
    if found.input_tokens is None and found.output_tokens is None:
        return None
    split = found.cache_creation or _NO_CREATION
    short, long = split.ephemeral_5m_input_tokens or 0, split.ephemeral_1h_input_tokens or 0
    details = found.output_tokens_details
    thought = (details.thinking_tokens or 0) if details is not None else 0
    into, out, tier = found.input_tokens or 0, found.output_tokens or 0, _priced_tier(found)
    if not (short or long or thought or found.cache_read_input_tokens or found.cache_creation_input_tokens) and (
        found.server_tool_use is None and into >= 0 and out >= 0
    ):
        return Usage(into, output_tokens=out, tier=tier)
    cached, written = found.cache_read_input_tokens or 0, found.cache_creation_input_tokens
    wrong = min(into, cached, short, long, written or 0, out, thought) < 0 or thought > out
    if written is not None and written > short + long:
        # What the split does not name was written for the shorter time, which is the default.
        short = written - long
    elif written is not None and written < short + long:
        wrong = True
    searches = found.server_tool_use.web_search_requests if found.server_tool_use is not None else None
    return Usage(
        input_tokens=into,
        cache_read_tokens=cached,
        cache_write_5m_tokens=short,
        cache_write_1h_tokens=long,
        output_tokens=out if thought > out else out - thought,
        reasoning_tokens=thought,
        inconsistent=wrong,
        tier=tier,
        searches=searches or 0,
    )


def tier_name(raw: Any) -> str:
    """Return the tier that served, in Anthropic's word."""
    return loose.text(loose.mapping(raw).get("service_tier"))


def _priced_tier(found: RawUsage) -> str:
    if found.speed == "fast":
        return "fast"
    name = found.service_tier
    return name if isinstance(name, str) and name in _PRICED_TIERS else ""


def write(usage: Usage | None, tier: str = "") -> dict[str, Any]:
    """Return the usage as Anthropic reports it; sounds and pictures count as input and output like text."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    out: dict[str, Any] = {
        "input_tokens": usage.input_total - usage.cache_read_tokens - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read_tokens,
    }
    if written:
        out["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        }
    out["output_tokens"] = usage.output_total
    if usage.reasoning_tokens:
        out["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if usage.searches:
        out["server_tool_use"] = {"web_search_requests": usage.searches, "web_fetch_requests": 0}
    if tier in _TIERS:
        out["service_tier"] = tier
    elif usage.tier in _TIERS:
        out["service_tier"] = usage.tier
    if usage.tier == "fast":
        out["speed"] = "fast"
    return out


def write_delta(usage: Usage | None) -> dict[str, Any]:
    """Return the usage as a `message_delta` has it: totals so far, without the tier.

    The split of what was cached stands in it too, since other dialects tell it only at their end.
    """
    return {key: found for key, found in write(usage).items() if key not in ("service_tier", "speed")}
