"""Calls whose caller and provider speak different dialects, through a real gateway."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI

from pilothouse.domain.call import Outcome
from pilothouse.domain.usage import Usage
from tests.gateway.harness import PROVIDER_KEY, gateway

MESSAGES: dict[str, Any] = {
    "model": "up/fake-chat", "max_tokens": 50, "system": "Be brief.",
    "messages": [{"role": "user", "content": "Say hello."}],
}  # fmt: skip
RESPONSES: dict[str, Any] = {"model": "up/fake-chat", "input": "Say hello.", "instructions": "Be brief."}
CONVERSE: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": "Say hello."}]}]}
CALLS = [
    ("/v1/messages", MESSAGES, "anthropic_messages"),
    ("/v1/responses", RESPONSES, "openai_responses"),
    ("/model/up/fake-chat/converse", CONVERSE, "bedrock_converse"),
]


def text_of(dialect: str, body: dict[str, Any]) -> str:
    if dialect == "anthropic_messages":
        return str(body["content"][0]["text"])
    if dialect == "openai_responses":
        return str(next(item for item in body["output"] if item["type"] == "message")["content"][0]["text"])
    return str(body["output"]["message"]["content"][0]["text"])


@pytest.mark.parametrize(("path", "body", "dialect"), CALLS)
async def test_a_chat_provider_answers_other_dialects(
    tmp_path: Path, path: str, body: dict[str, Any], dialect: str
) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"text": "Hi.", "prompt_tokens": 9, "completion_tokens": 2})
        answer = await client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        assert text_of(dialect, answer.json()) == "Hi."
        sent = running.fake.requests[-1].json
        assert sent["model"] == "fake-chat"
        assert sent["messages"][-1] == {"role": "user", "content": "Say hello."}
        record = await running.record()
    assert (record.dialect, record.upstream_dialect, record.outcome) == (dialect, "openai_chat", Outcome.ANSWERED)
    assert record.usage == Usage(9, output_tokens=2)
    assert (record.model_requested, record.response_body) == ("up/fake-chat", answer.content)
    assert record.path == path


@pytest.mark.parametrize(("path", "body", "dialect"), CALLS)
async def test_a_streamed_answer_arrives_in_the_callers_grammar(
    tmp_path: Path, path: str, body: dict[str, Any], dialect: str
) -> None:
    if dialect == "bedrock_converse":
        path, ask = f"{path}-stream", body
    else:
        ask = {**body, "stream": True}
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"text": "Hello there.", "prompt_tokens": 9, "completion_tokens": 2})
        answer = await client.post(path, json=ask)
        assert answer.status_code == 200
        assert b"there" in answer.content
        assert running.fake.requests[-1].json["stream_options"] == {"include_usage": True}
        record = await running.record()
    expected = {"anthropic_messages": b"message_stop", "openai_responses": b"response.completed",
                "bedrock_converse": b"messageStop"}  # fmt: skip
    assert expected[dialect] in answer.content
    assert (record.usage, record.streamed, record.outcome) == (Usage(9, output_tokens=2), True, Outcome.ANSWERED)
    assert record.first_token_ns is not None


async def test_a_cut_stream_ends_with_an_error_in_the_callers_grammar(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"text": "Hello there, this is long.", "chunks": 10, "cut_after": 3})
        answer = await client.post("/v1/messages", json={**MESSAGES, "stream": True})
        record = await running.record()
    assert record.outcome is Outcome.CUT
    assert b"event: error" in answer.content
    assert b"message_stop" not in answer.content


async def test_a_providers_error_comes_in_the_callers_form(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"status": 429, "error_message": "slow down", "headers": [["retry-after", "7"]]})
        for streamed in (False, True):
            answer = await client.post("/v1/messages", json={**MESSAGES, "stream": streamed})
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
            assert answer.json()["type"] == "error"
            assert answer.json()["error"]["message"] == "slow down"


async def test_an_unknown_key_is_told_in_the_callers_form(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        answer = await client.post("/v1/messages", json=MESSAGES, headers={"x-api-key": "ph_wrong"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")


async def test_hints_are_dropped_and_named_and_what_matters_is_refused(tmp_path: Path) -> None:
    native = {"type": "web_search_20250305", "name": "web_search"}
    async with gateway(tmp_path) as running, running.client() as client:
        refused = await client.post("/v1/messages", json={**MESSAGES, "tools": [native]})
        assert refused.status_code == 400
        assert "tools" in refused.json()["error"]["message"]
        assert running.fake.hits == 0
        allowed = {"x-pilothouse-unsupported": "drop"}
        dropped = await client.post("/v1/messages", json={**MESSAGES, "tools": [native]}, headers=allowed)
        assert dropped.status_code == 200
        assert "tools" in dropped.headers["x-pilothouse-dropped"]
        records = await running.records(2)
    assert records[0].outcome is Outcome.REFUSED
    assert any("tools" in loss for loss in records[1].losses)


async def test_the_whole_installation_may_drop(tmp_path: Path) -> None:
    native = {"type": "web_search_20250305", "name": "web_search"}
    async with gateway(tmp_path, unsupported="drop") as running, running.client() as client:
        answer = await client.post("/v1/messages", json={**MESSAGES, "tools": [native]})
        assert answer.status_code == 200


async def test_the_openai_sdk_streams_responses_from_a_chat_provider(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        call = {"id": "c1", "name": "weather", "arguments": '{"city":"Bern"}'}
        running.fake.script({"text": "", "tool_calls": [call, {**call, "id": "c2"}], "finish_reason": "tool_calls"})
        async with AsyncOpenAI(api_key=running.secret, base_url=f"{running.url}/v1", max_retries=0) as client:
            tool: Any = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}
            async with client.responses.stream(model="up/fake-chat", input="Weather?", tools=[tool]) as stream:
                final = await stream.get_final_response()
        calls = [item for item in final.output if item.type == "function_call"]
        assert [(item.call_id, json.loads(item.arguments)) for item in calls] == [
            ("c1", {"city": "Bern"}), ("c2", {"city": "Bern"}),
        ]  # fmt: skip
        assert final.usage is not None
        record = await running.record()
        assert record.usage is not None
        assert final.usage.total_tokens == record.usage.total


class Canned:
    """An upstream that answers every request with the same bytes and keeps what it was sent."""

    def __init__(self, content_type: str, body: bytes) -> None:
        self._answer = (
            f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        )
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve on a free port; yields the base URL."""
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append((head[0].split()[1], headers, json.loads(body)))
        writer.write(self._answer)
        await writer.drain()
        writer.close()


