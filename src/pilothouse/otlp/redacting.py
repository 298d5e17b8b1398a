"""OTLP requests redacted: read, rewritten in place and written again in the encoding that they came in.

Times, ids and figures stay as they are; every text and every attribute is looked at.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from pilothouse.domain.redaction.engine import Redactor, Tally
from pilothouse.domain.redaction.names import part_of
from pilothouse.domain.redaction.policy import Part
from pilothouse.domain.redaction.records import REDACTED, counted
from pilothouse.domain.redaction.texts import REMOVED
from pilothouse.otlp import json_form, protobuf
from pilothouse.otlp.answers import Signal
from pilothouse.otlp.decode import Encoding
from pilothouse.otlp.table import names, vocabulary

_REQUESTS = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
_MESSAGES = "gen_ai."
"""Events and log records under such names carry what was said to models and by them."""
_DEPTH = 40
_IDS = frozenset({"traceid", "spanid", "parentspanid"})
_ID = re.compile(r"[0-9A-Za-z+/=_-]{0,44}")
_ITEMS = frozenset({"spans", "logrecords", "datapoints"})
_GENERAL = frozenset({"service", "telemetry", "otel", "http", "url", "server", "error", "exception", "event", "code"})


class _Pass:
    """One request on its way through a redactor; `tally` is of the item at hand."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self.total: Tally = Counter()

    def attribute(self, name: str, value: Any, tally: Tally) -> Any:
        """Return an attribute's value redacted; None for one that is left out."""
        off = self.redactor.off
        if off and not isinstance(value, int | float):
            part = part_of(name, off)
            if part is not None:
                tally[f"off.{part}"] += 1
                return REMOVED
            if Part.ATTRIBUTES in off and not is_known(name):
                tally[f"off.{Part.ATTRIBUTES}"] += 1
                return REMOVED
        return self.redactor.value(name, value, tally)

    def close(self, tally: Tally) -> dict[str, int]:
        """Return what is to be said on an item, and count it among all."""
        self.total.update(tally)
        return {f"{REDACTED}{rule}": count for rule, count in tally.items()}


def redacted(signal: Signal, encoding: Encoding, body: bytes, redactor: Redactor) -> bytes:
    """Return a request redacted; raises `InvalidRequest` or `InvalidJson` for bytes that are none."""
    made = _Pass(redactor)
    if encoding is Encoding.JSON:
        found = json_form.loaded(body)
        written = json.dumps(_json(found, made, Counter(), _DEPTH)).encode()
    else:
        message: Any = protobuf.parsed(_REQUESTS[signal], body)
        # what a newer version may say is not known, so neither is what is in it
        message.DiscardUnknownFields()
        _request(message, signal, made)
        written = message.SerializeToString()
    counted(made.total)
    return written


@cache
def _namespaces() -> frozenset[str]:
    return _GENERAL.union(*(vocabulary(name).namespaces for name in names()))


def is_known(name: str) -> bool:
    """Return whether a vocabulary of traces, or OpenTelemetry itself, may read an attribute of this name."""
    return name.partition(".")[0] in _namespaces()


def _request(message: Any, signal: Signal, made: _Pass) -> None:
    groups, scopes, items = {
        Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
        Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
        Signal.METRICS: ("resource_metrics", "scope_metrics", "metrics"),
    }[signal]
    each = {Signal.TRACES: _span, Signal.LOGS: _log, Signal.METRICS: _metric}[signal]
    for group in getattr(message, groups):
        tally: Tally = Counter()
        _attributes(group.resource.attributes, made, tally)
        _set(group, "schema_url", made, tally)
        for scoped in getattr(group, scopes):
            _attributes(scoped.scope.attributes, made, tally)
            _set(scoped, "schema_url", made, tally)
            _set(scoped.scope, "name", made, tally)
            _set(scoped.scope, "version", made, tally)
            for item in getattr(scoped, items):
                each(item, made)
        made.total.update(tally)


