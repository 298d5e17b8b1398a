"""Braintrust's attributes on OpenTelemetry spans: `braintrust.*`, most of them JSON."""

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.domain.usage import Usage
from pilothouse.otlp import providers
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import Attributes, OtelSpan
from pilothouse.otlp.tokens import Counts, buckets
from pilothouse.otlp.values import as_text, count, document, later_ns, listed, loaded, money, number, text
from pilothouse.protocols.loose import mapping

_KINDS = {
    "llm": SpanKind.LLM,
    "function": SpanKind.CHAIN,
    "task": SpanKind.CHAIN,
    "eval": SpanKind.CHAIN,
    "tool": SpanKind.TOOL,
    "score": SpanKind.OTHER,
}


class Braintrust(msgspec.Struct, frozen=True):
    """The reader of Braintrust."""

    name: str = "braintrust"
    namespaces: frozenset[str] = frozenset({"braintrust"})

    def claims(self, span: OtelSpan) -> bool:
        """Every span with such an attribute."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return what is said."""
        attributes = span.attributes
        about = mapping(loaded(attributes.get("braintrust.span_attributes")))
        metadata = mapping(loaded(attributes.get("braintrust.metadata")))
        metrics = mapping(loaded(attributes.get("braintrust.metrics")))
        prompt = mapping(metadata.get("prompt"))
        first_s = number(metrics, "time_to_first_token")
        return Said(
            kind=_KINDS.get((text(about, "type") or "").lower()),
            name=text(about, "name"),
            provider=providers.known(text(metadata, "provider")),
            model_requested=text(metadata, "model"),
            input=document(attributes, "braintrust.input_json", "braintrust.input"),
            output=document(attributes, "braintrust.output_json", "braintrust.output"),
            usage=_usage(metrics),
            cost_usd=money(metrics.get("estimated_cost", metrics.get("cost"))),
            first_token_at_ns=later_ns(span.started_at_ns, first_s, 10**9),
            user_id=text(metadata, "user_id"),
            session_id=text(metadata, "session_id"),
            prompt_name=text(prompt, "key", "id"),
            prompt_version=text(prompt, "version"),
            tags=listed(attributes.get("braintrust.tags")),
            metadata={key: as_text(value) for key, value in metadata.items()},
        )


def _usage(metrics: Attributes) -> Usage | None:
    if not metrics:
        return None
    return buckets(
        Counts(
            input=count(metrics, "prompt_tokens"),
            output=count(metrics, "completion_tokens"),
            total=count(metrics, "tokens"),
            cache_read=count(metrics, "prompt_cached_tokens"),
            cache_write=count(metrics, "prompt_cache_creation_tokens"),
            input_audio=count(metrics, "prompt_audio_tokens"),
            reasoning=count(metrics, "completion_reasoning_tokens"),
            output_audio=count(metrics, "completion_audio_tokens"),
        )
    )
