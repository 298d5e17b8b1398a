"""The answers to OTLP requests, in the encoding of the request: accepted, in part, or refused."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from pilothouse.otlp.decode import Encoding
from pilothouse.otlp.signals import Reason, Rejected
from pilothouse.otlp.wire import field, varint

_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
_NAMED = 3
"""Items that a partial success names one by one."""


class Signal(StrEnum):
    """What a request carries."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


_COUNTS = {
    Signal.TRACES: "rejectedSpans",
    Signal.LOGS: "rejectedLogRecords",
    Signal.METRICS: "rejectedDataPoints",
}


def partial(rejected: Sequence[Rejected]) -> tuple[int, str]:
    """Return how many items a sender has to be told of, and why; copies that were not needed are no failure."""
    told = [item for item in rejected if item.reason is not Reason.PENDING]
    named = [
        f"item {item.index}{f' (span {item.span_id})' if item.span_id else ''}: {item.reason}"
        f"{f', {item.detail}' if item.detail else ''}"
        for item in told[:_NAMED]
    ]
    more = f"; and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return len(told), "; ".join(named) + more


def accepted(signal: Signal, encoding: Encoding, rejected: Sequence[Rejected] = ()) -> bytes:
    """Return the body of a 200: empty when all was taken, else a partial success that counts and names what was not."""
    count, message = partial(rejected)
    if encoding is Encoding.JSON:
        told = {"partialSuccess": {_COUNTS[signal]: str(count), "errorMessage": message}} if count else {}
        return msgspec.json.encode(told)
    if not count:
        return b""
    match signal:
        case Signal.TRACES:
            traces = ExportTraceServiceResponse()
            traces.partial_success.rejected_spans = count
            traces.partial_success.error_message = message
            return traces.SerializeToString()
        case Signal.LOGS:
            logs = ExportLogsServiceResponse()
            logs.partial_success.rejected_log_records = count
            logs.partial_success.error_message = message
            return logs.SerializeToString()
        case Signal.METRICS:
            metrics = ExportMetricsServiceResponse()
            metrics.partial_success.rejected_data_points = count
            metrics.partial_success.error_message = message
            return metrics.SerializeToString()


def refused(encoding: Encoding, code: int, message: str, wait_s: float | None = None) -> bytes:
    """Return the body of a failure, a `google.rpc.Status`; `code` is gRPC's, such as 3 for an invalid argument.

    `wait_s` goes along as its `RetryInfo`: after how long the sender may try again.
    """
    if encoding is Encoding.JSON:
        details = [] if wait_s is None else [{"@type": _RETRY_INFO, "retryDelay": f"{wait_s:g}s"}]
        told = {"code": code, "message": message}
        return msgspec.json.encode({**told, "details": details} if details else told)
    # a number, a text and a time are not worth a package of message definitions
    status = b"\x08" + varint(code) + field(2, message.encode())
    return status if wait_s is None else status + field(3, _retry_info(wait_s))


def _retry_info(wait_s: float) -> bytes:
    nanoseconds = round(wait_s * 1e9)
    delay = b"\x08" + varint(nanoseconds // 10**9) + b"\x10" + varint(nanoseconds % 10**9)
    return field(1, _RETRY_INFO.encode()) + field(2, field(1, delay))
