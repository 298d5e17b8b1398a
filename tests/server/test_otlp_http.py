"""OTLP over HTTP: every address, encoding and compression; answered once it is durable; never whole for one span."""

import asyncio
import gzip
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from pilothouse.domain.access import Permission
from pilothouse.server.otlp.options import OtlpOptions
from pilothouse.server.otlp.surfaces import ADDRESSES
from pilothouse.spool import SpoolOptions
from tests.server.harness import Running, running
from tests.server.otlp_requests import (
    JSON,
    PROTOBUF,
    json_trace,
    logs_request,
    metrics_request,
    spooled,
    trace_request,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def two_members(body: bytes) -> bytes:
    half = len(body) // 2
    return gzip.compress(body[:half]) + gzip.compress(body[half:])


def two_frames(body: bytes) -> bytes:
    half = len(body) // 2
    return zstd.compress(body[:half]) + zstd.compress(body[half:])


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "none": ("identity", bytes),
    "gzip": ("gzip", gzip.compress),
    "gzip of two members": ("gzip", two_members),
    "deflate": ("deflate", zlib.compress),
    "deflate without a frame": ("deflate", raw_deflate),
    "zstd": ("zstd", zstd.compress),
    "zstd of two frames": ("zstd", two_frames),
}


def status_of(answer: httpx.Response) -> tuple[int, str]:
    """Return gRPC's code and the message of a `google.rpc.Status`."""
    if answer.headers["content-type"].startswith("application/json"):
        found = answer.json()
        return found["code"], found["message"]
    body = answer.content
    assert body[0] == 0x08
    assert body[2] == 0x12
    return body[1], body.partition(b"\x12")[2][1:].decode(errors="replace").lstrip("\x01\x02\x03")


@pytest.fixture
async def client(run: Running) -> httpx.AsyncClient:
    return run.client(await run.key(Permission.INGEST))


@pytest.mark.parametrize("path", [path for path, address in ADDRESSES.items() if address.signal == "traces"])
async def test_every_address_takes_traces(run: Running, client: httpx.AsyncClient, tmp_path: Path, path: str) -> None:
    request = trace_request(3)
    answer = await client.post(path, content=request.SerializeToString(), headers=PROTOBUF)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    assert ExportTraceServiceResponse.FromString(answer.content) == ExportTraceServiceResponse()
    ((kind, kept),) = spooled(tmp_path)
    assert (kind, kept.project_id, kept.surface) == ("otlp_traces", run.project.id, ADDRESSES[path].surface)
    assert ExportTraceServiceRequest.FromString(kept.body) == request


async def test_logs_and_metrics_are_taken_too(client: httpx.AsyncClient, tmp_path: Path) -> None:
    logs = await client.post("/v1/logs", content=logs_request(2).SerializeToString(), headers=PROTOBUF)
    metrics = await client.post("/v1/metrics", content=metrics_request(2).SerializeToString(), headers=PROTOBUF)
    assert (logs.status_code, metrics.status_code) == (200, 200)
    assert ExportLogsServiceResponse.FromString(logs.content) == ExportLogsServiceResponse()
    assert ExportMetricsServiceResponse.FromString(metrics.content) == ExportMetricsServiceResponse()
    assert [kind for kind, _ in spooled(tmp_path)] == ["otlp_logs", "otlp_metrics"]


@pytest.mark.parametrize("how", PACKERS)
async def test_every_compression_gives_the_same_bytes(client: httpx.AsyncClient, tmp_path: Path, how: str) -> None:
    encoding, pack = PACKERS[how]
    # more than one slice of the inflater, of text that packs well
    request = trace_request(40, text="say it again " * 6000)
    body = request.SerializeToString()
    answer = await client.post("/v1/traces", content=pack(body), headers={**PROTOBUF, "content-encoding": encoding})
    assert answer.status_code == 200, answer.text
    assert b"".join(kept.body for _, kept in spooled(tmp_path)) == body


