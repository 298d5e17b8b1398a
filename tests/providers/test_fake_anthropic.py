"""The fake provider speaks Anthropic's Messages API, errors, marks and counts included."""

import base64
from typing import Any

import httpx
import pytest

from pilothouse.providers.fake import FakeProvider
from tests.providers.fake_calls import EVERYTHING, events, served

VERSION = {"anthropic-version": "2023-06-01"}
PLAIN: dict[str, Any] = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
MARK = base64.b64encode(b"fake signature of anthropic").decode()


async def whole(client: httpx.AsyncClient, **fields: Any) -> Any:
    answer = await client.post("/v1/messages", json={**PLAIN, **fields}, headers=VERSION)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def stream(client: httpx.AsyncClient, **fields: Any) -> list[tuple[str, Any]]:
    answer = await client.post("/v1/messages", json={**PLAIN, "stream": True, **fields}, headers=VERSION)
    assert answer.headers["content-type"].startswith("text/event-stream")
    return events(answer.content)


def blocks(found: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Return the blocks of a stream put together by hand."""
    made: list[dict[str, Any]] = []
    for name, data in found:
        assert name == data["type"]
        if name == "content_block_start":
            assert data["index"] == len(made)
            made.append({**data["content_block"], "json": ""})
        elif name == "content_block_delta":
            delta, block = data["delta"], made[data["index"]]
            block["json"] += delta.get("partial_json", "")
            for key in ("text", "thinking", "signature"):
                block[key] = block.get(key, "") + delta.get(key, "")
    return made


async def test_everything_whole() -> None:
    async with served() as (fake, client):
        fake.script(EVERYTHING)
        message = await whole(client)
    thinking, text, first, second = message["content"]
    assert thinking == {"type": "thinking", "thinking": "Think a bit.", "signature": MARK}
    assert text == {"type": "text", "text": "Grüße an alle."}
    assert first == {
        "type": "tool_use", "id": "toolu_fake0", "name": "get_weather", "input": {"city": "Zürich", "days": 3}
    }  # fmt: skip
    assert (second["id"], message["stop_reason"]) == ("given_7", "tool_use")
    usage = message["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (
        30,
        60,
        10,
    )
    assert usage["output_tokens"] == 40


async def test_everything_streamed() -> None:
    async with served() as (fake, client):
        fake.script(EVERYTHING)
        found = await stream(client)
    thinking, text, first, _ = blocks(found)
    assert (thinking["thinking"], thinking["signature"]) == ("Think a bit.", MARK)
    assert (text["text"], first["json"]) == ("Grüße an alle.", '{"city": "Zürich", "days": 3}')
    assert found[0][1]["message"]["usage"]["input_tokens"] == 30
    assert found[-2][1]["delta"]["stop_reason"] == "tool_use"
    assert found[-2][1]["usage"]["output_tokens"] == 40
    assert found[-1][0] == "message_stop"


async def test_refusals_limits_and_hidden_reasoning() -> None:
    async with served() as (fake, client):
        fake.script(
            {"refusal": "No.", "text": ""},
            {"finish_reason": "length"},
            {"redacted": "abc"},
            {"signature": "", "reasoning": "r"},
        )
        refused, short, hidden, unmarked = [await whole(client) for _ in range(4)]
    assert (refused["stop_reason"], refused["content"][0]["text"]) == ("refusal", "No.")
    assert short["stop_reason"] == "max_tokens"
    assert hidden["content"][0] == {"type": "redacted_thinking", "data": "abc"}
    assert unmarked["content"][0]["signature"] == ""


async def test_a_forced_tool_is_called() -> None:
    async with served() as (fake, client):
        fake.script({"text": '{"a": 1}'})
        message = await whole(client, tool_choice={"type": "tool", "name": "t"})
    assert [(block["type"], block["input"]) for block in message["content"]] == [("tool_use", {"a": 1})]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("400", "invalid_request_error"), ("401", "authentication_error"), ("402", "billing_error"),
     ("403", "permission_error"), ("404", "not_found_error"), ("413", "request_too_large"),
     ("429", "rate_limit_error"), ("500", "api_error"), ("529", "overloaded_error")],
)  # fmt: skip
async def test_errors_have_anthropics_form(name: str, kind: str) -> None:
    async with served(**VERSION) as (fake, client):
        fake.script(name)
        answer = await client.post("/v1/messages", json=PLAIN)
    assert answer.status_code == int(name)
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == kind


async def test_streams_break_where_the_script_says() -> None:
    async with served() as (fake, client):
        fake.script("error-event", {"pings": True, "text": "a b"}, "no-done", "error-in-200", "no-finish")
        broken, pinged, undone = [await stream(client) for _ in range(3)]
        error = await whole(client)
        unfinished = await stream(client)
    assert [name for name, _ in broken].count("content_block_delta") == 3
    assert broken[-1] == (
        "error",
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded."}, "request_id": "req_fake"},
    )
    assert [name for name, _ in pinged].count("ping") == len(pinged) / 2
    assert undone[-1][0] == "message_delta"
    assert error["error"]["type"] == "api_error"
    assert unfinished[-1][0] == "content_block_stop"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens"),
    ({"seed": 7}, "seed: Extra inputs are not permitted"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages.0.role"),
    ({"messages": []}, "at least one"),
    ({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}]}, "do not match"),
    ({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "f", "input": {}}]},
                   {"role": "user", "content": "hi"}]}, "do not match"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "told"), WRONG)
async def test_what_anthropic_refuses_is_refused(fields: dict[str, Any], told: str) -> None:
    async with served(**VERSION) as (_, client):
        answer = await client.post("/v1/messages", json={**PLAIN, **fields})
        unversioned = await client.post("/v1/messages", json=PLAIN, headers={"anthropic-version": ""})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert told in answer.json()["error"]["message"]
    assert unversioned.status_code == 400


async def test_counts_models_and_keys() -> None:
    async with served(**VERSION) as (fake, client):
        fake.script({"prompt_tokens": 17, "echo": True})
        counted = await client.post("/v1/messages/count_tokens", json={"model": "m", "messages": PLAIN["messages"]})
        echoed = await whole(client, messages=[{"role": "user", "content": [{"type": "text", "text": "say"}]}])
        listed = (await client.get("/v1/models")).json()
        assert counted.json() == {"input_tokens": 17}
        assert echoed["content"][0]["text"] == "say"
        assert listed["data"][0]["type"] == "model"
        assert fake.requests[0].path == "/v1/messages/count_tokens"
    async with FakeProvider(expect_key="k") as fake, httpx.AsyncClient(base_url=fake.url, headers=VERSION) as client:
        wrong = await client.post("/v1/messages", json=PLAIN)
        right = await client.post("/v1/messages", json=PLAIN, headers={"x-api-key": "k"})
    assert (wrong.json()["error"]["type"], right.status_code) == ("authentication_error", 200)
