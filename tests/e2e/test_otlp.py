"""Telemetry of the official exporters into the running product: all of it is there at once, and the ledger tells."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.e2e.load import Load
from tests.e2e.stack import Stack, pilothouse, running_stack, until

SPANS = 5
"""In each request of the load, all of one trace."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path_factory.mktemp("otlp")) as (found, _):
        yield found


def exporter(stack: Stack, how: str) -> Any:
    """Return an official exporter, set up as people do."""
    match how:
        case "grpc":
            return GrpcExporter(
                endpoint=f"http://127.0.0.1:{stack.otlp_port}", headers={"authorization": f"Bearer {stack.key}"}
            )
        case "gzip":
            url = f"{stack.platform_url}/v1/traces"
            return HttpExporter(endpoint=url, headers={"x-api-key": stack.key}, compression=Compression.Gzip)
        case _:
            url = f"{stack.platform_url}/api/public/otel/v1/traces"
            return HttpExporter(endpoint=url, headers={"authorization": f"Bearer {stack.key}"})


def conversation(how: str, provider: TracerProvider) -> tuple[str, int]:
    """Make a small trace as an agent does; returns its id and its number of spans."""
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span(f"agent over {how}") as root:
        for number in range(20):
            with tracer.start_as_current_span("chat gpt-4o-mini") as span:
                span.set_attribute("gen_ai.operation.name", "chat")
                span.set_attribute("gen_ai.provider.name", "openai")
                span.set_attribute("gen_ai.request.model", "gpt-4o-mini")
                span.set_attribute("gen_ai.usage.input_tokens", 100)
                span.set_attribute("gen_ai.usage.output_tokens", number)
        return f"{root.get_span_context().trace_id:032x}", 21


async def kept(stack: Stack, trace_id: str, count: int) -> dict[str, Any]:
    """Wait until a trace has that many spans and return it."""
    found: dict[str, Any] = {}

    async def whole() -> bool:
        async with stack.api() as api:
            answer = await api.get(f"/traces/{trace_id}")
        found.clear()
        found.update(answer.json())
        return answer.status_code == 200 and len(found["spans"]) >= count

    await until(whole)
    return found


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["grpc", "gzip", "langfuse"])
@pytest.mark.asyncio(loop_scope="session")
async def test_the_official_exporters_spans_are_there_at_once(stack: Stack, how: str) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(exporter(stack, how)))
    trace_id, count = conversation(how, provider)
    await asyncio.to_thread(provider.shutdown)
    trace = await kept(stack, trace_id, count)
    assert len(trace["spans"]) == count
    root = next(span for span in trace["spans"] if not span["parent_span_id"])
    assert root["name"] == f"agent over {how}"
    chats = [span for span in trace["spans"] if span["parent_span_id"] == root["span_id"]]
    assert len(chats) == 20
    assert all(span["model_requested"] == "gpt-4o-mini" for span in chats)


@pytest.mark.asyncio(loop_scope="session")
async def test_the_ledger_tells_accepted_and_merged(stack: Stack) -> None:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter(stack, "grpc")))
    trace_id, count = conversation("ledger", provider)
    await asyncio.to_thread(provider.shutdown)
    await kept(stack, trace_id, count)

    async def balanced() -> bool:
        async with stack.api() as api:
            items = (await api.get("/receipts")).json()["items"]
        sums = Counter[str]()
        for item in items:
            if item["surface"] == "otlp_grpc":
                sums[item["outcome"]] += item["items"]
        return sums["accepted"] == sums["merged"] >= count and sums["set_aside"] == 0

    await until(balanced)


@pytest.mark.asyncio(loop_scope="session")
async def test_doctor_says_that_grpc_answers(stack: Stack) -> None:
    ended = await pilothouse(stack.environment, "doctor")
    assert f"answers on port {stack.otlp_port}" in ended.out


class Exports(Load):
    """Whole traces, each in one request."""

    spans = SPANS
    output_tokens = None
    least = 100

    def client(self) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self.stack.key}", "content-type": "application/x-protobuf"}
        return httpx.AsyncClient(base_url=self.stack.platform_url, headers=headers, trust_env=False, timeout=10)

    async def send_trace(self, client: httpx.AsyncClient) -> str:
        trace_id = os.urandom(16)
        body = request_of(trace_id)
        answer = await self.insist(lambda: client.post("/v1/traces", content=body), 200)
        return trace_id.hex() if answer is not None else ""


def request_of(trace_id: bytes) -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    now_ns = time.time_ns()
    for number in range(SPANS):
        span = spans.add()
        span.trace_id, span.span_id = trace_id, (number + 1).to_bytes(8, "big")
        span.parent_span_id = b"" if number == 0 else (1).to_bytes(8, "big")
        span.name = f"step {number}"
        span.start_time_unix_nano, span.end_time_unix_nano = now_ns - 10**6, now_ns
    return request.SerializeToString()
