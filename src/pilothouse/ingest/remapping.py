"""What was sent of a kept span, read anew by the mappings as they are now.

Each way in has its own reading of a row: what it makes today of what it once brought, as far as that is kept. Of a span
that came over OpenTelemetry the row holds every attribute as text, and the resource, which no other way in has.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.fold import Fold, Stamped, encode, fold_of, merged
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.redaction import records
from pilothouse.domain.redaction.engine import Redactor
from pilothouse.domain.rereading import Heard, Reading
from pilothouse.domain.span import Span, SpanKind, SpanStatus
from pilothouse.ingest.rows import SAID_START, fold_of_row, is_of_gateway, row_of_fold
from pilothouse.otlp.mapping import patch_of
from pilothouse.otlp.signals import OtelEvent, OtelLink, OtelScope, OtelSpan
from pilothouse.otlp.values import as_text, unquoted
from pilothouse.protocols.loose import listing

_SCOPE = "scope."
_ERROR = 2
_INTERNAL, _CLIENT = 1, 3
_CALLS = frozenset({SpanKind.LLM, SpanKind.EMBEDDING})
_PARAMETERS = ("gen_ai.request.", "llm.request.", "ai.settings.")
"""Beginnings of the attributes whose values are handed on as numbers; others are read the same as text."""
_MAPS = ("metadata", "attributes", "resource")
_FACTS = ("native_id", "name", "started_at_ns", "ended_at_ns", "key_id")
"""What no mapping makes; it stays where a mapping says nothing of it."""
Map = Callable[[OtelSpan], SpanPatch | None]


def of_otel(row: Span, fold: Fold, mapping: Map = patch_of) -> Sequence[Heard]:
    """Return what the vocabularies make of a span that came over OpenTelemetry."""
    if not row.resource or not row.attributes or "started_at_ns" not in fold.said:
        return ()
    at_ns = max((stamp for stamp, _ in fold.resource.values()), default=0)
    attributes = {key: value for key, (stamp, value) in fold.attributes.items() if stamp == at_ns}
    patch = mapping(_sent(row, fold, attributes)) if attributes else None
    if patch is None:
        return ()
    return (Heard(msgspec.structs.replace(patch, at_ns=at_ns, attributes=attributes)),)


def remapped(
    row: Span, catalog: Catalog, redactor: Redactor | None, now_ns: int, readings: Sequence[Reading] = (of_otel,)
) -> Span | None:
    """Return the row as it would be if what was sent of it came now; the very row when that is the same.

    None for a row that is left as it is: a call of the gateway's, or one that no reading knows. What another source
    said later than the span itself stays; what was redacted stays so, and the policy of today is applied besides.
    """
    if is_of_gateway(row) or not row.fold:
        return None
    fold = fold_of_row(row)
    said = [one for read in readings for one in read(row, fold)]
    if not said:
        return None
    made = fold
    for one in said:
        patch = _of_sender(one.patch, row, fold)
        if redactor is not None:
            patch = _redacted(patch, redactor)
        made = _overlaid(made, fold_of(patch), patch.at_ns, complete=one.complete)
    if encode(made) == encode(fold):
        return row
    if SAID_START in row.attributes:
        now_ns = row.started_at_ns
    fresh = row_of_fold(made, catalog, now_ns, row)
    running = fresh.running and not row.abandoned
    return msgspec.structs.replace(fresh, running=running, abandoned=row.abandoned, wrapper=row.wrapper)


def _sent(row: Span, fold: Fold, attributes: dict[str, str]) -> OtelSpan:
    """Return the span as it was sent, as far as it is kept: values as texts, its kind as what became of it."""
    resource = {key: value for key, value in row.resource.items() if not key.startswith(_SCOPE)}
    scope = {key[len(_SCOPE) :]: value for key, value in row.resource.items() if key.startswith(_SCOPE)}
    failed = row.status is not SpanStatus.OK
    return OtelSpan(
        trace_id=row.trace_id,
        span_id=row.span_id,
        parent_span_id=row.parent_span_id,
        name=row.name,
        kind=_CLIENT if row.kind in _CALLS or row.usage is not None else _INTERNAL,
        started_at_ns=_time(fold, "started_at_ns"),
        ended_at_ns=_time(fold, "ended_at_ns"),
        attributes={key: _as_sent(key, value) for key, value in attributes.items()},
        events=tuple(OtelEvent(event.at_ns, event.name, dict(event.attributes)) for event in row.events),
        links=tuple(OtelLink(link.trace_id, link.span_id, dict(link.attributes)) for link in row.links),
        status_code=_ERROR if failed else 0,
        status_message=row.error_detail if failed else "",
        resource=dict(resource),
        scope=OtelScope(scope.pop("name", ""), scope.pop("version", ""), dict(scope)),
    )


def _as_sent(name: str, value: str) -> Any:
    """Return a value as it was sent, where that makes a difference: parameters, and lists of scalars."""
    if not name.startswith(_PARAMETERS) and value[:1] != "[":
        return value
    found = unquoted(value)
    if isinstance(found, dict) or as_text(found) != value:
        return value
    return value if any(isinstance(item, list | dict) for item in listing(found)) else found


def _time(fold: Fold, name: str) -> int:
    stamped = fold.said.get(name)
    return stamped[1] if stamped is not None else 0


def _of_sender(patch: SpanPatch, row: Span, fold: Fold) -> SpanPatch:
    """Return the patch with what only the way in knew, in the fields in which it was said."""
    facts = {name: fold.said[name][1] for name in _FACTS if name in fold.said and fold.said[name][0] == patch.at_ns}
    held = {name: value for name, value in facts.items() if not getattr(patch, name)}
    return msgspec.structs.replace(patch, project_id=row.project_id, whole=fold.whole, **{"key_id": "", **held})


def _redacted(patch: SpanPatch, redactor: Redactor) -> SpanPatch:
    """Return a patch redacted; what was said of an earlier redaction stays."""
    told = {name: value for name, value in patch.attributes.items() if name.startswith(records.REDACTED)}
    made = records.patch(patch, redactor)
    return msgspec.structs.replace(made, attributes={**made.attributes, **told})


def _overlaid(fold: Fold, fresh: Fold, at_ns: int, *, complete: bool) -> Fold:
    """Return a fold in which what is said anew stands over what was said until then, and below what was said later.

    Where what is said anew is complete, it stands for all that was said at its time.
    """
    if _is_alone(fold, at_ns) and complete:
        return fresh
    held = {name: getattr(fold, name) for name in ("said", *_MAPS)}
    if complete:
        held = {name: {key: one for key, one in said.items() if one[0] != at_ns} for name, said in held.items()}
    both = merged(fold, fresh)
    changes = {name: _later(said, getattr(fresh, name), at_ns) for name, said in held.items()}
    return msgspec.structs.replace(both, **changes)


def _is_alone(fold: Fold, at_ns: int) -> bool:
    """Whether all that is known of a span was said at one time."""
    stamps = (fold.said, *(getattr(fold, name) for name in _MAPS))
    return all(stamp == at_ns for stamped in stamps for stamp, _ in stamped.values())


def _later(held: dict[str, Stamped], fresh: dict[str, Stamped], at_ns: int) -> dict[str, Stamped]:
    kept = {name: stamped for name, stamped in fresh.items() if name not in held or held[name][0] <= at_ns}
    return {**held, **kept}
