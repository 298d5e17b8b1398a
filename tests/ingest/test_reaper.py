"""Spans whose end is never said are closed, also after a restart and when there are too many for the memory."""

import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest

from pilothouse.domain.clock import FakeClock
from pilothouse.domain.holding import Node
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.reading import SpanDetail
from pilothouse.ingest.options import IngestOptions
from pilothouse.ingest.reaper import Reaper
from pilothouse.ingest.recent import OpenSpans, RecentTraces
from pilothouse.store.telemetry import held
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from tests.embedded_store import StoreProcess
from tests.ingest.patches import S, Writer, whole
from tests.spans import BASE_NS

_NODE = Node("", False, False, False, 0)
OPTIONS = IngestOptions(abandon_after_s=3600, open_spans=5)


@pytest.fixture
async def store(store_process: StoreProcess) -> AsyncIterator[Telemetry]:
    """A store that holds no other test's open spans."""
    client = Telemetry(store_process.options(database=f"reaper_{uuid.uuid4().hex}"))
    await client.migrate()
    yield client
    await client.close()


def started(number: int = 0) -> SpanPatch:
    return SpanPatch(
        project_id="p", trace_id=f"{number + 1:032x}", span_id="a" * 16, source="langsmith", at_ns=BASE_NS,
        started_at_ns=BASE_NS, name="run",
    )  # fmt: skip


async def the_span(store: Telemetry, patch: SpanPatch) -> SpanDetail:
    trace = await store.trace(patch.project_id, patch.trace_id)
    assert trace is not None
    [span] = trace.spans
    assert trace.summary.running == span.running
    return span


class House:
    """A writer and a reaper with one memory, and a clock that tests move."""

    def __init__(self, store: Telemetry) -> None:
        self.clock = FakeClock(time.time_ns())
        self.writer = Writer(store)
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self.writer.restart(clock=self.clock)
        self.reaper = Reaper(self.writer.store, self.writer.merger, self.clock, OPTIONS)


async def test_a_span_is_closed_an_hour_after_its_last_patch_and_opened_by_a_later_one(store: Telemetry) -> None:
    house, patch = House(store), started()
    await house.reaper.fill()
    await house.writer.bring([patch])
    house.clock.advance(3000)
    more = msgspec.structs.replace(patch, at_ns=BASE_NS + 90 * S, output="half", started_at_ns=None)
    await house.writer.bring([more])
    house.clock.advance(3000)
    await house.reaper.sweep()
    assert (await the_span(store, patch)).running
    house.clock.advance(700)
    await house.reaper.sweep()
    span = await the_span(store, patch)
    assert (span.running, span.abandoned, span.duration_ms, span.output) == (False, True, 90_000, "half")
    await house.writer.bring([more])
    assert (await the_span(store, patch)).abandoned, "what was known already opens nothing"
    await house.writer.bring([msgspec.structs.replace(more, at_ns=BASE_NS + 100 * S, output="whole")])
    span = await the_span(store, patch)
    assert (span.running, span.abandoned, span.output) == (True, False, "whole")
    end = msgspec.structs.replace(more, at_ns=BASE_NS + 110 * S, output=None, ended_at_ns=BASE_NS + 105 * S)
    await house.writer.bring([end])
    house.clock.advance(9000)
    await house.reaper.sweep()
    span = await the_span(store, patch)
    assert (span.running, span.abandoned, span.duration_ms) == (False, False, 105_000)


async def test_open_spans_are_known_after_a_restart(store: Telemetry) -> None:
    house, patch = House(store), started()
    await house.writer.bring([patch])
    house.restart()
    await house.reaper.fill()
    assert len(house.writer.open) == 1
    house.clock.advance(3700)
    await house.reaper.sweep()
    assert (await the_span(store, patch)).abandoned
    assert len(house.writer.open) == 0


async def test_a_whole_span_merges_with_an_open_one_of_which_only_the_open_spans_know(store: Telemetry) -> None:
    house, patch = House(store), started()
    await house.writer.bring([patch])
    house.restart()
    keep = OpenSpans(10)
    for place in await store.unended(10):
        keep.opened(place)
    house.writer.restart(clock=house.clock, open_spans=keep)
    end = whole("p", patch.trace_id, patch.span_id, name=None, at_ns=BASE_NS + S, ended_at_ns=BASE_NS + S)
    await house.writer.bring([end])
    span = await the_span(store, patch)
    assert (span.name, span.running) == ("run", False)


async def test_more_open_spans_than_fit_into_memory_are_closed_too(store: Telemetry) -> None:
    house = House(store)
    house.writer.restart(clock=house.clock, open_spans=OpenSpans(5))
    house.reaper = Reaper(store, house.writer.merger, house.clock, OPTIONS)
    await house.reaper.fill()
    patches = [started(number) for number in range(17)]
    await house.writer.bring(patches)
    assert house.writer.open.overflown
    for _ in range(12):
        house.clock.advance(3700)
        await house.reaper.sweep()
    assert await store.unended(100) == []
    assert [(await the_span(store, patch)).abandoned for patch in patches] == [True] * 17


async def test_of_millions_of_traces_the_last_are_known_without_putting_all_in_order(
    store_process: StoreProcess,
) -> None:
    database = f"recent_{uuid.uuid4().hex}"
    store = Telemetry(store_process.options(database=database))
    await store.migrate()
    await store.close()
    now_s = time.time()
    connection = Connection(store_process.options(database=database, max_query_memory_bytes=40_000_000))
    for age_s, count in ((3000, 400_000), (20, 50)):
        # In one statement: to make so many spans here would take minutes.
        rows = (
            "INSERT INTO spans (project_id, trace_id, span_id, started_at, inserted_at)"
            " SELECT 'p', concat({mark:String}, toString(number)), 'a', toDateTime64({at_s:Float64}, 9, 'UTC'),"
            " toDateTime64({at_s:Float64}, 6, 'UTC') FROM numbers({count:UInt64})"
        )
        parameters: dict[str, Parameter] = {"mark": f"{age_s}-", "at_s": now_s - age_s, "count": count}
        await connection.change(Query("many", rows, parameters), {"max_insert_threads": 1})
    after = datetime.fromtimestamp(now_s - 7200, UTC)
    for limit in (20, 50, 500):
        found = await held.recent(connection, after, limit)
        assert len(set(found)) == limit
        assert sum(trace_id.startswith("20-") for _, trace_id in found[:50]) == min(limit, 50)
    assert await held.recent(connection, datetime.fromtimestamp(now_s + 60, UTC), 10) == []
    await connection.close()


def test_recent_traces_are_bounded_and_say_where_evicted_ones_are() -> None:
    recent = RecentTraces(max_spans=3, max_traces=4)
    keys = [("p", str(number)) for number in range(9)]
    for number, key in enumerate(keys):
        node = msgspec.structs.replace(_NODE, started_at_ns=number)
        recent.remember({key: {"a": node}})
    assert [recent.shape(key) is not None for key in keys] == [False] * 6 + [True] * 3
    assert recent.stored_within(keys[5]) == (5, 5)
    assert recent.stored_within(("p", "new")) is None
    recent.doubt([keys[8]])
    assert recent.shape(keys[8]) is None
    assert recent.stored_within(keys[8]) is not None
