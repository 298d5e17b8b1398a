"""OTLP as protobuf: `Export{Trace,Logs,Metrics}ServiceRequest` into plain values."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pilothouse.errors import InvalidRequest
from pilothouse.otlp import mending
from pilothouse.otlp.checks import Tally, Unusable, bounded, checked, linked, moment
from pilothouse.otlp.exponential import Exponential, buckets
from pilothouse.otlp.signals import (
    Attributes,
    Bounds,
    Decoded,
    OtelEvent,
    OtelExemplar,
    OtelLink,
    OtelLog,
    OtelPoint,
    OtelScope,
    OtelSpan,
    PointKind,
    Sender,
)

M = TypeVar("M", bound=Message)
_CUMULATIVE = 2
_NO_VALUE = 1
"""The flag of a point that says that there is nothing recorded."""


def spans(body: bytes, sender: Sender, received_at_ns: int, bounds: Bounds) -> Decoded[OtelSpan]:
    """Return the spans of an `ExportTraceServiceRequest`; raises `InvalidRequest` for bytes that are none."""
    tally, found = Tally(bounds), list[OtelSpan]()
    for group in parsed(ExportTraceServiceRequest, body).resource_spans:
        resource = attributes_of(group.resource.attributes, bounds, [])
        for scoped in group.scope_spans:
            scope = _scope(scoped.scope, bounds)
            for span in scoped.spans:
                if not tally.turn():
                    continue
                try:
                    found.append(checked(_span(span, resource, scope, sender, bounds), received_at_ns))
                except Unusable as error:
                    tally.reject(error.reason, span.span_id.hex()[:32], error.detail)
    return tally.result(found)


def logs(body: bytes, received_at_ns: int, bounds: Bounds) -> Decoded[OtelLog]:
    """Return the log records of an `ExportLogsServiceRequest`; raises `InvalidRequest` for bytes that are none."""
    tally, found = Tally(bounds), list[OtelLog]()
    for group in parsed(ExportLogsServiceRequest, body).resource_logs:
        resource = attributes_of(group.resource.attributes, bounds, [])
        for scoped in group.scope_logs:
            scope = _scope(scoped.scope, bounds)
            for record in scoped.log_records:
                if tally.turn():
                    found.append(_log(record, resource, scope, received_at_ns, bounds))
    return tally.result(found)


def points(body: bytes, received_at_ns: int, bounds: Bounds) -> Decoded[OtelPoint]:
    """Return the data points of an `ExportMetricsServiceRequest`; raises `InvalidRequest` for bytes that are none."""
    tally, found = Tally(bounds), list[OtelPoint]()
    for group in parsed(ExportMetricsServiceRequest, body).resource_metrics:
        resource = attributes_of(group.resource.attributes, bounds, [])
        for scoped in group.scope_metrics:
            scope = _scope(scoped.scope, bounds)
            for metric in scoped.metrics:
                for point in _points(metric, resource, scope, received_at_ns, bounds):
                    if tally.turn():
                        found.append(point)
    return tally.result(found)


def parsed(kind: type[M], body: bytes) -> M:
    """Return the message in the bytes, mended where texts are no UTF-8; raises `InvalidRequest` for other bytes."""
    try:
        return kind.FromString(body)
    except DecodeError:
        try:
            return kind.FromString(mending.mended(kind, body))
        except (DecodeError, ValueError) as error:
            raise InvalidRequest(f"the body is no {kind.__name__}") from error


def value_of(value: AnyValue, depth: int) -> Any:
    """Return an attribute's value; below the depth there is nothing but a mark."""
    # the most frequent kind first, without asking which one it is
    text = value.string_value
    if text:
        return text
    kind = value.WhichOneof("value")
    if kind is None or kind == "string_value":
        return "" if kind else None
    if kind == "array_value":
        return [value_of(item, depth - 1) for item in value.array_value.values] if depth > 0 else "…"
    if kind == "kvlist_value":
        return {item.key: value_of(item.value, depth - 1) for item in value.kvlist_value.values} if depth > 0 else "…"
    return getattr(value, kind)


def attributes_of(pairs: Iterable[KeyValue], bounds: Bounds, notes: list[str]) -> Attributes:
    """Return attributes by name; of two of one name the last one holds."""
    depth = bounds.depth
    found: Attributes = {}
    for pair in pairs:
        value = pair.value
        # `value_of` in line: this runs for each attribute of each span
        found[pair.key] = value.string_value or value_of(value, depth)
    return bounded(found, bounds, notes)


def _scope(scope: InstrumentationScope, bounds: Bounds) -> OtelScope:
    return OtelScope(scope.name, scope.version, attributes_of(scope.attributes, bounds, []))


