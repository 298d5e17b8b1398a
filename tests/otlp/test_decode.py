"""OTLP requests of both encodings become the same values, and one bad item never costs the others."""

import base64
import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from pilothouse.errors import InvalidJson, InvalidRequest
from pilothouse.otlp import decode, mending
from pilothouse.otlp.decode import Encoding, Received
from pilothouse.otlp.signals import Bounds, Decoded, OtelSpan, Reason, Sender

TRACE, SPAN = "0123456789abcdef0123456789abcdef", "fedcba9876543210"
START = 1_790_000_000_000_000_000
NOW = START + 10**12


def any_value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case str():
            return AnyValue(string_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
        case _:
            return AnyValue()


def pairs(values: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def a_span(trace_id: str = TRACE, span_id: str = SPAN, **fields: Any) -> Span:
    fields = {"name": "chat", "start_time_unix_nano": START, "end_time_unix_nano": START + 5, **fields}
    return Span(trace_id=bytes.fromhex(trace_id), span_id=bytes.fromhex(span_id), **fields)


def a_request(*spans: Span, resource: dict[str, Any] | None = None) -> ExportTraceServiceRequest:
    scoped = ScopeSpans(spans=spans)
    scoped.scope.name, scoped.scope.version = "lib", "1.2"
    group = ResourceSpans(scope_spans=[scoped])
    group.resource.attributes.extend(pairs(resource or {"service.name": "app"}))
    return ExportTraceServiceRequest(resource_spans=[group])


def read(body: bytes, encoding: Encoding = Encoding.PROTOBUF, bounds: Bounds | None = None) -> Decoded[OtelSpan]:
    return decode.spans(Received(body, encoding, NOW), bounds or Bounds())


def as_json(request: ExportTraceServiceRequest) -> bytes:
    """Protobuf's own JSON: base64 ids, whole numbers as text."""
    return json_format.MessageToJson(request).encode()


LEAVES = (
    st.text(st.characters(codec="utf-8", exclude_characters="\0"))
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=20)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=5))
def test_attributes_come_through_both_encodings(attributes: dict[str, Any]) -> None:
    request = a_request(a_span(attributes=pairs(attributes)), resource=attributes)
    from_bytes, from_json = read(request.SerializeToString()), read(as_json(request), Encoding.JSON)
    assert from_bytes.items[0].attributes == attributes
    assert from_json.items[0].attributes == attributes
    assert from_json.items[0].resource == (attributes or {"service.name": "app"})


def test_a_span_is_the_same_in_both_encodings() -> None:
    span = a_span(
        parent_span_id=bytes(7) + b"\1", kind=Span.SPAN_KIND_CLIENT, trace_state="a=b",
        events=[Span.Event(name="e", time_unix_nano=START + 1, attributes=pairs({"x": 1}))],
        links=[Span.Link(trace_id=b"\1" * 16, span_id=b"\2" * 8, attributes=pairs({"y": [True]}))],
    )  # fmt: skip
    span.status.code, span.status.message = 2, "broken"
    request = a_request(span)
    from_bytes = read(request.SerializeToString())
    assert from_bytes == read(as_json(request), Encoding.JSON)
    found = from_bytes.items[0]
    assert (found.trace_id, found.span_id, found.parent_span_id) == (TRACE, SPAN, "0000000000000001")
    assert (found.kind, found.status_code, found.status_message, found.trace_state) == (3, 2, "broken", "a=b")
    assert (found.scope.name, found.scope.version, found.resource) == ("lib", "1.2", {"service.name": "app"})
    assert (found.events[0].name, found.events[0].attributes, found.links[0].span_id) == ("e", {"x": 1}, "02" * 8)
    assert found.notes == ()


