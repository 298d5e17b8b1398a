"""What log records say of the spans that they belong to: their events, and messages that are sent as events."""

from collections.abc import Iterable, Sequence

from pilothouse.domain.patch import SpanEvent, SpanPatch
from pilothouse.otlp import mapping, messages
from pilothouse.otlp.signals import OtelLog, OtelSpan
from pilothouse.otlp.values import as_text, as_texts
from pilothouse.otlp.vocabularies.gen_ai import DETAILS
from pilothouse.otlp.vocabularies.gen_ai_old import CHOICE, ROLES, of_events
from pilothouse.protocols import loose

SOURCE = "otel_logs"
BODY, SEVERITY = "log.body", "log.severity"
"""Attributes of an event that hold what a log record has beside its attributes."""


def mapped(logs: Iterable[OtelLog]) -> tuple[SpanPatch, ...]:
    """Return a patch for each span that any of the records belongs to; records of no span have none.

    The messages of one call may come apart in two requests: each record is also an event of its span, so that all are
    there, but input and output are only of those that came together.
    """
    by_span: dict[tuple[str, str], list[OtelLog]] = {}
    for log in logs:
        if log.span_id:
            by_span.setdefault((log.trace_id, log.span_id), []).append(log)
    return tuple(_patch(records) for records in by_span.values())


def _patch(records: Sequence[OtelLog]) -> SpanPatch:
    first = records[0]
    ordered = sorted(records, key=lambda record: record.at_ns)
    asked, answered = _told(ordered)
    return SpanPatch(
        trace_id=first.trace_id,
        span_id=first.span_id,
        source=SOURCE,
        at_ns=ordered[-1].at_ns,
        input=asked,
        output=answered,
        events=tuple(_event(record) for record in ordered),
    )


def _told(records: Sequence[OtelLog]) -> tuple[str | None, str | None]:
    """Return input and output: out of the one event that holds all of it, else out of an event for each message."""
    for record in records:
        if record.name == DETAILS:
            span = OtelSpan(
                trace_id=record.trace_id, span_id=record.span_id, name=record.name, started_at_ns=record.at_ns,
                attributes={**loose.mapping(record.body), **record.attributes},
            )  # fmt: skip
            patch = mapping.patch_of(span)
            if patch is not None:
                return patch.input, patch.output
    named = [record for record in records if record.name in ROLES or record.name == CHOICE]
    asked, answered = of_events((record.name, loose.mapping(record.body) or record.attributes) for record in named)
    return messages.asked(messages.Conversation(messages=asked)), messages.answered(answered)


def _event(record: OtelLog) -> SpanEvent:
    attributes = as_texts(record.attributes)
    if record.body is not None:
        attributes[BODY] = as_text(record.body)
    if record.severity:
        attributes[SEVERITY] = record.severity_text or str(record.severity)
    return SpanEvent(record.at_ns, record.name or "log", attributes)
