"""Responses in the background: polled, followed, cancelled, and taken over from a gateway that has stopped."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse.domain.call import Outcome
from pilothouse.domain.clock import FakeClock
from pilothouse.gateway.responses.background import Background
from pilothouse.gateway.responses.purge import Purge
from pilothouse.providers.fake import Answer
from tests.gateway.keeping import PATH, Kept, keeping

ACCOUNTS = ["one", "claude", "chat"]
FINAL = ("response.completed", "response.failed", "response.incomplete")


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    async with keeping(tmp_path) as up:
        yield up


async def ended(kept: Kept, response_id: str, *unlike: str) -> dict[str, Any]:
    """Return the response once it is neither queued nor in progress."""
    async with asyncio.timeout(10):
        while True:
            news = kept.keeper.news.next()
            _, found = await kept.call("GET", response_id)
            if found["status"] not in (unlike or ("queued", "in_progress")):
                return found
            await asyncio.wait({asyncio.create_task(news.wait())}, timeout=0.1)


def events_of(text: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_it_is_answered_at_once_and_made_later(kept: Kept, account: str) -> None:
    kept.fake.script({"text": "Done.", "first_byte_s": 0.3})
    queued = await kept.ask(f"{account}/m", "Work.", background=True, metadata={"a": "b"})
    assert (queued["status"], queued["background"], queued["output"]) == ("queued", True, [])
    assert (queued["metadata"], queued["model"]) == ({"a": "b"}, f"{account}/m")
    done = await ended(kept, queued["id"])
    assert (done["status"], done["id"], done["background"], done["store"]) == ("completed", queued["id"], True, True)
    assert done["output"][0]["content"][0]["text"] == "Done."
    assert "background" not in kept.fake.requests[-1].json
    record = await kept.running.record()
    assert (f"resp_{record.id}", record.outcome, record.account) == (queued["id"], Outcome.ANSWERED, account)
    assert record.usage is not None
    items = (await kept.call("GET", f"{queued['id']}/input_items"))[1]["data"]
    assert items[0]["content"][0]["text"] == "Work."


async def test_it_goes_on_and_is_continued_like_any_other(kept: Kept) -> None:
    kept.fake.script(Answer(id="resp_up", text="One."), Answer(id="resp_2"), Answer(text="Three."))
    first = await kept.ask("one/m", "First.", background=True)
    await ended(kept, first["id"])
    second = await kept.ask("one/m", "Second.", previous_response_id=first["id"], background=True)
    done = await ended(kept, second["id"])
    assert kept.fake.requests[-1].json["previous_response_id"] == "resp_up"
    assert done["previous_response_id"] == first["id"]
    await kept.ask("claude/m", "Third.", previous_response_id=second["id"])
    sent = kept.fake.requests[-1].body.decode()
    assert sent.index("First.") < sent.index("One.") < sent.index("Second.") < sent.index("Third.")
    await kept.call("DELETE", first["id"])
    assert kept.fake.requests[-1].path == "/v1/responses/resp_up"


async def test_what_has_not_ended_cannot_be_continued(kept: Kept) -> None:
    kept.fake.script("hang")
    first = await kept.ask("one/m", "First.", background=True)
    async with kept.running.client() as client:
        body = {"model": "one/m", "input": "x", "previous_response_id": first["id"]}
        refused = await client.post(PATH, json=body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "previous_response_id")


@pytest.mark.parametrize(
    ("script", "code"), [("400", "invalid_prompt"), ("429", "rate_limit_exceeded"), ("500", "server_error")]
)
async def test_a_call_that_fails_is_a_failed_response(kept: Kept, script: str, code: str) -> None:
    kept.fake.script(script)
    queued = await kept.ask("claude/m", "Work.", background=True)
    done = await ended(kept, queued["id"])
    assert (done["status"], done["error"]["code"]) == ("failed", code)
    assert done["error"]["message"]


async def test_a_key_that_ends_meanwhile_ends_the_response(kept: Kept) -> None:
    await kept.background.stop()
    queued = await kept.ask("claude/m", "Work.", background=True)
    kept.running.keys = [msgspec.structs.replace(kept.running.keys[0], revoked_at_ns=1)]
    kept.running.publish()
    told = kept.keeper.news.next()
    await kept.background.start()
    await asyncio.wait_for(told.wait(), 10)
    found = await kept.keeper.store.get("project", queued["id"])
    assert found is not None
    assert found.status == "failed"


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_a_stream_is_followed_and_resumed(kept: Kept, account: str) -> None:
    kept.fake.script({"chunks": 12, "gap_s": 0.05})
    body = {"model": f"{account}/m", "input": "Work.", "background": True, "stream": True}
    async with kept.running.client() as client:
        async with client.stream("POST", PATH, json=body) as stream:
            lines = stream.aiter_lines()
            first = [msgspec.json.decode(line[6:]) async for line in lines if line.startswith("data: ")]
        response_id = first[0]["response"]["id"]
        late = await client.get(f"{PATH}/{response_id}", params={"stream": "true", "starting_after": 4})
        whole = await client.get(f"{PATH}/{response_id}", params={"stream": "true"})
    assert [event["type"] for event in first[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert [event["sequence_number"] for event in first] == list(range(len(first)))
    assert first[-1]["type"] == "response.completed"
    assert {event["response"]["id"] for event in first if "response" in event} == {response_id}
    assert events_of(whole.text) == first
    assert events_of(late.text) == first[5:]
    assert (await kept.call("GET", response_id))[1] == first[-1]["response"]
    assert len([event for event in first if event["type"] == "response.output_text.delta"]) >= 12


async def test_who_leaves_does_not_end_it(kept: Kept) -> None:
    kept.fake.script({"chunks": 8, "gap_s": 0.05})
    body = {"model": "claude/m", "input": "Work.", "background": True, "stream": True}
    async with kept.running.client() as client, client.stream("POST", PATH, json=body) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                response_id = msgspec.json.decode(line[6:])["response"]["id"]
                break
    assert (await ended(kept, response_id))["status"] == "completed"
    assert (await kept.running.record()).outcome is Outcome.ANSWERED


async def test_one_that_was_not_a_stream_is_replayed_once_it_has_ended(kept: Kept) -> None:
    kept.fake.script({"text": "Done.", "first_byte_s": 0.2})
    queued = await kept.ask("claude/m", "Work.", background=True)
    async with kept.running.client() as client:
        heard = await client.get(f"{PATH}/{queued['id']}", params={"stream": "true"})
    assert events_of(heard.text)[-1]["response"]["status"] == "completed"


@pytest.mark.parametrize("script", ["cut", "error-in-stream", "500"])
@pytest.mark.parametrize("account", ACCOUNTS)
async def test_a_stream_that_breaks_ends_as_failed(kept: Kept, account: str, script: str) -> None:
    kept.fake.script(script)
    body = {"model": f"{account}/m", "input": "Work.", "background": True, "stream": True}
    async with kept.running.client() as client:
        events = events_of((await client.post(PATH, json=body)).text)
    assert events[-1]["type"] == "response.failed"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    found = (await kept.call("GET", events[0]["response"]["id"]))[1]
    assert (found["status"], found) == ("failed", events[-1]["response"])
    assert found["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_cancelled_one_ends_its_call(kept: Kept, stream: bool) -> None:
    kept.fake.script({"stall_after": 2} if stream else "hang")
    queued: dict[str, Any] = {}
    async with kept.running.client() as client:
        body = {"model": "claude/m", "input": "Work.", "background": True, "stream": stream}
        async with client.stream("POST", PATH, json=body) as answer:
            if stream:
                async for line in answer.aiter_lines():
                    event = msgspec.json.decode(line[6:]) if line.startswith("data: ") else {}
                    queued = event.get("response", queued)
                    if event.get("type") == "response.output_text.delta":
                        break
            else:
                queued = msgspec.json.decode(await answer.aread())
                await kept.fake.wait_for_hits(1)
        status, cancelled = await kept.call("POST", f"{queued['id']}/cancel")
        assert (status, cancelled["status"]) == (200, "cancelled")
        await kept.fake.wait_for_disconnect()
        assert (await kept.running.record()).outcome is Outcome.CANCELLED
        assert await kept.call("POST", f"{queued['id']}/cancel") == (200, cancelled)
        assert await kept.call("GET", queued["id"]) == (200, cancelled)
        # its stream just ends
        heard = await client.get(f"{PATH}/{queued['id']}", params={"stream": "true"})
        assert not any(event["type"] in FINAL for event in events_of(heard.text))


async def test_a_deleted_one_ends_its_call(kept: Kept) -> None:
    kept.fake.script("hang")
    queued = await kept.ask("claude/m", "Work.", background=True)
    await kept.fake.wait_for_hits(1)
    assert (await kept.call("DELETE", queued["id"]))[0] == 200
    await kept.fake.wait_for_disconnect()
    assert (await kept.call("GET", queued["id"]))[0] == 404


@pytest.mark.parametrize("stream", [False, True])
async def test_a_gateway_that_stops_gives_it_back(kept: Kept, stream: bool) -> None:
    kept.fake.script({"stall_after": 2} if stream else "hang", {"text": "Done.", "chunks": 3})
    body = {"model": "claude/m", "input": "Work.", "background": True, "stream": stream}
    async with kept.running.client() as client:
        if stream:
            before: list[dict[str, Any]] = []
            async with client.stream("POST", PATH, json=body) as answer:
                async for line in answer.aiter_lines():
                    before += events_of(line)
                    if before and before[-1]["type"] == "response.output_text.delta":
                        break
            response_id = before[0]["response"]["id"]
        else:
            response_id = (await client.post(PATH, json=body)).json()["id"]
            await kept.fake.wait_for_hits(1)
    await kept.background.stop(0.1)
    assert (await kept.call("GET", response_id))[1]["status"] == "queued"
    await kept.background.start()
    done = await ended(kept, response_id)
    assert (done["status"], done["id"]) == ("completed", response_id)
    outcomes = sorted(record.outcome for record in await kept.running.records(2))
    assert outcomes == sorted((Outcome.CANCELLED, Outcome.ANSWERED))
    assert len({record.trace_id for record in await kept.running.records(2)}) == 1
    assert len({record.id for record in await kept.running.records(2)}) == 2
    if stream:
        async with kept.running.client() as client:
            whole = events_of((await client.get(f"{PATH}/{response_id}", params={"stream": "true"})).text)
        numbers = [event["sequence_number"] for event in whole]
        assert numbers == sorted(set(numbers))
        # what was told before has another place than what is told now
        assert not {event["sequence_number"] for event in before[2:]} & set(numbers)
        assert whole[-1]["response"] == done


async def test_a_gateway_that_crashes_loses_nothing_and_is_not_waited_for_forever(tmp_path: Path) -> None:
    clock = FakeClock()
    async with keeping(tmp_path, clock, background_tries=2) as kept:
        kept.fake.script("hang")
        queued = await kept.ask("claude/m", "Work.", background=True)
        await kept.fake.wait_for_hits(1)
        deferred = kept.running.deferred
        assert deferred is not None
        # another process, and one more, each finding the claim of the one before it lapsed
        others = [Background(kept.keeper, deferred) for _ in range(2)]
        for number, other in enumerate(others):
            clock.advance(60)
            await other.tick()
            if number == 0:
                await kept.fake.wait_for_hits(2)
        done = await ended(kept, queued["id"])
        assert (done["status"], done["error"]["code"]) == ("failed", "server_error")
        assert "2 times" in done["error"]["message"]
        for other in others:
            await other.stop()


async def test_only_so_many_run_at_once(tmp_path: Path) -> None:
    async with keeping(tmp_path, background_calls=2) as kept:
        kept.fake.script("hang", "hang", {"text": "Done."})
        ids = [(await kept.ask("claude/m", "Work.", background=True))["id"] for _ in range(4)]
        await kept.fake.wait_for_hits(2)
        await kept.background.tick()
        assert kept.fake.hits == 2
        assert (await kept.call("GET", ids[3]))[1]["status"] == "queued"
        running = [one for one in ids if (await kept.call("GET", one))[1]["status"] == "in_progress"]
        await kept.call("POST", f"{running[0]}/cancel")
        assert (await ended(kept, ids[3]))["status"] == "completed"


@pytest.mark.parametrize(("fields", "param"), [({"store": False}, "background")])
async def test_what_cannot_run_in_the_background(kept: Kept, fields: dict[str, Any], param: str) -> None:
    async with kept.running.client() as client:
        body = {"model": "one/m", "input": "x", "background": True, **fields}
        refused = await client.post(PATH, json=body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
    assert (await kept.running.record()).outcome is Outcome.REFUSED


async def test_what_is_over_is_forgotten(tmp_path: Path) -> None:
    clock = FakeClock()
    async with keeping(tmp_path, clock, responses_keep_days=2) as kept:
        old = await kept.ask("claude/m", "First.")
        clock.advance(86_400)
        young = await kept.ask("claude/m", "Other.")
        clock.advance(86_400 + 1)
        await Purge(kept.keeper).tick()
        assert (await kept.call("GET", old["id"]))[0] == 404
        assert (await kept.call("GET", young["id"]))[0] == 200
