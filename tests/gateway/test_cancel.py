"""Clients that go away: the upstream call is cancelled and the call still has its one record."""

import asyncio
from pathlib import Path

import pytest

from pilothouse.domain.call import Outcome
from tests.gateway.harness import chat, gateway


@pytest.mark.parametrize("stream", [False, True])
async def test_leaving_before_the_answer_cancels_the_upstream(tmp_path: Path, *, stream: bool) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script("hang")
        call = asyncio.create_task(client.post("/v1/chat/completions", json=chat(stream=stream)))
        await running.fake.wait_for_hits(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await running.fake.wait_for_disconnect()
        record = await running.record()
        assert (record.outcome, record.status) == (Outcome.CANCELLED, 499)
        assert record.attempts[0].error_code == "client_disconnected"


async def test_leaving_in_the_middle_of_a_stream(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"chunks": 1000, "gap_s": 0.02})
        async with client.stream("POST", "/v1/chat/completions", json=chat(stream=True)) as answer:
            async for _ in answer.aiter_raw():
                break
        await running.fake.wait_for_disconnect()
        record = await running.record()
        assert record.outcome is Outcome.CANCELLED
        assert record.first_token_ns is not None
        assert b"tok0" in record.response_body


async def test_leaving_while_the_body_is_on_its_way(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        port = int(running.url.rsplit(":", 1)[1])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {running.secret}\r\n"
        writer.write(head.encode() + b"content-length: 1000\r\n\r\n{")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        record = await running.record()
        assert (record.outcome, record.status) == (Outcome.CANCELLED, 499)
        assert running.fake.hits == 0


async def test_the_connection_of_a_cancelled_call_is_not_used_again(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"chunks": 1000, "gap_s": 0.02}, "normal")
        async with client.stream("POST", "/v1/chat/completions", json=chat(stream=True)) as answer:
            async for _ in answer.aiter_raw():
                break
        await running.fake.wait_for_disconnect()
        after = await client.post("/v1/chat/completions", json=chat())
        assert after.json()["choices"][0]["message"]["content"] == "Hello from the fake provider."
        await running.records(2)
