"""What a kept span's raw attributes mean, read anew by the vocabularies as they are now.

Only spans that came over OpenTelemetry have raw attributes of which a vocabulary makes all the rest. Of their patch the
row holds every attribute as text, and the resource; those of other ways in are known by their having none.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.fold import Fold, Stamped, encode, fold_of, merged
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.redaction import records
from pilothouse.domain.redaction.engine import Redactor
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
Map = Callable[[OtelSpan], SpanPatch | None]


def remapped(
    row: Span, catalog: Catalog, redactor: Redactor | None, now_ns: int, mapping: Map = patch_of
) -> Span | None:
    """Return the row as it would be if its OpenTelemetry span came now; the very row when that is the same.

    None for a row that is left as it is: a call of the gateway's, or one without raw attributes. What another source
    said later than the span itself stays; what was redacted stays so, and the policy of today is applied besides.
    """
    if is_of_gateway(row) or not row.fold or not row.resource or not row.attributes:
        return None
    fold = fold_of_row(row)
    at_ns = max((stamp for stamp, _ in fold.resource.values()), default=0)
    attributes = {key: value for key, (stamp, value) in fold.attributes.items() if stamp == at_ns}
    if not attributes or "started_at_ns" not in fold.said:
        return None
    patch = mapping(_sent(row, fold, attributes))
    if patch is None:
        return None
    patch = msgspec.structs.replace(_of_sender(patch, row, fold, at_ns), attributes=attributes)
    if redactor is not None:
        patch = _redacted(patch, redactor)
    made = fold_of(patch) if _is_alone(fold, at_ns) else _overlaid(fold, fold_of(patch), at_ns)
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


def _of_sender(patch: SpanPatch, row: Span, fold: Fold, at_ns: int) -> SpanPatch:
    """Return the patch with what only the way in knew, in the fields in which it was said."""
    key = fold.said.get("key_id")
    return msgspec.structs.replace(
        patch, project_id=row.project_id, key_id=row.key_id if key is not None else "", at_ns=at_ns, whole=fold.whole
    )


def _redacted(patch: SpanPatch, redactor: Redactor) -> SpanPatch:
    """Return a patch redacted; what was said of an earlier redaction stays."""
    told = {name: value for name, value in patch.attributes.items() if name.startswith(records.REDACTED)}
    made = records.patch(patch, redactor)
    return msgspec.structs.replace(made, attributes={**made.attributes, **told})


def _is_alone(fold: Fold, at_ns: int) -> bool:
    """Whether all that is known of a span was said at one time, and so by its one patch."""
    stamps = (fold.said, *(getattr(fold, name) for name in _MAPS))
    return all(stamp == at_ns for stamped in stamps for stamp, _ in stamped.values())


def _overlaid(fold: Fold, fresh: Fold, at_ns: int) -> Fold:
    """Return a fold in which what is said anew stands over what was said until then, and below what was said later."""
    both = merged(fold, fresh)
    changes = {name: _later(getattr(fold, name), getattr(fresh, name), at_ns) for name in ("said", *_MAPS)}
    return msgspec.structs.replace(both, **changes)


def _later(held: dict[str, Stamped], fresh: dict[str, Stamped], at_ns: int) -> dict[str, Stamped]:
    kept = {name: stamped for name, stamped in fresh.items() if name not in held or held[name][0] <= at_ns}
    return {**held, **kept}
