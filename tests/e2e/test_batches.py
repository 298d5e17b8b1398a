"""A batch outlives the gateway that runs it, and every native line is in the store once."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import Stack, running_stack, until

CHAT = "/v1/chat/completions"
LINES = 40


def line(number: int) -> dict[str, Any]:
    model = "up/fake-chat" if number % 2 else "vendor/gpt-4o-mini"
    body = {"model": model, "messages": [{"role": "user", "content": f"line {number}"}]}
    return {"custom_id": str(number), "method": "POST", "url": CHAT, "body": body}


async def make(stack: Stack) -> str:
    content = "".join(f"{json.dumps(line(number))}\n" for number in range(LINES))
    async with stack.gateway() as gateway:
        files = {"file": ("in.jsonl", content.encode())}
        file = (await gateway.post("/v1/files", data={"purpose": "batch"}, files=files)).json()
        wanted = {"input_file_id": file["id"], "endpoint": CHAT, "completion_window": "24h"}
        return (await gateway.post("/v1/batches", json=wanted)).json()["id"]


@pytest.mark.crash
@pytest.mark.timeout(240)
async def test_a_killed_gateway_loses_and_doubles_no_line_of_a_batch(tmp_path: Path) -> None:
    async with running_stack(tmp_path, PILOTHOUSE_GATEWAY__BATCH_POLL_S="0.2") as (stack, fake):
        await stack.add_account("vendor", fake.base_url, provider="openai", models=["gpt-4o-mini"], secret="sk-vendor")
        fake.batches.script({"looks": 3})
        batch_id = await make(stack)
        await fake.wait_for_hits(6)
        for _ in range(2):
            await stack.kill("gateway")
            await stack.ready(stack.gateway_url)
        batch: dict[str, Any] = {}

        async def ended() -> bool:
            async with stack.gateway() as gateway:
                batch.update((await gateway.get(f"/v1/batches/{batch_id}")).json())
            return batch["status"] not in ("validating", "in_progress", "finalizing")

        await until(ended, 120)
        assert batch["status"] == "completed"
        assert batch["request_counts"] == {"total": LINES, "completed": LINES, "failed": 0}
        async with stack.gateway() as gateway:
            output = (await gateway.get(f"/v1/files/{batch['output_file_id']}/content")).text
        found = [json.loads(text) for text in output.splitlines()]
        assert sorted(int(item["custom_id"]) for item in found) == list(range(LINES))
        assert len(fake.batches.jobs) == 1
        assert set(fake.batches.ran.values()) == {1}

        async def stored() -> bool:
            return len(await stack.traces()) == LINES  # a line is one trace, however often it was tried

        await until(stored)
        native = [trace for trace in await stack.traces() if trace["providers"] == ["openai"]]
        assert [trace["call_count"] for trace in native] == [1] * (LINES // 2)
        assert {trace["unpriced_count"] for trace in native} == {0}
