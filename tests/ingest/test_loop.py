"""Draining spools into a store that may be down, slow or picky, with records that may be poison."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from pilothouse import instruments
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.holding import Held, Place, Shape
from pilothouse.domain.money import Cost
from pilothouse.domain.span import Span
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError, QueryRefused, StoreUnavailable
from pilothouse.ingest.loop import IngestLoop
from pilothouse.ingest.options import IngestOptions
from pilothouse.spool import SpoolOptions, SpoolReader, SpoolWriter
from tests.spool.records import call, wait_until

CATALOG = Catalog()
QUICK = IngestOptions(linger_s=0.02, poll_s=0.005, discover_s=0.05)


def number_of(span: Span) -> int:
    """Return a span's number, -1 of ingest's own probe."""
    return int(span.request_id or -1)


class Store:
    """Keeps spans by token, as the real store does; `trouble` is asked before each insert."""

    def __init__(self) -> None:
        self.batches: dict[str, list[Span]] = {}
        self.sent: list[str] = []
        self.trouble: Callable[[Sequence[Span]], PilothouseError | None] = lambda spans: None
        self.changed = asyncio.Event()

    async def insert(self, spans: Sequence[Span], token: str, revised: Sequence[Span] | None = None) -> None:
        """Keep the spans unless the token was seen or there is trouble."""
        self.sent.append(token)
        self.changed.set()
        if (error := self.trouble(spans)) is not None:
            raise error
        self.batches.setdefault(token, list(spans))

    async def held(self, places: Sequence[Place]) -> list[Held]:
        """Return nothing: no call here comes twice."""
        return []

    async def shapes(
        self, traces: Iterable[tuple[str, str]], times_ns: tuple[int, int]
    ) -> dict[tuple[str, str], Shape]:
        """Return empty traces."""
        return {key: {} for key in traces}

    async def unended(self, limit: int) -> list[Place]:
        """Return nothing: a gateway's calls have ended."""
        return []

    async def recent(self, after: datetime, limit: int) -> list[tuple[str, str]]:
        """Return nothing."""
        return []

    @property
    def numbers(self) -> list[int]:
        """The numbers of all spans kept, in the order they came."""
        return [number_of(span) for spans in self.batches.values() for span in spans if span.request_id]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, looking after every insert."""
        async with asyncio.timeout(15):
            while not condition():
                self.changed.clear()
                await self.changed.wait()
                await asyncio.sleep(0)


@asynccontextmanager
async def running(
    folder: Path, store: Store, options: IngestOptions = QUICK, catalog: Catalog = CATALOG
) -> AsyncIterator[IngestLoop]:
    loop = IngestLoop(folder, store, catalog, options)
    loop.backoff_min_s, loop.backoff_max_s = 0.01, 0.05
    await loop.start()
    try:
        yield loop
    finally:
        await loop.stop()


async def test_every_record_of_every_writer_arrives_in_its_order(tmp_path):
    store = Store()
    with SpoolWriter(tmp_path / "a") as first, SpoolWriter(tmp_path / "b") as second:
        async with running(tmp_path, store) as loop:
            for number in range(3000):
                assert (first if number % 2 else second).offer(call(number))
            await store.until(lambda: len(store.numbers) == 3000)
            assert loop.ping() is None
    assert sorted(store.numbers) == list(range(3000))
    assert [number for number in store.numbers if number % 2] == list(range(1, 3000, 2))
    assert len(store.sent) < 60, "records went in singly"


async def test_a_writer_that_comes_later_is_found(tmp_path):
    store = Store()
    async with running(tmp_path, store):
        await asyncio.sleep(0.1)
        with SpoolWriter(tmp_path / "late") as writer:
            writer.offer(call(7))
            await store.until(lambda: store.numbers == [7])


async def test_a_call_is_visible_within_300_ms(tmp_path):
    store = Store()
    with SpoolWriter(tmp_path / "a") as writer:
        async with running(tmp_path, store, IngestOptions()):
            writer.offer(call(0))
            await store.until(lambda: store.numbers == [0])
            took_s: list[float] = []
            for number in range(1, 8):
                started = time.monotonic()
                writer.offer(call(number))
                await store.until(lambda number=number: number in store.numbers)
                took_s.append(time.monotonic() - started)
    assert sorted(took_s)[len(took_s) // 2] < 0.3, took_s


async def test_while_the_store_is_down_all_stays_in_the_spool(tmp_path):
    store = Store()
    store.trouble = lambda spans: StoreUnavailable("down")
    with SpoolWriter(tmp_path / "a") as writer:
        async with running(tmp_path, store) as loop:
            for number in range(500):
                writer.offer(call(number))
            await store.until(lambda: len(store.sent) >= 4)
            assert len(set(store.sent)) == 1, "a retry has its batch's token"
            assert "StoreUnavailable" in (loop.ping() or "")
            assert writer.size_bytes > 0
            store.trouble = lambda spans: None
            await store.until(lambda: len(store.numbers) == 500)
            await asyncio.sleep(0.1)
            assert loop.ping() is None
    assert store.numbers == list(range(500))


async def test_a_loop_that_dies_before_it_acknowledges_sends_the_same_batch_again(tmp_path):
    store = Store()
    with SpoolWriter(tmp_path / "a") as writer:
        for number in range(100):
            writer.offer(call(number))
        # The store keeps the batch, but its answer is lost.
        kept: dict[str, list[int]] = {}

        def lose_the_answer(spans: Sequence[Span]) -> PilothouseError:
            kept.setdefault(store.sent[-1], [number_of(span) for span in spans])
            return StoreUnavailable("the answer was lost")

        store.trouble = lose_the_answer
        async with running(tmp_path, store):
            await store.until(lambda: bool(kept))
        for number in range(100, 200):
            writer.offer(call(number))
        store.trouble = lambda spans: None
        async with running(tmp_path, store):
            await store.until(lambda: len(store.numbers) == 200)
    [(token, numbers)] = kept.items()
    assert [number_of(span) for span in store.batches[token]] == numbers
    assert store.numbers == list(range(200))


@pytest.mark.parametrize(("kind", "payload", "reason"), [
    ("call", b"\xc1 not msgpack", "undecodable"),
    ("call", b"\x80", "undecodable"),
    ("letter", b"\x80", "unknown_kind"),
])  # fmt: skip
async def test_a_poison_record_is_set_aside_and_the_rest_arrives(tmp_path, kind, payload, reason):
    store = Store()
    before = instruments.INGEST_REJECTED.values.get((reason,), 0)
    with SpoolWriter(tmp_path / "a") as writer:
        writer.offer(call(0))
        await writer.append(kind, payload)
        writer.offer(call(1))
        async with running(tmp_path, store):
            await store.until(lambda: store.numbers == [0, 1])
    assert instruments.INGEST_REJECTED.values[(reason,)] == before + 1
    with SpoolReader(tmp_path / "a") as reader:
        [rejected] = reader.rejected()
        assert rejected.reason.startswith(reason)
        assert (rejected.kind, rejected.data) == (kind, payload)


class MoodyCatalog(Catalog):
    """Breaks over one model, as a fault of ours would."""

    def price(self, provider: str, model: str, usage: Usage | None, at: datetime, account: str = "") -> Cost:
        """Raise for the model `odd`."""
        if model == "odd":
            raise ZeroDivisionError("a fault")
        return super().price(provider, model, usage, at, account)


async def test_a_record_that_trips_a_fault_of_ours_is_set_aside_too(tmp_path):
    store = Store()
    with SpoolWriter(tmp_path / "a") as writer:
        writer.offer(msgspec.structs.replace(call(0), model_requested="odd"))
        writer.offer(call(1))
        async with running(tmp_path, store, catalog=MoodyCatalog()):
            await store.until(lambda: store.numbers == [1])
    with SpoolReader(tmp_path / "a") as reader:
        assert "a fault" in reader.rejected()[0].reason


async def test_one_span_that_the_store_refuses_does_not_hold_up_the_others(tmp_path):
    store = Store()
    bad = {17, 18, 63}
    store.trouble = lambda spans: QueryRefused("bad value") if any(number_of(span) in bad for span in spans) else None
    with SpoolWriter(tmp_path / "a", SpoolOptions(commit_interval_s=0.05)) as writer:
        for number in range(100):
            writer.offer(call(number))
        async with running(tmp_path, store):
            await store.until(lambda: len(store.numbers) == 97)
    assert store.numbers == [number for number in range(100) if number not in bad]
    with SpoolReader(tmp_path / "a") as reader:
        assert len(reader.rejected()) == 3
        assert reader.read() is None


@pytest.mark.parametrize("count", [1, 10, 200])
@pytest.mark.parametrize("took_some_before", [True, False])
async def test_a_store_that_refuses_everything_for_a_while_costs_nothing(tmp_path, count, took_some_before):
    store = Store()
    with SpoolWriter(tmp_path / "a", SpoolOptions(commit_interval_s=0.05)) as writer:
        async with running(tmp_path, store):
            if took_some_before:
                writer.offer(call(1000))
                await store.until(lambda: store.numbers == [1000])
            refuses_until = len(store.sent) + (100 if count == 200 else 12)
            store.trouble = lambda spans: QueryRefused("may not write") if len(store.sent) < refuses_until else None
            for number in range(count):
                writer.offer(call(number))
            await store.until(lambda: len([number for number in store.numbers if number < 1000]) == count)
    assert sorted(number for number in store.numbers if number < 1000) == list(range(count))
    with SpoolReader(tmp_path / "a") as reader:
        assert reader.rejected() == []


async def test_a_store_that_never_took_anything_is_waited_for_without_end(tmp_path):
    store = Store()
    store.trouble = lambda spans: QueryRefused("may not write")
    with SpoolWriter(tmp_path / "a") as writer:
        writer.offer(call(0))
        async with running(tmp_path, store) as loop:
            await store.until(lambda: len(store.sent) > 20)
            assert "refuses every span" in (loop.ping() or "")
    with SpoolReader(tmp_path / "a") as reader:
        assert reader.rejected() == []
        assert reader.read() is not None


@pytest.mark.parametrize("took_some_before", [True, False])
async def test_a_lone_record_that_the_store_keeps_refusing_is_set_aside_in_the_end(tmp_path, took_some_before):
    store = Store()
    store.trouble = lambda spans: QueryRefused("bad") if number_of(spans[0]) == 0 else None
    with SpoolWriter(tmp_path / "a") as writer:
        async with running(tmp_path, store):
            if took_some_before:
                writer.offer(call(1))
                await store.until(lambda: store.numbers == [1])
            writer.offer(call(0))
            await asyncio.sleep(0.1)
            writer.offer(call(2))
            await store.until(lambda: 2 in store.numbers)
    with SpoolReader(tmp_path / "a") as reader:
        assert [rejected.reason for rejected in reader.rejected()] == ["refused_by_store: bad"]


async def test_a_spool_that_somebody_else_drains_is_reported_and_taken_over_later(tmp_path):
    store = Store()
    with SpoolWriter(tmp_path / "a") as writer, SpoolWriter(tmp_path / "b") as other:
        other.offer(call(1))
        writer.offer(call(2))
        held = SpoolReader(tmp_path / "a")
        async with running(tmp_path, store) as loop:
            await store.until(lambda: store.numbers == [1])
            assert "reader" in (loop.ping() or "")
            held.close()
            await store.until(lambda: store.numbers == [1, 2])
            assert loop.ping() is None


async def test_the_age_of_the_oldest_record_is_measured(tmp_path):
    store = Store()
    store.trouble = lambda spans: StoreUnavailable("down")
    with SpoolWriter(tmp_path / "a") as writer:
        writer.offer(call(0))
        async with running(tmp_path, store):
            await asyncio.sleep(0.5)
            assert 0.2 < instruments.INGEST_LAG.values[()] < 5
            store.trouble = lambda spans: None
            await store.until(lambda: store.numbers == [0])
            await asyncio.sleep(0.2)
            assert instruments.INGEST_LAG.values[()] == 0


async def test_the_next_batch_is_decoded_while_the_store_takes_this_one(tmp_path, monkeypatch):
    store = Store()
    decoded: list[int] = []
    hold = asyncio.Event()
    insert = store.insert
    running_loop = asyncio.get_running_loop()

    async def slow(spans: Sequence[Span], token: str, revised: Sequence[Span] | None = None) -> None:
        await insert(spans, token, revised)
        await hold.wait()

    class Reading(Catalog):
        """Notes whose price is asked for."""

        def price(self, *asked: object) -> Cost:
            decoded.append(1)
            running_loop.call_soon_threadsafe(store.changed.set)
            return super().price(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "insert", slow)
    options = msgspec.structs.replace(QUICK, batch_records=10)
    with SpoolWriter(tmp_path / "a") as writer:
        for number in range(35):
            assert writer.offer(call(number))
            wait_until(lambda: writer.queued_bytes == 0)
        async with running(tmp_path, store, options, Reading()):
            await store.until(lambda: len(decoded) >= 20 and len(store.sent) == 1)
            hold.set()
            await store.until(lambda: len(store.numbers) == 35)
    assert store.numbers == list(range(35))
    assert [len(batch) for batch in store.batches.values()][:3] == [10, 10, 10]


async def test_a_batch_that_waits_for_the_store_keeps_its_place_before_the_one_behind_it(tmp_path):
    store = Store()
    store.trouble = lambda spans: StoreUnavailable("away") if len(store.sent) < 5 else None
    options = msgspec.structs.replace(QUICK, batch_records=10)
    with SpoolWriter(tmp_path / "a") as writer:
        for number in range(30):
            assert writer.offer(call(number))
            wait_until(lambda: writer.queued_bytes == 0)
        async with running(tmp_path, store, options):
            await store.until(lambda: len(store.numbers) == 30)
    assert store.numbers == list(range(30))
    assert len(set(store.sent[:5])) == 1, "another batch went before it"
