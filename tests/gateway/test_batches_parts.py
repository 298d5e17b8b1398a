"""Parts of batches by themselves: places for calls, input files, plans."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse import instruments
from pilothouse.domain.batch import Batch, BatchEntry, SettledEntry
from pilothouse.domain.call import Outcome
from pilothouse.domain.clock import FakeClock
from pilothouse.domain.files import CHUNK_BYTES
from pilothouse.domain.snapshot import Account, Alias, Snapshot, Target
from pilothouse.errors import BodyTooLarge, NotFound
from pilothouse.gateway.batches.checking import Checked, Request
from pilothouse.gateway.batches.input_file import InputFile
from pilothouse.gateway.batches.one_by_one import OneByOne
from pilothouse.gateway.batches.planning import Planner
from pilothouse.gateway.batches.room import Room
from pilothouse.gateway.batches.works import Pace, Works
from pilothouse.gateway.call import Ending
from pilothouse.gateway.deferred import Done, Work
from pilothouse.gateway.index import Deployment, Index
from pilothouse.gateway.options import GatewayOptions
from pilothouse.gateway.pipeline import Parts
from pilothouse.protocols import table
from pilothouse.providers.base import AccountOptions
from pilothouse.providers.table import make


@pytest.fixture
def open_calls() -> AsyncIterator[None]:  # type: ignore[misc]
    values = instruments.GATEWAY_OPEN_CALLS.values
    before = values.get((), 0)
    values[()] = 0
    yield
    values[()] = before


async def test_callers_leave_one_place(open_calls: None) -> None:
    room, waiting = Room(3), list[asyncio.Task[None]]()
    for _ in range(3):
        async with asyncio.timeout(1):
            await room.take()
    waiting.append(asyncio.create_task(room.take()))
    await asyncio.sleep(0)
    assert not waiting[0].done()
    instruments.GATEWAY_OPEN_CALLS.inc(by=9)  # callers of their own
    for _ in range(2):
        room.give()
        await asyncio.sleep(0.01)
    assert not waiting[0].done()  # one is still taken, and there is only one place now
    room.give()
    async with asyncio.timeout(1):
        await waiting[0]


async def test_places_are_back_once_callers_are_gone(open_calls: None) -> None:
    room = Room(2)
    instruments.GATEWAY_OPEN_CALLS.inc(by=5)
    await room.take()
    second = asyncio.create_task(room.take())
    await asyncio.sleep(0.01)
    assert not second.done()
    instruments.GATEWAY_OPEN_CALLS.inc(by=-4)
    async with asyncio.timeout(1):
        await second


def test_waits_grow_to_a_bound() -> None:
    pace = Pace()
    assert [pace.growing(1.0, tries, 60) for tries in (0, 1, 5, 6, 400)] == [1, 2, 32, 60, 60]


class Pieces:
    """A stored file."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content = content
        self._size = size
        self.reads = 0

    async def chunk(self, _file_id: str, n: int) -> bytes | None:
        self.reads += 1
        return self._content[n * self._size : (n + 1) * self._size] or None


def found(content: bytes, size: int, limit: int = 10**6) -> list[tuple[int, bytes, int]]:
    async def read() -> list[tuple[int, bytes, int]]:
        source = InputFile(Pieces(content, size), "f")  # type: ignore[arg-type]
        return [(line.place, line.content, line.number) async for line in source.lines(limit)]

    return asyncio.run(read())


@given(
    st.lists(st.sampled_from([b"", b" ", b"\r", b"a", b"bcd", b"\t{}", b"x" * 40])), st.integers(1, 60), st.booleans()
)
@settings(max_examples=150, deadline=None)
def test_lines_are_the_same_however_the_file_is_cut(parts: list[bytes], size: int, ended: bool) -> None:
    content = b"\n".join(parts) + (b"\n" if ended and parts else b"")
    lines = found(content, size)
    expected = [(number, part) for number, part in enumerate(content.split(b"\n"), 1) if part.strip()]
    assert [(number, text) for _, text, number in lines] == expected
    assert all(content[place : place + len(text)] == text for place, text, _ in lines)


def test_a_line_without_end_is_too_large() -> None:
    with pytest.raises(BodyTooLarge, match="line 2"):
        found(b"a\n" + b"x" * 300, 10, limit=100)


async def test_single_lines_are_read_by_their_place_and_pieces_are_remembered() -> None:
    content = b"a" * (CHUNK_BYTES - 2) + b"bcde" + b"f" * CHUNK_BYTES
    pieces = Pieces(content, CHUNK_BYTES)
    source = InputFile(pieces, "f")  # type: ignore[arg-type]
    entry = BatchEntry(1, "x", CHUNK_BYTES - 2, 4)
    assert await source.read(entry) == b"bcde"
    assert await source.read(entry) == b"bcde"
    assert pieces.reads == 2
    with pytest.raises(NotFound):
        await source.read(BatchEntry(1, "x", 9 * CHUNK_BYTES, 4))


