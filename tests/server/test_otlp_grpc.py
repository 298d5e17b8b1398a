"""OTLP over gRPC: the official exporter's own calls, errors with the time to try again, and the bounds of HTTP."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from pilothouse.domain.access import Permission
from pilothouse.server.otlp.grpc_door import GrpcDoor
from pilothouse.server.otlp.options import OtlpOptions
from pilothouse.spool import SpoolOptions
from pilothouse.wiring.ports import pick
from tests.server.harness import Running, running
from tests.server.otlp_requests import logs_request, metrics_request, spooled, trace_request


class Remote:
    """A server behind gRPC and a client of it."""

    def __init__(self, run: Running, port: int, secret: str) -> None:
        self.run = run
        self.address = f"127.0.0.1:{port}"
        self.metadata = (("authorization", f"Bearer {secret}"),)
        self.channel = grpc.aio.insecure_channel(self.address)
        self.traces: Any = TraceServiceStub(self.channel)

    async def send(self, request: ExportTraceServiceRequest, **more: Any) -> ExportTraceServiceResponse:
        return await self.traces.Export(request, timeout=10, **{"metadata": self.metadata, **more})


@pytest.fixture
def options() -> dict[str, Any]:
    return {}


@pytest.fixture
async def remote(tmp_path: Path, options: dict[str, Any]) -> AsyncIterator[Remote]:
    port = pick("127.0.0.1")
    spool = options.pop("spool", None)
    async with running(tmp_path, spool=spool, otlp=OtlpOptions(grpc_port=port, **options)) as run:
        server = GrpcDoor(run.door)
        await server.start()
        found = Remote(run, port, await run.key(Permission.INGEST))
        try:
            yield found
        finally:
            await found.channel.close()
            await server.stop(0)


async def failure(remote: Remote, request: ExportTraceServiceRequest, **more: Any) -> tuple[grpc.StatusCode, bytes]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await remote.send(request, **more)
    trailing = dict(raised.value.trailing_metadata() or ())
    return raised.value.code(), trailing.get("grpc-status-details-bin", b"")


async def test_all_three_signals_are_taken(remote: Remote, tmp_path: Path) -> None:
    request = trace_request(3)
    assert await remote.send(request) == ExportTraceServiceResponse()
    for stub, sent in ((LogsServiceStub, logs_request(2)), (MetricsServiceStub, metrics_request(2))):
        await stub(remote.channel).Export(sent, timeout=10, metadata=remote.metadata)
    kept = list(spooled(tmp_path))
    assert [kind for kind, _ in kept] == ["otlp_traces", "otlp_logs", "otlp_metrics"]
    assert {(one.surface, one.project_id) for _, one in kept} == {("otlp_grpc", remote.run.project.id)}
    assert ExportTraceServiceRequest.FromString(kept[0][1].body) == request


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compressed_calls(remote: Remote, tmp_path: Path, compression: grpc.Compression) -> None:
    request = trace_request(50, text="again " * 1000)
    await remote.send(request, compression=compression)
    assert sum(len(one.body) for _, one in spooled(tmp_path)) == request.ByteSize()


async def test_one_bad_span_never_costs_the_others(remote: Remote) -> None:
    answer = await remote.send(trace_request(2, zero_ids=1))
    assert answer.partial_success.rejected_spans == 1
    assert "trace_id_invalid" in answer.partial_success.error_message


async def test_keys_are_asked_for(remote: Remote) -> None:
    request = trace_request(1)
    code, _ = await failure(remote, request, metadata=())
    assert code is grpc.StatusCode.UNAUTHENTICATED
    code, _ = await failure(remote, request, metadata=(("x-api-key", "ph_wrong"),))
    assert code is grpc.StatusCode.UNAUTHENTICATED
    reader = await remote.run.key(Permission.READ)
    code, _ = await failure(remote, request, metadata=(("api-key", reader),))
    assert code is grpc.StatusCode.PERMISSION_DENIED
    fine = await remote.run.key(Permission.INGEST)
    await remote.send(request, metadata=(("x-api-key", fine),))


@pytest.mark.parametrize("options", [{"max_body_bytes": 1_000_000}])
async def test_strangers_are_refused_before_their_message_is_read(remote: Remote) -> None:
    large = trace_request(2, text="q" * 4_000_000)
    # the bound would be told first if the message were read
    code, _ = await failure(remote, large, metadata=(("x-api-key", "ph_wrong"),))
    assert code is grpc.StatusCode.UNAUTHENTICATED


async def test_junk_is_an_invalid_argument(remote: Remote) -> None:
    export: Any = remote.channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await export(b"this is no protobuf", timeout=10, metadata=remote.metadata)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("options", [{"spool": SpoolOptions(max_bytes=100_000)}])
async def test_a_full_spool_says_when_to_come_again(remote: Remote, tmp_path: Path) -> None:
    taken = 0
    request = trace_request(10, text="z" * 2_000)
    for _ in range(10):
        with contextlib.suppress(grpc.aio.AioRpcError):
            await remote.send(request)
            taken += 1
    code, details = await failure(remote, request)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert b"google.rpc.RetryInfo" in details
    assert len(list(spooled(tmp_path))) == taken > 0


@pytest.mark.parametrize("options", [{"max_body_bytes": 1_000_000}])
async def test_calls_beyond_the_bound_are_refused_also_when_they_inflate(remote: Remote) -> None:
    large = trace_request(2, text="q" * 4_000_000)
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        code, _ = await failure(remote, large, compression=compression)
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    await remote.send(trace_request(1))
