"""Log records and metrics, the same from both encodings, and the answers to all three."""

import json

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m

from pilothouse.otlp import decode
from pilothouse.otlp.answers import Signal, accepted, refused
from pilothouse.otlp.decode import Encoding, Received
from pilothouse.otlp.exponential import Exponential, buckets
from pilothouse.otlp.signals import Bounds, OtelExemplar, OtelLog, OtelPoint, PointKind, Reason, Rejected
from tests.otlp.test_decode import NOW, SPAN, START, TRACE, any_value, pairs

TIMES = {"start_time_unix_nano": START, "time_unix_nano": START + 9}


def body_of(message: Message, encoding: Encoding) -> bytes:
    if encoding is Encoding.PROTOBUF:
        return message.SerializeToString()
    return json_format.MessageToJson(message).encode()


@pytest.fixture(params=list(Encoding))
def encoding(request: pytest.FixtureRequest) -> Encoding:
    return request.param


def logs(encoding: Encoding, *records: LogRecord) -> tuple[OtelLog, ...]:
    scoped = ScopeLogs(log_records=records)
    scoped.scope.name = "lib"
    request = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[scoped])])
    return decode.logs(Received(body_of(request, encoding), encoding, NOW)).items


def test_a_log_record_is_read(encoding: Encoding) -> None:
    record = LogRecord(
        trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN), time_unix_nano=START, event_name="gen_ai.choice",
        severity_number=LogRecord.DESCRIPTOR.fields_by_name["severity_number"].enum_type.values_by_name[
            "SEVERITY_NUMBER_WARN2"
        ].number,
        severity_text="W", body=any_value({"role": "user", "n": [1]}), attributes=pairs({"a": True}),
    )  # fmt: skip
    (found,) = logs(encoding, record)
    assert (found.trace_id, found.span_id, found.at_ns, found.name) == (TRACE, SPAN, START, "gen_ai.choice")
    assert (found.severity, found.severity_text, found.body) == (14, "W", {"role": "user", "n": [1]})
    assert (found.attributes, found.scope.name, found.observed_at_ns) == ({"a": True}, "lib", NOW)


def test_a_log_record_without_ids_or_times_is_kept(encoding: Encoding) -> None:
    (found,) = logs(encoding, LogRecord(trace_id=b"1", attributes=pairs({"event.name": "old"})))
    assert (found.trace_id, found.span_id, found.at_ns, found.name, found.body) == ("", "", NOW, "old", None)


def points(encoding: Encoding, *metrics: m.Metric, bounds: Bounds | None = None) -> tuple[OtelPoint, ...]:
    group = m.ResourceMetrics(scope_metrics=[m.ScopeMetrics(metrics=metrics)])
    group.resource.attributes.extend(pairs({"service.name": "app"}))
    request = ExportMetricsServiceRequest(resource_metrics=[group])
    return decode.points(Received(body_of(request, encoding), encoding, NOW), bounds or Bounds()).items


def test_gauges_and_sums_are_read(encoding: Encoding) -> None:
    gauge = m.Gauge(data_points=[m.NumberDataPoint(as_int=7, attributes=pairs({"k": "v"}), **TIMES),
                                 m.NumberDataPoint(flags=1, **TIMES)])  # fmt: skip
    total = m.Sum(data_points=[m.NumberDataPoint(as_double=0.5)], aggregation_temporality=2, is_monotonic=True)
    found = points(encoding, m.Metric(name="g", unit="s", gauge=gauge), m.Metric(name="t", sum=total))
    assert [(point.name, point.kind, point.value) for point in found] == [
        ("g", PointKind.GAUGE, 7.0), ("t", PointKind.SUM, 0.5),
    ]  # fmt: skip
    assert (found[0].unit, found[0].at_ns, found[0].attributes) == ("s", START + 9, {"k": "v"})
    assert (found[1].cumulative, found[1].monotonic, found[1].at_ns) == (True, True, NOW)
    assert found[0].resource == {"service.name": "app"}


def test_histograms_and_summaries_are_read(encoding: Encoding) -> None:
    histogram = m.Histogram(aggregation_temporality=1, data_points=[
        m.HistogramDataPoint(count=3, sum=4.5, min=0.5, max=2, explicit_bounds=[1, 2], bucket_counts=[1, 1, 1], **TIMES)
    ])  # fmt: skip
    summary = m.Summary(data_points=[m.SummaryDataPoint(
        count=2, sum=1.5, quantile_values=[m.SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=0.7)])])  # fmt: skip
    exponential = m.ExponentialHistogram(data_points=[m.ExponentialHistogramDataPoint(
        count=6, sum=9, scale=0, zero_count=1,
        positive=m.ExponentialHistogramDataPoint.Buckets(offset=0, bucket_counts=[2, 3]))])  # fmt: skip
    one, two, three = points(
        encoding, m.Metric(name="h", histogram=histogram), m.Metric(name="s", summary=summary),
        m.Metric(name="e", exponential_histogram=exponential),
    )  # fmt: skip
    assert (one.count, one.sum, one.min, one.max, one.bounds, one.counts) == (3, 4.5, 0.5, 2, (1, 2), (1, 1, 1))
    assert not one.cumulative
    by_name = {point.name: point for point in (one, two, three)}
    assert (by_name["s"].kind, by_name["s"].quantiles) == (PointKind.SUMMARY, {"0.5": 0.7})
    assert (by_name["e"].bounds, by_name["e"].counts, by_name["e"].min) == ((0, 1, 2, 4), (1, 0, 2, 3, 0), None)