class Lines:
    """A store whose look for lines can be held up, and calls that are only counted."""

    def __init__(self) -> None:
        self.open = {n: BatchEntry(n, f"l{n}", 0, 2, 1 if n < 3 else 0) for n in range(1, 6)}
        self.called: list[int] = []
        self.looking = asyncio.Event()
        self.go_on = asyncio.Event()

    async def alone(self, _batch_id: str, fallen: list[int], after: int, _limit: int) -> list[BatchEntry]:
        found = [item for item in self.open.values() if item.n > after and (not item.job or item.job in fallen)]
        self.looking.set()
        await self.go_on.wait()
        return found

    async def settle(self, _batch_id: str, _who: str, settled: list[SettledEntry]) -> None:
        for item in settled:
            del self.open[item.n]

    async def read(self, entry: BatchEntry) -> bytes:
        self.called.append(entry.n)
        return b'{"custom_id":"x","method":"POST","url":"/x","body":{"model":"m"}}'

    async def run(self, _work: Work) -> Done:
        return Done("call", 200, [], b"{}", Ending(Outcome.ANSWERED))

    async def recorded(self) -> bool:
        return True


def one_by_one(lines: Lines, room: Room) -> OneByOne:
    parts = Parts(GatewayOptions(), FakeClock(), *[None] * 3)  # type: ignore[arg-type]
    works = Works(lines, lines, parts, lines, room, "me", 30, Pace())  # type: ignore[arg-type]
    return OneByOne(works, Batch("batch_1", "p", "k", "/x", "f", "24h", 1, 2), lines)  # type: ignore[arg-type]


async def test_a_job_that_falls_during_a_look_is_not_overlooked(open_calls: None) -> None:
    lines = Lines()
    alone = one_by_one(lines, Room(2))
    running = asyncio.create_task(alone.run())
    async with asyncio.timeout(5):
        await lines.looking.wait()
        alone.admit(1)
        alone.no_more()
        lines.go_on.set()
        await running
    assert sorted(lines.called) == [1, 2, 3, 4, 5]
    assert lines.open == {}


async def test_calls_that_are_cancelled_before_they_begin_give_their_places_back(open_calls: None) -> None:
    lines, room = Lines(), Room(2)
    lines.go_on.set()
    running = asyncio.create_task(one_by_one(lines, room).run())
    await lines.looking.wait()
    for _ in range(2):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    async with asyncio.timeout(1):
        await room.take()
        await room.take()


def planner(caller: str = "openai_chat", *, native: bool = True) -> tuple[Planner, Index]:
    accounts = tuple(
        Account(id=name, name=name, provider=kind, base_url="http://x/v1", models=(), open_models=True)
        for name, kind in (("one", "openai"), ("two", "openai"), ("own", "openai_compatible"), ("claude", "anthropic"))
    )
    alias = Alias("a", "mix", (Target("one", "m"), Target("two", "m"), Target("own", "m")))
    index = Index(Snapshot(1, 1, accounts=accounts, aliases=(alias,)), deployment, lambda _account, _error: None)
    batch = Batch("batch_1", "p", "k", "/x", "f", "24h", 1, 2)
    return Planner(batch, table.dialect(caller), index, native=native), index


def deployment(account: Account) -> Deployment:
    return Deployment(account, make(account.provider, AccountOptions(account.name, account.base_url, "sk")))


def checked(index: Index, model: str, body: bytes = b"{}") -> Checked:
    return Checked(Request("c", "POST", "/x", msgspec.Raw(body)), model, index.resolve(model))


def test_each_account_and_model_has_jobs_of_its_own() -> None:
    plan, index = planner()
    places = [plan.place(checked(index, model)) for model in ("one/a", "one/b", "one/a", "two/a", "own/a", "claude/a")]
    assert places == [1, 2, 1, 3, 0, 4]
    assert [(job.account, job.model, job.dialect, job.lines) for job in plan.jobs()] == [
        ("one", "a", "openai_chat", 2), ("one", "b", "openai_chat", 1), ("two", "a", "openai_chat", 1),
        ("claude", "a", "anthropic_messages", 1),
    ]  # fmt: skip
    assert [job.name for job in plan.jobs()] == ["ph-1-1", "ph-1-2", "ph-1-3", "ph-1-4"]


def test_lines_of_a_route_are_shared_out_by_weight() -> None:
    plan, index = planner()
    places = [plan.place(checked(index, "mix")) for _ in range(300)]
    assert {(job.account, job.alias) for job in plan.jobs()} == {("one", "mix"), ("two", "mix")}
    assert all(50 < places.count(place) < 150 for place in (0, 1, 2))


def test_a_job_that_is_full_is_followed_by_another() -> None:
    plan, index = planner()
    places = [plan.place(checked(index, "one/a", b"x" * (size * 10**6))) for size in (15, 15, 15, 70, 1)]
    assert places == [1, 1, 2, 3, 4]


def test_what_needs_the_gateways_memory_and_what_is_switched_off_runs_by_itself() -> None:
    plan, index = planner("openai_responses")
    assert plan.place(checked(index, "one/a", b'{"previous_response_id": "resp_1"}')) == 0
    assert plan.place(checked(index, "one/a", b'{"input": "hi"}')) == 1
    plan, index = planner(native=False)
    assert plan.place(checked(index, "one/a")) == 0
    plan, index = planner("rerank_cohere") if "rerank_cohere" in table.names() else planner("openai_moderations")
    assert plan.place(checked(index, "claude/a")) == 0
