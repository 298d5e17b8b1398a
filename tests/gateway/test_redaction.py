"""A project's policy on the way into the gateway's spool: what it redacts is not in the files."""

import json
import re
from pathlib import Path

import pytest

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.redaction.detectors import DETECTORS
from pilothouse.domain.redaction.policy import Action, DetectorRule, FieldRule, Part, PatternRule, Policy, ProjectPolicy
from pilothouse.domain.redaction.texts import FAILED
from pilothouse.ingest.spans import record_to_span
from tests.gateway.harness import Gateway, chat, gateway

CANARY = "canary.person@example.com"
CARD = "4111 1111 1111 1111"
FULL = Policy(detectors=tuple(DetectorRule(name) for name in DETECTORS), fields=(FieldRule("password", Action.HASH),))


def in_force(run: Gateway, policy: Policy) -> None:
    run.redaction = [ProjectPolicy("project", run.version + 1, policy)]
    run.publish()


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (folder / "spool").rglob("*") if path.is_file())


def said(*texts: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text} for text in texts]}


@pytest.mark.parametrize("stream", [False, True])
async def test_nothing_of_a_call_is_written_unredacted(tmp_path: Path, stream: bool) -> None:
    async with gateway(tmp_path) as run, run.client() as client:
        in_force(run, FULL)
        run.fake.script({"text": f"Mail {CANARY} or pay with {CARD}.", "chunks": 9})
        body = chat(
            **said(f"I am {CANARY}", json.dumps({"password": "hunter2"})), stream=stream, user=CANARY,
            metadata={"who": CANARY},
        )  # fmt: skip
        headers = {"x-pilothouse-session-id": CANARY, "user-agent": f"app {CANARY}"}
        answer = await client.post("/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == 200
        record = await run.record()
        assert record.redacted is not None
        assert record.redacted["email"] >= 4
        assert record.redacted["field.password"] == 1
        assert record.whole is stream
        span = record_to_span(record, Catalog())
        assert "[EMAIL]" in span.output
        assert "[CREDIT_CARD]" in span.output
        assert "[EMAIL]" in span.input
        assert span.attributes["pilothouse.redacted.credit_card"] == "1"
        assert "pilothouse.input.cut" not in span.attributes
        assert "pilothouse.output.cut" not in span.attributes
        files = written(tmp_path)
        assert CANARY.encode() not in files
        assert b"canary" not in files
        assert b"hunter2" not in files
        assert b"4111" not in files


STREAMS = {
    "/v1/messages": {"max_tokens": 50, **said(CANARY), "stream": True},
    "/v1/responses": {"input": CANARY, "stream": True, "store": False},
    "/v1/completions": {"prompt": CANARY, "stream": True},
    "/v1beta/models/up%2Ffake-chat:streamGenerateContent?alt=sse": {"contents": [{"parts": [{"text": CANARY}]}]},
    "/v1beta/models/up%2Ffake-chat:streamGenerateContent": {"contents": [{"parts": [{"text": CANARY}]}]},
}


@pytest.mark.parametrize("path", STREAMS)
async def test_values_that_come_in_pieces_are_found_in_every_dialect(tmp_path: Path, path: str) -> None:
    async with gateway(tmp_path) as run, run.client() as client:
        in_force(run, FULL)
        run.fake.script({"text": f"Mail {CANARY} or pay with {CARD}.", "chunks": 9})
        answer = await client.post(path, json={"model": "up/fake-chat", **STREAMS[path]})
        assert answer.status_code == 200, answer.text
        record = await run.record()
        assert record.streamed
        assert record.whole
        assert record.redacted is not None
        assert "failed" not in record.redacted
        assert b"[CREDIT_CARD]" in record.response_body
        files = written(tmp_path)
        assert b"canary" not in files
        assert b"4111" not in files


async def test_errors_are_redacted_and_bodies_without_a_key_kept_out(tmp_path: Path) -> None:
    async with gateway(tmp_path) as run, run.client() as client:
        in_force(run, FULL)
        await client.post("/v1/chat/completions", json=chat(f"{CANARY}/none"))
        record = await run.record()
        assert record.status == 404
        assert CANARY.encode() not in written(tmp_path)


async def test_parts_that_are_off_are_left_out(tmp_path: Path) -> None:
    async with gateway(tmp_path) as run, run.client() as client:
        in_force(run, Policy(off=(Part.INPUT, Part.OUTPUT, Part.METADATA)))
        await client.post("/v1/chat/completions", json=chat(metadata={"a": "b"}))
        record = await run.record()
        assert (record.request_body, record.response_body, record.metadata) == (b"[REMOVED]", b"[REMOVED]", {})
        assert record.redacted == {"off.input": 1, "off.output": 1, "off.metadata": 1}
        assert record.usage is not None


async def test_a_body_beyond_the_limit_leaves_no_half_value(tmp_path: Path) -> None:
    async with gateway(tmp_path, record_body_bytes=2000) as run, run.client() as client:
        in_force(run, FULL)
        for shift in range(0, 40, 8):
            await client.post(
                "/v1/chat/completions", json=chat(**said("x" * (1890 - shift) + f" {CANARY} {CARD} " * 9))
            )
        records = await run.records(5)
        assert all(b"canary" not in record.request_body for record in records)
        assert all(record.cut == ("input",) for record in records)
        assert b"canary" not in written(tmp_path)


@pytest.mark.parametrize("path", STREAMS)
async def test_a_stream_cut_for_the_record_leaves_no_half_value(tmp_path: Path, path: str) -> None:
    async with gateway(tmp_path, record_body_bytes=6000) as run, run.client() as client:
        in_force(run, FULL)
        for shift in range(0, 24, 3):
            text = "x" * shift + f"begun {CANARY} and {CARD.replace(' ', '')}, " * 400
            run.fake.script({"text": text, "chunks": len(text) // 5})
            answer = await client.post(path, json={"model": "up/fake-chat", **STREAMS[path]})
            assert answer.status_code == 200, answer.text
        records = await run.records(8)
        for record in records:
            assert record.cut == ("output",)
            assert b"begun [EMAIL]" in record.response_body
        # Ids of random hex digits hold any four of them now and then.
        files = re.sub(rb"[0-9a-f]{16,}", b"", written(tmp_path))
        assert b"canar" not in files
        assert b"4111" not in files


async def test_a_policy_begins_and_ends_without_a_restart(tmp_path: Path) -> None:
    async with gateway(tmp_path) as run, run.client() as client:
        for policy in (Policy(), FULL, Policy()):
            in_force(run, policy)
            await client.post("/v1/chat/completions", json=chat(**said(CANARY)))
        bodies = [CANARY.encode() in record.request_body for record in await run.records(3)]
        assert bodies == [True, False, True]


async def test_a_policy_that_cannot_be_carried_out_keeps_no_text(tmp_path: Path) -> None:
    async with gateway(tmp_path) as run, run.client() as client:
        in_force(run, Policy(detectors=(DetectorRule("email"),), patterns=(PatternRule("bad", "(?=x)"),)))
        answer = await client.post("/v1/chat/completions", json=chat(**said("something else")))
        assert answer.status_code == 200
        record = await run.record()
        assert record.request_body == record.response_body == FAILED.encode()
        assert record.redacted is not None
        assert record.redacted["failed"] >= 2
        assert b"something else" not in written(tmp_path)
