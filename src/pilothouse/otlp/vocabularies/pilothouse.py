"""What `pilothouse.sdk` says where no convention has a word; the rest it says in those of OpenTelemetry."""

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan
from pilothouse.otlp.values import as_texts, below, listed, text

_KINDS = {kind.value: kind for kind in SpanKind}


class Pilothouse(msgspec.Struct, frozen=True):
    """The reader of `pilothouse.*`; our SDK also adds these to spans that instrumentations made."""

    name: str = "pilothouse"
    namespaces: frozenset[str] = frozenset({"pilothouse"})

    def claims(self, span: OtelSpan) -> bool:
        """Every span with such an attribute."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return what is said."""
        attributes = span.attributes
        return Said(
            kind=_KINDS.get(text(attributes, "pilothouse.kind") or ""),
            environment=text(attributes, "pilothouse.environment"),
            release=text(attributes, "pilothouse.release"),
            tags=listed(attributes.get("pilothouse.tags")),
            metadata=as_texts(below(attributes, "pilothouse.metadata.")),
        )
