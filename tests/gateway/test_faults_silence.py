"""Providers that keep a connection alive and say nothing, which was taken for progress in other gateways."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from pilothouse.domain.call import CallRecord, Outcome
from tests.gateway.harness import gateway
from tests.gateway.pairs import ask, broke, ended

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
ALIVE = b'event: keepalive\ndata: {"type":"keepalive","sequence_number":104}\n\n'
COMMENT = b": still working\n\n"
BEGUN = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}}'
    b'\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text",'
    b'"text":""}}\n\n'
)
SAID = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    b'"text":"Hi"}}\n\n'
)
CHAT = b'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
RESPONSES = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"m","output_index":0,'
    b'"content_index":0,"delta":"Hi","sequence_number":4}\n\n'
)


@asynccontextmanager
async def alive(begun: bytes, beat: bytes) -> AsyncGenerator[str]:
    """Serve streams that begin with `begun` and then bring a beat every 20 ms for as long as somebody listens."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + begun)
        gone = asyncio.ensure_future(reader.read())
        while not gone.done():
            writer.write(beat)
            await asyncio.wait([gone], timeout=0.02)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


async def stalled(
    folder: Path, caller: str, provider: str, upstream: AbstractAsyncContextManager[str]
) -> tuple[httpx.Response, CallRecord]:
    """Return what a caller gets of such a stream within an allowed silence of 0.3 s, and the record."""
    async with gateway(folder, between_bytes_timeout_s=0.3) as running, running.client() as client, upstream as url:
        running.accounts = [running.account("up", url, provider=provider)]
        running.publish()
        answer = await ask(client, caller, "up/m", stream=True)
        return answer, await running.record()


@pytest.mark.parametrize(
    ("caller", "provider", "begun", "beat"),
    [
        ("anthropic_messages", "anthropic", BEGUN + SAID, PING),
        ("anthropic_messages", "anthropic", BEGUN + SAID, PING * 5),
        ("openai_chat", "anthropic", BEGUN + SAID, PING),
        ("openai_responses", "anthropic", BEGUN + SAID, PING),
        ("openai_chat", "openai_compatible", CHAT, COMMENT),
        ("anthropic_messages", "openai_compatible", CHAT, COMMENT),
        ("openai_responses", "openai", RESPONSES, ALIVE),
        ("openai_responses", "openai", RESPONSES, ALIVE * 3),
    ],
)
async def test_pings_amid_an_answer_are_no_progress(
    tmp_path: Path, caller: str, provider: str, begun: bytes, beat: bytes
) -> None:
    answer, record = await stalled(tmp_path, caller, provider, alive(begun, beat))
    assert answer.status_code == 200
    assert broke(caller, answer.content)
    assert not ended(caller, answer.content)
    assert (record.outcome, record.error_code) == (Outcome.CUT, "upstream_timeout")


@pytest.mark.parametrize(
    ("caller", "provider", "begun", "beat"),
    [
        ("anthropic_messages", "anthropic", BEGUN, PING),
        ("openai_chat", "anthropic", BEGUN, PING * 2),
        ("openai_chat", "openai_compatible", b"", COMMENT),
        ("openai_responses", "openai", b"", ALIVE),
    ],
)
async def test_pings_before_an_answer_are_no_answer(
    tmp_path: Path, caller: str, provider: str, begun: bytes, beat: bytes
) -> None:
    answer, record = await stalled(tmp_path, caller, provider, alive(begun, beat))
    assert answer.status_code == 504
    assert (record.outcome, record.error_code) == (Outcome.FAILED, "upstream_timeout")