def _span(span: Any, made: _Pass) -> None:
    tally: Tally = Counter()
    _set(span, "name", made, tally)
    _set(span, "trace_state", made, tally)
    _set(span.status, "message", made, tally)
    _attributes(span.attributes, made, tally)
    if span.events and made.redactor.leaves_out(Part.EVENTS, tally):
        del span.events[:]
    for event in span.events:
        _set(event, "name", made, tally)
        if _spoken(event.name, made, tally):
            del event.attributes[:]
        _attributes(event.attributes, made, tally)
    for link in span.links:
        _attributes(link.attributes, made, tally)
        _set(link, "trace_state", made, tally)
    _say(span, made, tally)


def _log(record: Any, made: _Pass) -> None:
    tally: Tally = Counter()
    _set(record, "severity_text", made, tally)
    _set(record, "event_name", made, tally)
    _attributes(record.attributes, made, tally)
    if record.HasField("body"):
        if _spoken(record.event_name, made, tally):
            record.body.CopyFrom(AnyValue(string_value=REMOVED))
        else:
            _put(record.body, made.redactor.value("body", protobuf.value_of(record.body, _DEPTH), tally))
    _say(record, made, tally)


def _metric(metric: Any, made: _Pass) -> None:
    tally: Tally = Counter()
    _set(metric, "name", made, tally)
    _set(metric, "description", made, tally)
    _set(metric, "unit", made, tally)
    kind = metric.WhichOneof("data")
    for point in getattr(metric, kind).data_points if kind else ():
        _attributes(point.attributes, made, tally)
        for exemplar in getattr(point, "exemplars", ()):
            _attributes(exemplar.filtered_attributes, made, tally)
    made.total.update(tally)


def _attributes(pairs: Any, made: _Pass, tally: Tally) -> None:
    for pair in pairs:
        value = protobuf.value_of(pair.value, _DEPTH)
        kept = made.attribute(pair.key, value, tally)
        if kept != value:
            _put(pair.value, kept)
        name = made.redactor.key(pair.key, tally)
        if name != pair.key:
            pair.key = name


def _set(message: Any, field: str, made: _Pass, tally: Tally) -> None:
    text = getattr(message, field)
    if text:
        kept = made.redactor.text(text, tally)
        if kept != text:
            setattr(message, field, kept)


def _say(item: Any, made: _Pass, tally: Tally) -> None:
    for name, count in made.close(tally).items():
        item.attributes.add(key=name).value.int_value = count


def _put(value: Any, kept: Any) -> None:
    """Write a plain value into an `AnyValue`."""
    value.Clear()
    if isinstance(kept, str):
        value.string_value = kept
    elif isinstance(kept, bool):
        value.bool_value = kept
    elif isinstance(kept, int):
        value.int_value = kept
    elif isinstance(kept, float):
        value.double_value = kept
    elif isinstance(kept, bytes):
        value.bytes_value = kept
    elif isinstance(kept, dict):
        value.kvlist_value.SetInParent()
        for name, inner in cast("dict[str, Any]", kept).items():
            pair = value.kvlist_value.values.add(key=name)
            _put(pair.value, inner)
    elif isinstance(kept, list | tuple):
        value.array_value.SetInParent()
        for inner in cast("list[Any]", kept):
            _put(value.array_value.values.add(), inner)


def _spoken(name: str, made: _Pass, tally: Tally) -> bool:
    """Return whether what an event or a log record holds is left out, as a message to a model or from it."""
    if not name.startswith(_MESSAGES):
        return False
    return made.redactor.leaves_out(Part.INPUT, tally) or made.redactor.leaves_out(Part.OUTPUT, tally)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _json(found: Any, made: _Pass, tally: Tally, depth: int) -> Any:
    """Return a part of a request in JSON redacted, whatever the case form of its names."""
    if isinstance(found, str):
        return made.redactor.text(found, tally)
    if depth <= 0:
        return REMOVED
    if isinstance(found, list):
        return [_json(item, made, tally, depth - 1) for item in cast("list[Any]", found)]
    if not isinstance(found, dict):
        return found
    return {str(name): _json_field(name, value, made, tally, depth) for name, value in _fields(found)}


def _fields(found: Any) -> list[tuple[str, Any]]:
    return list(cast("dict[str, Any]", found).items())


