"""The records of a batch as what they bring of each span, whatever way they came in."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.call import CallRecord
from pilothouse.domain.envelope import OTLP_TRACES, PATCHES, OtlpTraces, decode_patches
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.receipt import REFUSED_BY_STORE
from pilothouse.domain.score import SCORES
from pilothouse.domain.span import GATEWAY, Span
from pilothouse.errors import PilothouseError
from pilothouse.ingest import scores, signals
from pilothouse.ingest.recent import SpanKey
from pilothouse.ingest.requests import RequestRead, read_request
from pilothouse.ingest.scores import ScoreRead
from pilothouse.ingest.signals import Read
from pilothouse.ingest.spans import record_to_span
from pilothouse.spool import CALL, Item

SPAN_REASONS = ("unconvertible", REFUSED_BY_STORE)
"""Why a span that was read is not in the store."""
_NONE: Mapping[int, RequestRead] = MappingProxyType({})
_calls = msgspec.msgpack.Decoder(CallRecord)


class Source(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record and who sent it."""

    item: Item
    project_id: str = ""
    surface: str
    sdk_name: str = ""
    sdk_version: str = ""


class Arrived(msgspec.Struct, gc=False):
    """What a batch brings of one span."""

    sources: list[Source]
    patches: list[SpanPatch]
    call: Span | None = None
    """The gateway's own row."""
    row: Span | None = None
    """What the first patch comes to when it is all there is of the span; made beforehand, see `Merger.prepare`."""


class Unusable(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a record, or all of it, that cannot become a span."""

    source: Source
    reason: str
    """A stable word."""
    detail: str


class Contents(msgspec.Struct):
    """What records bring."""

    spans: dict[SpanKey, Arrived]
    unusable: list[Unusable]
    signals: list[Read] = []
    """Of log records and data points."""
    scores: list[ScoreRead] = []


def read(items: Sequence[Item], catalog: Catalog, contents: Contents, ready: Mapping[int, RequestRead] = _NONE) -> None:
    """Add what the records bring to `contents`; never raises for a record.

    `ready` has, by their places, OpenTelemetry requests that were read already.
    """
    for place, item in enumerate(items):
        try:
            _read(item, catalog, contents, ready.get(place))
        except (msgspec.MsgspecError, PilothouseError) as error:
            contents.unusable.append(whole_record(item, "undecodable", str(error)))
        except Exception as error:  # noqa: BLE001 - border: a background loop; one record must not stop the rest
            contents.unusable.append(whole_record(item, "unconvertible", repr(error)))


def _read(item: Item, catalog: Catalog, contents: Contents, ready: RequestRead | None) -> None:
    if item.kind == CALL:
        span = record_to_span(_calls.decode(item.payload), catalog)
        source = Source(item=item, project_id=span.project_id, surface=GATEWAY)
        _of(contents, (span.project_id, span.trace_id, span.span_id), source).call = span
    elif item.kind == OTLP_TRACES:
        _add_request(contents, item, ready or read_request(item.payload))
    elif item.kind == PATCHES:
        for patch in decode_patches(item.payload):
            _add(contents, Source(item=item, project_id=patch.project_id, surface=patch.source), (patch,))
    elif item.kind in signals.KINDS:
        found = signals.read(item)
        contents.signals.append(found)
        _add(contents, _source(item, found.request), found.patches)
    elif item.kind == SCORES:
        contents.scores.append(scores.read(item))
    else:
        contents.unusable.append(whole_record(item, "unknown_kind", f"kind {item.kind!r} is not known to this version"))


def _add_request(contents: Contents, item: Item, found: RequestRead) -> None:
    if found.broken is not None:
        contents.unusable.append(whole_record(item, found.broken.reason, found.broken.detail))
        return
    source = Source(
        item=item,
        project_id=found.project_id,
        surface=found.surface,
        sdk_name=found.sdk_name,
        sdk_version=found.sdk_version,
    )
    _add(contents, source, found.patches)
    contents.unusable += [Unusable(source=source, reason=one.reason, detail=one.detail) for one in found.refused]


def _source(item: Item, request: OtlpTraces) -> Source:
    return Source(
        item=item,
        project_id=request.project_id,
        surface=request.surface,
        sdk_name=request.sdk_name,
        sdk_version=request.sdk_version,
    )


def _add(contents: Contents, source: Source, patches: Iterable[SpanPatch]) -> None:
    for patch in patches:
        if not patch.trace_id or not patch.span_id:
            contents.unusable.append(Unusable(source=source, reason="without_id", detail=f"{patch.name} has no id"))
            continue
        _of(contents, (patch.project_id, patch.trace_id, patch.span_id), source).patches.append(patch)


def _of(contents: Contents, key: SpanKey, source: Source) -> Arrived:
    arrived = contents.spans.get(key)
    if arrived is None:
        arrived = contents.spans[key] = Arrived([], [])
    if source not in arrived.sources[-1:]:
        arrived.sources.append(source)
    return arrived


def whole_record(item: Item, reason: str, detail: str) -> Unusable:
    """Return a record no part of which can be used."""
    return Unusable(source=Source(item=item, surface=item.kind), reason=reason, detail=detail)
