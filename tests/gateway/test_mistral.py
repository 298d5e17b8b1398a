"""Accounts at Mistral: chats of OpenAI's callers and of Mistral's pass as they are, others come as Mistral's own."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse.domain.call import Operation, Outcome
from pilothouse.domain.money import CostStatus
from pilothouse.domain.usage import Usage
from pilothouse.ingest.spans import record_to_span
from pilothouse.protocols import table
from tests.gateway.harness import CATALOG, Gateway, gateway

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5}
OWN = "/mistral/v1/chat/completions"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path) as up:
        up.accounts = [up.account("acc", f"{up.fake.url}/mistral/v1", provider="mistral", models=("m",))]
        up.publish()
        yield up


@pytest.mark.parametrize(("path", "dialect"), [("/v1/chat/completions", "openai_chat"), (OWN, "mistral_chat")])
@pytest.mark.parametrize("stream", [False, True])
async def test_both_chats_pass_as_they_are(running: Gateway, path: str, dialect: str, *, stream: bool) -> None:
    body = json.dumps({**CHAT, "stream": stream}).encode()
    running.fake.script({"text": "Hello.", "reasoning": "Hm.", "prompt_tokens": 9, "completion_tokens": 2})
    async with running.client() as client:
        there = await client.post(f"{running.fake.url}{OWN}", content=body)
        answer = await client.post(path, content=body)
    assert answer.content == there.content
    sent = running.fake.requests[-1]
    assert sent.path == OWN
    assert sent.body == body if dialect == "mistral_chat" or not stream else json.loads(sent.body) == json.loads(body)
    record = await running.record()
    assert (record.dialect, record.upstream_dialect or record.dialect) == (dialect, dialect)
    assert record.usage is not None
    assert (record.usage.input_total, record.usage.output_total) == (9, 2)


@pytest.mark.parametrize("stream", [False, True])
async def test_other_dialects_come_as_mistrals_own(running: Gateway, *, stream: bool) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    body = {
        "model": "acc/m", "max_tokens": 50, "stream": stream, "tool_choice": {"type": "any"},
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "Hi"}, {"role": "assistant", "content": [call]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]},
        ],
    }  # fmt: skip
    calls = [{"name": "f", "arguments": '{"a":1}'}]
    running.fake.script({"text": "", "reasoning": "Hm.", "tool_calls": calls, "prompt_tokens": 9})
    async with running.client() as client:
        answer = await client.post("/v1/messages", json=body)
    assert answer.status_code == 200, answer.text
    sent = running.fake.requests[-1].json
    assert (sent["tool_choice"], sent["messages"][-1]["role"]) == ("any", "tool")
    assert sent["messages"][1]["tool_calls"][0]["id"] == sent["messages"][2]["tool_call_id"]
    assert '"thinking"' in answer.text
    assert "tool_use" in answer.text
    record = await running.record()
    assert (record.dialect, record.upstream_dialect) == ("anthropic_messages", "mistral_chat")
    assert record.usage is not None
    assert record.usage.input_total == 9


async def test_errors_come_in_mistrals_form(running: Gateway) -> None:
    running.fake.script("429-seconds")
    async with running.client() as client:
        limited = await client.post(OWN, json=CHAT)
        unknown = await client.post(OWN, json={**CHAT, "model": "nope"})
        del client.headers["authorization"]
        refused = await client.post(OWN, json=CHAT)
    assert [answer.status_code for answer in (limited, unknown, refused)] == [429, 404, 401]
    for answer in (limited, unknown, refused):
        assert answer.json()["object"] == "error"
        assert answer.json()["message"]


FIM: dict[str, Any] = {"model": "acc/m", "prompt": "def add(", "suffix": "return a + b", "max_tokens": 5}
AGENT: dict[str, Any] = {"agent_id": "acc/ag:1", "messages": [{"role": "user", "content": "Hi"}], "custom": [1.0]}
PAGE: dict[str, Any] = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
OCR: dict[str, Any] = {"model": "acc/mistral-ocr-latest", "document": PAGE, "pages": [0, 2, 5]}


@pytest.fixture
async def beside(running: Gateway) -> Gateway:
    running.accounts = [msgspec.structs.replace(running.accounts[0], models=("m", "ag:1"), open_models=True)]
    running.publish()
    return running


@pytest.mark.parametrize("prefix", ["", "/mistral"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("dialect", "body", "operation"),
    [("mistral_fim", FIM, Operation.COMPLETION), ("mistral_agents", AGENT, Operation.CHAT)],
)
async def test_code_is_filled_in_and_agents_answer(
    beside: Gateway, prefix: str, dialect: str, body: dict[str, Any], operation: Operation, *, stream: bool
) -> None:
    beside.fake.script({"text": "Hello.", "prompt_tokens": 9, "completion_tokens": 2})
    name = "model" if "model" in body else "agent_id"
    path = table.dialect(dialect).path
    sent = {**body, "stream": stream}
    async with beside.client() as client:
        there = await client.post(f"{beside.fake.url}/mistral{path}", json={**sent, name: body[name][4:]})
        answer = await client.post(prefix + path, json=sent)
    assert answer.status_code == 200, answer.text
    assert answer.content == there.content
    assert beside.fake.requests[-1].json == {**sent, name: body[name][4:]}
    record = await beside.record()
    assert (record.dialect, record.operation, record.streamed) == (dialect, operation, stream)
    assert (record.model_requested, record.outcome) == (body[name], Outcome.ANSWERED)
    assert record.usage is not None
    assert (record.usage.input_total, record.usage.output_total) == (9, 2)


async def test_an_agent_is_priced_as_the_model_that_served_it(beside: Gateway) -> None:
    beside.fake.script({"model": "mistral-large-latest", "prompt_tokens": 1000, "completion_tokens": 1000})
    async with beside.client() as client:
        answer = await client.post("/v1/agents/completions", json=AGENT)
    span = record_to_span(await beside.record(), CATALOG)
    assert span.cost_usd is not None
    assert Decimal(answer.headers["x-pilothouse-cost-usd"]) == span.cost_usd > 0
    assert answer.headers["x-pilothouse-model"] == "acc/mistral-large-latest"


async def test_an_agent_that_is_named_twice_is_the_one_that_was_checked(beside: Gateway) -> None:
    content = (
        b'{"agent_id": "ag:2", "messages": [{"role": "user", "content": "Hi"}], "AGENT_ID": "x", "agent_id": "acc/m"}'
    )
    async with beside.client() as client:
        answer = await client.post("/v1/agents/completions", content=content)
    assert answer.status_code == 200
    assert beside.fake.requests[-1].body.lower().count(b"agent_id") == 1
    assert beside.fake.requests[-1].json["agent_id"] == "m"


@pytest.mark.parametrize(
    ("more", "pages", "usd"),
    [({}, "pages", "0.012"), ({"document_annotation_format": {"type": "json_schema"}}, "annotated_pages", "0.015")],
)
async def test_documents_are_read_and_their_pages_are_counted_and_priced(
    beside: Gateway, more: dict[str, Any], pages: str, usd: str
) -> None:
    async with beside.client() as client:
        answer = await client.post("/v1/ocr", json={**OCR, **more})
    assert len(answer.json()["pages"]) == 3
    record = await beside.record()
    assert (record.dialect, record.operation) == ("mistral_ocr", Operation.OCR)
    assert record.usage == (Usage(pages=3) if pages == "pages" else Usage(annotated_pages=3))
    span = record_to_span(record, CATALOG)
    assert span.attributes[f"pilothouse.usage.{pages}"] == "3"
    assert span.cost_usd == Decimal(usd) == Decimal(answer.headers["x-pilothouse-cost-usd"])


async def test_pages_without_a_price_are_unpriced(beside: Gateway) -> None:
    async with beside.client() as client:
        answer = await client.post("/v1/ocr", json={**OCR, "model": "acc/m"})
    assert answer.headers["x-pilothouse-cost"] == "unpriced"
    assert record_to_span(await beside.record(), CATALOG).cost_status is CostStatus.UNPRICED


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/fim/completions", FIM), ("/v1/agents/completions", AGENT), ("/v1/ocr", OCR)]
)
async def test_what_stands_beside_the_chat_keeps_its_limits(beside: Gateway, path: str, body: dict[str, Any]) -> None:
    beside.keys = [msgspec.structs.replace(beside.keys[0], models=("other/*",))]
    beside.publish()
    async with beside.client() as client:
        answer = await client.post(path, json=body)
        nameless = await client.post(path, json={"messages": []})
        broken = await client.post(path, content=b"{")
    assert (answer.status_code, answer.json()["object"]) == (403, "error")
    assert (nameless.status_code, broken.status_code) == (400, 400)
    assert not beside.fake.requests
    assert {record.outcome for record in await beside.records(3)} == {Outcome.REFUSED}


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/fim/completions", FIM), ("/v1/agents/completions", AGENT), ("/v1/ocr", OCR)]
)
async def test_errors_and_odd_answers_beside_the_chat(beside: Gateway, path: str, body: dict[str, Any]) -> None:
    async with beside.client() as client:
        beside.fake.script("429")
        limited = await client.post(path, json=body)
        beside.fake.script({"body": "{}"})
        empty = await client.post(path, json=body)
        beside.fake.script({"body": '{"object": "error", "message": "no", "type": "invalid_request_error"}'})
        told = await client.post(path, json=body)
    assert (limited.status_code, limited.json()["object"]) == (429, "error")
    assert empty.status_code == 502
    assert told.status_code >= 400
    assert [record.outcome for record in await beside.records(3)] == [Outcome.FAILED] * 3
