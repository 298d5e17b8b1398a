"""Token usage in Bedrock's form; `inputTokens` leaves out what was read from and written to the cache."""

from typing import Any

import msgspec

from pilothouse.domain.usage import Usage
from pilothouse.protocols import loose

_PRICED_TIERS = frozenset({"flex", "priority", "reserved"})


class _Detail(msgspec.Struct, rename="camel"):
    ttl: str = ""
    input_tokens: int = 0


class _Usage(msgspec.Struct, rename="camel"):
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    cache_details: list[_Detail] | None = None


def read(raw: Any, tier: Any = None) -> Usage | None:
    """Return the usage of a decoded `usage` value, of a decoded `serviceTier`; None when it holds no token count.

    Figures that contradict each other are kept as they came, with `inconsistent` set.
    """
    try:
        found = msgspec.convert(raw, _Usage, strict=False)
    except msgspec.ValidationError:
        return None
    if found.input_tokens is None and found.output_tokens is None:
        return None
    plain, out = found.input_tokens or 0, found.output_tokens or 0
    cached, written = found.cache_read_input_tokens or 0, found.cache_write_input_tokens or 0
    long = sum(detail.input_tokens for detail in found.cache_details or () if detail.ttl == "1h")
    # Without details all was written for the shorter time, which is the default.
    wrong = min(plain, out, cached, written, long) < 0 or long > written
    if found.total_tokens is not None:
        wrong = wrong or found.total_tokens < plain + out
    short = written - long if long <= written else written
    return Usage(
        input_tokens=plain,
        cache_read_tokens=cached,
        cache_write_5m_tokens=short,
        cache_write_1h_tokens=long if long <= written else 0,
        output_tokens=out,
        inconsistent=wrong,
        tier=priced_tier(tier),
    )


def tier_name(tier: Any) -> str:
    """Return the name in a decoded `serviceTier` value, empty when there is none."""
    found = loose.mapping(tier).get("type")
    return found if isinstance(found, str) else ""


def priced_tier(tier: Any) -> str:
    """Return the tier's name when the price depends on it."""
    name = tier_name(tier)
    return name if name in _PRICED_TIERS else ""


def write(usage: Usage | None) -> dict[str, Any]:
    """Return the usage as Bedrock reports it; sounds and pictures count as input and output like text."""
    found = usage or Usage()
    written = found.cache_write_5m_tokens + found.cache_write_1h_tokens
    out: dict[str, Any] = {
        "inputTokens": found.input_total - found.cache_read_tokens - written,
        "outputTokens": found.output_total,
        "totalTokens": found.total,
    }
    if found.cache_read_tokens or written:
        out["cacheReadInputTokens"] = found.cache_read_tokens
        out["cacheWriteInputTokens"] = written
    if written:
        details = (("5m", found.cache_write_5m_tokens), ("1h", found.cache_write_1h_tokens))
        out["cacheDetails"] = [{"ttl": ttl, "inputTokens": count} for ttl, count in details if count]
    return out
