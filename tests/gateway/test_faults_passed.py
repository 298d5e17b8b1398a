"""Faults with answers that are only passed on, such as sound and pictures, that were seen in other gateways."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from pilothouse.domain.call import Outcome
from tests.gateway.harness import gateway

SPEECH: dict[str, Any] = {"model": "up/fake-chat", "input": "Hello.", "voice": "alloy"}
IMAGES: dict[str, Any] = {"model": "up/fake-chat", "prompt": "A fox.", "stream": True}
CUT = {"chunks": 8, "cut_after": 3, "gap_s": 0.001}


async def listen(client: httpx.AsyncClient, came: bytearray) -> None:
    async with client.stream("POST", "/v1/audio/speech", json=SPEECH) as answer:
        assert answer.status_code == 200
        async for piece in answer.aiter_raw():
            came += piece


async def test_sound_that_breaks_off_has_no_end_and_nothing_else_in_it(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.accounts = [running.account("up", running.fake.base_url, provider="openai")]
        running.publish()
        whole = (await client.post("/v1/audio/speech", json=SPEECH)).content
        running.fake.script(CUT)
        came = bytearray()
        with pytest.raises(httpx.RemoteProtocolError):
            await listen(client, came)
        records = await running.records(2)
    assert len(came) > 100
    assert whole.startswith(came)
    assert (records[1].outcome, records[1].error_code) == (Outcome.CUT, "upstream_cut")


async def test_events_that_break_off_end_with_an_error(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.accounts = [running.account("up", running.fake.base_url, provider="openai")]
        running.publish()
        running.fake.script(CUT)
        answer = await client.post("/v1/audio/speech", json={**SPEECH, "stream_format": "sse"})
        record = await running.record()
    assert answer.status_code == 200
    assert b'data: {"error":' in answer.content
    assert b".done" not in answer.content
    assert (record.outcome, record.error_code) == (Outcome.CUT, "upstream_cut")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/audio/speech", SPEECH),
        ("/v1/images/generations", IMAGES),
        ("/v1/images/generations", {**IMAGES, "stream": False}),
        ("/v1/moderations", {"model": "up/fake-chat", "input": "Hello."}),
        ("/v1/embeddings", {"model": "up/fake-chat", "input": "Hello."}),
    ],
)
async def test_a_web_page_is_neither_sound_nor_picture(tmp_path: Path, path: str, body: dict[str, Any]) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.accounts = [running.account("up", running.fake.base_url, provider="openai")]
        running.publish()
        running.fake.script("html-200")
        answer = await client.post(path, json=body)
        record = await running.record()
    assert (answer.status_code, record.error_code) == (502, "upstream_html")
    assert record.outcome is Outcome.FAILED


async def test_a_whole_answer_in_place_of_events_is_metered(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.accounts = [running.account("up", running.fake.base_url, provider="openai")]
        running.publish()
        answer = await client.post("/v1/images/generations", json=IMAGES)
        record = await running.record()
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.json()["data"]) == 1
    assert record.usage is not None
    assert (record.usage.images, record.usage.input_total) == (1, 10)


@pytest.mark.parametrize(("path", "body"), [("/v1/audio/speech", SPEECH), ("/v1/images/generations", IMAGES)])
async def test_an_error_with_status_200_is_an_error(tmp_path: Path, path: str, body: dict[str, Any]) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.accounts = [running.account("up", running.fake.base_url, provider="openai")]
        running.publish()
        running.fake.script("error-in-200")
        answer = await client.post(path, json=body)
        record = await running.record()
    assert (answer.status_code, record.error_code) == (502, "upstream_fault")
    assert record.outcome is Outcome.FAILED
