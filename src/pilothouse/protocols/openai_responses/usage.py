"""Token usage of the Responses API, both ways."""

from typing import Any

import msgspec

from pilothouse.domain.usage import Usage
from pilothouse.protocols import openai_usage
from pilothouse.protocols.loose import count, mapping, text

_PRICED_TIERS = frozenset({"flex", "priority", "scale", "batch", "fast"})


def read(response: dict[str, Any]) -> Usage | None:
    """Return the usage that a response object reports; None when it has none."""
    raw = mapping(response.get("usage"))
    found = openai_usage.read(
        {
            **raw,
            "prompt_tokens": raw.get("input_tokens", raw.get("prompt_tokens")),
            "completion_tokens": raw.get("output_tokens", raw.get("completion_tokens")),
            "prompt_tokens_details": raw.get("input_tokens_details", raw.get("prompt_tokens_details")),
            "completion_tokens_details": raw.get("output_tokens_details", raw.get("completion_tokens_details")),
        }
    )
    if found is None:
        return None
    tier = text(response.get("service_tier"))
    searches = count(mapping(mapping(response.get("tool_usage")).get("web_search")).get("num_requests"))
    if tier not in _PRICED_TIERS and not searches:
        return found
    return msgspec.structs.replace(found, tier=tier if tier in _PRICED_TIERS else "", searches=max(searches, 0))


def write(usage: Usage) -> dict[str, Any]:
    """Return the `usage` object."""
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    return {
        "input_tokens": usage.input_total,
        "input_tokens_details": {"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": written},
        "output_tokens": usage.output_total,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total,
    }
