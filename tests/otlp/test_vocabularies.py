"""Vocabularies whose SDKs are not among the recorded ones, and older words of those that are."""

import json
from decimal import Decimal
from typing import Any

import pytest

from pilothouse.domain.fold import encode, fold_of
from pilothouse.domain.patch import Level, SpanPatch
from pilothouse.domain.span import SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.otlp.mapping import mapped, patch_of
from pilothouse.otlp.signals import Decoded, OtelEvent, OtelScope, OtelSpan, Reason, Sender

START = 1_790_000_000_000_000_000


def a_span(attributes: dict[str, Any], **fields: Any) -> OtelSpan:
    base = {
        "trace_id": "1" * 32,
        "span_id": "2" * 16,
        "name": "n",
        "started_at_ns": START,
        "ended_at_ns": START + 10**9,
    }
    return OtelSpan(**{**base, **fields}, attributes=attributes)


def read(attributes: dict[str, Any], **fields: Any) -> SpanPatch:
    patch = patch_of(a_span(attributes, **fields))
    assert patch is not None
    return patch


def dumped(value: Any) -> str:
    return json.dumps(value)


USER = [{"role": "user", "content": "hi"}]
REPLY = [{"role": "assistant", "content": "hello"}]

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "braintrust": (
        {
            "braintrust.span_attributes": dumped({"type": "llm", "name": "ask"}),
            "braintrust.input_json": dumped(USER), "braintrust.output_json": dumped(REPLY),
            "braintrust.metadata": dumped({"model": "gpt-4o", "provider": "openai", "user_id": "u"}),
            "braintrust.metrics": dumped({
                "prompt_tokens": 10, "completion_tokens": 5, "tokens": 15, "prompt_cached_tokens": 4,
                "completion_reasoning_tokens": 2, "time_to_first_token": 0.25, "estimated_cost": 0.01}),
            "braintrust.tags": ["a"],
        },
        {},
        {
            "kind": SpanKind.LLM, "name": "ask", "model_requested": "gpt-4o", "provider": "openai", "user_id": "u",
            "usage": Usage(input_tokens=6, cache_read_tokens=4, output_tokens=3, reasoning_tokens=2),
            "first_token_at_ns": START + 250_000_000, "cost_usd": Decimal("0.01"), "tags": ("a",),
            "input": dumped(USER), "output": dumped(REPLY),
        },
    ),
    "weave": (
        {"weave.span.kind": "tool", "wandb.thread_id": "t-1", "weave.inputs": "{}", "weave.output": "[]"},
        {},
        {"kind": SpanKind.TOOL, "session_id": "t-1", "input": "{}", "output": "[]"},
    ),
    "pilothouse": (
        {
            "pilothouse.kind": "guard", "pilothouse.tags": ["beta", "eu"], "pilothouse.metadata.plan": "pro",
            "pilothouse.environment": "staging", "pilothouse.release": "7", "input.value": "[1]", "user.id": "u",
        },
        {},
        {
            "kind": SpanKind.GUARD, "tags": ("beta", "eu"), "metadata": {"plan": "pro"}, "environment": "staging",
            "release": "7", "input": "[1]", "user_id": "u",
        },
    ),
    "google_adk": (
        {
            "gcp.vertex.agent.llm_request": dumped({
                "model": "gemini-2.5-flash", "config": {"system_instruction": "Be brief."},
                "contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
            "gcp.vertex.agent.llm_response": dumped({"content": {"role": "model", "parts": [{"text": "hello"}]}}),
            "gcp.vertex.agent.session_id": "s-1", "gen_ai.system": "gcp.vertex.agent",
            "gcp.vertex.agent.tool_call_args": "N/A", "gen_ai.usage.input_tokens": 4, "gen_ai.usage.output_tokens": 2,
        },
        {"scope": OtelScope("gcp.vertex.agent"), "name": "call_llm"},
        {
            "kind": SpanKind.LLM, "session_id": "s-1", "model_requested": "gemini-2.5-flash", "provider": "vertex",
            "input": '{"system_instruction":{"parts":[{"text":"Be brief."}]},'
                     '"contents":[{"role":"user","parts":[{"text":"hi"}]}]}',
            "output": '{"candidates":[{"content":{"role":"model","parts":[{"text":"hello"}]},"finishReason":null}]}',
            "usage": Usage(input_tokens=4, output_tokens=2),
        },
    ),
    "genkit": (
        {
            "genkit:metadata:subtype": "model", "genkit:name": "googleai/gemini-2.5-flash", "genkit:input": "{}",
            "genkit:output": dumped({"finishReason": "stop", "usage": {
                "inputTokens": 10, "outputTokens": 5, "totalTokens": 22, "thoughtsTokens": 7}}),
        },
        {},
        {
            "kind": SpanKind.LLM, "model_requested": "gemini-2.5-flash", "provider": "gemini", "finish_reason": "stop",
            "usage": Usage(input_tokens=10, output_tokens=5, reasoning_tokens=7), "name": "googleai/gemini-2.5-flash",
        },
    ),
    "laminar": (
        {
            "lmnr.span.type": "TOOL", "lmnr.span.input": "[1]", "lmnr.span.output": "2",
            "lmnr.association.properties.user_id": "u", "lmnr.association.properties.metadata.plan": "pro",
        },
        {},
        {"kind": SpanKind.TOOL, "input": "[1]", "output": "2", "user_id": "u", "metadata": {"plan": "pro"}},
    ),
    "livekit": (
        {
            "lk.chat_ctx": dumped({"items": [{"type": "message", "role": "user", "content": ["hi", "there"]}]}),
            "lk.response.text": "hello", "lk.response.ttft": 0.5,
        },
        {"name": "llm_node"},
        {
            "kind": SpanKind.CHAIN, "input": '{"messages":[{"role":"user","content":"hi\\nthere"}]}', "output": "hello",
            "first_token_at_ns": START + 500_000_000,
        },
    ),
    "voltagent": (
        {
            "entity.type": "agent", "entity.name": "helper", "usage.prompt_tokens": 5, "usage.completion_tokens": 2,
            "input": "hi", "output": "hello", "conversationId": "c-1", "voltagent.x": 1,
        },
        {},
        {"kind": SpanKind.AGENT, "name": "helper", "usage": None, "session_id": "c-1", "input": "hi",
         "output": "hello"},
    ),
    "claude_code": (
        {
            "span.type": "llm_request", "model": "claude-sonnet-4-5", "input_tokens": 10, "output_tokens": 5,
            "cache_read_tokens": 90, "cache_creation_tokens": 7, "ttft_ms": 200, "session.id": "s",
        },
        {"name": "claude_code.llm_request"},
        {
            "kind": SpanKind.LLM, "provider": "anthropic", "model_requested": "claude-sonnet-4-5", "session_id": "s",
            "usage": Usage(input_tokens=10, cache_read_tokens=90, cache_write_5m_tokens=7, output_tokens=5),
            "first_token_at_ns": START + 200_000_000,
        },
    ),
    "openrouter": (
        {
            "trace.metadata.openrouter.entity_id": "e", "trace.metadata.plan": "pro", "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "openai/gpt-4o", "gen_ai.usage.cost": "0.002", "gen_ai.provider.name": "azure",
        },
        {},
        {"provider": "openrouter", "cost_usd": Decimal("0.002"), "metadata": {"plan": "pro"}, "kind": SpanKind.LLM},
    ),
    "litellm": (
        {"llm.openai.model": "gpt-4o", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 1},
        {"name": "raw_gen_ai_request"},
        {"kind": SpanKind.OTHER, "usage": None},
    ),
    "logfire": (
        {"logfire.msg": "all well", "logfire.level_num": 13, "logfire.tags": ["a"]},
        {},
        {"name": "all well", "level": Level.WARNING, "tags": ("a",), "status": SpanStatus.OK},
    ),
    "otel": (
        {"enduser.id": "u", "session.id": "s", "input": "in", "output": {"x": [1]}, "error.type": "timeout"},
        {"resource": {"deployment.environment": "live", "service.version": "2"}, "status_message": "late"},
        {
            "user_id": "u", "session_id": "s", "input": "in", "output": '{"x":[1]}', "environment": "live",
            "release": "2", "status": SpanStatus.ERROR, "level": Level.ERROR, "error_code": "timeout",
            "error_detail": "late", "kind": None,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("source", CASES)
def test_a_vocabulary_is_understood(source: str) -> None:
    attributes, fields, expected = CASES[source]
    patch = read(attributes, **fields)
    assert {name: getattr(patch, name) for name in expected} == expected
    assert patch.source == source


def test_events_of_the_old_convention_are_messages() -> None:
    events = (
        OtelEvent(START, "gen_ai.system.message", {"content": "Be brief."}),
        OtelEvent(START, "gen_ai.user.message", {"content": "hi"}),
        OtelEvent(START, "gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": dumped(REPLY[0])}),
    )
    patch = read({"gen_ai.system": "openai", "gen_ai.operation.name": "chat"}, events=events)
    assert patch.input == '{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}]}'
    assert patch.output == '[{"role":"assistant","content":"hello","finish_reason":"stop"}]'
    assert patch.finish_reason == "stop"


def test_content_events_of_the_oldest_convention_are_kept_as_they_are() -> None:
    events = (
        OtelEvent(START, "gen_ai.content.prompt", {"gen_ai.prompt": dumped(USER)}),
        OtelEvent(START, "gen_ai.content.completion", {"gen_ai.completion": "hello"}),
    )
    patch = read({"gen_ai.system": "openai"}, events=events)
    assert (patch.input, patch.output) == (dumped(USER), "hello")


def test_the_event_of_an_operations_details_stands_for_attributes() -> None:
    told = {"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]}
    events = (OtelEvent(START, "gen_ai.client.inference.operation.details", told),)
    patch = read({"gen_ai.operation.name": "chat"}, events=events)
    assert patch.input == '{"messages":[{"role":"user","content":"hi"}]}'


def test_parts_of_every_kind_become_content() -> None:
    parts = [
        {"type": "text", "content": "see"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QQ"},
        {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "QQ"},
        {"type": "uri", "modality": "image", "uri": "https://x/y.png"}, {"type": "file", "file_id": "file-1"},
        {"type": "reasoning", "content": "hm"}, {"type": "tool_call", "id": "c", "name": "f", "arguments": {"x": 1}},
        {"type": "tool_call_response", "id": "c", "response": {"y": 2}}, {"type": "novelty", "x": 1},
    ]  # fmt: skip
    patch = read(
        {"gen_ai.input.messages": [{"role": "user", "parts": parts}], "gen_ai.system_instructions": "Be brief."}
    )
    system, answer, message = json.loads(patch.input or "")["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert answer == {"role": "tool", "tool_call_id": "c", "content": '{"y":2}'}
    assert [part["type"] for part in message["content"]] == [
        "text", "image_url", "input_audio", "image_url", "file", "reasoning", "novelty",
    ]  # fmt: skip
    assert message["content"][1]["image_url"]["url"] == "data:image/png;base64,QQ"
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"x":1}'}


def test_messages_that_an_sdk_cut_off_are_kept_as_text() -> None:
    patch = read({"gen_ai.input.messages": '[{"role":"user","parts":[{"ty', "gen_ai.output.messages": "[{"})
    assert (patch.input, patch.output) == ('[{"role":"user","parts":[{"ty', "[{")


@pytest.mark.parametrize(
    ("operation", "kind", "counted"),
    [("invoke_agent", 1, False), ("invoke_agent", 3, True), ("fetch_response", 3, False), ("chat", 3, True)],
)
def test_tokens_that_other_spans_count_are_not_counted_twice(operation: str, kind: int, counted: bool) -> None:
    said = {"gen_ai.operation.name": operation, "gen_ai.usage.input_tokens": 5, "gen_ai.usage.cost": 1}
    patch = read(said, kind=kind)
    assert (patch.usage is not None, patch.cost_usd is not None) == (counted, counted)


def test_an_agent_of_openinference_does_not_count_the_calls_below_it() -> None:
    said = {"llm.token_count.prompt": 5, "openinference.span.kind": "AGENT", "agent.name": "a"}
    assert (read(said).usage, read(said).kind, read(said).name) == (None, SpanKind.AGENT, "a")
    assert read({**said, "openinference.span.kind": "LLM"}).usage == Usage(input_tokens=5)


def test_documents_that_were_found_come_with_their_scores() -> None:
    patch = read({
        "openinference.span.kind": "RETRIEVER", "input.value": "q", "retrieval.documents.0.document.content": "one",
        "retrieval.documents.0.document.score": 0.9, "retrieval.documents.1.document.content": "two",
        "retrieval.documents.0.document.metadata": '{"page":1}',
    })  # fmt: skip
    assert patch.kind is SpanKind.RETRIEVER
    assert json.loads(patch.output or "") == {
        "documents": [{"content": "one", "score": 0.9, "metadata": {"page": 1}}, {"content": "two"}]
    }


@pytest.mark.parametrize(
    ("name", "more", "kind"),
    [
        ("OpenAI._prepare_chat_with_tools", {}, SpanKind.CHAIN),
        ("OpenAI.chat", {}, SpanKind.LLM),
        ("Own._chat", {"llm.input_messages.0.message.role": "user"}, SpanKind.LLM),
        ("Own._complete", {"llm.prompts": ["hi"]}, SpanKind.LLM),
        ("Own._chat", {"llm.token_count.prompt": 5}, SpanKind.LLM),
    ],
)
def test_a_step_of_llama_index_before_a_call_is_no_call(name: str, more: dict[str, Any], kind: SpanKind) -> None:
    said = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini", "input.value": "{}", **more}
    assert read(said, name=name, scope=OtelScope("openinference.instrumentation.llama_index")).kind is kind
    assert read(said, name=name, scope=OtelScope("openinference.instrumentation.openai")).kind is SpanKind.LLM


def test_the_context_of_the_newest_ai_sdk_is_metadata() -> None:
    patch = read({
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 5,
        "ai.settings.context.userId": "u", "ai.settings.context.sessionId": "s", "ai.settings.context.plan": "pro",
    })  # fmt: skip
    assert (patch.source, patch.kind, patch.usage) == ("gen_ai", SpanKind.LLM, Usage(input_tokens=5))
    assert (patch.user_id, patch.session_id, patch.metadata["plan"]) == ("u", "s", "pro")


def test_what_a_listener_to_crews_tells_of_tools_is_understood() -> None:
    function = {"name": "weather", "arguments": '{"city":"Paris"}'}
    call = {"id": "c", "type": "function", "function": function}
    said = {
        "openinference.span.kind": "LLM", "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "hi", "llm.tools": dumped([{"type": "function", "function": {}}]),
        "output.value": dumped([call]), "output.mime_type": "application/json",
    }  # fmt: skip
    patch = read(said)
    assert json.loads(patch.input or "")["tools"] == [{"type": "function", "function": {}}]
    assert json.loads(patch.output or "") == [{"role": "assistant", "content": None, "tool_calls": [call]}]
    assert read({**said, "openinference.span.kind": "CHAIN"}).output == dumped([call])
    assert read({**said, "output.value": "[1]"}).output == "[1]"


@pytest.mark.parametrize(
    ("said", "kind", "name", "went_in", "came_out"),
    [
        (
            {"crewai.crew.name": "crew", "crewai.crew.tasks": "[]", "crewai.crew.result": "sunny"},
            SpanKind.CHAIN, "crew", "[]", "sunny",
        ),
        (
            {"crewai.task.description": "Ask.", "traceloop.span.kind": "task", "traceloop.entity.output": "sunny"},
            SpanKind.CHAIN, "n", "Ask.", "sunny",
        ),
        (
            {"crewai.agent.role": "forecaster", "crewai.agent.goal": "Tell.", "traceloop.span.kind": "agent"},
            SpanKind.AGENT, "forecaster", "Tell.", None,
        ),
    ],
)  # fmt: skip
def test_crews_tasks_and_agents_are_told_apart(
    said: dict[str, Any], kind: SpanKind, name: str, went_in: str, came_out: str | None
) -> None:
    patch = read({**said, "gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "crewai"})
    assert (patch.source, patch.kind, patch.name, patch.input, patch.output) == (
        "crewai", kind, name, went_in, came_out,
    )  # fmt: skip


def test_the_first_format_of_pydantic_ai_is_understood() -> None:
    events = [
        {"event.name": "gen_ai.system.message", "role": "system", "content": "Be brief."},
        {"event.name": "gen_ai.user.message", "role": "user", "content": "hi", "gen_ai.message.index": 0},
        {"event.name": "gen_ai.tool.message", "role": "tool", "content": "sunny", "id": "c"},
    ]
    run = read({"all_messages_events": dumped(events), "final_result": "hello", "agent_name": "a",
                "gen_ai.usage.input_tokens": 9})  # fmt: skip
    assert (run.kind, run.name, run.output, run.usage) == (SpanKind.AGENT, "a", "hello", None)
    assert [message["role"] for message in json.loads(run.input or "")["messages"]] == ["system", "user", "tool"]
    choice = {"event.name": "gen_ai.choice", "index": 0, "message": REPLY[0]}
    call = read({"events": dumped([events[1], choice]), "model_request_parameters": "{}", "gen_ai.request.model": "m"})
    assert (call.kind, call.output) == (SpanKind.LLM, '[{"role":"assistant","content":"hello"}]')


def test_the_copy_of_a_running_span_is_refused_and_named() -> None:
    kept = a_span({"logfire.msg": "x"})
    result = mapped(Decoded((kept, a_span({"logfire.span_type": "pending_span"}))))
    assert len(result.items) == 1
    assert [(item.index, item.reason) for item in result.rejected] == [(1, Reason.PENDING)]


@pytest.mark.parametrize(
    ("sender", "scope", "value", "expected"),
    [
        (Sender("python", "5.0.4"), OtelScope("x"), '"text"', "text"),
        (Sender(), OtelScope("langfuse-sdk", "5.1.0"), '"text"', "text"),
        (Sender("python", "4.18.0"), OtelScope("langfuse-sdk", "4.18.0"), '"text"', '"text"'),
        (Sender("python", "5.0.4"), OtelScope("x"), "not json", "not json"),
        (Sender("python", "5.0.4"), OtelScope("x"), '{"a":1}', '{"a":1}'),
    ],
)
def test_langfuses_metadata_is_read_by_the_version_of_its_sdk(
    sender: Sender, scope: OtelScope, value: str, expected: str
) -> None:
    patch = read({"langfuse.observation.metadata.k": value}, sender=sender, scope=scope)
    assert patch.metadata == {"k": expected}


def test_langfuse_links_prompts_and_keeps_experiments() -> None:
    patch = read({
        "langfuse.observation.type": "generation", "langfuse.observation.prompt.name": "p",
        "langfuse.observation.prompt.version": 3, "langfuse.experiment.id": "e", "langfuse.trace.input": "asked",
        "langfuse.observation.level": "WARNING", "langfuse.observation.cost_details": '{"input":0.5,"output":"0.25"}',
    })  # fmt: skip
    assert (patch.prompt_name, patch.prompt_version, patch.input, patch.level) == ("p", "3", "asked", Level.WARNING)
    assert patch.cost_usd == Decimal("0.75")
    assert patch.attributes["langfuse.experiment.id"] == "e"


def test_langsmith_reads_what_lived_long_in_the_cache() -> None:
    told = {"input_tokens": 100, "output_tokens": 5, "total_tokens": 105, "total_cost": 0.5,
            "input_token_details": {"cache_creation": 0, "ephemeral_5m_input_tokens": 10,
                                    "ephemeral_1h_input_tokens": 20}}  # fmt: skip
    patch = read({"langsmith.span.kind": "llm", "langsmith.metadata.usage_metadata": dumped(told),
                  "langsmith.metadata.lc_hub_repo": "p", "langsmith.span.id": "0190-x"})  # fmt: skip
    assert patch.usage == Usage(input_tokens=70, cache_write_5m_tokens=10, cache_write_1h_tokens=20, output_tokens=5)
    assert (patch.cost_usd, patch.prompt_name, patch.native_id, patch.metadata) == (Decimal("0.5"), "p", "0190-x", {})


def test_the_indexed_form_survives_gaps_and_great_numbers() -> None:
    patch = read({
        "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "a", "gen_ai.prompt.999999999.role": "user",
        "gen_ai.prompt.999999999.content": "b", "gen_ai.prompt.x": "c",
    })  # fmt: skip
    assert patch.input is None or "messages" in patch.input
    patch = read({"gen_ai.prompt.2.role": "user", "gen_ai.prompt.2.content": "b", "gen_ai.prompt.0.content": "a",
                  "gen_ai.prompt.0.role": "system"})  # fmt: skip
    assert [message["content"] for message in json.loads(patch.input or "")["messages"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("after", "others"),
    [
        ("lk.response.ttft", {"gen_ai.request.model": "m"}),
        ("gen_ai.response.time_to_first_chunk", {"gen_ai.request.model": "m"}),
        ("ai.response.msToFirstChunk", {"ai.model.id": "m", "ai.operationId": "ai.streamText"}),
    ],
)
@pytest.mark.parametrize("value", [1.7e13, 1e300, -1e300, 1e16])
def test_a_first_token_in_no_year_of_ours_costs_nothing_but_itself(
    after: str, others: dict[str, Any], value: float
) -> None:
    patch = read({**others, after: value})
    assert (patch.first_token_at_ns, patch.model_requested) == (None, "m")
    assert encode(fold_of(patch))
