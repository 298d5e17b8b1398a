"""A project's policy at every door of the platform: what it redacts is in none of the files, and its API sets it."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pilothouse.domain.access import Permission, Role
from pilothouse.domain.envelope import OTLP_TRACES
from pilothouse.domain.redaction.detectors import DETECTORS
from pilothouse.otlp import decode
from pilothouse.otlp.decode import Received, encoding_of
from pilothouse.otlp.signals import OtelSpan
from pilothouse.server.otlp.grpc_door import GrpcDoor
from pilothouse.server.otlp.options import OtlpOptions
from tests.server.harness import Client, Running, running
from tests.server.otlp_requests import JSON, PROTOBUF, spooled

SAMPLES = [detector.sample for detector in DETECTORS.values()]
WORD = "hunter2canary"
TEXT = "; ".join(SAMPLES)
DOCUMENT = json.dumps({"password": WORD, "deep": [{"text": TEXT}], "args": json.dumps({"t": TEXT})})
POLICY = {"detectors": [{"detector": name} for name in DETECTORS], "fields": [{"name": "password", "action": "hash"}]}


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, otlp=OtlpOptions(grpc_port=0)) as found:
        yield found


def place(run: Running) -> str:
    return f"/api/v1/projects/{run.project.id}/redaction"


async def put(run: Running, client: Client, policy: Any = POLICY, version: int = 0) -> None:
    answer = await client.put(place(run), json={"version": version, "policy": policy})
    assert answer.status_code == 200, answer.text
    await run.door.keys.tick()


def assert_clean(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        held = path.read_bytes()
        for canary in (*SAMPLES, WORD, "canary.person"):
            assert canary.encode() not in held, f"{canary} is in {path.name}"


def pair(pairs: Any, name: str, text: str) -> None:
    one = pairs.add()
    one.key, one.value.string_value = name, text


def fill(item: Any) -> None:
    pair(item.attributes, "gen_ai.input.messages", DOCUMENT)
    pair(item.attributes, f"about {SAMPLES[2]}", TEXT)
    pair(item.attributes, "user.password", WORD)
    held = item.attributes.add()
    held.key = "list"
    held.value.array_value.values.add().string_value = TEXT
    inner = held.value.array_value.values.add().kvlist_value.values.add()
    inner.key, inner.value.string_value = "password", WORD


def traces() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    fill(group.resource)
    scoped = group.scope_spans.add()
    scoped.scope.name = scoped.scope.version = scoped.schema_url = TEXT
    span = scoped.spans.add(trace_id=os.urandom(16), span_id=os.urandom(8), name=TEXT, trace_state=TEXT)
    span.start_time_unix_nano = span.end_time_unix_nano = time.time_ns()
    span.status.message = TEXT
    fill(span)
    event = span.events.add(name=TEXT)
    fill(event)
    fill(span.links.add(trace_id=os.urandom(16), span_id=os.urandom(8), trace_state=TEXT))
    scoped.spans.add(trace_id=b"bad", name=TEXT)
    return request


def logs() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(severity_text=TEXT, event_name=TEXT)
    record.body.string_value = DOCUMENT
    fill(record)
    return request


def metrics() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m", description=TEXT, unit=TEXT)
    point = metric.gauge.data_points.add(as_double=1)
    fill(point)
    pair(point.exemplars.add().filtered_attributes, "text", TEXT)
    return request


def in_json() -> bytes:
    pairs = [
        {"key": "input.value", "value": {"stringValue": DOCUMENT}},
        {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": TEXT}]}}},
        {"key": "password", "value": {"stringValue": WORD}},
        {"key": TEXT, "value": {"kvlistValue": {"values": [{"key": "password", "value": {"stringValue": WORD}}]}}},
    ]
    span = {
        "traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "name": TEXT, "attributes": pairs,
        "startTimeUnixNano": str(time.time_ns()), "status": {"message": TEXT}, "unknown": {"nested": [TEXT]},
        "events": [{"name": TEXT, "attributes": pairs}], "links": [{"traceId": "x", "attributes": pairs}],
    }  # fmt: skip
    bad = {"traceId": TEXT, "spanId": TEXT, "name": TEXT}
    return json.dumps({"resourceSpans": [
        {"resource": {"attributes": pairs}, "scopeSpans": [{"scope": {"name": TEXT}, "spans": [span, bad]}]},
    ]}).encode()  # fmt: skip


async def test_nothing_comes_through_a_door_of_opentelemetry(run: Running, tmp_path: Path) -> None:
    await put(run, run.local())
    secret = await run.key(Permission.INGEST)
    client = run.client(secret)
    for path, request in (("traces", traces()), ("logs", logs()), ("metrics", metrics())):
        body = request.SerializeToString()
        answer = await client.post(f"/v1/{path}", content=body, headers=PROTOBUF)
        assert answer.status_code == 200, answer.text
    assert (await client.post("/v1/traces", content=in_json(), headers=JSON)).status_code == 200
    door = GrpcDoor(run.door)
    await door.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{door.port}") as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            await export(traces().SerializeToString(), metadata=(("authorization", f"Bearer {secret}"),))
    finally:
        await door.stop(0)
    await run.door.receipts.flush()
    assert_clean(tmp_path)
    found = _spans(tmp_path)
    assert len(found) == 3
    assert all(int(span.attributes["pilothouse.redacted.email"]) > 1 for span in found)


def _spans(folder: Path) -> list[OtelSpan]:
    """Return the spans that are in the spool."""
    found: list[OtelSpan] = []
    for kind, request in spooled(folder):
        if kind == OTLP_TRACES:
            received = Received(request.body, encoding_of(request.content_type), request.received_at_ns)
            found += decode.spans(received).items
    return found


async def test_nothing_comes_through_the_surfaces_of_other_sdks(run: Running, tmp_path: Path) -> None:
    await put(run, run.local())
    client = run.client(await run.key(Permission.INGEST, Permission.WRITE, Permission.READ))
    now = "2026-11-28T12:00:00.000Z"
    said = {"input": {"t": TEXT, "password": WORD}, "output": DOCUMENT, "metadata": {"m": TEXT}, "name": TEXT}
    trace = {"id": "t1", "timestamp": now, "userId": SAMPLES[2], "sessionId": TEXT, "tags": [TEXT], **said}
    step = {"id": "o1", "traceId": "t1", "startTime": now, "statusMessage": TEXT, "model": "m", **said}
    score = {"id": "s1", "traceId": "t1", "name": "n", "value": TEXT, "comment": TEXT, "dataType": "CATEGORICAL"}
    batch = [
        {"id": f"e{n}", "timestamp": now, "type": kind, "body": body}
        for n, (kind, body) in enumerate(
            (("trace-create", trace), ("generation-create", step), ("score-create", score), ("span-create", TEXT))
        )
    ]
    answer = await client.post("/api/public/ingestion", json={"batch": batch, "metadata": {"sdk_name": "python"}})
    assert answer.status_code == 207, answer.text
    run_id = "0192d1c4-8b1c-7f3a-9d65-4a1a2b3c4d5e"
    made = {
        "id": run_id, "trace_id": run_id, "dotted_order": f"20261128T120000000000Z{run_id}", "name": TEXT,
        "run_type": "llm", "start_time": now, "end_time": now, "inputs": {"t": TEXT, "password": WORD},
        "outputs": {"t": DOCUMENT}, "error": TEXT, "extra": {"metadata": {"m": TEXT}}, "tags": [TEXT],
        "events": [{"name": "e", "time": now, "kwargs": {"t": TEXT}}], "session_name": "default",
    }  # fmt: skip
    answer = await client.post("/runs/batch", json={"post": [made], "patch": []})
    assert answer.status_code < 300, answer.text
    answer = await client.post("/feedback", json={"run_id": run_id, "trace_id": run_id, "key": "k", "comment": TEXT})
    assert answer.status_code < 300, answer.text
    await run.door.receipts.flush()
    assert_clean(tmp_path)


async def test_without_a_policy_bodies_are_kept_as_they_came(run: Running, tmp_path: Path) -> None:
    client = run.client(await run.key(Permission.INGEST))
    body = traces().SerializeToString()
    await client.post("/v1/traces", content=body, headers=PROTOBUF)
    await put(run, run.local())
    await client.post("/v1/traces", content=body, headers=PROTOBUF)
    await put(run, run.local(), {}, version=1)
    await client.post("/v1/traces", content=body, headers=PROTOBUF)
    kept = [request.body == body for _, request in spooled(tmp_path)]
    assert kept == [True, False, True]


async def test_parts_that_are_off_leave_attributes_about_the_call(run: Running, tmp_path: Path) -> None:
    await put(run, run.local(), {"off": ["input", "attributes", "events"]})
    request = traces()
    span = request.resource_spans[0].scope_spans[0].spans[0]
    pair(span.attributes, "gen_ai.request.model", "gpt")
    pair(span.attributes, "my.own", "app")
    client = run.client(await run.key(Permission.INGEST))
    await client.post("/v1/traces", content=request.SerializeToString(), headers=PROTOBUF)
    (found,) = _spans(tmp_path)
    assert found.attributes["gen_ai.request.model"] == "gpt"
    assert found.attributes["gen_ai.input.messages"] == found.attributes["my.own"] == "[REMOVED]"
    assert found.events == ()


async def test_the_policy_is_versioned_and_said_in_the_journal(run: Running) -> None:
    client = run.local()
    first = (await client.get(place(run))).json()
    assert (first["version"], first["policy"], first["changed_at"]) == (0, {}, None)
    assert {one["name"] for one in first["detectors"]} == set(DETECTORS)
    await put(run, client)
    assert (await client.put(place(run), json={"version": 0, "policy": {}})).status_code == 412
    second = (await client.get(place(run))).json()
    assert second["version"] == 1
    assert second["changed_by"] == "local"
    (entry, *_) = await run.parts.registry.list_audit()
    assert (entry.action, entry.subject, entry.detail["version"]) == ("redaction.put", run.project.id, 1)
    bad = {"version": 1, "policy": {"patterns": [{"name": "a", "pattern": "(?=x)"}]}}
    answer = await client.put(place(run), json=bad)
    assert answer.status_code == 400
    assert "patterns/0/pattern" in answer.text


async def test_a_sample_can_be_tried_with_a_policy_that_is_not_in_force(run: Running) -> None:
    policy = {"detectors": [{"detector": "email", "action": "hash"}]}
    answer = await run.local().post(f"{place(run)}/try", json={"text": "ann@example.com", "policy": policy})
    assert answer.status_code == 200
    assert answer.json()["hits"] == {"email": 1}
    assert answer.json()["text"].startswith("[EMAIL:")
    in_force = await run.local().post(f"{place(run)}/try", json={"text": "ann@example.com"})
    assert in_force.json() == {"text": "ann@example.com", "hits": {}}


async def test_only_admins_see_and_change_it(run: Running) -> None:
    editor, reader = await run.browser(Role.EDITOR), run.client(await run.key(Permission.READ, Permission.WRITE))
    answers = await asyncio.gather(
        editor.get(place(run)), editor.put(place(run), json={"version": 0, "policy": {}}),
        editor.post(f"{place(run)}/try", json={"text": ""}), reader.get(place(run)),
    )  # fmt: skip
    assert [answer.status_code for answer in answers] == [403] * 4
    assert (await (await run.browser(Role.ADMIN)).get(place(run))).status_code == 200
