"""Tokens and costs of a run, wherever its SDK or integration puts them, as disjoint buckets."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from pilothouse.domain.usage import Usage
from pilothouse.otlp.tokens import finest
from pilothouse.otlp.vocabularies.langsmith import cost_of, usage_of_metadata
from pilothouse.protocols import openai_usage
from pilothouse.protocols.loose import listing, mapping

_TIERS = ("flex", "priority")
_TOTALS = ("input_tokens", "output_tokens", "total_tokens")


def of(outputs: dict[str, Any], metadata: dict[str, Any]) -> tuple[Usage | None, Decimal | None]:
    """Return what a model's run says that it used, and what it says that this cost."""
    told = list(_metadata(outputs, metadata))
    costs = (amount for one in told if (amount := cost_of(one)) is not None)
    counted = [one for one in told if any(isinstance(one.get(name), int) for name in _TOTALS)]
    usages = [*(_usage(one) for one in counted), _raw(outputs)]
    return finest([usage for usage in usages if usage is not None]), next(costs, None)


def generations(outputs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield LangChain's generations, of all prompts."""
    for held in listing(outputs.get("generations")):
        for one in listing(held) if isinstance(held, list) else [held]:
            yield mapping(one)


def fields(message: Any) -> dict[str, Any]:
    """Return the fields of a LangChain message: in its serialised form they are the arguments of its constructor."""
    held = mapping(message)
    inner = mapping(held.get("kwargs"))
    return inner if "lc" in held and inner else held


def _metadata(outputs: dict[str, Any], metadata: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield usage metadata; that of the outputs first, because it is the integration's own."""
    for holder in (outputs, metadata):
        if found := mapping(holder.get("usage_metadata")):
            yield found
    spread = [found for one in generations(outputs) if (found := _of_message(one.get("message")))]
    if spread:
        yield _added(spread)
    for holder in (outputs.get("message"), outputs.get("output")):
        if found := _of_message(holder):
            yield found


def _of_message(message: Any) -> dict[str, Any]:
    return mapping(fields(message).get("usage_metadata"))


def _added(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Add the usages of several prompts up; one alone stays as it is."""
    total = dict(parts[0])
    for part in parts[1:]:
        for name, value in part.items():
            held = total.get(name)
            if isinstance(value, dict):
                total[name] = _added([mapping(held), mapping(value)])
            elif isinstance(value, int | float) and isinstance(held, int | float | None):
                total[name] = (held or 0) + value
    return total


def _usage(told: dict[str, Any]) -> Usage | None:
    """Return the buckets; where a service tier was used, its name stands before those of the details."""
    into, out = mapping(told.get("input_token_details")), mapping(told.get("output_token_details"))
    tier = next((name for name in _TIERS if name in into or name in out), "")
    if tier:
        plain = {
            "input_token_details": {name.removeprefix(f"{tier}_"): value for name, value in into.items()},
            "output_token_details": {name.removeprefix(f"{tier}_"): value for name, value in out.items()},
        }
        told = {**told, **plain}
    usage = usage_of_metadata(told)
    return msgspec.structs.replace(usage, tier=tier) if usage is not None and tier else usage


def _raw(outputs: dict[str, Any]) -> Usage | None:
    """Return the buckets of a usage as OpenAI's API has it, where an integration hands it through."""
    spread = mapping(outputs.get("llm_output"))
    for held in (outputs.get("usage"), spread.get("token_usage"), outputs.get("token_usage"), spread.get("usage")):
        usage = openai_usage.read(held)
        if usage is not None and usage.total:
            return openai_usage.tiered(usage, outputs.get("service_tier"))
    return None
