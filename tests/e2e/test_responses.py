"""Responses in the background outlive the gateway that makes them."""

from pathlib import Path

import pytest

from tests.e2e.stack import running_stack, until

PATH = "/v1/responses"


@pytest.mark.crash
@pytest.mark.timeout(120)
async def test_a_killed_gateway_loses_no_response_in_the_background(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as (stack, fake):
        fake.script("hang", {"text": "Done."})
        async with stack.gateway() as gateway:
            asked = {"model": "up/fake-chat", "input": "Work.", "background": True}
            queued = (await gateway.post(PATH, json=asked)).json()
            assert queued["status"] == "queued"
        await fake.wait_for_hits(1)
        await stack.kill("gateway")
        await stack.ready(stack.gateway_url)

        async def ended() -> bool:
            async with stack.gateway() as gateway:
                found = (await gateway.get(f"{PATH}/{queued['id']}")).json()
            if found["status"] in ("queued", "in_progress"):
                return False
            assert found["status"] == "completed", found
            assert found["output"][0]["content"][0]["text"] == "Done."
            return True

        await until(ended, 60)

        async def traced() -> bool:
            return len(await stack.traces()) == 1

        await until(traced)
        async with stack.gateway() as gateway:
            asked = {"model": "up/fake-chat", "input": "On.", "previous_response_id": queued["id"]}
            answer = await gateway.post(PATH, json=asked)
            assert answer.status_code == 200, answer.text
        assert b"Done." in fake.requests[-1].body
