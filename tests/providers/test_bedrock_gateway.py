"""Calls through a real gateway to a server that speaks Converse, from callers of two dialects."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pilothouse.domain.call import Outcome
from pilothouse.domain.usage import Usage
from pilothouse.protocols.bedrock_converse import event_stream, fold
from tests.gateway import harness
from tests.gateway.harness import Gateway

SECRET = "AKID:SECRET/KEY:TOKEN"
USAGE = {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8}
FRAMES = [
    event_stream.event(kind, json.dumps(payload).encode())
    for kind, payload in (
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
    )
]
WHOLE = b"".join(FRAMES)
SLOW_DOWN = event_stream.exception("throttlingException", b'{"message":"slow down"}')


class Converse:
    """A server with one answer for each model; keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = await reader.readline()
        headers: dict[str, str] = {}
        while line := (await reader.readline()).strip().decode():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path = head.split()[1].decode()
        self.requests.append((path, headers, body))
        writer.write(self._answer(path))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def _answer(self, path: str) -> bytes:
        status, more = b"200 OK", b""
        if "too-long" in path:
            status, more = b"400 Bad Request", b"x-amzn-errortype: ValidationException\r\n"
            body = b'{"message":"Input is too long for requested model."}'
        elif not path.endswith("-stream"):
            body = fold(WHOLE)
        elif "throttled" in path:
            body = b"".join(FRAMES[:2]) + SLOW_DOWN
        else:
            body = WHOLE
        return b"HTTP/1.1 %s\r\n%sconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (status, more, len(body), body)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Gateway, Converse]]:
    upstream = Converse()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, harness.gateway(folder) as gateway:
        sealed = gateway.box.seal(SECRET, "account:br", b"0" * 12)
        models = ("claude-x:0", "too-long", "throttled")
        url = f"http://127.0.0.1:{port}"
        account = gateway.account("br", url, provider="bedrock", models=models, sealed_secret=sealed)
        gateway.accounts.append(account)
        gateway.publish()
        yield gateway, upstream


MESSAGES = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


async def test_converse_to_converse_passes_through_byte_for_byte(tmp_path: Path) -> None:
    body = b'{ "messages" : [{"role":"user","content":[{"text":"hi"}]}] }'
    async with running(tmp_path) as (gateway, upstream), gateway.client() as client:
        whole = await client.post("/model/br%2Fclaude-x%3A0/converse", content=body)
        streamed = await client.post("/model/br/claude-x:0/converse-stream", content=body)
        records = await gateway.records(2)
    assert json.loads(whole.content)["output"]["message"]["content"] == [{"text": "Hello"}]
    assert streamed.content == WHOLE
    assert streamed.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert [request[0] for request in upstream.requests] == [
        "/model/claude-x%3A0/converse",
        "/model/claude-x%3A0/converse-stream",
    ]
    for _, headers, sent in upstream.requests:
        assert sent == body
        assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
        assert headers["x-amz-security-token"] == "TOKEN"
    for record in records:
        assert (record.outcome, record.usage) == (Outcome.ANSWERED, Usage(3, output_tokens=5))


async def test_an_openai_caller_reaches_bedrock(tmp_path: Path) -> None:
    chat = harness.chat("br/claude-x:0")
    async with running(tmp_path) as (gateway, upstream), gateway.client() as client:
        whole = (await client.post("/v1/chat/completions", json=chat)).json()
        streamed = (await client.post("/v1/chat/completions", json=chat | {"stream": True})).text
    assert whole["choices"][0]["message"]["content"] == "Hello"
    assert whole["usage"]["total_tokens"] == 8
    assert '"content":"Hello"' in streamed
    assert streamed.endswith("data: [DONE]\n\n")
    assert json.loads(upstream.requests[0][2])["messages"] == [{"role": "user", "content": [{"text": "Say hello."}]}]


async def test_a_converse_caller_reaches_an_openai_server(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _), gateway.client() as client:
        whole = (await client.post("/model/default/converse", json=MESSAGES)).json()
        streamed = await client.post("/model/default/converse-stream", json=MESSAGES)
    assert whole["output"]["message"]["content"][0]["text"].startswith("Hello")
    assert whole["stopReason"] == "end_turn"
    assert json.loads(fold(streamed.content))["output"] == whole["output"]
    assert streamed.headers["content-type"] == "application/vnd.amazon.eventstream"


@pytest.mark.parametrize("verb", ["converse", "converse-stream"])
async def test_errors_have_amazons_form(tmp_path: Path, verb: str) -> None:
    async with running(tmp_path) as (gateway, _), gateway.client() as client:
        long = await client.post(f"/model/br%2Ftoo-long/{verb}", json=MESSAGES)
        unknown = await client.post(f"/model/nope/{verb}", json=MESSAGES)
        gateway.keys.clear()
        gateway.publish()
        refused = await client.post(f"/model/br%2Ftoo-long/{verb}", json=MESSAGES)
    assert (long.status_code, long.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert long.json() == {"message": "Input is too long for requested model."}
    assert (unknown.status_code, unknown.headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (403, "UnrecognizedClientException")


async def test_an_exception_inside_a_stream_reaches_the_caller_as_one(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _), gateway.client() as client:
        found = await client.post("/model/br%2Fthrottled/converse-stream", json=MESSAGES)
        record = await gateway.record()
    assert found.content == b"".join(FRAMES[:2]) + SLOW_DOWN
    assert (record.outcome, record.error_code) == (Outcome.CUT, "upstream_rate_limited")
