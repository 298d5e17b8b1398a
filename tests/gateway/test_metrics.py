"""What the gateway counts of itself."""

from pathlib import Path

from pilothouse import instruments
from tests.gateway.harness import chat, gateway


async def test_a_call_is_counted_while_it_is_open_and_with_its_overhead(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        open_before = instruments.GATEWAY_OPEN_CALLS.values.get((), 0)
        counted_before = sum(instruments.GATEWAY_OVERHEAD.values.get((), [0, 0])[:-1])
        running.fake.script({"chunks": 50, "gap_s": 0.02})
        async with client.stream("POST", "/v1/chat/completions", json=chat(stream=True)) as answer:
            async for _ in answer.aiter_raw():
                break
            assert instruments.GATEWAY_OPEN_CALLS.values[()] == open_before + 1
        await client.post("/v1/chat/completions", json=chat("nope"))
        await running.records(2)
        assert instruments.GATEWAY_OPEN_CALLS.values[()] == open_before
        assert sum(instruments.GATEWAY_OVERHEAD.values[()][:-1]) == counted_before + 1
