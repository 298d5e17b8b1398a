"""An instrumented application calls through the gateway: both report the call, and it counts once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import set_span_in_context

from pilothouse.domain.ids import render_traceparent
from tests.e2e.stack import Stack, chat, running_stack, until


@pytest.mark.timeout(120)
@pytest.mark.asyncio(loop_scope="session")
async def test_a_call_that_application_and_gateway_report_counts_once(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as (stack, _):
        provider = TracerProvider()
        exporter = OTLPSpanExporter(
            endpoint=f"{stack.platform_url}/v1/traces", headers={"authorization": f"Bearer {stack.key}"}
        )
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("an-instrumentation")
        root = tracer.start_span("agent")
        trace_id, answers = f"{root.get_span_context().trace_id:032x}", 3
        for _ in range(answers):
            await _instrumented_call(stack, provider, root)
        await asyncio.to_thread(root.end)
        trace: dict[str, Any] = {}

        async def whole() -> bool:
            async with stack.api() as api:
                answer = await api.get(f"/traces/{trace_id}")
            trace.clear()
            trace.update(answer.json())
            return answer.status_code == 200 and len(trace["spans"]) == 1 + 2 * answers

        await until(whole)
        calls = [span for span in trace["spans"] if span["source"] == "gateway"]
        own = [span for span in trace["spans"] if span["source"] != "gateway" and span["kind"] == "llm"]
        assert (len(calls), len(own)) == (answers, answers)
        assert {span["parent_span_id"] for span in calls} == {span["span_id"] for span in own}
        assert [span["wrapper"] for span in own + calls] == [True] * answers + [False] * answers
        counted = sum(span["usage"].get("output_tokens", 0) for span in calls)
        async with stack.api() as api:
            [listed] = [one for one in (await api.get("/traces")).json()["items"] if one["trace_id"] == trace_id]
            totals = (await api.get("/overview")).json()["totals"]
        for summary in (trace["summary"], listed):
            assert (summary["call_count"], summary["usage"]["output_tokens"]) == (answers, counted)
        assert (totals["requests"], totals["output_tokens"]) == (answers, counted)


async def _instrumented_call(stack: Stack, provider: TracerProvider, root: Any) -> None:
    """Call a model as an instrumented SDK does; its span ends, and is sent, after the gateway's."""
    tracer = provider.get_tracer("an-instrumentation")
    span = tracer.start_span("chat gpt-4o-mini", context=set_span_in_context(root))
    context = span.get_span_context()
    headers = {"traceparent": render_traceparent(f"{context.trace_id:032x}", f"{context.span_id:016x}")}
    async with stack.gateway() as gateway:
        answer = await gateway.post("/v1/chat/completions", json=chat(), headers=headers)
    assert answer.status_code == 200
    usage = answer.json()["usage"]
    span.set_attribute("gen_ai.operation.name", "chat")
    span.set_attribute("gen_ai.provider.name", "openai")
    span.set_attribute("gen_ai.request.model", "gpt-4o-mini")
    span.set_attribute("gen_ai.usage.input_tokens", usage["prompt_tokens"])
    span.set_attribute("gen_ai.usage.output_tokens", usage["completion_tokens"])
    await asyncio.to_thread(span.end)
