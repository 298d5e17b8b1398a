"""Token counts in the forms that model APIs give them, as attributes of OpenTelemetry's GenAI conventions."""

from collections.abc import Mapping
from typing import Any, Final, cast

_NAMES: Final = {
    "input_tokens": "input_tokens",
    "prompt_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "completion_tokens": "output_tokens",
    "total_tokens": "total_tokens",
    "cache_read_tokens": "cache_read.input_tokens",
    "cache_write_tokens": "cache_creation.input_tokens",
    "reasoning_tokens": "reasoning.output_tokens",
    "prompt_tokens_details.cached_tokens": "cache_read.input_tokens",
    "input_tokens_details.cached_tokens": "cache_read.input_tokens",
    "completion_tokens_details.reasoning_tokens": "reasoning.output_tokens",
    "output_tokens_details.reasoning_tokens": "reasoning.output_tokens",
}
"""Our own words, those of OpenAI's chat, and those of its responses."""
_APART: Final = {
    "cache_read_input_tokens": "cache_read.input_tokens",
    "cache_creation_input_tokens": "cache_creation.input_tokens",
}
"""Anthropic's, which are not within its `input_tokens`; the conventions have one figure that holds all input."""


def attributes_of(usage: Any) -> dict[str, int]:
    """Return the counts of a mapping, or of an answer's `usage` object, by attribute name; empty when it has none."""
    said = _flat(usage)
    found = {name: count for theirs, name in _NAMES.items() if (count := said.get(theirs)) is not None}
    apart = {name: count for theirs, name in _APART.items() if (count := said.get(theirs)) is not None}
    if apart:
        found = {**found, **apart, "input_tokens": found.get("input_tokens", 0) + sum(apart.values())}
    return {f"gen_ai.usage.{name}": count for name, count in found.items()}


def _flat(usage: Any) -> dict[str, int]:
    said = dict(_mapping(usage))
    for name, value in list(said.items()):
        said |= {f"{name}.{part}": count for part, count in _mapping(value).items()}
    return {
        name: count
        for name, count in said.items()
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value)
    dump = getattr(value, "model_dump", None)
    dumped = dump() if callable(dump) else None
    return cast("Mapping[str, Any]", dumped) if isinstance(dumped, Mapping) else {}