async def test_json_is_answered_as_json(client: httpx.AsyncClient, tmp_path: Path) -> None:
    answer = await client.post("/v1/traces", content=json_trace("eee19b7ec3c1b174"), headers=JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    bad = await client.post("/v1/traces", content=json_trace("0" * 16, "eee19b7ec3c1b174"), headers=JSON)
    assert bad.status_code == 200
    assert bad.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert "span_id_invalid" in bad.json()["partialSuccess"]["errorMessage"]
    assert [kept.content_type for _, kept in spooled(tmp_path)] == ["application/json"] * 2


async def test_one_bad_span_never_costs_the_others(client: httpx.AsyncClient, tmp_path: Path) -> None:
    body = trace_request(5, zero_ids=2).SerializeToString()
    answer = await client.post("/v1/traces", content=body, headers=PROTOBUF)
    assert answer.status_code == 200
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 2
    assert "trace_id_invalid" in partial.error_message
    assert len(list(spooled(tmp_path))) == 1


async def test_nothing_is_kept_of_a_request_without_a_usable_item(client: httpx.AsyncClient, tmp_path: Path) -> None:
    for body in (b"", trace_request(0, zero_ids=1).SerializeToString()):
        assert (await client.post("/v1/traces", content=body, headers=PROTOBUF)).status_code == 200
    assert list(spooled(tmp_path)) == []


async def test_a_large_request_is_kept_in_parts(client: httpx.AsyncClient, tmp_path: Path) -> None:
    request = trace_request(30, text="x" * 500_000)
    answer = await client.post("/v1/traces", content=request.SerializeToString(), headers=PROTOBUF)
    assert answer.status_code == 200, answer.text
    parts = [ExportTraceServiceRequest.FromString(kept.body) for _, kept in spooled(tmp_path)]
    assert len(parts) > 2
    spans = [span for part in parts for group in part.resource_spans for span in group.scope_spans[0].spans]
    assert spans == list(request.resource_spans[0].scope_spans[0].spans)
    assert all(part.resource_spans[0].resource == request.resource_spans[0].resource for part in parts)
    assert all(part.resource_spans[0].scope_spans[0].scope.name == "tests" for part in parts)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (PROTOBUF, b"this is no protobuf at all"),
        (JSON, b"{"),
        (JSON, b"[1]"),
        ({**PROTOBUF, "content-encoding": "gzip"}, b"no gzip"),
        ({**PROTOBUF, "content-encoding": "zstd"}, b"no zstd"),
        ({**PROTOBUF, "content-encoding": "deflate"}, b"\xff\xff no deflate"),
        ({**PROTOBUF, "content-encoding": "gzip"}, gzip.compress(trace_request(9).SerializeToString())[:-12]),
        ({**PROTOBUF, "content-encoding": "br"}, b"x"),
    ],
    ids=["protobuf", "json", "no object", "gzip", "zstd", "deflate", "cut off", "unknown compression"],
)
async def test_what_cannot_be_read_is_refused_once(
    client: httpx.AsyncClient, tmp_path: Path, headers: dict[str, str], body: bytes
) -> None:
    answer = await client.post("/v1/traces", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith(headers["content-type"])
    assert status_of(answer)[0] == 3
    assert "retry-after" not in answer.headers
    assert list(spooled(tmp_path)) == []


@pytest.mark.parametrize("how", PACKERS)
async def test_bodies_that_inflate_beyond_the_bound_are_refused(tmp_path: Path, how: str) -> None:
    encoding, pack = PACKERS[how]
    async with running(tmp_path, otlp=OtlpOptions(max_body_bytes=3_000_000)) as run:
        client = run.client(await run.key(Permission.INGEST))
        bomb = pack(bytes(40_000_000 if encoding != "identity" else 3_000_001))
        headers = {**PROTOBUF, "content-encoding": encoding}
        answer = await client.post("/v1/traces", content=bomb, headers=headers)
        assert (answer.status_code, status_of(answer)[0]) == (413, 3)
        assert run.door.bodies.open_bytes.held == 0
        fine = await client.post("/v1/traces", content=trace_request(1).SerializeToString(), headers=PROTOBUF)
        assert fine.status_code == 200


async def test_a_chunked_body_is_read_to_the_bound(tmp_path: Path) -> None:
    async with running(tmp_path, otlp=OtlpOptions(max_body_bytes=1_000_000)) as run:
        client = run.client(await run.key(Permission.INGEST))
        body = trace_request(2, text="x" * 200_000).SerializeToString()

        async def pieces(times: int) -> AsyncIterator[bytes]:
            for _ in range(times):
                for start in range(0, len(body), 7_000):
                    yield body[start : start + 7_000]

        assert (await client.post("/v1/traces", content=pieces(1), headers=PROTOBUF)).status_code == 200
        assert (await client.post("/v1/traces", content=pieces(50), headers=PROTOBUF)).status_code == 413


async def test_a_body_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    async with running(tmp_path, otlp=OtlpOptions(body_timeout_s=0.1)) as run:
        client = run.client(await run.key(Permission.INGEST))
        head = (
            f"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\nauthorization: {client.headers['authorization']}\r\n"
            "content-type: application/x-protobuf\r\ncontent-length: 100\r\n\r\n"
        )
        url = httpx.URL(run.url)
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(head.encode() + b"\x0a")
            answer = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            await writer.wait_closed()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"body_too_slow" in answer


async def test_more_than_fits_into_memory_is_told_to_come_again(tmp_path: Path) -> None:
    async with running(tmp_path, otlp=OtlpOptions(max_open_bytes=1_000)) as run:
        client = run.client(await run.key(Permission.INGEST))
        answer = await client.post("/v1/traces", content=trace_request(99).SerializeToString(), headers=PROTOBUF)
        assert (answer.status_code, answer.headers["retry-after"], status_of(answer)[0]) == (429, "1", 8)


async def test_a_full_spool_is_told_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    async with running(tmp_path, spool=SpoolOptions(max_bytes=300_000)) as run:
        client = run.client(await run.key(Permission.INGEST))
        body = trace_request(20, text="y" * 2_000).SerializeToString()
        answers = [await client.post("/v1/traces", content=body, headers=PROTOBUF) for _ in range(12)]
        taken = [answer for answer in answers if answer.status_code == 200]
        full = answers[-1]
        assert (full.status_code, full.headers["x-pilothouse-error"]) == (429, "spool_full")
        assert int(full.headers["retry-after"]) >= 1
        assert status_of(full)[0] == 8
        assert len(list(spooled(tmp_path))) == len(taken) > 0


async def test_a_get_is_no_way_in_and_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/traces", content=b"")
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


async def test_what_the_sender_says_of_itself_is_kept(run: Running, client: httpx.AsyncClient, tmp_path: Path) -> None:
    headers = {**PROTOBUF, "langsmith-project": "billing", "user-agent": "OTel-OTLP-Exporter-Python/1.45.2 more"}
    body = trace_request(1).SerializeToString()
    await client.post("/otel/v1/traces", content=body, headers=headers)
    await client.post("/otel/v1/traces", content=body, headers={**PROTOBUF, "x-bt-parent": "project_name:shop"})
    langfuse = {"x-langfuse-sdk-name": "python", "x-langfuse-sdk-version": "5.0.4"}
    await client.post("/api/public/otel/v1/traces", content=body, headers={**PROTOBUF, **langfuse})
    kept = [item for _, item in spooled(tmp_path)]
    assert [(item.surface, item.said_project) for item in kept] == [
        ("langsmith", "billing"), ("braintrust", "project_name:shop"), ("langfuse", ""),
    ]  # fmt: skip
    assert (kept[0].sdk_name, kept[0].sdk_version) == ("OTel-OTLP-Exporter-Python", "1.45.2")
    assert (kept[2].sdk_name, kept[2].sdk_version) == ("langfuse-python", "5.0.4")
    assert all(item.project_id == run.project.id for item in kept)
