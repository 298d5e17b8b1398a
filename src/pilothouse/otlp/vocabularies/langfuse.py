"""Langfuse's SDKs from 3 on, which send OTLP: `langfuse.observation.*`, `langfuse.trace.*`."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from pilothouse.domain.patch import Level
from pilothouse.domain.span import SpanKind
from pilothouse.domain.usage import Usage
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import Attributes, OtelSpan
from pilothouse.otlp.tokens import Counts, buckets
from pilothouse.otlp.values import as_text, below, count, document, listed, loaded, moment_ns, money, text, unquoted
from pilothouse.protocols.loose import mapping

_KINDS = {
    "generation": SpanKind.LLM,
    "embedding": SpanKind.EMBEDDING,
    "agent": SpanKind.AGENT,
    "tool": SpanKind.TOOL,
    "chain": SpanKind.CHAIN,
    "retriever": SpanKind.RETRIEVER,
    "guardrail": SpanKind.GUARD,
    "evaluator": SpanKind.OTHER,
    "event": SpanKind.OTHER,
}
_LEVELS = {level.value: level for level in Level}
_METADATA = ("langfuse.observation.metadata", "langfuse.trace.metadata", "langfuse.metadata")
_ENCODED_SINCE = 5
"""The SDK's first major version that writes each value of the metadata as JSON, texts in quotes."""


class Langfuse(msgspec.Struct, frozen=True):
    """The reader of Langfuse."""

    name: str = "langfuse"
    namespaces: frozenset[str] = frozenset({"langfuse"})

    def claims(self, span: OtelSpan) -> bool:
        """Every span with such an attribute; the SDK adds some to the spans of others that it sends along."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return what is said."""
        attributes = span.attributes
        root = span.parent_span_id == ""
        level = _LEVELS.get((text(attributes, "langfuse.observation.level") or "").lower())
        return Said(
            kind=_KINDS.get((text(attributes, "langfuse.observation.type") or "").lower()),
            trace_name=text(attributes, "langfuse.trace.name"),
            model_requested=text(attributes, "langfuse.observation.model.name"),
            input=document(attributes, *_of("input", root)),
            output=document(attributes, *_of("output", root)),
            usage=usage_of(loaded(attributes.get("langfuse.observation.usage_details"))),
            cost_usd=cost_of(loaded(attributes.get("langfuse.observation.cost_details"))),
            first_token_at_ns=moment_ns(attributes.get("langfuse.observation.completion_start_time")),
            level=level,
            error_detail=text(attributes, "langfuse.observation.status_message"),
            user_id=text(attributes, "langfuse.user.id", "langfuse.trace.user_id", "user.id"),
            session_id=text(attributes, "langfuse.session.id", "langfuse.trace.session_id", "session.id"),
            environment=_of_application(span, "langfuse.environment"),
            release=_of_application(span, "langfuse.release"),
            version=text(attributes, "langfuse.version"),
            prompt_name=text(attributes, "langfuse.observation.prompt.name", "langfuse.prompt.name"),
            prompt_version=text(attributes, "langfuse.observation.prompt.version", "langfuse.prompt.version"),
            tags=tuple(
                dict.fromkeys(
                    (*listed(attributes.get("langfuse.trace.tags")), *listed(attributes.get("langfuse.tags")))
                )
            ),
            metadata=_metadata(attributes, encoded=_major(span) >= _ENCODED_SINCE),
        )


def usage_of(details: Any) -> Usage | None:
    """Return the buckets of Langfuse's usage details: disjoint ones of its own, or OpenAI's usage object as it is."""
    said = mapping(details)
    if not said:
        return None
    if "prompt_tokens" in said or "input_tokens" in said or "completion_tokens" in said:
        return buckets(_of_openai(said), inclusive="cache_read_input_tokens" not in said)
    return buckets(_of_langfuse(said), inclusive=False)


def cost_of(details: Any) -> Decimal | None:
    """Return the total of Langfuse's cost details, which may be the sum of the parts."""
    said = mapping(details)
    total = money(said.get("total"))
    parts = [amount for key, value in said.items() if key != "total" and (amount := money(value)) is not None]
    return total if total is not None else sum(parts, Decimal(0)) if parts else None


def _of_openai(said: Attributes) -> Counts:
    into = mapping(said.get("prompt_tokens_details") or said.get("input_tokens_details"))
    out = mapping(said.get("completion_tokens_details") or said.get("output_tokens_details"))
    return Counts(
        input=count(said, "prompt_tokens", "input_tokens"),
        output=count(said, "completion_tokens", "output_tokens"),
        total=count(said, "total_tokens"),
        cache_read=count({**said, **into}, "cached_tokens", "cache_read_input_tokens"),
        cache_write=count({**said, **into}, "cache_write_tokens", "cache_creation_input_tokens"),
        input_audio=count(into, "audio_tokens"),
        input_image=count(into, "image_tokens"),
        reasoning=count(out, "reasoning_tokens"),
        output_audio=count(out, "audio_tokens"),
        output_image=count(out, "image_tokens"),
    )


def _of_langfuse(said: Attributes) -> Counts:
    """Return counts that exclude each other; names that are not known go to input or output by how they begin."""
    known = {
        "cache_read": ("input_cached_tokens", "input_cache_read", "cache_read_input_tokens", "input_cached"),
        "cache_write": ("input_cache_creation", "cache_creation_input_tokens", "input_cache_write"),
        "input_audio": ("input_audio_tokens", "input_audio"),
        "input_image": ("input_image_tokens", "input_image"),
        "reasoning": ("output_reasoning_tokens", "output_reasoning"),
        "output_audio": ("output_audio_tokens", "output_audio"),
        "output_image": ("output_image_tokens", "output_image"),
    }
    taken = {"input", "output", "total"}.union(*known.values())
    more_in = _sum(said, (key for key in said if key.startswith("input") and key not in taken))
    more_out = _sum(said, (key for key in said if key.startswith("output") and key not in taken))
    return Counts(
        input=_plus(count(said, "input"), more_in),
        output=_plus(count(said, "output"), more_out),
        **{field: count(said, *names) for field, names in known.items()},
    )


def _sum(said: Attributes, names: Iterable[str]) -> int:
    return sum(count(said, name) or 0 for name in names)


def _plus(whole: int | None, more: int) -> int | None:
    return whole if not more else (whole or 0) + more


def _of_application(span: OtelSpan, name: str) -> str | None:
    """Return what is said of the application: generation 3 says it once, of the resource, later ones of each span."""
    return text(span.attributes, name) or text(span.resource, name)


def _of(side: str, root: bool) -> tuple[str, ...]:
    """Return where input or output stands; what is said of the whole trace is the root's."""
    observation = f"langfuse.observation.{side}"
    return (observation, f"langfuse.trace.{side}") if root else (observation,)


def _metadata(attributes: Attributes, *, encoded: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for prefix in _METADATA:
        whole = loaded(attributes.get(prefix))
        for key, value in mapping(whole).items():
            found.setdefault(key, as_text(value))
        if whole is not None and not isinstance(whole, dict):
            found.setdefault("metadata", as_text(whole))
        for key, value in below(attributes, f"{prefix}.").items():
            found.setdefault(key, as_text(unquoted(value) if encoded else value))
    return found


def _major(span: OtelSpan) -> int:
    """Return the SDK's major version, by the request's header or by the span's scope; 0 when neither says it."""
    own = span.scope.version if span.scope.name.startswith("langfuse") else ""
    major = (span.sender.version or own).partition(".")[0]
    return int(major) if major.isdigit() else 0
