"""Spans that OpenRouter sends on: `trace.metadata.openrouter.*` and the application's own `trace.metadata.*`."""

import msgspec

from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan
from pilothouse.otlp.values import as_text, below, document, money, text

_METADATA = "trace.metadata."
_OWN = "openrouter."


class OpenRouter(msgspec.Struct, frozen=True):
    """The reader of OpenRouter's broadcasts."""

    name: str = "openrouter"
    namespaces: frozenset[str] = frozenset({"trace"})

    def claims(self, span: OtelSpan) -> bool:
        """Spans that it stamps with who made the call."""
        attributes = span.attributes
        return span.scope.name.startswith("openrouter") or any(
            key.startswith(f"{_METADATA}{_OWN}") for key in attributes
        )

    def read(self, span: OtelSpan) -> Said:
        """Return what is said; OpenRouter is the provider whose prices count, whoever served behind it."""
        attributes = span.attributes
        metadata = below(attributes, _METADATA)
        return Said(
            provider="openrouter",
            trace_name=text(attributes, "trace.name"),
            input=document(attributes, "trace.input", "span.input"),
            output=document(attributes, "trace.output", "span.output"),
            cost_usd=money(attributes.get("gen_ai.usage.total_cost", attributes.get("gen_ai.usage.cost"))),
            metadata={key: as_text(value) for key, value in metadata.items() if not key.startswith(_OWN)},
        )
