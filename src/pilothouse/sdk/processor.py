"""Where OpenTelemetry hands over spans: what is carried is added when they begin, and they are queued when they end."""

from collections.abc import Mapping
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.util.types import AttributeValue

from pilothouse.sdk import carried
from pilothouse.sdk.outbox import EXIT_S, Outbox

_LOW_BITS: Final = 2**64
_SPAN_CHARS: Final = 500
"""What a span takes without its texts."""


class QueueingProcessor(SpanProcessor):
    """Queues the spans of a provider; of all traces the share `sample`, chosen by their id and so as others choose."""

    def __init__(self, outbox: Outbox, sample: float, always: Mapping[str, AttributeValue]) -> None:
        self._outbox = outbox
        self._below = round(sample * _LOW_BITS)
        self._always = always

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Add to a span what is carried in its context."""
        found = {**self._always, **carried.attributes(parent_context)}
        if found:
            span.set_attributes(found)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span, unless it is not of the sample."""
        context = span.context
        if context is not None and context.trace_flags.sampled and context.trace_id % _LOW_BITS < self._below:
            self._outbox.put(span, _chars(span))

    def shutdown(self) -> None:
        """Send what is left, within the time that the end of a process may take."""
        self._outbox.close()

    def force_flush(self, timeout_millis: int = round(EXIT_S * 1000)) -> bool:
        """Send what is queued; False when the time was not enough."""
        return self._outbox.flush(timeout_millis / 1000)


def _chars(span: ReadableSpan) -> int:
    values = [*(span.attributes or {}).values()]
    for event in span.events:
        values += (event.attributes or {}).values()
    return _SPAN_CHARS + sum(len(value) for value in values if isinstance(value, str))
