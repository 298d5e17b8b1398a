"""Responses calls through a real gateway to a provider that speaks chat completions only."""

import json
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response

from pilothouse.domain.call import Outcome
from pilothouse.protocols import sse
from tests.gateway.harness import gateway

_ASK: dict[str, Any] = {"model": "up/fake-chat", "input": "Say hello.", "instructions": "Be brief."}


async def test_a_chat_provider_answers_a_responses_call(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"text": "Hi."})
        answer = await client.post("/v1/responses", json=_ASK)
        assert answer.status_code == 200, answer.text
        sent = running.fake.requests[-1].json
        record = await running.record()
    response = Response.model_validate(answer.json())
    assert (response.output_text, response.status, response.instructions) == ("Hi.", "completed", "Be brief.")
    assert [message["content"] for message in sent["messages"]] == ["Be brief.", "Say hello."]
    assert (record.dialect, record.upstream_dialect) == ("openai_responses", "openai_chat")
    assert record.outcome is Outcome.ANSWERED


async def test_the_sdk_streams_from_a_chat_provider(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"text": "Hello there."})
        sdk = AsyncOpenAI(base_url=str(client.base_url).rstrip("/") + "/v1", api_key=running.secret, http_client=client)
        async with sdk.responses.stream(model="up/fake-chat", input="Say hello.") as events:
            kinds = [event.type async for event in events]
            final = await events.get_final_response()
        record = await running.record()
    assert final.output_text == "Hello there."
    assert kinds.count("response.completed") == 1
    assert record.outcome is Outcome.ANSWERED


async def test_a_cut_stream_ends_with_an_error_and_no_proper_end(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"text": "Hello there, this is long.", "chunks": 10, "cut_after": 3})
        answer = await client.post("/v1/responses", json={**_ASK, "stream": True})
        record = await running.record()
    told = [json.loads(sse.parse(frame)[1]) for frame in sse.frames(answer.content)]
    assert record.outcome is Outcome.CUT
    assert [event["type"] for event in told[-2:]] == ["error", "response.failed"]
    assert "response.completed" not in {event["type"] for event in told}


@pytest.mark.parametrize("streamed", [True, False])
async def test_what_cannot_be_converted_is_refused_in_openai_s_form(tmp_path: Path, streamed: bool) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        ask = {**_ASK, "stream": streamed, "input": [{"type": "item_reference", "id": "msg_1"}]}
        answer = await client.post("/v1/responses", json=ask)
        tools = await client.post("/v1/responses", json={**_ASK, "tools": [{"type": "web_search"}]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input.0")
    assert (tools.status_code, tools.json()["error"]["param"]) == (400, "tools.0")