def _span(span: Span, resource: Attributes, scope: OtelScope, sender: Sender, bounds: Bounds) -> OtelSpan:
    notes: list[str] = []
    attributes = attributes_of(span.attributes, bounds, notes)
    status = span.status
    events = _events(span, bounds, notes) if span.events else ()
    links = _links(span, bounds, notes) if span.links else ()
    return OtelSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        name=span.name,
        kind=span.kind,
        started_at_ns=span.start_time_unix_nano,
        ended_at_ns=span.end_time_unix_nano,
        attributes=attributes,
        events=events,
        links=links,
        status_code=status.code,
        status_message=status.message,
        trace_state=span.trace_state,
        resource=resource,
        scope=scope,
        sender=sender,
        notes=tuple(notes),
    )


def _events(span: Span, bounds: Bounds, notes: list[str]) -> tuple[OtelEvent, ...]:
    if len(span.events) > bounds.events:
        notes.append(f"{len(span.events) - bounds.events} events were left out")
    return tuple(
        OtelEvent(
            moment(event.time_unix_nano, span.start_time_unix_nano),
            event.name,
            attributes_of(event.attributes, bounds, notes),
        )
        for event in span.events[: bounds.events]
    )


def _links(span: Span, bounds: Bounds, notes: list[str]) -> tuple[OtelLink, ...]:
    links = [
        OtelLink(link.trace_id.hex(), link.span_id.hex(), attributes_of(link.attributes, bounds, notes))
        for link in span.links[: bounds.events]
    ]
    good = tuple(link for link in links if linked(link.trace_id, link.span_id))
    if len(good) < len(span.links):
        notes.append(f"{len(span.links) - len(good)} links were left out")
    return good


def _log(record: LogRecord, resource: Attributes, scope: OtelScope, received_at_ns: int, bounds: Bounds) -> OtelLog:
    notes: list[str] = []
    trace_id, span_id = record.trace_id.hex(), record.span_id.hex()
    joined = linked(trace_id, span_id)
    attributes = attributes_of(record.attributes, bounds, notes)
    observed_ns = moment(record.observed_time_unix_nano, received_at_ns)
    return OtelLog(
        trace_id=trace_id if joined else "",
        span_id=span_id if joined else "",
        at_ns=moment(record.time_unix_nano, observed_ns),
        observed_at_ns=observed_ns,
        name=record.event_name or str(attributes.get("event.name", "")),
        severity=record.severity_number,
        severity_text=record.severity_text,
        body=value_of(record.body, bounds.depth),
        attributes=attributes,
        resource=resource,
        scope=scope,
        notes=tuple(notes),
    )


def _points(
    metric: Metric, resource: Attributes, scope: OtelScope, received_at_ns: int, bounds: Bounds
) -> Iterator[OtelPoint]:
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    for point in data.data_points:
        if point.flags & _NO_VALUE:
            continue
        at_ns = moment(point.time_unix_nano, received_at_ns)
        yield OtelPoint(
            name=metric.name,
            kind=PointKind(kind),
            unit=metric.unit,
            description=metric.description,
            started_at_ns=point.start_time_unix_nano,
            at_ns=at_ns,
            attributes=attributes_of(point.attributes, bounds, []),
            cumulative=getattr(data, "aggregation_temporality", 0) == _CUMULATIVE,
            monotonic=getattr(data, "is_monotonic", False),
            exemplars=_exemplars(getattr(point, "exemplars", ()), at_ns, bounds),
            resource=resource,
            scope=scope,
            **_figures(kind, point),
        )


def _exemplars(exemplars: Iterable[Exemplar], at_ns: int, bounds: Bounds) -> tuple[OtelExemplar, ...]:
    found: list[OtelExemplar] = []
    for one in exemplars:
        which = one.WhichOneof("value")
        value = float(getattr(one, which)) if which else math.nan
        if len(found) == bounds.exemplars or not math.isfinite(value):
            continue
        trace_id, span_id = one.trace_id.hex(), one.span_id.hex()
        if not linked(trace_id, span_id):
            trace_id = span_id = ""
        attributes = attributes_of(one.filtered_attributes, bounds, [])
        found.append(OtelExemplar(moment(one.time_unix_nano, at_ns), value, trace_id, span_id, attributes))
    return tuple(found)


def _figures(kind: str, point: Any) -> dict[str, Any]:
    if kind in ("gauge", "sum"):
        which = point.WhichOneof("value")
        return {"value": float(getattr(point, which)) if which else None}
    if kind == "summary":
        quantiles = {str(item.quantile): item.value for item in point.quantile_values}
        return {"count": point.count, "sum": point.sum, "quantiles": quantiles}
    said = {name: getattr(point, name) for name in ("sum", "min", "max") if point.HasField(name)}
    if kind == "histogram":
        return {
            "count": point.count,
            "bounds": tuple(point.explicit_bounds),
            "counts": tuple(point.bucket_counts),
            **said,
        }
    positive, negative = point.positive, point.negative
    bounds, counts = buckets(
        Exponential(
            point.scale, point.zero_count, point.zero_threshold,
            positive.offset, list(positive.bucket_counts), negative.offset, list(negative.bucket_counts),
        )
    )  # fmt: skip
    return {"count": point.count, "bounds": bounds, "counts": counts, **said}