EVENTS = [
    {"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1}}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Look"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1,
     "content_block": {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"city":'}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '"Bern"}'}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None},
     "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]  # fmt: skip
STREAM = b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in EVENTS)


async def test_the_openai_sdk_streams_from_anthropic_with_its_tools_and_usage(tmp_path: Path) -> None:
    canned = Canned("text/event-stream", STREAM)
    async with gateway(tmp_path) as running, canned.serve() as url:
        running.accounts = [running.account("up", url, provider="anthropic")]
        running.publish()
        tool: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
        async with AsyncOpenAI(api_key=running.secret, base_url=f"{running.url}/v1", max_retries=0) as client:
            stream = await client.chat.completions.create(
                model="up/claude-x", messages=[{"role": "user", "content": "Weather?"}], tools=[tool], stream=True,
                stream_options={"include_usage": True}, seed=5,
            )  # fmt: skip
            chunks = [chunk async for chunk in stream]
        record = await running.record()
    path, headers, sent = canned.requests[0]
    assert (path, headers["x-api-key"], sent["model"], sent["stream"]) == (
        "/v1/messages", PROVIDER_KEY, "claude-x", True,
    )  # fmt: skip
    assert sent["max_tokens"] > 0
    assert sent["tools"][0]["input_schema"]["type"] == "object"
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "Look"
    pieces = [call.function for delta in deltas for call in delta.tool_calls or () if call.function is not None]
    assert json.loads("".join(piece.arguments or "" for piece in pieces)) == {"city": "Bern"}
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert reasons == ["tool_calls"]
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (13, 7)
    assert record.usage == Usage(9, 4, output_tokens=7)
    assert [loss.partition(":")[0] for loss in record.losses] == ["seed"]
    assert (record.provider, record.upstream_dialect, record.model_served) == (
        "anthropic", "anthropic_messages", "claude-x",
    )  # fmt: skip


async def test_the_same_dialect_passes_byte_for_byte(tmp_path: Path) -> None:
    canned = Canned("text/event-stream", STREAM)
    async with gateway(tmp_path) as running, running.client() as client, canned.serve() as url:
        running.accounts = [running.account("up", url, provider="anthropic", models=("claude-x",))]
        running.publish()
        body = b'{"stream": true,  "max_tokens":5, "model":"claude-x", "messages":[{"role":"user","content":"a"}]}'
        answer = await client.post("/v1/messages", content=body)
        record = await running.record()
    assert answer.content == STREAM
    assert canned.requests[0][2] == json.loads(body)
    assert int(canned.requests[0][1]["content-length"]) == len(body)
    assert (record.usage, record.upstream_dialect, record.finish_reason) == (
        Usage(9, 4, output_tokens=7),
        "",
        "tool_use",
    )