def _json_field(name: str, value: Any, made: _Pass, tally: Tally, depth: int) -> Any:
    plain = _plain(name)
    if plain in _IDS and isinstance(value, str) and _ID.fullmatch(value):
        return value
    if plain in _ITEMS and isinstance(value, list):
        return [_json_item(item, plain, made, depth - 1) for item in cast("list[Any]", value)]
    if plain in ("attributes", "filteredattributes") and isinstance(value, list):
        return [_json_pair(pair, made, tally, depth - 1) for pair in cast("list[Any]", value)]
    if plain == "events" and value and made.redactor.leaves_out(Part.EVENTS, tally):
        return []
    if plain == "events" and isinstance(value, list):
        return [_json_event(event, made, tally, depth - 1) for event in cast("list[Any]", value)]
    if plain == "body":
        return _json_value("body", value, made.redactor.value, tally)
    return _json(value, made, tally, depth - 1)


def _json_item(item: Any, kind: str, made: _Pass, depth: int) -> Any:
    if not isinstance(item, dict):
        return _json(item, made, made.total, depth)
    tally: Tally = Counter()
    held = cast("dict[str, Any]", item)
    name = str(json_form.get(held, "eventName") or "")
    if kind == "logrecords" and _spoken(name, made, tally):
        held = {**held, "body": {"stringValue": REMOVED}}
    kept = _json(held, made, tally, depth)
    marks = made.close(tally)
    if marks and kind != "datapoints":
        said = kept.get("attributes")
        pairs = cast("list[Any]", said) if isinstance(said, list) else []
        kept["attributes"] = pairs + [{"key": name, "value": {"intValue": str(n)}} for name, n in marks.items()]
    return kept


def _json_event(event: Any, made: _Pass, tally: Tally, depth: int) -> Any:
    if isinstance(event, dict):
        held = cast("dict[str, Any]", event)
        if _spoken(str(held.get("name") or ""), made, tally):
            event = {**held, "attributes": []}
    return _json(event, made, tally, depth)


def _json_pair(pair: Any, made: _Pass, tally: Tally, depth: int) -> Any:
    if not isinstance(pair, dict) or "key" not in pair:
        return _json(pair, made, tally, depth)
    held = cast("dict[str, Any]", pair)
    name = str(held["key"])
    value = _json_value(name, held.get("value"), made.attribute, tally)
    return {**_others(held, made, tally, depth), "key": made.redactor.key(name, tally), "value": value}


def _others(held: Mapping[str, Any], made: _Pass, tally: Tally, depth: int) -> dict[str, Any]:
    others = {name: value for name, value in held.items() if name not in ("key", "value")}
    return _json(others, made, tally, depth) if others else {}


def _json_value(name: str, wrapped: Any, rule: Callable[[str, Any, Tally], Any], tally: Tally) -> Any:
    """Return an `AnyValue` redacted; one that does not change is given back as it came."""
    value = json_form.value_of(wrapped, _DEPTH)
    kept = rule(name, value, tally)
    return wrapped if kept == value and _simple(wrapped) else _wrapped(kept)


def _simple(wrapped: Any) -> bool:
    """Return whether nothing can stand beside what was read of an `AnyValue`."""
    if not isinstance(wrapped, dict):
        return wrapped is None
    inner = list(cast("dict[str, Any]", wrapped).values())
    return len(inner) <= 1 and not any(isinstance(held, dict | list) for held in inner)


def _wrapped(kept: Any) -> Any:
    if isinstance(kept, str):
        return {"stringValue": kept}
    if isinstance(kept, bool):
        return {"boolValue": kept}
    if isinstance(kept, int):
        return {"intValue": str(kept)}
    if isinstance(kept, float):
        return {"doubleValue": kept}
    if isinstance(kept, bytes):
        return {"bytesValue": base64.b64encode(kept).decode()}
    if isinstance(kept, dict):
        held = cast("dict[str, Any]", kept)
        return {"kvlistValue": {"values": [{"key": name, "value": _wrapped(value)} for name, value in held.items()]}}
    if isinstance(kept, list | tuple):
        return {"arrayValue": {"values": [_wrapped(value) for value in cast("list[Any]", kept)]}}
    return {}
