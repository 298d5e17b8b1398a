"""The live tail: quick, without repeats, bounded, and gone when nobody listens or may listen."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from pilothouse.domain.access import Permission
from pilothouse.domain.clock import SystemClock
from pilothouse.errors import StoreUnavailable
from pilothouse.server import live
from pilothouse.server.app import end_streams
from pilothouse.server.live import LiveTail
from tests.server.harness import Client, Running, StoreDouble, summary

URL = "/api/v1/traces/live"


class Events:
    """Reads server-sent events one by one."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self) -> tuple[str, Any]:
        name = ""
        async for line in self._lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                return name, json.loads(line.removeprefix("data: "))
        return "end", None


@asynccontextmanager
async def listening(client: Client, **more: Any) -> AsyncIterator[Events]:
    async with client.stream("GET", URL, **more) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Events(answer)


async def until(check: Callable[[], bool]) -> None:
    for _ in range(500):
        if check():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about within 5 s")


async def test_a_new_trace_is_there_within_a_second(run: Running) -> None:
    async with listening(run.client(await run.key(Permission.READ))) as events:
        await until(lambda: run.store.polls > 0)
        started = time.perf_counter()
        run.store.fresh = [summary("a" * 32, run.clock)]
        name, data = await asyncio.wait_for(events.next(), 1.0)
        assert time.perf_counter() - started < 1.0
    assert (name, data["trace_id"], data["usage"]) == ("trace", "a" * 32, {"input_tokens": 3})


async def test_a_trace_is_told_once_and_again_when_it_grows(run: Running) -> None:
    async with listening(run.local()) as events:
        run.store.fresh = [summary("a", run.clock)]
        assert (await events.next())[1]["span_count"] == 1
        polls = run.store.polls
        await until(lambda: run.store.polls >= polls + 3)
        run.store.fresh = [summary("a", run.clock, span_count=2), summary("b", run.clock)]
        told = [await events.next(), await events.next()]
    assert [(data["trace_id"], data["span_count"]) for _, data in told] == [("a", 2), ("b", 1)]


async def test_all_listeners_share_one_poll(run: Running) -> None:
    async with listening(run.local()) as one, listening(run.local()) as two:
        await until(lambda: run.app.live_tail.listeners == 2)
        run.store.fresh = [summary("a", run.clock)]
        await one.next()
        await two.next()
        started, polls = time.perf_counter(), run.store.polls
        await until(lambda: run.store.polls >= polls + 4)
        assert time.perf_counter() - started > 3 * live.POLL_S * 0.9


async def test_projects_do_not_hear_one_another(run: Running) -> None:
    other = await run.parts.registry.create_project("other", actor="test")
    async with listening(run.local(), params={"project_id": other.id}), listening(run.local()):
        await until(lambda: {("newest", other.id), ("newest", run.project.id)} <= set(run.store.asked))


async def test_a_burst_beyond_one_answer_is_told(run: Running) -> None:
    async with listening(run.local()) as events:
        await until(lambda: run.store.polls > 0)
        run.store.fresh = [summary(str(number), run.clock) for number in range(300)]
        assert await events.next() == ("lagged", {"missed": 1})


async def test_nobody_listening_means_no_polling(run: Running) -> None:
    assert run.store.polls == 0
    async with listening(run.local()):
        await until(lambda: run.store.polls > 1)
    tail: LiveTail = run.app.live_tail
    await until(lambda: tail.listeners == 0)
    await asyncio.sleep(live.POLL_S)
    polls = run.store.polls
    await asyncio.sleep(3 * live.POLL_S)
    assert run.store.polls == polls


async def test_the_store_coming_back_is_noticed(run: Running) -> None:
    async with listening(run.local()) as events:
        run.store.error = StoreUnavailable("restarting")
        polls = run.store.polls
        await until(lambda: run.store.polls >= polls + 2)
        run.store.error = None
        run.store.fresh = [summary("a", run.clock)]
        assert (await asyncio.wait_for(events.next(), 5))[0] == "trace"


async def test_the_stream_ends_with_the_server(run: Running) -> None:
    async with listening(run.local()) as events:
        waiting = asyncio.create_task(events.next())
        await asyncio.sleep(0.05)
        await end_streams(run.app)
        assert await asyncio.wait_for(waiting, 2) == ("end", None)


async def test_it_needs_the_right_to_read(run: Running) -> None:
    assert (await run.client().get(URL)).status_code == 401
    assert (await run.client(await run.key(Permission.INFERENCE)).get(URL)).status_code == 403


class Tail:
    """A live tail without a server, with short pings."""

    def __init__(self, allowed: bool = True) -> None:
        self.store = StoreDouble()
        self.tail = LiveTail(self.store, SystemClock(), ping_s=0.05)
        self.allowed = allowed

    async def may(self) -> bool:
        return self.allowed


async def test_a_slow_listener_is_told_what_it_missed() -> None:
    case = Tail()
    clock = SystemClock()
    stream = case.tail.listen("p", case.may)
    assert b"listening" in await anext(stream)
    for batch in range(4):
        case.store.fresh = [summary(f"{batch}-{number}", clock) for number in range(200)]
        await case.tail.tick()
    text = (await anext(stream)).decode()
    await stream.aclose()
    assert text.startswith('event: lagged\ndata: {"missed":304}\n\n')
    assert text.count("event: trace") == 500


async def test_pings_while_nothing_happens_and_an_end_when_no_longer_allowed() -> None:
    case = Tail()
    stream = case.tail.listen("p", case.may)
    await anext(stream)
    assert await anext(stream) == b": ping\n\n"
    case.allowed = False
    assert [part async for part in stream] == []
    assert case.tail.listeners == 0


async def test_a_revoked_key_hears_no_more_even_on_a_busy_stream() -> None:
    case = Tail()
    stream = case.tail.listen("p", case.may)
    await anext(stream)
    case.allowed = False
    ended = False
    async with asyncio.timeout(5):
        for number in range(1000):
            case.store.fresh = [summary(str(number), SystemClock())]
            await case.tail.tick()
            if await anext(stream, None) is None:
                ended = True
                break
            await asyncio.sleep(0.005)
    assert ended
