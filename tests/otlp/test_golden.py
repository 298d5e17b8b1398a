"""What real SDKs sent, and what became of it: each file holds one run of an SDK against a fake provider.

The requests are as they came over the wire, but for paths of the machine that ran them; the patches are without what is
only carried over: raw attributes, resource, events, links.
"""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pilothouse.domain.patch import SpanPatch
from pilothouse.otlp import decode, log_mapping
from pilothouse.otlp.decode import Encoding, Received
from pilothouse.otlp.mapping import mapped
from pilothouse.otlp.signals import Sender
from pilothouse.otlp.table import ROWS

FOLDER = Path(__file__).parent / "golden"
FILES = sorted(FOLDER.rglob("*.json"))
CARRIED = {"attributes", "resource", "events", "links"}
IDS = {"traceId", "spanId", "parentSpanId"}
NOW = 1_790_000_000_000_000_000


def in_base64(value: Any) -> Any:
    """Protobuf's own JSON has ids in base64."""
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in IDS else in_base64(item)
            for key, item in value.items()
        }
    return [in_base64(item) for item in value] if isinstance(value, list) else value


def body_of(request: dict[str, Any], encoding: Encoding) -> bytes:
    if encoding is Encoding.JSON:
        return json.dumps(request).encode()
    kind = ExportLogsServiceRequest if "resourceLogs" in request else ExportTraceServiceRequest
    return json_format.ParseDict(in_base64(request), kind(), ignore_unknown_fields=True).SerializeToString()


def read(golden: dict[str, Any], encoding: Encoding) -> tuple[SpanPatch, ...]:
    body = body_of(golden["request"], encoding)
    if "resourceLogs" in golden["request"]:
        return log_mapping.mapped(decode.logs(Received(body, encoding, NOW)).items)
    result = mapped(decode.spans(Received(body, encoding, NOW, Sender(*golden["sender"]))))
    assert result.rejected == ()
    return result.items


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_what_an_sdk_sends_is_understood(path: Path, encoding: Encoding) -> None:
    golden = json.loads(path.read_text())
    found = json.loads(msgspec.json.encode(read(golden, encoding)))
    said = [{key: value for key, value in patch.items() if key not in CARRIED} for patch in found]
    assert said == golden["patches"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_nothing_that_was_sent_is_lost(path: Path) -> None:
    """Every attribute of every span is there by its own name, and says the same."""
    golden = json.loads(path.read_text())
    if "resourceLogs" in golden["request"]:
        records = [r for g in golden["request"]["resourceLogs"] for s in g["scopeLogs"] for r in s["logRecords"]]
        assert sum(len(patch.events) for patch in read(golden, Encoding.JSON)) == len(records)
        return
    sent = [span for g in golden["request"]["resourceSpans"] for s in g["scopeSpans"] for span in s["spans"]]
    for span, patch in zip(sent, read(golden, Encoding.JSON), strict=True):
        names = [item["key"] for item in span.get("attributes", [])]
        assert sorted(patch.attributes) == sorted(set(names))
        for item in span.get("attributes", []):
            if "stringValue" in item["value"]:
                assert patch.attributes[item["key"]] == item["value"]["stringValue"]
        assert len(patch.events) == len(span.get("events", []))


def test_the_folders_are_vocabularies() -> None:
    assert {path.parent.name for path in FILES} <= set(ROWS)
