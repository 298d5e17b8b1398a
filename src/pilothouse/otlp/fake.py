"""A vocabulary that says what it is told to, for tests of the folding."""

import msgspec

from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan


class FakeVocabulary(msgspec.Struct, frozen=True):
    """Claims the spans that have the attribute of its name, and says the same of each."""

    name: str = "fake"
    namespaces: frozenset[str] = frozenset({"fake"})
    said: Said = msgspec.field(default_factory=Said)

    def claims(self, span: OtelSpan) -> bool:
        """Spans with an attribute of its own."""
        return any(key.startswith("fake") for key in span.attributes)

    def read(self, span: OtelSpan) -> Said:
        """Return what it was made with."""
        return self.said
