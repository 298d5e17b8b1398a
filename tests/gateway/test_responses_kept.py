"""Responses are kept with the gateway, whoever served them: fetched, listed, deleted."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse import instruments
from pilothouse.domain.access import KeyKind, mint
from pilothouse.providers.fake import Answer
from tests.gateway.keeping import PATH, Kept, keeping

ACCOUNTS = ["one", "claude", "chat"]


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    async with keeping(tmp_path) as up:
        yield up


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_an_answer_can_be_fetched_as_it_was(kept: Kept, account: str) -> None:
    kept.fake.script({"text": "Grüße 🌍"})
    answer = await kept.ask(f"{account}/m", "Hi")
    assert answer["store"] is True
    assert await kept.call("GET", answer["id"]) == (200, answer)
    again = await kept.ask(f"{account}/m", "Hi")
    assert account == "one" or again["id"] != answer["id"]


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_a_streamed_answer_is_kept_before_its_end_goes_out(kept: Kept, account: str) -> None:
    async with kept.running.client() as client:
        body = {"model": f"{account}/m", "input": "Hi", "stream": True}
        async with client.stream("POST", PATH, json=body) as stream:
            assert "x-pilothouse-stored" not in stream.headers
            lines = [line async for line in stream.aiter_lines() if line.startswith("data: ")]
    events = [msgspec.json.decode(line[6:]) for line in lines]
    last = events[-1]
    assert last["type"] == "response.completed"
    assert {event["response"]["id"] for event in events if "response" in event} == {last["response"]["id"]}
    assert await kept.call("GET", last["response"]["id"]) == (200, last["response"])


async def test_bytes_of_the_same_dialect_pass_untouched(kept: Kept) -> None:
    sent = b'{ "input": "Hi" ,"model":"m","store":true}'
    kept.accounts(one="openai")
    async with kept.running.client() as client:
        answer = await client.post(PATH, content=sent)
    assert kept.fake.requests[-1].body == sent
    async with kept.running.client() as client:
        assert (await client.get(f"{PATH}/{answer.json()['id']}")).content == answer.content


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_what_shall_not_be_stored_is_not(kept: Kept, account: str) -> None:
    answer = await kept.ask(f"{account}/m", "Hi", store=False)
    status, told = await kept.call("GET", answer["id"])
    assert (status, told["error"]["code"]) == (404, "not_found")
    assert told["error"]["message"] == f"Response with id '{answer['id']}' not found."


async def test_other_projects_know_nothing_of_it(kept: Kept) -> None:
    answer = await kept.ask("claude/m", "Hi")
    running = kept.running
    running.secret = mint(KeyKind.VIRTUAL_KEY)
    running.keys.append(running.key(running.secret, project_id="other"))
    running.publish()
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
        assert (await kept.call(method, answer["id"] + path))[0] == 404
    async with running.client() as client:
        body = {"model": "claude/m", "input": "x", "previous_response_id": answer["id"]}
        refused = await client.post(PATH, json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "previous_response_not_found")


async def test_a_deleted_response_is_gone_here_and_at_its_account(kept: Kept) -> None:
    kept.fake.script(Answer(id="resp_9"))
    await kept.ask("one/m", "Hi")
    assert await kept.call("DELETE", "resp_9") == (200, {"id": "resp_9", "object": "response", "deleted": True})
    last = kept.fake.requests[-1]
    assert (last.method, last.path, last.body) == ("DELETE", "/v1/responses/resp_9", b"")
    assert last.headers["authorization"] == "Bearer sk-x"
    assert (await kept.call("GET", "resp_9"))[0] == 404
    assert (await kept.call("DELETE", "resp_9"))[0] == 404


async def test_what_only_the_gateway_keeps_is_deleted_only_there(kept: Kept) -> None:
    answer = await kept.ask("claude/m", "Hi")
    hits = kept.fake.hits
    assert (await kept.call("DELETE", answer["id"]))[0] == 200
    assert kept.fake.hits == hits


async def test_input_items_come_page_by_page(kept: Kept) -> None:
    sent: list[dict[str, Any]] = [
        {"role": "user", "content": "a"},
        {"id": "msg_own", "role": "assistant", "content": "b"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "c"}]},
    ]
    answer = await kept.ask("claude/m", sent)
    status, page = await kept.call("GET", f"{answer['id']}/input_items", limit=2, order="asc")
    assert (status, page["object"], page["has_more"]) == (200, "list", True)
    assert [item["content"][0] for item in page["data"]] == [
        {"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"},
    ]  # fmt: skip
    assert (page["last_id"], page["data"][0]["id"]) == ("msg_own", page["first_id"])
    status, rest = await kept.call("GET", f"{answer['id']}/input_items", after="msg_own", order="asc")
    assert [item["content"][0]["text"] for item in rest["data"]] == ["c"]
    assert rest["has_more"] is False
    status, newest = await kept.call("GET", f"{answer['id']}/input_items")
    assert [item["content"][0]["text"] for item in newest["data"]] == ["c", "b", "a"]
    text = await kept.ask("claude/m", "just text")
    status, page = await kept.call("GET", f"{text['id']}/input_items")
    assert page["data"][0]["content"] == [{"type": "input_text", "text": "just text"}]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"order": "up"}, {"after": "msg_no"}])
async def test_a_page_that_cannot_be(kept: Kept, query: dict[str, Any]) -> None:
    answer = await kept.ask("claude/m", "Hi")
    status, told = await kept.call("GET", f"{answer['id']}/input_items", **query)
    assert (status, told["error"]["param"]) == (400, next(iter(query)))


async def test_a_finished_response_is_replayed_as_a_stream(kept: Kept) -> None:
    answer = await kept.ask("claude/m", "Hi")
    async with kept.running.client() as client:
        whole = await client.get(f"{PATH}/{answer['id']}", params={"stream": "true"})
        late = await client.get(f"{PATH}/{answer['id']}", params={"stream": "true", "starting_after": 2})
    assert whole.headers["content-type"].startswith("text/event-stream")
    events = [msgspec.json.decode(line[6:]) for line in whole.text.splitlines() if line.startswith("data: ")]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1] == {"type": "response.completed", "sequence_number": len(events) - 1, "response": answer}
    assert whole.text.endswith(late.text)
    assert late.text.startswith("event: ")
    assert '"sequence_number":3' in late.text.split("\n\n")[0]


async def test_a_synchronous_response_cannot_be_cancelled(kept: Kept) -> None:
    answer = await kept.ask("claude/m", "Hi")
    status, told = await kept.call("POST", f"{answer['id']}/cancel")
    assert (status, told["error"]["message"]) == (400, "Cannot cancel a synchronous response.")


@pytest.mark.parametrize("stream", [False, True])
async def test_without_the_database_calls_are_answered_all_the_same(kept: Kept, stream: bool) -> None:
    await kept.background.stop()
    await kept.metadata.close()
    lost = instruments.RESPONSES_NOT_KEPT.values.get(("unavailable",), 0)
    async with kept.running.client() as client:
        first = await client.post(PATH, json={"model": "claude/m", "input": "Hi", "stream": stream})
        answer = await client.post(PATH, json={"model": "claude/m", "input": "Hi", "stream": stream})
        assert (first.status_code, answer.status_code) == (200, 200)
        assert answer.headers["x-pilothouse-stored"] == "false"
        assert instruments.RESPONSES_NOT_KEPT.values["unavailable",] == lost + 2
        for body in ({"previous_response_id": "resp_1"}, {"background": True}):
            refused = await client.post(PATH, json={"model": "claude/m", "input": "Hi", **body})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "metadata_unavailable")
    assert (await kept.call("GET", "resp_1"))[0] == 503


async def test_what_is_too_large_is_answered_and_not_kept(tmp_path: Path) -> None:
    async with keeping(tmp_path, responses_max_bytes=2000) as kept, kept.running.client() as client:
        kept.fake.script({"size_bytes": 3000})
        answer = await client.post(PATH, json={"model": "claude/m", "input": "Hi"})
        assert (answer.status_code, answer.headers["x-pilothouse-stored"]) == (200, "false")
        assert (await kept.call("GET", answer.json()["id"]))[0] == 404


async def test_an_installation_may_keep_nothing(tmp_path: Path) -> None:
    async with keeping(tmp_path, responses_keep_days=0) as kept:
        answer = await kept.ask("one/m", "Hi", previous_response_id="resp_theirs")
        assert kept.fake.requests[-1].json["previous_response_id"] == "resp_theirs"
        assert (await kept.call("GET", answer["id"]))[0] == 404
        async with kept.running.client() as client:
            refused = await client.post(PATH, json={"model": "one/m", "input": "Hi", "background": True})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "background")
