"""LangSmith's SDK when it sends OTLP: `langsmith.*`, with inputs and outputs as JSON in `gen_ai.prompt`."""

from decimal import Decimal
from typing import Any

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.domain.usage import Usage
from pilothouse.otlp import providers
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import Attributes, OtelSpan
from pilothouse.otlp.tokens import Counts, buckets
from pilothouse.otlp.values import as_text, below, count, document, flag, listed, loaded, money, text
from pilothouse.protocols.loose import mapping

_KINDS = {
    "llm": SpanKind.LLM,
    "chain": SpanKind.CHAIN,
    "tool": SpanKind.TOOL,
    "retriever": SpanKind.RETRIEVER,
    "embedding": SpanKind.EMBEDDING,
    "prompt": SpanKind.OTHER,
    "parser": SpanKind.OTHER,
}
_OWN = ("ls_", "lc_hub_", "LANGSMITH_", "LANGCHAIN_")
"""Metadata that the SDK adds by itself."""
_FIRST_TOKEN = "new_token"


class LangSmith(msgspec.Struct, frozen=True):
    """The reader of LangSmith."""

    name: str = "langsmith"
    namespaces: frozenset[str] = frozenset({"langsmith"})

    def claims(self, span: OtelSpan) -> bool:
        """Every span with such an attribute."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return what is said; only runs of the kind `llm` count tokens."""
        attributes = span.attributes
        metadata = below(attributes, "langsmith.metadata.")
        kind = _KINDS.get((text(attributes, "langsmith.span.kind") or "").lower())
        told = mapping(loaded(metadata.get("usage_metadata")))
        return Said(
            kind=kind,
            native_id=text(attributes, "langsmith.span.id"),
            provider=providers.known(text(metadata, "ls_provider")),
            model_requested=text(metadata, "ls_model_name"),
            input=document(attributes, "gen_ai.prompt"),
            output=document(attributes, "gen_ai.completion"),
            usage=usage_of_metadata(told),
            usage_elsewhere=kind not in (None, SpanKind.LLM, SpanKind.EMBEDDING),
            cost_usd=cost_of(told),
            first_token_at_ns=next((event.at_ns for event in span.events if event.name == _FIRST_TOKEN), None),
            streamed=flag(attributes, "langsmith.request.streaming"),
            user_id=text(metadata, "user_id"),
            session_id=text(metadata, "session_id", "thread_id", "conversation_id"),
            prompt_name=text(metadata, "lc_hub_repo"),
            prompt_version=text(metadata, "lc_hub_commit_hash"),
            tags=listed(attributes.get("langsmith.span.tags")),
            metadata={key: as_text(value) for key, value in metadata.items() if _applications_own(key)},
        )


def usage_of_metadata(told: dict[str, Any]) -> Usage | None:
    """Return the buckets of LangChain's usage metadata, whose totals hold their parts."""
    into, out = mapping(told.get("input_token_details")), mapping(told.get("output_token_details"))
    if not told:
        return None
    return buckets(
        Counts(
            input=count(told, "input_tokens"),
            output=count(told, "output_tokens"),
            total=count(told, "total_tokens"),
            cache_read=count(into, "cache_read"),
            cache_write=_written(into),
            cache_write_1h=count(into, "ephemeral_1h_input_tokens"),
            input_audio=count(into, "audio"),
            reasoning=count(out, "reasoning"),
            output_audio=count(out, "audio"),
        )
    )


def cost_of(told: dict[str, Any]) -> Decimal | None:
    """Return the cost that usage metadata says, as a total or in two halves."""
    total = money(told.get("total_cost"))
    if total is not None:
        return total
    halves = [amount for name in ("input_cost", "output_cost") if (amount := money(told.get(name))) is not None]
    return sum(halves, Decimal(0)) if halves else None


def _written(into: Attributes) -> int | None:
    """Return what was written to the cache; the total is 0 where the lifetimes are told apart."""
    apart = [count(into, name) for name in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")]
    return sum(value or 0 for value in apart) or count(into, "cache_creation")


def _applications_own(key: str) -> bool:
    return key != "usage_metadata" and not key.startswith(_OWN)
