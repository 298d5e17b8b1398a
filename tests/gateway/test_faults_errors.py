"""Faults on the way of errors that were seen in other gateways: second crashes, hangs, attempts that come too late."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pilothouse.domain.call import CallRecord, Outcome
from pilothouse.domain.clock import SystemClock
from pilothouse.gateway.app import GatewayApp
from pilothouse.gateway.options import GatewayOptions
from pilothouse.gateway.pipeline import Parts
from pilothouse.gateway.resources import Resources
from pilothouse.gateway.side import Side
from pilothouse.transport.base import Request
from tests.gateway.harness import Gateway, chat, gateway
from tests.gateway.pairs import CALLERS, Calls, ask, house
from tests.gateway.test_record import Kept

CHAT = b'data: {"id":"1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":%b}]}\n\n'
TEXT = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}'
GOOD = {
    "openai_compatible": CHAT % b'{"role":"assistant","content":"Hi"}',
    "anthropic": (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant",'
        b'"model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9}}}\n\n'
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text",'
        b'"text":""}}\n\nevent: content_block_delta\ndata: ' + TEXT + b"\n\n"
    ),
    "gemini": b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Hi"}]}}],"modelVersion":"m"}\n\n',
    "openai": CHAT % b'{"content":"Hi"}',
}
ANY = [
    b"null", b"[]", b"7", b"{", b"{}", b'""', b"\xff\xfe", b'{"type":null}', b'{"error":null}', b'{"error":"broken"}',
    b'{"error":{"message":null,"code":{}}}', b'{"usage":"many"}', b"[" * 5000,
]  # fmt: skip
ODD = {
    "openai_compatible": [
        b'{"choices":null}', b'{"choices":[null]}', b'{"choices":[{"delta":null}]}', b'{"choices":"x"}',
        b'{"choices":[{"delta":{"tool_calls":[null]}}]}', b'{"choices":[{"delta":{"tool_calls":[{"function":null}]}}]}',
        b'{"choices":[{"delta":{"content":5}}]}', b'{"choices":[{"index":"x","delta":{"content":"a"}}]}',
        b'{"choices":[],"usage":{"prompt_tokens":"x","prompt_tokens_details":7}}', b'{"choices":[],"usage":null}',
    ],
    "anthropic": [
        b'{"type":"content_block_delta"}', b'{"type":"content_block_stop","index":7}', b'{"type":"message_delta"}',
        b'{"type":"content_block_delta","index":99,"delta":{"type":"text_delta","text":"x"}}',
        b'{"type":"content_block_start","index":1,"content_block":null}', b'{"type":"message_start","message":null}',
        b'{"type":"message_delta","delta":null,"usage":null}', b'{"type":"error","error":null}', b'{"type":"error"}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":7}}',
        b'{"type":"message_delta","delta":{"stop_reason":7},"usage":{"output_tokens":"x"}}',
    ],
    "gemini": [
        b'{"candidates":null}', b'{"candidates":[null]}', b'{"candidates":[{"content":null}]}', b'{"candidates":"x"}',
        b'{"candidates":[{"content":{"parts":null}}]}', b'{"candidates":[{"content":{"parts":[null]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":null}]}}]}', b'{"usageMetadata":7}',
        b'{"usageMetadata":null,"promptFeedback":7}', b'{"candidates":[{"finishReason":7}]}',
    ],
    "openai": [
        b'{"type":"response.completed"}', b'{"type":"response.failed","response":null}',
        b'{"type":"response.output_text.delta"}', b'{"type":"response.output_item.added","item":null}',
        b'{"type":"response.created","response":7}', b'{"type":"response.completed","response":{"output":[null]}}',
    ],
}  # fmt: skip


class Upstream:
    """Answers every request with one stream of the test's choice."""

    def __init__(self) -> None:
        self.body = b""
        self.url = ""

    @asynccontextmanager
    async def serve(self) -> AsyncGenerator["Upstream"]:
        """Serve on a free port."""
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + self.body)
        await writer.drain()
        writer.close()


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("provider", GOOD)
async def test_no_event_breaks_the_way_of_errors(tmp_path: Path, caller: str, provider: str) -> None:
    odd = [*ANY, *ODD[provider]]
    async with gateway(tmp_path) as running, running.client() as client, Upstream().serve() as upstream:
        running.accounts = [running.account("up", upstream.url, provider=provider)]
        running.publish()
        for event in odd:
            for begun in (b"", GOOD[provider]):
                upstream.body = begun + b"data: " + event + b"\n\n"
                answer = await ask(client, caller, "up/m", stream=True)
                assert answer.headers.get("x-pilothouse-error") != "internal_error", event
        records = await running.records(2 * len(odd))
    assert {record.error_code for record in records} & {"internal_error"} == set()
    assert all(record.outcome in (Outcome.CUT, Outcome.FAILED, Outcome.ANSWERED) for record in records)


