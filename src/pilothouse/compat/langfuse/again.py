"""What the events of Langfuse's ingestion API that a kept span came from say by the mapping of today."""

from typing import Any

from pilothouse.compat.kept import Event, as_sent, events_of, heard, reread
from pilothouse.compat.langfuse import ids
from pilothouse.compat.langfuse.observations import RAW, RAW_OF_TRACE, SOURCE, TYPE, Said, of_observation, of_trace
from pilothouse.domain.fold import Fold
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.rereading import Heard
from pilothouse.domain.span import Span

_EXTENT = frozenset({"source", "native_id", "parent_span_id", "ended_at_ns", "key_id"})
"""All that is said of a trace by the times of its observations."""
_TEXTS = frozenset({"statusMessage", "promptName", "promptVersion", "level"})
"""Raw fields that are texts, even such as look like JSON."""


def reading(row: Span, fold: Fold) -> list[Heard]:
    """Return what each of the span's events says, the earliest first; nothing of a span that came by another way."""
    if row.source != SOURCE or "native_id" not in fold.said:
        return []
    events = events_of(fold)
    if row.span_id == ids.root_span_id(row.trace_id):
        told = [one for one in events if not _EXTENT.issuperset(one.said) or one.metadata or one.attributes]
        return heard([_trace(one, row) for one in told])
    if not row.attributes:
        return []
    own = [one for one in events if not fold.resource or any(name.startswith(RAW) for name in one.attributes)]
    return heard([_observation(one, row) for one in own])


def _trace(event: Event, row: Span) -> SpanPatch:
    body: dict[str, Any] = {
        **_raw(event, RAW_OF_TRACE),
        "id": row.trace_id,
        "timestamp": event.moment("started_at_ns"),
        "name": event.said.get("name"),
        "userId": event.said.get("user_id"),
        "sessionId": event.said.get("session_id"),
        "release": event.said.get("release"),
        "tags": list(row.tags),
        **_common(event),
    }
    first, *_ = of_trace(Said("trace-create", body, event.at_ns, ""))
    return reread(first, row, event)


def _observation(event: Event, row: Span) -> SpanPatch:
    parent = event.said.get("parent_span_id")
    made = parent == ids.root_span_id(row.trace_id)
    body: dict[str, Any] = {
        **_raw(event, RAW),
        "id": row.span_id,
        "traceId": row.trace_id,
        "parentObservationId": None if made else parent,
        "name": event.said.get("name"),
        "startTime": event.moment("started_at_ns"),
        "endTime": event.moment("ended_at_ns"),
        "completionStartTime": event.moment("first_token_at_ns"),
        "model": event.said.get("model_requested"),
        **_common(event),
    }
    kind = event.attributes.get(TYPE, "").lower()
    said = Said(f"{kind or 'observation'}-{'create' if made else 'update'}", body, event.at_ns, "")
    first, *_ = of_observation(said)
    return reread(first, row, event)


def _common(event: Event) -> dict[str, Any]:
    return {
        "input": event.document("input"),
        "output": event.document("output"),
        "environment": event.said.get("environment"),
        "version": event.said.get("version"),
        "metadata": {name: as_sent(text) for name, text in event.metadata.items()},
    }


def _raw(event: Event, prefix: str) -> dict[str, Any]:
    found = {name[len(prefix) :]: text for name, text in event.attributes.items() if name.startswith(prefix)}
    return {name: text if name in _TEXTS else as_sent(text) for name, text in found.items()}