@given(
    st.integers(-10, 20), st.integers(0, 5), st.integers(-50, 50), st.lists(st.integers(0, 9), max_size=20),
    st.integers(-50, 50), st.lists(st.integers(0, 9), max_size=20),
)  # fmt: skip
def test_no_count_of_an_exponential_histogram_is_lost(
    scale: int, zero: int, offset: int, positive: list[int], below: int, negative: list[int]
) -> None:
    ends, counts = buckets(Exponential(scale, zero, 0.0, offset, positive, below, negative))
    assert sum(counts) == zero + sum(positive) + sum(negative)
    assert len(counts) == len(ends) + 1
    assert list(ends) == sorted(ends)


def test_exemplars_come_with_their_point(encoding: Encoding) -> None:
    ids = {"trace_id": bytes.fromhex(TRACE), "span_id": bytes.fromhex(SPAN)}
    exemplars = [
        m.Exemplar(as_double=1.5, time_unix_nano=START + 3, filtered_attributes=pairs({"user": "ada", "n": 2}), **ids),
        m.Exemplar(as_int=4, trace_id=ids["trace_id"]),
        m.Exemplar(as_double=float("nan"), **ids), m.Exemplar(**ids),
    ]  # fmt: skip
    histogram = m.Histogram(data_points=[m.HistogramDataPoint(count=3, exemplars=exemplars, **TIMES)])
    counter = m.Sum(data_points=[m.NumberDataPoint(as_int=3, exemplars=exemplars[1:2], **TIMES)])
    one, two = points(encoding, m.Metric(name="h", histogram=histogram), m.Metric(name="c", sum=counter))
    found = OtelExemplar(START + 3, 1.5, TRACE, SPAN, {"user": "ada", "n": 2})
    # one without a good span stands in none, at the time of its point
    assert one.exemplars == (found, OtelExemplar(START + 9, 4.0))
    assert two.exemplars == (OtelExemplar(START + 9, 4.0),)
    bounded = points(encoding, m.Metric(name="h", histogram=histogram), bounds=Bounds(exemplars=1))
    assert bounded[0].exemplars == (found,)


def test_points_beyond_the_bound_are_left_out(encoding: Encoding) -> None:
    gauge = m.Gauge(data_points=[m.NumberDataPoint(as_int=number) for number in range(3)])
    assert len(points(encoding, m.Metric(name="g", gauge=gauge), bounds=Bounds(items=2))) == 2


REJECTED = [Rejected(index, Reason.SPAN_ID, "00", "zero") for index in range(5)] + [Rejected(9, Reason.PENDING)]


@pytest.mark.parametrize(
    ("signal", "kind", "field"),
    [
        (Signal.TRACES, ExportTraceServiceResponse, "rejected_spans"),
        (Signal.LOGS, ExportLogsServiceResponse, "rejected_log_records"),
        (Signal.METRICS, ExportMetricsServiceResponse, "rejected_data_points"),
    ],
)
def test_what_was_not_taken_is_counted_and_named(
    encoding: Encoding, signal: Signal, kind: type[Message], field: str
) -> None:
    body = accepted(signal, encoding, REJECTED)
    answer = kind()
    if encoding is Encoding.JSON:
        json_format.Parse(body, answer)
    else:
        answer.MergeFromString(body)
    partial = getattr(answer, "partial_success")  # noqa: B009 - the three kinds have no common type
    assert getattr(partial, field) == 5
    assert partial.error_message.startswith("item 0 (span 00): span_id_invalid, zero; item 1")
    assert partial.error_message.endswith("; and 2 more")


def test_all_taken_is_an_empty_answer() -> None:
    assert accepted(Signal.TRACES, Encoding.JSON, [Rejected(0, Reason.PENDING)]) == b"{}"
    assert accepted(Signal.TRACES, Encoding.PROTOBUF) == b""


def test_a_refusal_is_a_status_of_google_rpc() -> None:
    assert json.loads(refused(Encoding.JSON, 3, "no")) == {"code": 3, "message": "no"}
    assert refused(Encoding.PROTOBUF, 3, "no") == b"\x08\x03\x12\x02no"
    assert refused(Encoding.PROTOBUF, 14, "é" * 100)[2:5] == b"\x12\xc8\x01"
