"""Records of every way in, as what they bring of each span; what is unusable is said and costs nothing else."""

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtelSpan

from pilothouse.domain.envelope import OTLP_TRACES, PATCHES, OtlpTraces, encode_otlp, encode_patches
from pilothouse.domain.receipt import ReceiptOutcome
from pilothouse.domain.span import SpanKind
from pilothouse.ingest.ledger import receipts
from pilothouse.ingest.reading import Contents, Unusable, read
from pilothouse.ingest.requests import SAID_PROJECT
from pilothouse.spool import CALL, Item
from tests.ingest.patches import CATALOG, S, whole
from tests.spans import BASE_NS
from tests.spool.records import call

TRACE, SPAN = bytes(range(16)), bytes(range(8, 16))


def otlp(*spans: OtelSpan, content_type: str = "application/x-protobuf", body: bytes | None = None) -> bytes:
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])
    return encode_otlp(
        OtlpTraces(
            project_id="p", key_id="k", received_at_ns=BASE_NS, content_type=content_type, sdk_name="an-sdk",
            sdk_version="3", said_project="theirs", body=request.SerializeToString() if body is None else body,
        )
    )  # fmt: skip


def a_span(**changes: object) -> OtelSpan:
    fields = {
        "trace_id": TRACE, "span_id": SPAN, "name": "chat", "start_time_unix_nano": BASE_NS,
        "end_time_unix_nano": BASE_NS + S, **changes,
    }  # fmt: skip
    return OtelSpan(**fields)  # type: ignore[arg-type]


def contents_of(*records: tuple[str, bytes]) -> Contents:
    found = Contents({}, [])
    read([Item(kind, payload, 1, number) for number, (kind, payload) in enumerate(records)], CATALOG, found)
    return found


def test_a_request_becomes_patches_of_its_callers_project() -> None:
    model = KeyValue(key="gen_ai.request.model", value=AnyValue(string_value="gpt-4o"))
    found = contents_of((OTLP_TRACES, otlp(a_span(attributes=[model]))))
    [(key, arrived)] = found.spans.items()
    assert key == ("p", TRACE.hex(), SPAN.hex())
    [patch] = arrived.patches
    assert (patch.project_id, patch.key_id, patch.whole, patch.kind) == ("p", "k", True, SpanKind.LLM)
    assert patch.attributes[SAID_PROJECT] == "theirs"
    [source] = arrived.sources
    assert (source.surface, source.sdk_name, source.sdk_version) == ("otlp_http", "an-sdk", "3")
    assert found.unusable == []


def test_what_several_records_say_of_a_span_comes_together() -> None:
    patch = whole("p", TRACE.hex(), SPAN.hex(), source="langfuse")
    found = contents_of((OTLP_TRACES, otlp(a_span())), (PATCHES, encode_patches([patch, patch])))
    [arrived] = found.spans.values()
    assert len(arrived.patches) == 3
    assert [source.surface for source in arrived.sources] == ["otlp_http", "langfuse"]


def test_the_gateways_calls_are_among_them() -> None:
    found = contents_of((CALL, msgspec.msgpack.encode(call(7))))
    [arrived] = found.spans.values()
    assert arrived.call is not None
    assert arrived.call.request_id == call(7).id


@pytest.mark.parametrize(("kind", "payload", "reason"), [
    (OTLP_TRACES, b"\xc1", "undecodable"),
    (OTLP_TRACES, otlp(body=b"\xff\xff\xff"), "undecodable"),
    (OTLP_TRACES, otlp(content_type="application/json", body=b"{"), "undecodable"),
    (PATCHES, b"\x80", "undecodable"),
    (PATCHES, encode_patches([whole("p", "", SPAN.hex())]), "without_id"),
    (PATCHES, encode_patches([whole("p", TRACE.hex(), "")]), "without_id"),
    ("letter", b"", "unknown_kind"),
])  # fmt: skip
def test_what_is_unusable_is_said_and_the_rest_is_kept(kind: str, payload: bytes, reason: str) -> None:
    found = contents_of((kind, payload), (OTLP_TRACES, otlp(a_span())))
    assert [one.reason for one in found.unusable] == [reason]
    assert len(found.spans) == 1


def test_the_ledger_counts_spans_by_sender_and_what_became_of_them() -> None:
    other = a_span(span_id=bytes(range(8)))
    found = contents_of((OTLP_TRACES, otlp(a_span(), other)), ("letter", b""))
    [first, _] = found.spans.values()
    refused = Unusable(source=first.sources[0], reason="refused_by_store", detail="too odd")
    rows = receipts(found.spans.values(), [*found.unusable, refused], BASE_NS + 1)
    assert {(row.surface, row.outcome, row.reason): row.items for row in rows} == {
        ("otlp_http", ReceiptOutcome.MERGED, ""): 1,
        ("otlp_http", ReceiptOutcome.SET_ASIDE, "refused_by_store"): 1,
        ("letter", ReceiptOutcome.SET_ASIDE, "unknown_kind"): 1,
    }
    [merged] = [row for row in rows if row.outcome is ReceiptOutcome.MERGED]
    assert (merged.project_id, merged.sdk_name, merged.minute_ns % (60 * S)) == ("p", "an-sdk", 0)
