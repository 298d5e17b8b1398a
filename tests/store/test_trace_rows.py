"""Rows of traces: whatever came, changed or went, they say what the spans say."""

import random
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pilothouse.domain.activity import ActivityFilter
from pilothouse.domain.keeping import Kind, Subject
from pilothouse.domain.money import CostStatus
from pilothouse.domain.reading import TraceFilter
from pilothouse.domain.span import Span, SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.store.telemetry import listing, trace_rows
from pilothouse.store.telemetry.archive import Archive
from pilothouse.store.telemetry.batches import BUCKETS
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.removal import Places
from pilothouse.store.telemetry.rollup_building import Pace, sweep, tidy, touched
from pilothouse.store.telemetry.schema import Layout
from tests.embedded_store import StoreProcess, own_store
from tests.spans import BASE_NS, make_span, new_project

AT_ONCE = Pace(settle_s=0, pause_s=0, minutes_s=10**9)
FIVE_NS = 300 * 10**9
LOW_NS = BASE_NS // FIVE_NS * FIVE_NS
LENGTH_NS = 8 * FIVE_NS
NAMES = (
    "user_id", "session_id", "user_id_last_ns", "session_id_last_ns", "first_ns", "last_ns", "ended_ns", "ttft_ns",
    "errors", "calls", "tokens", "inconsistent", "cost", "unpriced", "models",
)  # fmt: skip

store_process = own_store()
"""Of this file's own: rows are built for all that is in it."""


class _Row(msgspec.Struct):
    trace_id: str
    user_id: str
    session_id: str
    user_id_last_ns: int
    session_id_last_ns: int
    first_ns: int
    last_ns: int
    ended_ns: int
    ttft_ns: int | None
    errors: int
    calls: int
    tokens: list[int]
    inconsistent: bool
    cost: Decimal | None
    unpriced: int
    models: list[str]


@pytest.fixture
async def connection(telemetry: Telemetry, store_process: StoreProcess) -> AsyncIterator[Connection]:
    connection = Connection(store_process.options())
    yield connection
    await connection.close()


