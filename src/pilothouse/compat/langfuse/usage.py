"""Tokens and costs of an observation in the forms that Langfuse's API has had, as disjoint buckets."""

from decimal import Decimal
from typing import Any

from pilothouse.domain.usage import Usage
from pilothouse.otlp.tokens import Counts, buckets
from pilothouse.otlp.values import count, money, number
from pilothouse.otlp.vocabularies.langfuse import cost_of, usage_of
from pilothouse.protocols.loose import mapping, scalar

_TOKENS = frozenset({"", "TOKENS"})
_OPENAI = {"promptTokens": "prompt_tokens", "completionTokens": "completion_tokens", "totalTokens": "total_tokens"}


def of(body: dict[str, Any]) -> Usage | None:
    """Return the usage that a body says: `usageDetails`, else the older `usage`; None when it says none."""
    details = mapping(body.get("usageDetails"))
    if details:
        return _whole(usage_of(details), details)
    said = mapping(body.get("usage"))
    unit = scalar(said.get("unit")).upper()
    return _whole(_tokens(said), said) if unit in _TOKENS else _in_units(said, unit)


def cost(body: dict[str, Any]) -> Decimal | None:
    """Return what a body says that the call cost: `costDetails`, else the costs in the older `usage`."""
    details = mapping(body.get("costDetails"))
    if details:
        return cost_of(details)
    usage = mapping(body.get("usage"))
    total = money(usage.get("totalCost"))
    parts = [found for name in ("inputCost", "outputCost") if (found := money(usage.get(name))) is not None]
    return total if total is not None else sum(parts, Decimal(0)) if parts else None


def _tokens(usage: dict[str, Any]) -> Usage | None:
    said = {_OPENAI.get(name, name): value for name, value in usage.items()}
    if "prompt_tokens" in said or "completion_tokens" in said:
        return usage_of(said)
    return buckets(Counts(input=count(said, "input"), output=count(said, "output")), inclusive=False)


def _whole(usage: Usage | None, said: dict[str, Any]) -> Usage | None:
    """Return the usage; a bare total can be shown but not priced, for nobody knows how much of it was input."""
    if usage is not None and (usage.total or usage.inconsistent):
        return usage
    total = count(said, "total", "totalTokens", "total_tokens")
    return Usage(input_tokens=total, inconsistent=True) if total else usage


def _in_units(usage: dict[str, Any], unit: str) -> Usage | None:
    amount = number(usage, "total")
    if amount is None:
        amount = (number(usage, "input") or 0) + (number(usage, "output") or 0)
    match unit:
        case "CHARACTERS":
            return Usage(characters=int(amount))
        case "SECONDS":
            return Usage(audio_s=amount)
        case "MILLISECONDS":
            return Usage(audio_s=amount / 1000)
        case "IMAGES":
            return Usage(images=int(amount))
        case _:
            return None