@pytest.mark.parametrize(
    ("trace_id", "span_id"),
    [
        (TRACE, SPAN),
        (TRACE.upper(), SPAN.upper()),
        (base64.b64encode(bytes.fromhex(TRACE)).decode(), base64.b64encode(bytes.fromhex(SPAN)).decode()),
        (base64.urlsafe_b64encode(bytes.fromhex(TRACE)).decode().rstrip("="), SPAN),
        ("01234567-89ab-cdef-0123-456789abcdef", SPAN),
    ],
)
def test_ids_of_json_come_in_several_forms(trace_id: str, span_id: str) -> None:
    span = {"traceId": trace_id, "spanId": span_id, "name": "n", "startTimeUnixNano": START, "kind": "SPAN_KIND_SERVER",
            "endTimeUnixNano": str(START), "status": {"code": "STATUS_CODE_ERROR"}, "novelty": {"x": []}}  # fmt: skip
    body = json.dumps({"resource_spans": [{"scope_spans": [{"spans": [span]}]}], "later": 1}).encode()
    found = read(body, Encoding.JSON).items[0]
    assert (found.trace_id, found.span_id, found.kind, found.status_code) == (TRACE, SPAN, 2, 2)


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (a_span(trace_id="00" * 16), Reason.TRACE_ID),
        (a_span(trace_id="ab"), Reason.TRACE_ID),
        (a_span(span_id="00" * 8), Reason.SPAN_ID),
        (a_span(span_id=""), Reason.SPAN_ID),
        (a_span(span_id="aa" * 16), Reason.SPAN_ID),
    ],
)
def test_a_span_without_good_ids_is_rejected_alone(encoding: Encoding, bad: Span, reason: Reason) -> None:
    request = a_request(a_span(), bad, a_span(name="last"))
    found = read(request.SerializeToString() if encoding is Encoding.PROTOBUF else as_json(request), encoding)
    assert [span.name for span in found.items] == ["chat", "last"]
    assert [(item.index, item.reason) for item in found.rejected] == [(1, reason)]


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize(
    ("fields", "times", "note"),
    [
        ({"end_time_unix_nano": START - 3}, (START, START), "ended 3 ns before it started"),
        ({"start_time_unix_nano": 0}, (START + 5, START + 5), "start time was 0"),
        ({"start_time_unix_nano": 0, "end_time_unix_nano": 0}, (NOW, 0), "start time was 0"),
        ({"end_time_unix_nano": 2**64 - 1}, (START, START), f"end time was {2**64 - 1}"),
        ({"start_time_unix_nano": 17 * 10**11, "end_time_unix_nano": 17 * 10**11}, (NOW, NOW), "end time was"),
        ({"name": ""}, (START, START + 5), "had no name"),
        ({"parent_span_id": b"\1"}, (START, START + 5), "parent span id was"),
        ({"links": [Span.Link(trace_id=b"1", span_id=b"2")]}, (START, START + 5), "1 links were left out"),
    ],
)
def test_other_faults_are_mended_and_noted(
    encoding: Encoding, fields: dict[str, Any], times: tuple[int, int], note: str
) -> None:
    request = a_request(a_span(**fields))
    found = read(request.SerializeToString() if encoding is Encoding.PROTOBUF else as_json(request), encoding)
    assert found.rejected == ()
    assert (found.items[0].started_at_ns, found.items[0].ended_at_ns) == times
    assert note in "; ".join(found.items[0].notes)


def test_a_running_span_has_no_end() -> None:
    found = read(a_request(a_span(end_time_unix_nano=0)).SerializeToString()).items[0]
    assert (found.started_at_ns, found.ended_at_ns, found.notes) == (START, 0, ())


