"""What is kept of the events that an SDK sent of a span, as they can be told apart in the span's fold.

A statement that a later event replaced is gone. So an event is given back without it, and what an earlier reading made
of it stays.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from pilothouse.domain.fold import Fold
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.redaction.policy import Part
from pilothouse.domain.redaction.records import REDACTED
from pilothouse.domain.rereading import Heard
from pilothouse.domain.span import Span
from pilothouse.otlp.signals import BOUNDS
from pilothouse.otlp.values import as_text, loaded, moment_ns

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FACTS = ("parent_span_id", "started_at_ns", "ended_at_ns")
"""What is so whatever a mapping makes of the rest."""


class Event(msgspec.Struct, frozen=True):
    """All that is left of what was said at one time."""

    at_ns: int
    said: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    attributes: dict[str, str] = {}

    def document(self, name: str) -> Any:
        """Return a field that may be a document."""
        return as_sent(self.said.get(name))

    def moment(self, name: str) -> str | None:
        """Return a time as SDKs write it; None where they could not have written it so."""
        at_ns = self.said.get(name)
        if at_ns is None:
            return None
        try:
            written = (_EPOCH + timedelta(microseconds=at_ns // 1000)).isoformat()
        except OverflowError:
            return None
        return written if moment_ns(written) == at_ns else None


def events_of(fold: Fold) -> list[Event]:
    """Return the events in the order in which they were said, without what came over OpenTelemetry."""
    found: dict[int, Event] = {}
    for name in ("said", "metadata", "attributes"):
        for key, (at_ns, value) in getattr(fold, name).items():
            getattr(found.setdefault(at_ns, Event(at_ns, {}, {}, {})), name)[key] = value
    elsewhere = {at_ns for at_ns, _ in fold.resource.values()}
    return [found[at_ns] for at_ns in sorted(found.keys() - elsewhere)]


def as_sent(value: Any) -> Any:
    """Return a text as the object or list that it was sent as; any other as it is."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    found = loaded(value)
    return found if as_text(found) == value else value


def further(prefix: str, body: dict[str, Any], known: frozenset[str]) -> dict[str, str]:
    """Return the fields of a body that have no other place, as attributes below a name."""
    names = [name for name in body.keys() - known if body[name] is not None]
    return {f"{prefix}{name}": as_text(body[name])[: BOUNDS.text_chars] for name in names[: BOUNDS.attributes]}


def reread(patch: SpanPatch, row: Span, event: Event, carried: Iterable[str] = ()) -> SpanPatch:
    """Return what an event says today as a patch of the row; `carried` are fields that nothing else is kept of."""
    held = {name: event.said[name] for name in _FACTS if name in event.said}
    held |= {name: event.said[name] for name in carried if name in event.said and getattr(patch, name) is None}
    if f"{REDACTED}off.{Part.METADATA}" in event.attributes:
        held["metadata"] = {}
    return msgspec.structs.replace(
        patch, trace_id=row.trace_id, span_id=row.span_id, at_ns=event.at_ns, native_id=event.said.get("native_id"),
        attributes={**event.attributes, **patch.attributes}, **held,
    )  # fmt: skip


def heard(patches: Sequence[SpanPatch]) -> list[Heard]:
    """Return what events say, the last of them complete, unless something was taken out before it was kept."""
    return [
        Heard(patch, complete=patch is patches[-1] and not any(name.startswith(REDACTED) for name in patch.attributes))
        for patch in patches
    ]
