"""OTLP as JSON: the same requests as `protobuf` reads, as generously as they are written.

Ids are hexadecimal digits or base64, whole numbers text or numbers, enumerations numbers or names, names in either
case form; unknown fields are passed over.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import msgspec

from pilothouse.errors import InvalidJson
from pilothouse.otlp.checks import Tally, Unusable, bounded, checked, linked, moment, span_id, trace_id
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
    Reason,
    Sender,
)
from pilothouse.protocols.loose import listing, mapping, objects, text

_KINDS = {"INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
_STATUSES = {"OK": 1, "ERROR": 2}
_TEMPORALITIES = {"DELTA": 1, "CUMULATIVE": 2}
_SEVERITIES = {
    f"{name}{step if step > 1 else ''}": 4 * place + step
    for place, name in enumerate(("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"))
    for step in (1, 2, 3, 4)
}
_DATA = {
    "gauge": PointKind.GAUGE,
    "sum": PointKind.SUM,
    "histogram": PointKind.HISTOGRAM,
    "exponentialHistogram": PointKind.EXPONENTIAL,
    "summary": PointKind.SUMMARY,
}
_NO_VALUE = 1
"""The flag of a point that says that there is nothing recorded."""

_UPPER = re.compile(r"(?<!^)([A-Z])")
_any = msgspec.json.Decoder()


def spans(body: bytes, sender: Sender, received_at_ns: int, bounds: Bounds) -> Decoded[OtelSpan]:
    """Return the spans of a request; raises `InvalidJson` for bytes that are no JSON object."""
    tally, found = Tally(bounds), list[OtelSpan]()
    for resource, scope, item in _items(body, ("resourceSpans", "scopeSpans", "spans"), bounds):
        if not tally.turn():
            continue
        try:
            if not isinstance(item, dict):
                raise Unusable(Reason.UNREADABLE, "no JSON object")
            found.append(checked(_span(mapping(item), resource, scope, sender, bounds), received_at_ns))
        except Unusable as error:
            tally.reject(error.reason, _quoted(mapping(item), "spanId"), error.detail)
    return tally.result(found)


def logs(body: bytes, received_at_ns: int, bounds: Bounds) -> Decoded[OtelLog]:
    """Return the log records of a request; raises `InvalidJson` for bytes that are no JSON object."""
    tally, found = Tally(bounds), list[OtelLog]()
    for resource, scope, item in _items(body, ("resourceLogs", "scopeLogs", "logRecords"), bounds):
        if not tally.turn():
            continue
        if isinstance(item, dict):
            found.append(_log(mapping(item), resource, scope, received_at_ns, bounds))
        else:
            tally.reject(Reason.UNREADABLE, detail="no JSON object")
    return tally.result(found)


def points(body: bytes, received_at_ns: int, bounds: Bounds) -> Decoded[OtelPoint]:
    """Return the data points of a request; raises `InvalidJson` for bytes that are no JSON object."""
    tally, found = Tally(bounds), list[OtelPoint]()
    for resource, scope, item in _items(body, ("resourceMetrics", "scopeMetrics", "metrics"), bounds):
        for point in _points(mapping(item), resource, scope, received_at_ns, bounds):
            if tally.turn():
                found.append(point)
    return tally.result(found)


def value_of(value: Any, depth: int) -> Any:
    """Return an attribute's value; below the depth there is nothing but a mark."""
    kind, held = next(iter(mapping(value).items()), ("", None))
    match kind:
        case "stringValue" | "string_value":
            return held if isinstance(held, str) else str(held)
        case "boolValue" | "bool_value":
            return held if isinstance(held, bool) else held == "true"
        case "intValue" | "int_value":
            return _whole(held)
        case "doubleValue" | "double_value":
            return _number(held)
        case "bytesValue" | "bytes_value":
            return _bytes(held)
        case "arrayValue" | "array_value":
            return [value_of(item, depth - 1) for item in _list(mapping(held), "values")] if depth > 0 else "…"
        case "kvlistValue" | "kvlist_value":
            pairs = objects(mapping(held).get("values")) if depth > 0 else []
            found = {text(item.get("key")): value_of(item.get("value"), depth - 1) for item in pairs}
            return found if depth > 0 else "…"
        case _:
            return None


def attributes_of(pairs: Any, bounds: Bounds, notes: list[str]) -> Attributes:
    """Return attributes by name; of two of one name the last one holds."""
    found = {text(pair.get("key")): value_of(pair.get("value"), bounds.depth) for pair in objects(pairs)}
    return bounded(found, bounds, notes)