@pytest.mark.parametrize("encoding", list(Encoding))
def test_what_goes_beyond_the_bounds_is_cut_and_said(encoding: Encoding) -> None:
    deep: Any = "x"
    for _ in range(10):
        deep = [deep]
    first = a_span(
        attributes=pairs({"long": "y" * 50, "deep": deep, "third": 1}),
        events=[Span.Event(name=str(number), time_unix_nano=START) for number in range(4)],
    )
    request = a_request(first, a_span(), a_span())
    body = request.SerializeToString() if encoding is Encoding.PROTOBUF else as_json(request)
    found = read(body, encoding, Bounds(items=2, attributes=2, text_chars=20, depth=3, events=3))
    assert [(item.index, item.reason) for item in found.rejected] == [(2, Reason.TOO_MANY)]
    span = found.items[0]
    assert span.attributes == {"long": "y" * 20, "deep": [[["…"]]]}
    assert [event.name for event in span.events] == ["0", "1", "2"]
    assert sorted(span.notes) == [
        "1 attributes were left out", "1 events were left out", "long was cut from 50 characters",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"not protobuf", Encoding.PROTOBUF),
        (a_request(a_span()).SerializeToString()[:-4], Encoding.PROTOBUF),
        (b"", Encoding.JSON),
        (b"[]", Encoding.JSON),
        (b'{"resourceSpans":' + b"[" * 100_000, Encoding.JSON),
        (as_json(a_request(a_span()))[:-9], Encoding.JSON),
    ],
)
def test_a_body_that_is_no_request_is_refused(body: bytes, encoding: Encoding) -> None:
    with pytest.raises(InvalidJson if encoding is Encoding.JSON else InvalidRequest):
        read(body, encoding)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for encoding in Encoding:
        try:
            read(body, encoding)
        except InvalidRequest:
            continue


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner)))
def test_json_of_the_wrong_kinds_is_read_or_rejected(value: Any) -> None:
    """Each field in turn holds something that it should not."""
    span = {"traceId": TRACE, "spanId": SPAN, "name": "n", "startTimeUnixNano": START, "endTimeUnixNano": START,
            "attributes": [{"key": "k", "value": {"intValue": "1"}}], "events": [{}], "links": [{}], "status": {},
            "kind": 1, "parentSpanId": SPAN, "traceState": ""}  # fmt: skip
    for field in span:
        body = {
            "resourceSpans": [{"resource": value, "scopeSpans": [{"scope": value, "spans": [{**span, field: value}]}]}]
        }
        found = read(json.dumps(body).encode(), Encoding.JSON)
        assert len(found.items) + len(found.rejected) == 1


def test_a_text_that_is_no_utf8_costs_its_attribute_only() -> None:
    good, bad = a_span(name="good"), a_span(attributes=pairs({"kept": "ok", "torn": "xxxx"}))
    body = a_request(good, bad, good).SerializeToString().replace(b"xxxx", b"\xff\xfexx")
    found = read(body)
    assert [span.name for span in found.items] == ["good", "chat", "good"]
    assert found.items[1].attributes == {"kept": "ok", mending.MARK: 1}
    assert found.items[0].attributes == {}
    assert found.items[0].resource == {"service.name": "app"}


def test_a_value_nested_beyond_protobufs_own_limit_costs_its_attribute_only() -> None:
    deep = b"\x0a\x01x"
    for _ in range(60):
        deep = framed(5, framed(1, deep))
    span = a_span(attributes=pairs({"kept": 1})).SerializeToString() + framed(9, framed(1, b"deep") + framed(2, deep))
    found = read(framed(1, framed(2, framed(2, span) + framed(2, a_span(name="next").SerializeToString()))))
    assert [span.attributes for span in found.items] == [{"kept": 1, mending.MARK: 1}, {}]


def framed(number: int, payload: bytes) -> bytes:
    """Return a field with bytes in it, as protobuf writes it."""
    head, size = bytes([number << 3 | 2]), len(payload)
    return head + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + payload


def test_half_a_surrogate_pair_costs_a_character_only() -> None:
    body = as_json(a_request(a_span(attributes=pairs({"k": "MARK"})))).replace(b"MARK", b"a\\ud800b")
    assert read(body, Encoding.JSON).items[0].attributes == {"k": "a?b"}
    body = as_json(a_request(a_span(attributes=pairs({"k": "MARK"})))).replace(b"MARK", b"a\xffb")
    assert read(body, Encoding.JSON).items[0].attributes == {"k": "a\N{REPLACEMENT CHARACTER}b"}


def test_the_sender_goes_along() -> None:
    received = Received(a_request(a_span()).SerializeToString(), Encoding.PROTOBUF, NOW, Sender("python", "5.0.4"))
    assert decode.spans(received).items[0].sender == Sender("python", "5.0.4")


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/x-protobuf", Encoding.PROTOBUF),
        ("application/json; charset=utf-8", Encoding.JSON),
        ("APPLICATION/JSON", Encoding.JSON),
        ("", Encoding.PROTOBUF),
    ],
)
def test_the_content_type_says_the_encoding(content_type: str, encoding: Encoding) -> None:
    assert decode.encoding_of(content_type) is encoding
