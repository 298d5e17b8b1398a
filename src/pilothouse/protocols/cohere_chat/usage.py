"""Token usage in Cohere's form: what went in and out, as counted and as billed, and how much came from the cache."""

from typing import Any

from pilothouse.domain.usage import Usage
from pilothouse.protocols import loose


def read(raw: Any) -> Usage | None:
    """Return the usage of a decoded `usage` value; None when it holds no token count. What is billed is what counts."""
    found = loose.mapping(raw)
    counts = loose.mapping(found.get("billed_units"))
    if "input_tokens" not in counts and "output_tokens" not in counts:
        counts = loose.mapping(found.get("tokens"))
    if "input_tokens" not in counts and "output_tokens" not in counts:
        return None
    into, out, cached = _whole(counts, "input_tokens"), _whole(counts, "output_tokens"), _whole(found, "cached_tokens")
    return Usage(
        input_tokens=max(0, into - cached),
        cache_read_tokens=cached,
        output_tokens=out,
        inconsistent=cached > into or min(into, out, cached) < 0,
    )


def write(usage: Usage | None) -> dict[str, Any]:
    """Return the usage; no figures are zeros."""
    found = usage or Usage()
    counts = {"input_tokens": found.input_total, "output_tokens": found.output_total}
    return {"billed_units": counts, "tokens": counts, "cached_tokens": found.cache_read_tokens}


def _whole(counts: dict[str, Any], name: str) -> int:
    value = loose.number(counts.get(name))
    return int(value) if value is not None else 0