def loaded(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a request; raises `InvalidJson` for bytes that are none."""
    try:
        found = _any.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # bytes that are no UTF-8 and halves of surrogate pairs cost a character, not the request
        try:
            found = json.loads(body.decode("utf-8", "replace"), strict=False)
            found = _any.decode(json.dumps(_scrubbed(found)))
        except (ValueError, RecursionError) as error:
            raise InvalidJson("the body is no JSON") from error
    except RecursionError as error:
        raise InvalidJson("the body is nested too deep") from error
    if not isinstance(found, dict):
        raise InvalidJson("the body is no JSON object")
    return cast("dict[str, Any]", found)


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_scrubbed(item) for item in listing(value)]
    if isinstance(value, dict):
        return {_scrubbed(key): _scrubbed(item) for key, item in mapping(value).items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _items(body: bytes, names: tuple[str, str, str], bounds: Bounds) -> Iterator[tuple[Attributes, OtelScope, Any]]:
    outer, middle, inner = names
    for group in _list(loaded(body), outer):
        resource = attributes_of(get(mapping(get(mapping(group), "resource")), "attributes"), bounds, [])
        for scoped in _list(mapping(group), middle):
            held = mapping(get(mapping(scoped), "scope"))
            attributes = attributes_of(held.get("attributes"), bounds, [])
            scope = OtelScope(text(held.get("name")), text(held.get("version")), attributes)
            for item in _list(mapping(scoped), inner):
                yield resource, scope, item


def _span(item: dict[str, Any], resource: Attributes, scope: OtelScope, sender: Sender, bounds: Bounds) -> OtelSpan:
    notes: list[str] = []
    status = mapping(item.get("status"))
    started_at_ns = _whole(get(item, "startTimeUnixNano"))
    return OtelSpan(
        trace_id=trace_id(get(item, "traceId")),
        span_id=span_id(get(item, "spanId")),
        parent_span_id=span_id(get(item, "parentSpanId")),
        name=text(item.get("name")),
        kind=_choice(item.get("kind"), _KINDS),
        started_at_ns=started_at_ns,
        ended_at_ns=_whole(get(item, "endTimeUnixNano")),
        attributes=attributes_of(item.get("attributes"), bounds, notes),
        events=_events(item, started_at_ns, bounds, notes),
        links=_links(item, bounds, notes),
        status_code=_choice(status.get("code"), _STATUSES),
        status_message=text(status.get("message")),
        trace_state=text(get(item, "traceState")),
        resource=resource,
        scope=scope,
        sender=sender,
        notes=tuple(notes),
    )


def _events(item: dict[str, Any], started_at_ns: int, bounds: Bounds, notes: list[str]) -> tuple[OtelEvent, ...]:
    events = objects(item.get("events"))
    if len(events) > bounds.events:
        notes.append(f"{len(events) - bounds.events} events were left out")
    return tuple(
        OtelEvent(
            moment(_whole(get(event, "timeUnixNano")), started_at_ns),
            text(event.get("name")),
            attributes_of(event.get("attributes"), bounds, notes),
        )
        for event in events[: bounds.events]
    )


def _links(item: dict[str, Any], bounds: Bounds, notes: list[str]) -> tuple[OtelLink, ...]:
    links = objects(item.get("links"))
    found = [
        OtelLink(
            trace_id(get(link, "traceId")),
            span_id(get(link, "spanId")),
            attributes_of(link.get("attributes"), bounds, notes),
        )
        for link in links[: bounds.events]
    ]
    good = tuple(link for link in found if linked(link.trace_id, link.span_id))
    if len(good) < len(links):
        notes.append(f"{len(links) - len(good)} links were left out")
    return good


def _log(item: dict[str, Any], resource: Attributes, scope: OtelScope, received_at_ns: int, bounds: Bounds) -> OtelLog:
    notes: list[str] = []
    trace, span = trace_id(get(item, "traceId")), span_id(get(item, "spanId"))
    joined = linked(trace, span)
    attributes = attributes_of(item.get("attributes"), bounds, notes)
    observed_ns = moment(_whole(get(item, "observedTimeUnixNano")), received_at_ns)
    return OtelLog(
        trace_id=trace if joined else "",
        span_id=span if joined else "",
        at_ns=moment(_whole(get(item, "timeUnixNano")), observed_ns),
        observed_at_ns=observed_ns,
        name=text(get(item, "eventName")) or str(attributes.get("event.name", "")),
        severity=_choice(get(item, "severityNumber"), _SEVERITIES),
        severity_text=text(get(item, "severityText")),
        body=value_of(item.get("body"), bounds.depth),
        attributes=attributes,
        resource=resource,
        scope=scope,
        notes=tuple(notes),
    )


def _points(
    metric: dict[str, Any], resource: Attributes, scope: OtelScope, received_at_ns: int, bounds: Bounds
) -> Iterator[OtelPoint]:
    for name, kind in _DATA.items():
        data = mapping(get(metric, name))
        for point in objects(get(data, "dataPoints")):
            if _whole(point.get("flags")) & _NO_VALUE:
                continue
            at_ns = moment(_whole(get(point, "timeUnixNano")), received_at_ns)
            yield OtelPoint(
                name=text(metric.get("name")),
                kind=kind,
                unit=text(metric.get("unit")),
                description=text(metric.get("description")),
                started_at_ns=_whole(get(point, "startTimeUnixNano")),
                at_ns=at_ns,
                attributes=attributes_of(point.get("attributes"), bounds, []),
                cumulative=_choice(get(data, "aggregationTemporality"), _TEMPORALITIES) == 2,
                monotonic=get(data, "isMonotonic") is True,
                exemplars=_exemplars(point, at_ns, bounds),
                resource=resource,
                scope=scope,
                **_figures(kind, point),
            )


def _exemplars(point: dict[str, Any], at_ns: int, bounds: Bounds) -> tuple[OtelExemplar, ...]:
    found: list[OtelExemplar] = []
    for one in objects(point.get("exemplars")):
        value = next((held for name in ("asDouble", "asInt") if (held := get(one, name)) is not None), None)
        if len(found) == bounds.exemplars or value is None or not math.isfinite(_number(value)):
            continue
        trace, span = trace_id(get(one, "traceId")), span_id(get(one, "spanId"))
        if not linked(trace, span):
            trace = span = ""
        attributes = attributes_of(get(one, "filteredAttributes"), bounds, [])
        when_ns = moment(_whole(get(one, "timeUnixNano")), at_ns)
        found.append(OtelExemplar(when_ns, _number(value), trace, span, attributes))
    return tuple(found)


def _figures(kind: PointKind, point: dict[str, Any]) -> dict[str, Any]:
    if kind in (PointKind.GAUGE, PointKind.SUM):
        value = next((held for name in ("asDouble", "asInt") if (held := get(point, name)) is not None), None)
        return {"value": None if value is None else _number(value)}
    said = {name: _number(point[name]) for name in ("sum", "min", "max") if point.get(name) is not None}
    count = _whole(point.get("count"))
    if kind is PointKind.SUMMARY:
        pairs = objects(get(point, "quantileValues"))
        quantiles = {str(_number(item.get("quantile"))): _number(item.get("value")) for item in pairs}
        return {"count": count, "sum": said.get("sum"), "quantiles": quantiles}
    if kind is PointKind.HISTOGRAM:
        return {
            "count": count,
            "bounds": tuple(map(_number, _list(point, "explicitBounds"))),
            "counts": tuple(map(_whole, _list(point, "bucketCounts"))),
            **said,
        }
    positive, negative = mapping(point.get("positive")), mapping(point.get("negative"))
    bounds, counts = buckets(
        Exponential(
            _whole(point.get("scale")), _whole(get(point, "zeroCount")), _number(get(point, "zeroThreshold")),
            _whole(positive.get("offset")), list(map(_whole, _list(positive, "bucketCounts"))),
            _whole(negative.get("offset")), list(map(_whole, _list(negative, "bucketCounts"))),
        )
    )  # fmt: skip
    return {"count": count, "bounds": bounds, "counts": counts, **said}


def get(item: dict[str, Any], name: str) -> Any:
    """Return a field by its JSON name, or by the name it has in the message definitions."""
    found = item.get(name)
    return item.get(proto_name(name)) if found is None else found


@cache
def proto_name(name: str) -> str:
    """Return the name that a field has in the message definitions, of its JSON name."""
    return _UPPER.sub(r"_\1", name).lower()


def _list(item: dict[str, Any], name: str) -> list[Any]:
    return listing(get(item, name))


def _quoted(item: dict[str, Any], name: str) -> str:
    return str(get(item, name) or "")[:64]


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


def _number(value: Any) -> float:
    """Return a number; JSON has `NaN` and `Infinity` only as text."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(text(value), validate=True)
    except (binascii.Error, ValueError):
        return text(value).encode()


def _choice(value: Any, names: dict[str, int]) -> int:
    """Return an enumeration's number, which may come as its name, such as `SPAN_KIND_CLIENT`."""
    if isinstance(value, str) and not value.isdigit():
        return names.get(value.rpartition("_")[2], 0)
    return _whole(value)
