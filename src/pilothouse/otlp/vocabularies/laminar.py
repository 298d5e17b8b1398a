"""Laminar: `lmnr.span.*` and `lmnr.association.properties.*`."""

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan
from pilothouse.otlp.values import as_text, below, document, listed, text

_KINDS = {
    "LLM": SpanKind.LLM,
    "TOOL": SpanKind.TOOL,
    "EVALUATOR": SpanKind.OTHER,
    "EVALUATION": SpanKind.CHAIN,
    "EXECUTOR": SpanKind.CHAIN,
}
_PROPERTIES = "lmnr.association.properties."


class Laminar(msgspec.Struct, frozen=True):
    """The reader of Laminar."""

    name: str = "laminar"
    namespaces: frozenset[str] = frozenset({"lmnr"})

    def claims(self, span: OtelSpan) -> bool:
        """Every span with such an attribute."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return what is said."""
        attributes = span.attributes
        properties = below(attributes, _PROPERTIES)
        metadata = below(properties, "metadata.")
        return Said(
            kind=_KINDS.get((text(attributes, "lmnr.span.type") or "").upper()),
            input=document(attributes, "lmnr.span.input"),
            output=document(attributes, "lmnr.span.output"),
            user_id=text(properties, "user_id"),
            session_id=text(properties, "session_id"),
            tags=listed(properties.get("tags")),
            metadata={key: as_text(value) for key, value in metadata.items()},
        )
