"""What a call's record, headers and later calls learn from an answer, besides the answer itself."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse.domain.snapshot import Account
from tests.gateway.harness import Gateway, chat, gateway
from tests.gateway.test_convert import CONVERSE, STREAM, Canned
from tests.gateway.test_schema import message, stream

CITED: dict[str, Any] = {
    "type": "char_location", "cited_text": "So it is.", "document_index": 0, "document_title": "A",
    "start_char_index": 0, "end_char_index": 9,
}  # fmt: skip
LATE = STREAM.partition(b"event: message_delta")[0] + (
    b'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"Slow down."}}\n\n'
)


def cited_stream() -> bytes:
    begun, stop, rest = stream("So it is.").partition(b"event: content_block_stop")
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": CITED}}
    return begun + f"event: content_block_delta\ndata: {json.dumps(delta)}\n\n".encode() + stop + rest


async def test_citations_of_documents_are_told_to_be_left_out(tmp_path: Path) -> None:
    block = {"type": "text", "text": "So it is.", "citations": [CITED]}
    canned = Canned("application/json", message("", content=[block]))
    async with gateway(tmp_path) as running, running.client() as client, canned.serve() as url:
        running.accounts = [running.account("up", url, provider="anthropic")]
        running.publish()
        answer = await client.post("/v1/responses", json={"model": "up/claude-x", "input": "Is it so?"})
        assert answer.status_code == 200
        assert "answer.citations" in answer.headers["x-pilothouse-dropped"]
        record = await running.record()
    assert [loss for loss in record.losses if "citations" in loss] == [
        "answer.citations: the caller's API has no place for citations of anthropic_messages"
    ]


async def test_and_so_are_those_of_a_stream(tmp_path: Path) -> None:
    canned = Canned("text/event-stream", cited_stream())
    async with gateway(tmp_path) as running, running.client() as client, canned.serve() as url:
        running.accounts = [running.account("up", url, provider="anthropic")]
        running.publish()
        answer = await client.post("/v1/responses", json={"model": "up/claude-x", "input": "?", "stream": True})
        assert b"response.completed" in answer.content
        record = await running.record()
    assert any(loss.startswith("answer.citations: ") for loss in record.losses)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_response_that_failed_says_why_in_the_providers_words(tmp_path: Path, *, begun: bool) -> None:
    failed = {"id": "resp_1", "object": "response", "status": "failed", "output": [], "model": "m",
              "error": {"code": "server_error", "message": "The engine failed."}}  # fmt: skip
    events: list[dict[str, Any]] = [{"type": "response.failed", "sequence_number": 1, "response": failed}]
    if begun:
        events.insert(0, {"type": "response.created", "response": {**failed, "status": "in_progress", "error": None}})
    body = b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)
    canned = Canned("text/event-stream", body)
    async with gateway(tmp_path) as running, running.client() as client, canned.serve() as url:
        running.accounts = [running.account("up", url, provider="openai")]
        running.publish()
        ask = {"model": "up/gpt-5", "input": "Hello?", "stream": True}
        same = await client.post("/v1/responses", json=ask)
        assert (same.status_code, same.json()["error"]["message"]) == (502, "The engine failed.")
        records = await running.records(1)
    assert records[0].error_code == "upstream_fault"
    assert "The engine failed." in records[0].error_detail


def two_keys(running: Gateway, url: str, **changes: object) -> Account:
    sealed = running.box.seal("sk-first-0123\nsk-second-0123", "account:up", b"1" * 12)
    return running.account("up", url, provider="anthropic", sealed_secret=sealed, **changes)


async def test_a_key_that_is_limited_amid_an_answer_rests_also_while_other_accounts_change(tmp_path: Path) -> None:
    canned = Canned("text/event-stream", LATE)
    async with gateway(tmp_path) as running, running.client() as client, canned.serve() as url:
        running.accounts = [two_keys(running, url)]
        running.publish()

        async def key_of_a_call() -> str:
            answer = await client.post("/v1/chat/completions", json=chat("up/claude-x", stream=True))
            assert b"Slow down." in answer.content
            return canned.requests[-1][1]["x-api-key"]

        assert await key_of_a_call() == "sk-first-0123"
        running.accounts.append(running.account("other", running.fake.base_url))
        running.publish()
        assert await key_of_a_call() == "sk-second-0123"
        running.accounts = [two_keys(running, url, models=("claude-x",))]
        running.publish()
        assert await key_of_a_call() == "sk-first-0123", "an account that did change begins anew"


async def test_a_deployment_stays_while_its_account_does(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        assert running.snapshots is not None
        before = running.snapshots.index().deployments["up"]
        running.publish()
        assert running.snapshots.index().deployments["up"] is before
        running.accounts = [msgspec.structs.replace(running.accounts[0], enabled=False)]
        running.publish()
        running.accounts = [msgspec.structs.replace(running.accounts[0], enabled=True)]
        running.publish()
        assert running.snapshots.index().deployments["up"] is not before


async def test_an_account_sends_its_own_headers(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.accounts = [
            running.account("up", running.fake.base_url, headers=(("OpenAI-Organization", "org-1"),)),
            running.account("bad", running.fake.base_url, headers=(("authorization", "Bearer other"),)),
        ]
        running.publish()
        assert (await client.post("/v1/chat/completions", json=chat())).status_code == 200
        assert running.fake.requests[-1].headers["openai-organization"] == "org-1"
        assert (await client.post("/v1/chat/completions", json=chat("bad/fake-chat"))).status_code == 404


@pytest.mark.parametrize(
    ("headers", "recorded"),
    [
        ("request-id: req_1", "req_1"),
        ("x-amzn-requestid: aws-1", "aws-1"),
        ("apim-request-id: apim-1\r\nx-ms-request-id: ms-1", "apim-1"),
        ("x-ms-request-id: ms-1\r\nx-request-id: az-1", "az-1"),
        ("x-other: 1", ""),
    ],
)
async def test_the_providers_own_id_of_the_call_is_recorded(tmp_path: Path, headers: str, recorded: str) -> None:
    canned = Canned(f"application/json\r\n{headers}", message("Hi."))
    async with gateway(tmp_path) as running, running.client() as client, canned.serve() as url:
        running.accounts = [running.account("up", url, provider="anthropic")]
        running.publish()
        assert (await client.post("/v1/chat/completions", json=chat("up/claude-x"))).status_code == 200
        record = await running.record()
    assert [attempt.upstream_request_id for attempt in record.attempts] == [recorded]


async def test_an_aws_caller_is_told_how_long_the_call_really_took(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"text": "Hi.", "first_byte_s": 0.06})
        answer = await client.post("/model/up/fake-chat/converse", json=CONVERSE)
        told = answer.json()["metrics"]["latencyMs"]
        record = await running.record()
    assert 50 <= told <= record.duration_ns / 1e6
