"""Losses are named by the fields that their caller wrote, whichever dialect that is."""

import json
from typing import Any

import pytest

from pilothouse.domain.facts import ModelFacts, ThinkingStyle
from pilothouse.protocols import table
from pilothouse.protocols.base import Ask
from pilothouse.protocols.conversion import Task, convert

PLAIN = ModelFacts(thinking=ThinkingStyle.NONE, max_output_tokens=10, sampling=False)


def lost(caller: str, target: str, body: dict[str, Any], facts: ModelFacts | None = None) -> set[str]:
    here, raw = table.dialect(caller), json.dumps(body).encode()
    converted = convert(Task(here, table.dialect(target), raw, Ask("m", streamed=False), "m", facts or ModelFacts()))
    assert converted is not None
    return {loss.field for loss in converted.losses}


CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": "Well.", "reasoning_content": "Hm.", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "function", "function": {"name": "f", "arguments": "no JSON"}},
        ]},
        {"role": "tool", "tool_call_id": "a", "content": "one"},
        {"role": "tool", "tool_call_id": "b", "content": [
            {"type": "text", "text": "two"}, {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        ]},
        {"role": "user", "name": "ada", "content": [
            {"type": "text", "text": "Hear."}, {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
        ]},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
}  # fmt: skip


def test_places_in_a_chat() -> None:
    assert lost("openai_chat", "anthropic_messages", CHAT) == {
        "messages.2.reasoning_content", "messages.2.tool_calls.1.arguments", "messages.4.content.1",
        "messages.5.name", "messages.5.content.1",
    }  # fmt: skip


def test_places_in_responses() -> None:
    items: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "input_text", "text": "Look."}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Well."}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": "no JSON"},
        {"type": "function_call_output", "call_id": "a", "output": "one"},
        {"type": "function_call_output", "call_id": "b", "output": [
            {"type": "input_text", "text": "two"}, {"type": "input_image", "file_id": "file-1"},
        ]},
        {"role": "user", "content": [
            {"type": "input_text", "text": "See."}, {"type": "input_image", "file_id": "file-1"},
        ]},
    ]  # fmt: skip
    body = {"model": "m", "instructions": "Be brief.", "input": items}
    expected = {"input.1", "input.4.arguments", "input.6.output.1", "input.7.content.1"}
    assert lost("openai_responses", "anthropic_messages", body) == expected
    assert lost("openai_responses", "anthropic_messages", {"model": "m", "input": items}) == expected


def test_places_in_messages_of_anthropic() -> None:
    image = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}
    calls: list[dict[str, Any]] = [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, *calls]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "one"}, image]},
            {"type": "text", "text": "See."}, image,
        ]},
        {"role": "assistant", "content": "Nice."},
        {"role": "user", "content": [image]},
    ]  # fmt: skip
    body = {"model": "m", "max_tokens": 99, "system": "Be brief.", "messages": turns}
    expected = {
        "messages.1.content.0", "messages.2.content.0.content.1", "messages.2.content.2", "messages.4.content.0",
    }  # fmt: skip
    assert lost("anthropic_messages", "openai_responses", body) == expected
    assert lost("anthropic_messages", "openai_chat", body) - {"messages.2.content.0"} == (
        expected - {"messages.2.content.0.content.1"}
    )
    del body["system"]
    assert lost("anthropic_messages", "openai_responses", body) == expected


def test_places_in_a_converse_request() -> None:
    image = {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}}
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": [{"text": "Look."}, {"cachePoint": {"type": "default"}}, image]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}]},
        {"role": "user", "content": [
            {"toolResult": {"toolUseId": "t", "content": [{"text": "one"}, image]}}, {"text": "See."}, image,
        ]},
    ]  # fmt: skip
    body = {"system": [{"text": "Be brief."}, {"guardContent": {"text": {"text": "g"}}}], "messages": turns}
    found = lost("bedrock_converse", "openai_responses", body)
    assert found == {
        "system.1", "messages.0.content.0.cache_control", "messages.0.content.2",
        "messages.2.content.0.toolResult.content.1", "messages.2.content.2",
    }  # fmt: skip


