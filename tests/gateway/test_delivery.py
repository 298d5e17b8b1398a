"""Answers whose content would break the head they are sent with."""

from pathlib import Path

import pytest

from pilothouse.domain.call import Outcome
from tests.gateway.harness import chat, gateway


@pytest.mark.parametrize("stream", [False, True])
async def test_a_served_name_cannot_add_a_header(tmp_path: Path, *, stream: bool) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"model": "a\r\nx-injected: 1"})
        answer = await client.post("/v1/chat/completions", json=chat(stream=stream))
        assert answer.status_code == 200
        assert "x-injected" not in answer.headers
        assert answer.headers["x-pilothouse-model"].startswith("up/")
        record = await running.record()
        assert (record.outcome, record.model_served) == (Outcome.ANSWERED, "a\r\nx-injected: 1")
