"""The first look comes to the verdicts of the whole reading, and cutting a request loses no item."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pilothouse.errors import InvalidRequest
from pilothouse.otlp import decode
from pilothouse.otlp.answers import Signal
from pilothouse.otlp.decode import Encoding, Received
from pilothouse.otlp.screen import screen
from pilothouse.otlp.signals import Bounds

NOW_NS = 1_764_000_000_000_000_000
TRACE_IDS = st.sampled_from([b"\x01" * 16, bytes(16), b"", b"\x01" * 15, b"\x01" * 32, bytes(15) + b"\x01"])
SPAN_IDS = st.sampled_from([b"\x02" * 8, bytes(8), b"", b"\x02" * 7, b"\x02" * 16])
SPANS = st.lists(st.tuples(TRACE_IDS, SPAN_IDS, st.text(max_size=5)), max_size=12)
GROUPS = st.lists(st.lists(SPANS, max_size=3), max_size=3)


def protobuf(groups: list[list[list[tuple[bytes, bytes, str]]]]) -> bytes:
    request = ExportTraceServiceRequest()
    for number, scopes in enumerate(groups):
        group = request.resource_spans.add()
        group.resource.attributes.add(key="n").value.int_value = number
        for spans in scopes:
            scoped = group.scope_spans.add()
            scoped.scope.name = f"scope {number}"
            for trace_id, span_id, name in spans:
                scoped.spans.add(trace_id=trace_id, span_id=span_id, name=name, start_time_unix_nano=NOW_NS)
    return request.SerializeToString()


def as_json(groups: list[list[list[tuple[bytes, bytes, str]]]]) -> bytes:
    def span(trace_id: bytes, span_id: bytes, name: str) -> dict[str, Any]:
        return {"traceId": trace_id.hex(), "spanId": span_id.hex(), "name": name, "startTimeUnixNano": str(NOW_NS)}

    made = [
        {"resource": {}, "scopeSpans": [{"spans": [span(*one) for one in spans]} for spans in scopes]}
        for scopes in groups
    ]
    return json.dumps({"resourceSpans": made}).encode()


@settings(deadline=None)
@given(GROUPS, st.integers(1, 20), st.booleans())
def test_its_verdicts_are_those_of_the_whole_reading(groups: Any, most: int, written_as_json: bool) -> None:
    encoding = Encoding.JSON if written_as_json else Encoding.PROTOBUF
    body = as_json(groups) if written_as_json else protobuf(groups)
    received, bounds = Received(body, encoding, NOW_NS), Bounds(items=most)
    seen, whole = screen(Signal.TRACES, received, bounds), decode.spans(received, bounds)
    assert seen.accepted == len(whole.items)
    assert [(one.index, one.reason, one.span_id) for one in seen.rejected] == [
        (one.index, one.reason, one.span_id) for one in whole.rejected
    ]


@settings(deadline=None)
@given(GROUPS, st.integers(1, 400), st.booleans())
def test_parts_hold_every_item_once_in_order(groups: Any, part_bytes: int, written_as_json: bool) -> None:
    encoding = Encoding.JSON if written_as_json else Encoding.PROTOBUF
    body = as_json(groups) if written_as_json else protobuf(groups)
    parts = screen(Signal.TRACES, Received(body, encoding, NOW_NS), part_bytes=part_bytes).parts
    whole = decode.spans(Received(body, encoding, NOW_NS)).items
    again = [one for part in parts for one in decode.spans(Received(part, encoding, NOW_NS)).items]
    assert again == list(whole)


@pytest.mark.parametrize("part_bytes", [1, 100, 10**6])
def test_logs_and_metrics_are_counted_and_cut_too(part_bytes: int) -> None:
    logs = ExportLogsServiceRequest()
    metrics = ExportMetricsServiceRequest()
    for number in range(9):
        logs.resource_logs.add().scope_logs.add().log_records.add().body.string_value = f"line {number}"
        metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name=f"m{number}")
        metric.gauge.data_points.add(as_double=1.0)
        metric.gauge.data_points.add(as_double=2.0)
    found = screen(Signal.LOGS, Received(logs.SerializeToString(), Encoding.PROTOBUF, NOW_NS), part_bytes=part_bytes)
    assert found.accepted == 9
    again = [log.body for part in found.parts for log in decode.logs(Received(part, Encoding.PROTOBUF, NOW_NS)).items]
    assert again == [f"line {number}" for number in range(9)]
    received = Received(metrics.SerializeToString(), Encoding.PROTOBUF, NOW_NS)
    found = screen(Signal.METRICS, received, part_bytes=part_bytes)
    assert found.accepted == 18
    points = [
        one.name for part in found.parts for one in decode.points(Received(part, Encoding.PROTOBUF, NOW_NS)).items
    ]
    assert points == [f"m{number}" for number in range(9) for _ in range(2)]
    few = screen(Signal.METRICS, received, Bounds(items=5))
    assert (few.accepted, len(few.rejected)) == (5, 13)


@given(st.binary(max_size=60))
def test_junk_raises_what_the_whole_reading_raises(body: bytes) -> None:
    received = Received(body, Encoding.PROTOBUF, NOW_NS)
    try:
        whole = len(decode.spans(received).items)
    except InvalidRequest:
        with pytest.raises(InvalidRequest):
            screen(Signal.TRACES, received)
    else:
        assert screen(Signal.TRACES, received).accepted == whole
