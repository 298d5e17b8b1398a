"""Answers whose model broke its own format, for callers whose dialect has no word for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilothouse.domain.call import Outcome
from tests.gateway.harness import gateway
from tests.gateway.test_convert import Canned

BROKEN: dict[str, Any] = {
    "candidates": [{"content": {"parts": [{"text": "I call"}]}, "finishReason": "MALFORMED_FUNCTION_CALL"}],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13},
}

ASK: dict[str, Any] = {
    "model": "up/gemini-2.5-pro", "max_tokens": 50, "messages": [{"role": "user", "content": "Say hello."}]
}  # fmt: skip


@pytest.mark.parametrize("streamed", [False, True])
async def test_it_is_an_error_whose_tokens_are_counted(tmp_path: Path, *, streamed: bool) -> None:
    raw = json.dumps(BROKEN).encode()
    canned = Canned("text/event-stream", b"data: " + raw + b"\n\n") if streamed else Canned("application/json", raw)
    async with gateway(tmp_path) as running, running.client() as client, canned.serve() as url:
        running.accounts = [running.account("up", url.removesuffix("/v1"), provider="gemini")]
        running.publish()
        answer = await client.post("/v1/messages", json=ASK | {"stream": streamed})
        record = await running.record()
    if streamed:
        assert b"I call" in answer.content
        assert b"event: error" in answer.content
        assert b"message_stop" not in answer.content
    else:
        assert (answer.status_code, answer.headers["x-pilothouse-error"]) == (502, "answer_broken")
        assert "MALFORMED_FUNCTION_CALL" in answer.json()["error"]["message"]
    assert record.outcome is (Outcome.CUT if streamed else Outcome.FAILED)
    assert (record.error_code, record.finish_reason) == ("answer_broken", "MALFORMED_FUNCTION_CALL")
    assert record.usage is not None
    assert record.usage.output_tokens == 4