def test_places_in_a_request_of_gemini() -> None:
    image = {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/k"}}
    contents: list[dict[str, Any]] = [
        {"role": "user", "parts": [{"text": "Look."}, image]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "f", "response": {"output": "one"}}}, {"text": "See."}, image,
        ]},
    ]  # fmt: skip
    body = {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": contents, "cachedContent": "c"}
    assert lost("gemini", "openai_responses", body) == {"cachedContent", "contents.0.parts.1", "contents.2.parts.2"}


SETTINGS: list[tuple[str, dict[str, Any], set[str]]] = [
    ("openai_chat", {"max_tokens": 99, "temperature": 0.5, "reasoning_effort": "low", "n": 2, "logprobs": True},
     {"max_completion_tokens", "temperature", "reasoning_effort", "n", "logprobs"}),
    ("openai_responses", {"max_output_tokens": 99, "top_p": 0.5, "reasoning": {"effort": "low"}, "top_logprobs": 2,
                          "text": {"format": {"type": "json_object"}, "verbosity": "low"}},
     {"max_output_tokens", "top_p", "reasoning", "top_logprobs", "text.format", "text.verbosity"}),
    ("anthropic_messages", {"max_tokens": 99, "top_k": 5, "thinking": {"type": "adaptive"}},
     {"max_tokens", "top_k", "thinking"}),
    ("bedrock_converse", {"inferenceConfig": {"maxTokens": 99, "topP": 0.5, "stopSequences": [" "]},
                          "additionalModelRequestFields": {"thinking": {"type": "adaptive"}, "x": 1},
                          "serviceTier": {"type": "reserved"}, "requestMetadata": {"a": "b"}},
     {"inferenceConfig.maxTokens", "inferenceConfig.topP", "inferenceConfig.stopSequences",
      "additionalModelRequestFields.thinking", "additionalModelRequestFields.x", "serviceTier", "requestMetadata"}),
    ("gemini", {"generationConfig": {"maxOutputTokens": 99, "topK": 5, "candidateCount": 2, "seed": 7,
                                     "thinkingConfig": {"thinkingLevel": "low"}, "responseLogprobs": True},
                "labels": {"a": "b"}},
     {"generationConfig.maxOutputTokens", "generationConfig.topK", "generationConfig.candidateCount",
      "generationConfig.seed", "generationConfig.thinkingConfig", "generationConfig.responseLogprobs", "labels"}),
]  # fmt: skip


@pytest.mark.parametrize(("caller", "settings", "expected"), SETTINGS, ids=[caller for caller, _, _ in SETTINGS])
def test_settings(caller: str, settings: dict[str, Any], expected: set[str]) -> None:
    turns: dict[str, dict[str, Any]] = {
        "openai_responses": {"model": "m", "input": "hello"},
        "gemini": {"contents": [{"parts": [{"text": "hello"}]}]},
        "bedrock_converse": {"messages": [{"role": "user", "content": [{"text": "hello"}]}]},
    }
    asked = turns.get(caller, {"model": "m", "messages": [{"role": "user", "content": "hello"}]})
    target = "bedrock_converse" if caller == "anthropic_messages" else "anthropic_messages"
    assert lost(caller, target, {**asked, **settings}, PLAIN) == expected


def test_settings_of_anthropic_s_that_others_lack() -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}], "stop_sequences": ["a"],
            "metadata": {"user_id": "u", "team": "t"}, "tools": [], "tool_choice": {"type": "auto"}}  # fmt: skip
    assert lost("anthropic_messages", "openai_responses", body) == {"max_tokens", "stop_sequences", "metadata.team"}
    assert "metadata.user_id" in lost("anthropic_messages", "gemini", body)


def test_thinking_that_is_switched_off_is_no_loss_where_nothing_thinks() -> None:
    plain = ModelFacts(thinking=ThinkingStyle.NONE)
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "reasoning_effort": "none"}
    for target in ("bedrock_converse", "anthropic_messages", "gemini", "openai_responses"):
        assert lost("openai_chat", target, body, plain) == set()
