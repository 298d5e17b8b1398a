"""Answers that a provider was not held to the caller's schema for, through a real gateway."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.call import CallRecord, Outcome
from pilothouse.ingest.spans import record_to_span
from tests.gateway.harness import chat, gateway
from tests.gateway.test_convert import Canned

SCHEMA: dict[str, Any] = {
    "type": "object", "properties": {"name": {"type": "string", "minLength": 3}}, "required": ["name"],
    "additionalProperties": False,
}  # fmt: skip
ASK: dict[str, Any] = chat(
    "up/claude-sonnet-4-5",
    response_format={"type": "json_schema", "json_schema": {"name": "who", "schema": SCHEMA, "strict": True}},
)
MESSAGES: dict[str, Any] = {
    "model": "up/fake-chat", "max_tokens": 50, "messages": [{"role": "user", "content": "Who?"}],
    "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
}  # fmt: skip


def message(said: str, **changes: object) -> bytes:
    return json.dumps({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [{"type": "text", "text": said}], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 4}, **changes,
    }).encode()  # fmt: skip


def stream(*pieces: str) -> bytes:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": json.loads(message("", content=[], stop_reason=None))},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


async def asked(
    folder: Path, canned: Canned, body: dict[str, Any] = ASK, headers: dict[str, str] | None = None, **options: object
) -> tuple[httpx.Response, CallRecord]:
    """Return what a chat caller gets of Claude's answer, and the record."""
    async with gateway(folder, **options) as running, running.client() as client, canned.serve() as url:
        running.accounts = [running.account("up", url, provider="anthropic")]
        running.publish()
        answer = await client.post("/v1/chat/completions", json=body, headers=headers)
        return answer, await running.record()


async def test_an_answer_that_keeps_to_the_schema_passes(tmp_path: Path) -> None:
    answer, record = await asked(tmp_path, Canned("application/json", message('{"name":"Ada"}')))
    assert answer.json()["choices"][0]["message"]["content"] == '{"name":"Ada"}'
    assert "x-pilothouse-schema" not in answer.headers
    assert (record.schema_check, record.withheld_body) == ("kept", b"")


async def test_one_that_breaks_it_is_an_error_and_stays_on_the_trace(tmp_path: Path) -> None:
    answer, record = await asked(tmp_path, Canned("application/json", message('{"name":"Al"}')))
    assert (answer.status_code, answer.headers["x-pilothouse-error"]) == (502, "answer_off_schema")
    assert "shorter than 3" in answer.json()["error"]["message"]
    assert (record.outcome, record.error_code) == (Outcome.FAILED, "answer_off_schema")
    assert record.usage is not None, "the tokens were spent all the same"
    assert [attempt.error_code for attempt in record.attempts] == ["answer_off_schema"]
    span = record_to_span(record, Catalog())
    assert json.loads(span.output)["choices"][0]["message"]["content"] == '{"name":"Al"}'
    assert span.attributes["pilothouse.schema"] == 'broken: name: "Al" is shorter than 3 characters'


@pytest.mark.parametrize("by_caller", [True, False])
async def test_it_may_be_noted_only(tmp_path: Path, *, by_caller: bool) -> None:
    canned = Canned("application/json", message('{"name":"Al"}'))
    said: dict[str, Any] = (
        {"headers": {"x-pilothouse-off-schema": "note"}} if by_caller else {"off_schema": "note"}
    )  # fmt: skip
    answer, record = await asked(tmp_path, canned, **said)
    assert (answer.status_code, answer.headers["x-pilothouse-schema"]) == (200, "broken")
    assert record.schema_check.startswith("broken: ")
    assert record.outcome is Outcome.ANSWERED


async def test_a_caller_that_was_promised_nothing_gets_its_answer(tmp_path: Path) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "who", "schema": SCHEMA}}
    canned = Canned("application/json", message('{"name":"Al"}'))
    answer, _record = await asked(tmp_path, canned, {**ASK, "response_format": form})
    assert (answer.status_code, answer.headers["x-pilothouse-schema"]) == (200, "broken")


async def test_an_answer_that_was_cut_off_is_not_checked(tmp_path: Path) -> None:
    answer, record = await asked(tmp_path, Canned("application/json", message('{"na', stop_reason="max_tokens")))
    assert answer.json()["choices"][0]["finish_reason"] == "length"
    assert record.schema_check == ""


async def test_a_stream_ends_with_the_error_in_the_callers_grammar(tmp_path: Path) -> None:
    canned = Canned("text/event-stream", stream('{"name":', '"Al"}'))
    answer, record = await asked(tmp_path, canned, {**ASK, "stream": True})
    assert answer.status_code == 200
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert json.loads(events[-1])["error"]["code"] == "answer_off_schema"
    assert "[DONE]" not in events
    deltas = [json.loads(event)["choices"][0] for event in events[:-1]]
    assert "".join(delta["delta"].get("content") or "" for delta in deltas) == '{"name":"Al"}'
    assert all(delta["finish_reason"] is None for delta in deltas)
    assert (record.outcome, record.error_code) == (Outcome.CUT, "answer_off_schema")
    assert record.schema_check.startswith("broken: ")
    assert record.usage is not None


async def test_a_whole_answer_in_place_of_a_stream_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    canned = Canned("application/json", message('{"name":"Al"}'))
    answer, _record = await asked(tmp_path, canned, {**ASK, "stream": True})
    assert (answer.status_code, answer.headers["x-pilothouse-error"]) == (502, "answer_off_schema")


async def test_a_stream_may_be_noted_only(tmp_path: Path) -> None:
    canned = Canned("text/event-stream", stream('{"name":', '"Al"}'))
    answer, record = await asked(tmp_path, canned, {**ASK, "stream": True}, off_schema="note")
    assert answer.text.rstrip().endswith("[DONE]")
    assert (record.outcome, record.schema_check[:7]) == (Outcome.ANSWERED, "broken:")


async def test_a_claude_caller_is_held_to_its_word_by_a_chat_server_that_is_not(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"text": '{"name":"Al"}'})
        broken = await client.post("/v1/messages", json=MESSAGES)
        assert (broken.status_code, broken.json()["type"]) == (502, "error")
        running.fake.script({"text": '{"name":"Ada"}'})
        assert (await client.post("/v1/messages", json=MESSAGES)).status_code == 200
        records = await running.records(2)
    assert [record.schema_check[:6] for record in records] == ["broken", "kept"]


async def test_the_same_dialect_is_never_checked(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"text": "no JSON at all"})
        answer = await client.post("/v1/chat/completions", json={**ASK, "model": "up/fake-chat"})
        assert answer.status_code == 200
        assert (await running.record()).schema_check == ""


async def test_a_schema_that_asks_for_too_much_is_left_unchecked_and_says_so(tmp_path: Path) -> None:
    schema = {**SCHEMA, "anyOf": [{"$ref": "http://127.0.0.1:1/schema.json"}]}
    form = {"type": "json_schema", "json_schema": {"name": "who", "schema": schema, "strict": True}}
    answer, record = await asked(
        tmp_path, Canned("application/json", message('{"name":"Al"}')), {**ASK, "response_format": form}
    )
    assert (answer.status_code, answer.headers["x-pilothouse-schema"]) == (200, "unchecked")
    assert record.schema_check.startswith("unchecked: ")
