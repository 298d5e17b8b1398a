"""OTLP requests as SDKs make them, small and large, good and bad."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pilothouse.domain.envelope import OtlpTraces, decode_otlp
from pilothouse.spool import SpoolReader

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


def trace_request(count: int = 1, *, text: str = "hello", zero_ids: int = 0) -> ExportTraceServiceRequest:
    """Return a request of `count` good spans after `zero_ids` bad ones."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    named = group.resource.attributes.add()
    named.key, named.value.string_value = "service.name", "app"
    scoped = group.scope_spans.add()
    scoped.scope.name = "tests"
    now_ns = time.time_ns()
    for number in range(zero_ids + count):
        bad = number < zero_ids
        span = scoped.spans.add()
        span.trace_id, span.span_id = bytes(16) if bad else os.urandom(16), os.urandom(8)
        span.name = f"step {number}"
        span.start_time_unix_nano, span.end_time_unix_nano = now_ns - 10**9, now_ns
        said = span.attributes.add()
        said.key, said.value.string_value = "gen_ai.input.messages", text
    return request


def json_trace(*span_ids: str, trace_id: str = "5b8efff798038103d269b633813fc60c") -> bytes:
    """Return a JSON request as it is written by hand."""
    spans: list[dict[str, Any]] = [
        {"traceId": trace_id, "spanId": span_id, "name": "by hand", "startTimeUnixNano": str(time.time_ns())}
        for span_id in span_ids
    ]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def logs_request(count: int = 1) -> ExportLogsServiceRequest:
    """Return a request of log records."""
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for number in range(count):
        records.add().body.string_value = f"line {number}"
    return request


def metrics_request(count: int = 1) -> ExportMetricsServiceRequest:
    """Return a request of data points of one counter."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add()
    metric.name = "gen_ai.client.token.usage"
    for number in range(count):
        metric.sum.data_points.add().as_int = number
    return request


def spooled(folder: Path) -> Iterator[tuple[str, OtlpTraces]]:
    """Yield what the platform's spool below a test's folder holds, by kind."""
    reader = SpoolReader(folder / "spool" / "platform")
    try:
        while batch := reader.read(64 * 1024**2, 10_000, 0.0):
            for item in batch.items:
                yield item.kind, decode_otlp(item.payload)
            reader.ack(batch)
    finally:
        reader.close()