class History:
    """Traces whose spans lie in several five minutes, and come, change and go."""

    def __init__(self, seed: int, telemetry: Telemetry, connection: Connection, low_ns: int = LOW_NS) -> None:
        self.low_ns = low_ns
        self.rnd = random.Random(seed)
        self.project = new_project()
        self._telemetry = telemetry
        self._connection = connection
        self._traces = [uuid.UUID(int=self.rnd.getrandbits(128)).hex for _ in range(12)]
        self.spans: dict[tuple[str, str], Span] = {}

    def span(self, **same: Any) -> Span:
        rnd = self.rnd
        priced = rnd.random() < 0.6
        plain = make_span(
            self.project, trace_id=rnd.choice(self._traces), span_id=f"{rnd.getrandbits(64):016x}",
            started_at_ns=self.low_ns + rnd.randrange(LENGTH_NS), duration_ns=rnd.randrange(900 * 10**9),
            kind=rnd.choice([SpanKind.LLM, SpanKind.LLM, SpanKind.TOOL]), wrapper=rnd.random() < 0.2,
            status=rnd.choice([SpanStatus.OK, SpanStatus.OK, SpanStatus.ERROR]),
            user_id=rnd.choice(["", "", "ada", "grace"]), session_id=rnd.choice(["", "one", "two"]),
            first_token_ns=rnd.choice([None, rnd.randrange(10**9)]), model_served=rnd.choice(["", "gpt-5", "acme"]),
            usage=Usage(input_tokens=rnd.randrange(99), output_tokens=rnd.randrange(99),
                        inconsistent=rnd.random() < 0.1),
            cost_usd=Decimal(rnd.randrange(10**6)) / 10**9 if priced else None,
            cost_status=CostStatus.PRICED if priced else CostStatus.UNPRICED, running=rnd.random() < 0.3,
            source=rnd.choice(["gateway", "langfuse"]), native_id=rnd.choice(["", "", "trace 7"]),
        )  # fmt: skip
        return msgspec.structs.replace(plain, **same)

    async def come(self) -> None:
        fresh = [self.span() for _ in range(15)]
        self.spans |= {(one.trace_id, one.span_id): one for one in fresh}
        await self._telemetry.insert(fresh, uuid.uuid4().hex, [])

    async def change(self) -> None:
        rows: list[Span] = []
        for key, before in self.rnd.sample(sorted(self.spans.items(), key=lambda one: one[0]), 3):
            after = self.span(trace_id=before.trace_id, span_id=before.span_id)
            if after.started_at_ns // FIVE_NS != before.started_at_ns // FIVE_NS:
                rows.append(msgspec.structs.replace(before, deleted=True))
            rows.append(after)
            self.spans[key] = after
        await self._telemetry.insert(rows, uuid.uuid4().hex)

    async def end(self) -> None:
        running = sorted(((key, one) for key, one in self.spans.items() if one.is_open), key=lambda item: item[0])
        for key, before in self.rnd.sample(running, min(5, len(running))):
            names = ("trace_id", "span_id", "started_at_ns", "source", "native_id")
            same = {name: getattr(before, name) for name in names}
            self.spans[key] = after = self.span(**same)
            # As ingest says: no row of a span that had ended is replaced.
            await self._telemetry.insert([after], uuid.uuid4().hex, [])

    async def go(self) -> None:
        gone = self.rnd.choice(sorted(self.spans))[0]
        starts = [one.started_at_ns // 10**9 for one in self.spans.values() if one.trace_id == gone]
        # Earlier versions of its spans may lie anywhere.
        starts += [at_ns // 10**9 for at_ns in range(self.low_ns, self.low_ns + LENGTH_NS, FIVE_NS)]
        sql = "DELETE FROM spans WHERE project_id = {project:String} AND trace_id = {trace:String}"
        query = Query("delete", sql, {"project": self.project, "trace": gone})
        await self._connection.change(query, {"lightweight_deletes_sync": 2})
        await touched(self._connection, self.project, starts)
        self.spans = {key: one for key, one in self.spans.items() if key[0] != gone}

    async def build(self) -> None:
        await sweep(self._connection, pace=AT_ONCE)

    async def build_parts(self) -> None:
        pace = Pace(settle_s=600, pause_s=0, part_rows=1)
        await sweep(self._connection, time.time_ns() // 1000 + 1, pace, parts_from_s=self.low_ns // 10**9)

    async def settle(self) -> None:
        await self.build()
        while await sweep(self._connection, pace=AT_ONCE):
            pass

    def told(self, low_ns: int, high_ns: int) -> dict[str, _Row]:
        """What the spans say, as is to be read of them."""
        groups: dict[str, list[Span]] = {}
        for one in sorted(self.spans.values(), key=lambda span: (span.started_at_ns, span.span_id)):
            if low_ns <= one.started_at_ns < high_ns:
                groups.setdefault(one.trace_id, []).append(one)
        return {trace_id: _row(spans) for trace_id, spans in groups.items()}


def _row(spans: list[Span]) -> _Row:
    calls = [one for one in spans if one.kind is SpanKind.LLM]
    counted = [one for one in calls if not one.wrapper]
    costs = [one.cost_usd for one in counted if one.cost_usd is not None]
    return _Row(
        trace_id=spans[0].trace_id,
        user_id=next((one.user_id for one in spans if one.user_id), ""),
        session_id=next((one.session_id for one in spans if one.session_id), ""),
        user_id_last_ns=max((one.started_at_ns for one in spans if one.user_id), default=0),
        session_id_last_ns=max((one.started_at_ns for one in spans if one.session_id), default=0),
        first_ns=spans[0].started_at_ns,
        last_ns=spans[-1].started_at_ns,
        ended_ns=max(one.started_at_ns + one.duration_ns for one in spans),
        ttft_ns=next((one.first_token_ns for one in calls if one.first_token_ns is not None), None),
        errors=sum(one.status is SpanStatus.ERROR for one in spans),
        calls=len(counted),
        tokens=[sum(getattr(one.usage, bucket) for one in counted if one.usage) for bucket in BUCKETS],
        inconsistent=any(one.usage.inconsistent for one in spans if one.usage),
        cost=sum(costs, Decimal(0)) if costs else None,
        unpriced=sum(one.cost_usd is None for one in counted),
        models=sorted({one.model_served for one in spans if one.model_served}),
    )


async def _rows(connection: Connection, project: str, low_ns: int, high_ns: int) -> dict[str, _Row]:
    found = await trace_rows.source(connection, project, (low_ns, high_ns), NAMES)
    rows = await connection.select(Query("rows", found.statement("%SOURCE%"), found.parameters), _Row)
    by_id = {row.trace_id: msgspec.structs.replace(row, models=sorted(row.models)) for row in rows}
    assert len(by_id) == len(rows)
    return by_id


async def _agree(history: History, connection: Connection) -> None:
    start_ns = history.low_ns
    ranges = [(start_ns, start_ns + LENGTH_NS), (start_ns - 7, start_ns + LENGTH_NS // 2 + 10**9)]
    low_ns = start_ns + history.rnd.randrange(LENGTH_NS)
    ranges.append((low_ns, low_ns + history.rnd.randrange(LENGTH_NS)))
    for low_ns, high_ns in ranges:
        assert await _rows(connection, history.project, low_ns, high_ns) == history.told(low_ns, high_ns)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_rows_say_what_the_spans_say(telemetry: Telemetry, connection: Connection, seed: int) -> None:
    history = History(seed, telemetry, connection)
    await history.come()
    for _ in range(8):
        await history.rnd.choice([history.come, history.change, history.change, history.go, history.build,
                                  history.build])()  # fmt: skip
        await _agree(history, connection)
    await history.settle()
    assert await _raw(connection, history) == "[]"
    await _agree(history, connection)
    await tidy(connection, Layout(), stale_s=0)
    await _agree(history, connection)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_parts_say_what_the_spans_say(telemetry: Telemetry, connection: Connection, seed: int) -> None:
    low_ns = (time.time_ns() - LENGTH_NS) // FIVE_NS * FIVE_NS
    history = History(seed, telemetry, connection, low_ns)
    told = 0
    for _ in range(9):
        await history.come()
        await history.rnd.choice([history.change, history.end, history.build_parts, history.build_parts])()
        await history.rnd.choice([history.end, history.build_parts])()
        await _agree(history, connection)
        found = await trace_rows.source(connection, history.project, (low_ns, low_ns + LENGTH_NS), NAMES)
        told += "part_0" in found.parameters
        if history.rnd.random() < 0.3:
            # Other five minutes have parts again.
            history.low_ns = low_ns = low_ns - LENGTH_NS // 2
    assert told


async def _raw(connection: Connection, history: History) -> object:
    found = await trace_rows.source(connection, history.project, (LOW_NS, LOW_NS + LENGTH_NS), NAMES)
    return found.parameters["unheld"]


async def test_lists_of_users_and_of_traces_by_cost_are_made_of_rows(
    telemetry: Telemetry, connection: Connection
) -> None:
    history = History(7, telemetry, connection)
    for _ in range(6):
        await history.come()
    answers: list[object] = []
    for _ in range(2):
        answers.append([await _asked(connection, telemetry, history)])
        await history.settle()
        assert await _raw(connection, history) == "[]"
    assert answers[0] == answers[1]


async def _asked(connection: Connection, telemetry: Telemetry, history: History) -> object:
    from_at = datetime.fromtimestamp(LOW_NS / 1e9 - 86_400, UTC)
    to_at = datetime.fromtimestamp((LOW_NS + LENGTH_NS) / 1e9, UTC)
    told = history.told(LOW_NS, LOW_NS + LENGTH_NS)
    costs = {one.trace_id: one.cost if one.cost is not None else Decimal(-1) for one in told.values()}
    by_cost = sorted(costs, key=lambda one: (costs[one], one), reverse=True)
    wanted = TraceFilter(project_id=history.project, from_at=from_at, to_at=to_at, sort="cost", limit=5)
    first = await listing.fetch(connection, wanted)
    second = await listing.fetch(connection, msgspec.structs.replace(wanted, cursor=first.next_cursor or "", limit=50))
    assert [one.trace_id for one in (*first.items, *second.items)] == by_cost
    asked = ActivityFilter(project_id=history.project, from_at=from_at, to_at=to_at, sort="traces")
    users = (await telemetry.users(asked)).items
    assert {one.user_id for one in users} == {one.user_id for one in told.values()} - {""}
    for one in users:
        its = [row for row in told.values() if row.user_id == one.user_id]
        assert one.trace_count == len(its)
        assert one.error_count == sum(row.errors > 0 for row in its)
        assert one.cost_usd == sum((row.cost or Decimal(0) for row in its), Decimal(0))
        assert one.session_count == len({row.session_id for row in its} - {""})
    return users, first.items, second.items


async def test_nothing_of_a_user_who_was_removed_stays_in_rows(
    telemetry: Telemetry, connection: Connection, store_process: StoreProcess
) -> None:
    history = History(5, telemetry, connection)
    await history.come()
    await history.settle()
    archive = Archive(store_process.options())
    wanted = Places(history.project, Subject.USER, "ada")
    ids = await archive.traces_of(wanted)
    assert ids
    await archive.hide(wanted, ids)
    await archive.erase()
    for table in ("trace_figures", "rollup_figures"):
        sql = f"{'SELECT'} count() AS n FROM {table} WHERE project_id = {{project:String}} AND user_id = 'ada'"
        found = await connection.select(Query("left", sql, {"project": history.project}), dict[str, int])
        assert found == [{"n": 0}], table
    await archive.close()


async def test_what_is_too_old_goes_from_rows_with_its_spans(
    telemetry: Telemetry, connection: Connection, store_process: StoreProcess
) -> None:
    history = History(6, telemetry, connection)
    await history.come()
    await history.settle()
    archive = Archive(store_process.options())
    before_ns = LOW_NS + LENGTH_NS // 2 + 60 * 10**9
    await archive.hide_older(history.project, Kind.SPANS, before_ns)
    history.spans = {
        key: one for key, one in history.spans.items() if one.started_at_ns >= before_ns // FIVE_NS * FIVE_NS
    }
    await _agree(history, connection)
    for table in ("trace_figures", "rollup_figures"):
        sql = f"{'SELECT'} count() AS n FROM {table} WHERE project_id = {{project:String}} AND at < {{before:DateTime}}"
        its: dict[str, Parameter] = {"project": history.project, "before": before_ns // FIVE_NS * 300}
        assert await connection.select(Query("left", sql, its), dict[str, int]) == [{"n": 0}], table
    await history.settle()
    await _agree(history, connection)
    await archive.close()
