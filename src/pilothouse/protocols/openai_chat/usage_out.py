"""Usage as chat tells it: prompt with what was cached, completion with what was thought."""

from typing import Any

from pilothouse.domain.usage import Usage


def write_usage(usage: Usage) -> dict[str, Any]:
    """Return the `usage` object."""
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    into = {
        "cached_tokens": usage.cache_read_tokens,
        "cache_write_tokens": written,
        "audio_tokens": usage.input_audio_tokens,
        "image_tokens": usage.input_image_tokens,
    }
    out = {
        "reasoning_tokens": usage.reasoning_tokens,
        "audio_tokens": usage.output_audio_tokens,
        "image_tokens": usage.output_image_tokens,
    }
    return {
        "prompt_tokens": usage.input_total,
        "completion_tokens": usage.output_total,
        "total_tokens": usage.total,
        "prompt_tokens_details": {key: count for key, count in into.items() if count or key == "cached_tokens"},
        "completion_tokens_details": {key: count for key, count in out.items() if count or key == "reasoning_tokens"},
    }
