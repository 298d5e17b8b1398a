"""Weave's own attributes on OpenTelemetry spans: threads, and what kind of step a span is."""

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan
from pilothouse.otlp.values import document, text

_KINDS = {
    "llm": SpanKind.LLM,
    "agent": SpanKind.AGENT,
    "tool": SpanKind.TOOL,
    "search": SpanKind.RETRIEVER,
    "retriever": SpanKind.RETRIEVER,
    "scorer": SpanKind.OTHER,
}


class Weave(msgspec.Struct, frozen=True):
    """The reader of Weave."""

    name: str = "weave"
    namespaces: frozenset[str] = frozenset({"weave", "wandb"})

    def claims(self, span: OtelSpan) -> bool:
        """Every span with such an attribute."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return what is said."""
        attributes = span.attributes
        return Said(
            kind=_KINDS.get((text(attributes, "weave.span.kind", "weave.op.kind", "weave.kind") or "").lower()),
            session_id=text(attributes, "wandb.thread_id", "wandb.turn_id"),
            input=document(attributes, "weave.inputs", "weave.input"),
            output=document(attributes, "weave.output", "weave.outputs"),
        )