class Failing:
    """A transport that fails in a way that nobody has thought of, before an answer or amid it."""

    def __init__(self, *pieces: bytes) -> None:
        self.status = 200
        self.headers = [(b"content-type", b"text/event-stream")]
        self.reused = False
        self.closed = False
        self._pieces = pieces

    async def send(self, request: Request) -> "Failing":
        """Return itself as the answer, or fail when there are no pieces."""
        if not self._pieces:
            raise RuntimeError(f"a fault of our own before {request.method!r}")
        return self

    def at_hand(self, limit_bytes: int) -> bytes | None:
        return None

    async def read(self, limit_bytes: int) -> bytes:
        """Fail."""
        raise RuntimeError(f"a fault of our own within {limit_bytes} bytes")

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the pieces, then fail."""
        for piece in self._pieces:
            yield piece
        raise RuntimeError("a fault of our own")

    async def close(self) -> None:
        """Note it."""
        self.closed = True


async def failed(
    running: Gateway, transport: Failing, caller: str, *, stream: bool
) -> tuple[httpx.Response, list[CallRecord]]:
    """Return what a caller gets of a gateway whose transport fails, and the records."""
    assert running.snapshots is not None
    index, spool, clock = running.snapshots.index, Kept(), SystemClock()
    parts = Parts(GatewayOptions(), clock, spool, transport, index)  # type: ignore[arg-type]
    side = Side(index, clock, dict, lambda: True, Resources((), index, clock))
    app: Any = GatewayApp(parts, side)
    inside = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=inside, base_url="http://gateway", headers=running.headers) as client:
        answer = await ask(client, caller, "up/m", stream=stream)
    return answer, spool.records


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_fault_of_our_own_is_answered_at_once_and_recorded(
    tmp_path: Path, caller: str, *, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway(tmp_path) as running:
        answer, records = await failed(running, Failing(), caller, stream=stream)
    assert answer.status_code == 500
    assert answer.json()
    assert [(record.outcome, record.error_code) for record in records] == [(Outcome.FAILED, "internal_error")]
    assert "a fault of our own" in caplog.text
    assert "a fault of our own" not in answer.text


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_fault_of_our_own_amid_a_stream_is_recorded_and_no_proper_end(tmp_path: Path, caller: str) -> None:
    transport = Failing(GOOD["openai_compatible"])
    async with gateway(tmp_path) as running:
        answer, records = await failed(running, transport, caller, stream=True)
    assert b"Hi" in answer.content
    assert not any(mark in answer.content for mark in CALLERS[caller].ends)
    assert [(record.outcome, record.error_code) for record in records] == [(Outcome.CUT, "internal_error")]
    assert transport.closed


LIMITED: dict[str, Any] = {
    "chunks": 5, "error_after": 0, "error_type": "requests", "error_code": "rate_limit_exceeded",
    "error_message": "Rate limit reached.",
}  # fmt: skip


@asynccontextmanager
async def two_keys(folder: Path, provider: str) -> AsyncGenerator[Calls]:
    """Run a gateway whose account at the provider has two keys."""
    async with house(folder) as calls:
        running, account = calls.running, next(one for one in calls.running.accounts if one.name == provider)
        sealed = running.box.seal("sk-first-0123\nsk-second-0123", f"account:{provider}", b"2" * 12)
        running.accounts = [running.account(provider, account.base_url, provider=provider, sealed_secret=sealed)]
        running.publish()
        yield calls


@pytest.mark.parametrize(("caller", "provider"), [("openai_chat", "openai"), ("anthropic_messages", "openai")])
async def test_a_stream_that_fails_before_content_is_tried_with_the_next_key(
    tmp_path: Path, caller: str, provider: str
) -> None:
    async with two_keys(tmp_path, provider) as calls:
        calls.running.fake.script(LIMITED, "normal")
        answer = await ask(calls.client, caller, f"{provider}/m", stream=True)
        record = await calls.record()
    assert answer.status_code == 200
    assert b"provider." in answer.content
    assert record.outcome is Outcome.ANSWERED
    assert [attempt.error_code for attempt in record.attempts] == ["upstream_rate_limited", ""]


async def test_when_the_last_attempt_fails_too_the_stream_is_a_proper_error(tmp_path: Path) -> None:
    async with two_keys(tmp_path, "openai") as calls:
        calls.running.fake.script(LIMITED, LIMITED)
        answer = await ask(calls.client, "anthropic_messages", "openai/m", stream=True)
        record = await calls.record()
    assert answer.status_code == 429
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert len(record.attempts) == 2


@pytest.mark.parametrize("provider", ["openai_compatible", "openai", "gemini", "bedrock"])
async def test_headers_of_one_vendors_betas_stay_with_it(tmp_path: Path, provider: str) -> None:
    async with house(tmp_path) as calls:
        calls.client.headers["anthropic-beta"] = "context-1m-2025-08-07"
        calls.client.headers["anthropic-version"] = "2023-06-01"
        answer, _ = await calls("anthropic_messages", provider, "normal", stream=False)
        assert answer.status_code == 200
        sent = calls.running.fake.requests[-1].headers
    assert not [name for name in sent if name.startswith("anthropic-")]


async def test_a_server_without_the_path_is_told_and_no_stream_begun(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script("404")
        answer = await client.post("/v1/messages", json={**CALLERS["anthropic_messages"].body, **chat(stream=True)})
        assert answer.status_code == 404
        assert answer.json()["type"] == "error"
        assert running.fake.requests[-1].path == "/v1/chat/completions", (
            "the account's only way to chat is taken at once"
        )
