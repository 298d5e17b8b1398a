"""Rollups: whatever came, changed or went, they say what the spans say."""

import random
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from pilothouse.domain.keeping import Kind, Subject
from pilothouse.domain.query.aggregate import Aggregate, Table, group, measure
from pilothouse.domain.query.parser import parse
from pilothouse.domain.reading import OverviewFilter
from pilothouse.domain.span import Span
from pilothouse.errors import InvalidRequest
from pilothouse.store.telemetry import overview, query_batch, rollups
from pilothouse.store.telemetry.archive import Archive
from pilothouse.store.telemetry.clause import Conditions
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.connection import Connection, Query
from pilothouse.store.telemetry.removal import Places
from pilothouse.store.telemetry.rollup_building import Pace, sweep, tidy, touched, touched_before
from pilothouse.store.telemetry.rollup_cover import MAX_RAW, Dirty, Range, cover
from pilothouse.store.telemetry.rollups import Wanted, aspect_of, columns_of
from pilothouse.store.telemetry.schema import Layout
from tests.embedded_store import StoreProcess, own_store
from tests.spans import BASE_NS, Traffic, new_project

DAYS = 3
AT_ONCE = Pace(settle_s=0, pause_s=0, minutes_s=10**9)
START = datetime.fromtimestamp(BASE_NS / 1e9, UTC)


store_process = own_store()
"""Of this file's own: rollups are built for all that is in it."""


@pytest.fixture
async def connection(telemetry: Telemetry, store_process: StoreProcess) -> AsyncIterator[Connection]:
    connection = Connection(store_process.options())
    yield connection
    await connection.close()


async def _agree(connection: Connection, project: str, rnd: random.Random) -> None:
    """Every range is answered by rollups as by the spans."""
    ranges = [(timedelta(0), timedelta(days=DAYS))]
    ranges.append((timedelta(seconds=rnd.randrange(86400)), timedelta(seconds=rnd.randrange(90_000, DAYS * 86400))))
    for low, high in ranges:
        asked = OverviewFilter(
            project_id=project, from_at=START + low, to_at=START + high, models=rnd.choice([(), ("gpt-5",)])
        )
        told = await overview.fetch(connection, asked)
        assert told == await overview.fetch(connection, asked, rolled=False)
    low, high = ranges[-1]
    await _sums_agree(connection, project, START + low, START + high)
    from_at = START + timedelta(seconds=rnd.randrange((DAYS - 1) * 86400))
    hour = OverviewFilter(project_id=project, from_at=from_at, to_at=from_at + timedelta(seconds=rnd.randrange(7200)))
    assert await overview.fetch(connection, hour) == await overview.fetch(connection, hour, rolled=False)
    await _minutes_agree(connection, project, from_at, from_at + timedelta(seconds=rnd.randrange(3600, 86400)))


async def _sums_agree(connection: Connection, project: str, from_at: datetime, to_at: datetime) -> None:
    """Figures by what has many values, and by days, are those of the spans."""
    await _equal(connection, project, (from_at, to_at), (("user",), ("key", "model"), ("time:1d", "status"),
                 ("time:1h",), ()))  # fmt: skip


async def _minutes_agree(connection: Connection, project: str, from_at: datetime, to_at: datetime) -> None:
    await _equal(connection, project, (from_at, to_at), (("time:1m", "model"), ("user",), ("key",)))


async def _equal(
    connection: Connection, project: str, times: tuple[datetime, datetime], grouped: tuple[tuple[str, ...], ...]
) -> None:
    tables: list[list[object]] = []
    for text in ("", "-name:nobody"):
        asked = [
            Aggregate(
                project_id=project, from_at=times[0], to_at=times[1], query=parse(text), limit=1000,
                groups=tuple(group(one, "spans") for one in groups),
                measures=(measure("count", "spans"), measure("error_rate", "spans")),
            )
            for groups in grouped
        ]  # fmt: skip
        tables.append([_sorted(one) for one in await query_batch.fetch_all(connection, asked)])
    assert tables[0] == tables[1]


def _sorted(found: query_batch.Answer) -> object:
    assert isinstance(found, Table)
    return sorted(map(repr, found.rows))


class History:
    """Spans of a project, which come, change and go."""

    def __init__(self, project: str, seed: int, telemetry: Telemetry, connection: Connection) -> None:
        self.rnd = random.Random(seed)
        self._project = project
        self._telemetry = telemetry
        self._connection = connection
        self._traffic = Traffic(project, seed, DAYS * 86400)
        self.spans: list[Span] = []
        self._starts_s: dict[str, set[int]] = {}

    async def come(self) -> None:
        fresh = [self._traffic.call() for _ in range(60)]
        self.spans += fresh
        await self._insert(fresh)

    async def change(self) -> None:
        """Patches come late: other figures, other starts, in the same five minutes or in others."""
        rows: list[Span] = []
        for index in self.rnd.sample(range(len(self.spans)), min(8, len(self.spans))):
            before = self.spans[index]
            other = self._traffic.call(trace_id=before.trace_id, span_id=before.span_id)
            start_ns = self.rnd.choice([before.started_at_ns, before.started_at_ns // (300 * 10**9) * 300 * 10**9,
                                        other.started_at_ns])  # fmt: skip
            after = msgspec.structs.replace(other, started_at_ns=start_ns, wrapper=self.rnd.random() < 0.3)
            if after.started_at_ns // (300 * 10**9) != before.started_at_ns // (300 * 10**9):
                rows.append(msgspec.structs.replace(before, deleted=True))
            rows.append(after)
            self.spans[index] = after
        await self._insert(rows)

    async def go(self) -> None:
        """Traces are removed, and all that began before some time."""
        gone = {span.trace_id for span in self.rnd.sample(self.spans, min(5, len(self.spans)))}
        starts = [at_s for trace_id in gone for at_s in self._starts_s[trace_id]]
        await self._delete("has({ids:Array(String)}, trace_id)", {"ids": sorted(gone)})
        await touched(self._connection, self._project, starts)
        before_ns = BASE_NS // (300 * 10**9) * 300 * 10**9 + self.rnd.randrange(40) * 300 * 10**9
        await self._delete("started_at < fromUnixTimestamp64Nano({ns:Int64})", {"ns": before_ns})
        await touched_before(self._connection, self._project, before_ns // 10**9)
        self.spans = [one for one in self.spans if one.trace_id not in gone and one.started_at_ns >= before_ns]

    async def build(self) -> None:
        await sweep(self._connection, pace=AT_ONCE)

    async def settle(self) -> None:
        """Build until all is built: what is long of what is short."""
        await self.build()
        while await sweep(self._connection, pace=AT_ONCE):
            pass

    async def _insert(self, rows: list[Span]) -> None:
        for row in rows:
            self._starts_s.setdefault(row.trace_id, set()).add(row.started_at_ns // 10**9)
        await self._telemetry.insert(rows, uuid.uuid4().hex)

    async def _delete(self, where: str, parameters: dict[str, object]) -> None:
        sql = " ".join(("DELETE FROM spans WHERE project_id = {project:String} AND", where))
        query = Query("delete", sql, {"project": self._project, **parameters})  # type: ignore[dict-item]
        await self._connection.change(query, {"lightweight_deletes_sync": 2})


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 3, 4])
async def test_rollups_answer_as_the_spans_do(telemetry: Telemetry, connection: Connection, seed: int) -> None:
    project = new_project()
    history = History(project, seed, telemetry, connection)
    await history.come()
    for _ in range(7):
        await history.rnd.choice([history.come, history.change, history.change, history.go, history.build,
                                  history.build])()  # fmt: skip
        await _agree(connection, project, history.rnd)
    await history.settle()
    await tidy(connection, Layout(), stale_s=0)
    await _agree(connection, project, history.rnd)


def _by_model(step_s: int = 86400) -> Wanted:
    return Wanted(keys={"model": "model"}, step_s=step_s, filter=Conditions((), {}), columns=frozenset({"model"}))


async def test_settled_time_is_read_from_rollups_alone(telemetry: Telemetry, connection: Connection) -> None:
    project = new_project()
    history = History(project, 1, telemetry, connection)
    await history.come()
    low_ns = BASE_NS // (86400 * 10**9) * 86400 * 10**9
    during = Range(project_id=project, from_ns=low_ns, to_ns=low_ns + 4 * 86400 * 10**9)
    before = await rollups.figures(connection, during, [_by_model()])
    assert before.parameters["raw"] != "[]"
    await history.settle()
    after = await rollups.figures(connection, during, [_by_model()])
    assert after.parameters["raw"] == "[]"
    assert (after.parameters["days_apart"], after.parameters["hours_apart"]) == ("[]", "[]")
    assert (await rollups.figures(connection, during, [_by_model(60)])).parameters["raw"] == "[]"
    first_ns = history.spans[0].started_at_ns
    divided = Range(project_id=project, from_ns=first_ns, to_ns=low_ns + 4 * 86400 * 10**9)
    for step_s in (86400, 60):
        # No row of it was replaced, so none has to be merged.
        its = (await rollups.figures(connection, divided, [_by_model(step_s)])).parameters
        assert (its["fives"], its["single"]) == ("[]", f"[{first_ns // (300 * 10**9) * 300}]")
    await history.change()
    for step_s in (86400, 60):
        assert (await rollups.figures(connection, during, [_by_model(step_s)])).parameters["raw"] != "[]"
    await history.settle()
    await tidy(connection, Layout())
    assert (await rollups.figures(connection, during, [_by_model()])).parameters["raw"] == "[]"
    # Of minutes that long ago none are kept.
    assert (await rollups.figures(connection, during, [_by_model(60)])).parameters["raw"] != "[]"


async def test_what_came_lately_is_read_from_spans_until_it_settles(
    telemetry: Telemetry, connection: Connection
) -> None:
    project = new_project()
    history = History(project, 2, telemetry, connection)
    await history.come()
    for _ in range(2):
        await sweep(connection, pace=Pace(settle_s=60, pause_s=0))
    during = Range(project_id=project, from_ns=BASE_NS, to_ns=BASE_NS + 4 * 86400 * 10**9)
    raw = (await rollups.figures(connection, during, [_by_model(300)])).parameters["raw"]
    starts = {span.started_at_ns // (300 * 10**9) * 300 for span in history.spans}
    assert starts <= set(msgspec.json.decode(str(raw).encode()))


class Lately:
    """Spans of the last minutes, which come, change and go while rollups of them are built in parts."""

    def __init__(self, seed: int, telemetry: Telemetry, connection: Connection) -> None:
        self.rnd = random.Random(seed)
        self.project = new_project()
        self._telemetry = telemetry
        self._connection = connection
        self._traffic = Traffic(self.project, seed, 900)
        self._now_ns = time.time_ns()
        self.spans: list[Span] = []

    async def come(self) -> None:
        fresh = [self._recent(self._traffic.call()) for _ in range(40)]
        self.spans += fresh
        await self._telemetry.insert(fresh, uuid.uuid4().hex, [])

    async def change(self, before: Span | None = None) -> None:
        before = before or self.rnd.choice(self.spans)
        after = msgspec.structs.replace(before, duration_ns=self.rnd.randrange(10**9), model_served="other")
        self.spans[self.spans.index(before)] = after
        await self._telemetry.insert([after], uuid.uuid4().hex)

    async def end(self) -> None:
        """Spans end, or something else is said of them before they do."""
        running = [one for one in self.spans if one.is_open]
        for before in self.rnd.sample(running, min(5, len(running))):
            after = msgspec.structs.replace(
                before, duration_ns=self.rnd.randrange(10**9), running=self.rnd.random() < 0.2
            )
            self.spans[self.spans.index(before)] = after
            # As ingest says: no row of a span that had ended is replaced.
            await self._telemetry.insert([after], uuid.uuid4().hex, [])

    async def go(self) -> None:
        gone = self.rnd.choice(self.spans)
        await touched(self._connection, self.project, [gone.started_at_ns // 10**9])
        sql = "DELETE FROM spans WHERE project_id = {project:String} AND trace_id = {trace:String}"
        query = Query("delete", sql, {"project": self.project, "trace": gone.trace_id})
        await self._connection.change(query, {"lightweight_deletes_sync": 2})
        self.spans = [one for one in self.spans if one.trace_id != gone.trace_id]

    async def build(self) -> None:
        pace = Pace(settle_s=600, pause_s=0, part_rows=1)
        await sweep(self._connection, time.time_ns() // 1000 + 1, pace, parts_from_s=self._now_ns // 10**9 - 1800)

    async def agree(self) -> None:
        for low_s in (0, self.rnd.randrange(900), self.rnd.randrange(900)):
            from_at = datetime.fromtimestamp(self._now_ns / 1e9 - 900 + low_s, UTC)
            # Behind all spans, at the last of them, or among them.
            past_s = self.rnd.choice([-10, 0, self.rnd.randrange(900)])
            to_at = max(from_at, datetime.fromtimestamp(self._now_ns / 1e9 - past_s, UTC))
            asked = OverviewFilter(project_id=self.project, from_at=from_at, to_at=to_at)
            assert await overview.fetch(self._connection, asked) == await overview.fetch(
                self._connection, asked, rolled=False
            )
            await _minutes_agree(self._connection, self.project, from_at, to_at)
            await _equal(self._connection, self.project, (from_at, to_at), (("time:5m",), ("time:1h", "model"), ()))

    def during(self) -> Range:
        return Range(project_id=self.project, from_ns=self._now_ns - 900 * 10**9, to_ns=time.time_ns())

    def _recent(self, span: Span) -> Span:
        started_at_ns = self._now_ns - self.rnd.randrange(900 * 10**9)
        kept = {"source": "langfuse", "native_id": "trace 7"} if self.rnd.random() < 0.2 else {}
        return msgspec.structs.replace(span, started_at_ns=started_at_ns, running=self.rnd.random() < 0.3, **kept)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_is_built_in_parts_answers_as_the_spans_do(
    telemetry: Telemetry, connection: Connection, seed: int
) -> None:
    lately = Lately(seed, telemetry, connection)
    await lately.come()
    told = 0
    for _ in range(12):
        await lately.rnd.choice([lately.come, lately.come, lately.build, lately.build, lately.end, lately.end,
                                 lately.rnd.choice([lately.change, lately.go, lately.end])])()  # fmt: skip
        await lately.agree()
        told += len(await _in_parts(connection, lately.during()))
    assert told


async def test_five_minutes_that_are_not_over_are_read_from_parts_until_a_row_is_replaced(
    telemetry: Telemetry, connection: Connection
) -> None:
    lately = Lately(4, telemetry, connection)
    during = lately.during()
    for _ in range(2):
        await lately.come()
        await lately.build()
        await lately.end()
    told = await _in_parts(connection, during)
    assert len(told) == 3
    await lately.agree()
    in_them = (one for one in lately.spans if one.started_at_ns // (300 * 10**9) * 300 in told)
    changed = next(one for one in in_them if not one.is_open)
    await lately.change(changed)
    assert changed.started_at_ns // (300 * 10**9) * 300 not in await _in_parts(connection, during)
    await lately.build()
    await tidy(connection, Layout(), stale_s=0)
    await lately.agree()


async def _in_parts(connection: Connection, during: Range) -> list[int]:
    its = (await rollups.figures(connection, during, [_by_model(60)])).parameters
    if "part_fives" not in its:
        return []
    return msgspec.json.decode(str(its["part_fives"]).encode(), type=list[int])


async def test_what_may_still_be_coming_in_is_read_from_spans(telemetry: Telemetry, connection: Connection) -> None:
    project = new_project()
    history = History(project, 6, telemetry, connection)
    before_us = time.time_ns() // 1000
    await history.come()
    during = Range(project_id=project, from_ns=BASE_NS, to_ns=BASE_NS + 4 * 86400 * 10**9)
    for _ in range(4):
        await sweep(connection, before_us, AT_ONCE)
        assert (await rollups.figures(connection, during, [_by_model()])).parameters["raw"] != "[]"
    await history.settle()
    await sweep(connection, time.time_ns() // 1000 + 1, AT_ONCE)
    raw = (await rollups.figures(connection, during, [_by_model()])).parameters["raw"]
    assert len(msgspec.json.decode(str(raw).encode())) <= 2
    await _agree(connection, project, history.rnd)


async def test_what_was_built_rests_before_it_is_built_anew(telemetry: Telemetry, connection: Connection) -> None:
    project = new_project()
    history = History(project, 7, telemetry, connection)
    await history.come()
    await history.settle()
    await telemetry.insert([msgspec.structs.replace(one, duration_ns=5) for one in history.spans[:5]], "again")
    during = Range(project_id=project, from_ns=BASE_NS, to_ns=BASE_NS + 4 * 86400 * 10**9)
    for _ in range(2):
        await sweep(connection, time.time_ns() // 1000, Pace(settle_s=60, pause_s=0))
        raw = (await rollups.figures(connection, during, [_by_model()])).parameters["raw"]
        assert len(msgspec.json.decode(str(raw).encode())) >= 5
    await _agree(connection, project, history.rnd)


async def test_what_is_deleted_or_too_old_leaves_the_rollups(
    telemetry: Telemetry, connection: Connection, store_process: StoreProcess
) -> None:
    project = new_project()
    history = History(project, 3, telemetry, connection)
    await history.come()
    await history.settle()
    archive = Archive(store_process.options())
    try:
        ada = Places(project, Subject.USER, "ann")
        await archive.hide(ada, await archive.traces_of(ada))
        await _agree(connection, project, history.rnd)
        await archive.hide_older(project, Kind.SPANS, BASE_NS + 20 * 3600 * 10**9)
        await _agree(connection, project, history.rnd)
    finally:
        await archive.close()


async def test_figures_of_queries_are_the_same_from_rollups_and_from_spans(telemetry: Telemetry) -> None:
    project = new_project()
    traffic = Traffic(project, 5, 3 * 3600)
    await telemetry.insert([traffic.call() for _ in range(200)], uuid.uuid4().hex)
    measures = ("count", "error_rate", "sum(tokens)", "sum(cost_usd)", "p95(latency_ms)", "p50(ttft_ms)")
    tables: list[Table] = []
    for text in ("provider:openai", "provider:openai -user:nobody"):
        asked = Aggregate(
            project_id=project, from_at=START, to_at=START + timedelta(hours=3), query=parse(text),
            groups=(group("time:5m", "spans"), group("model", "spans")),
            measures=tuple(measure(one, "spans") for one in measures), limit=1000,
        )  # fmt: skip
        assert (aspect_of(columns_of(asked.query) or ()) is not None) is (text == "provider:openai")
        tables.append(await telemetry.figures(asked))
    rolled, read = tables
    assert len(rolled.rows) == len(read.rows) > 50
    for one, other in zip(rolled.rows, read.rows, strict=True):
        assert (one["time:5m"], one["model"], one["count"]) == (other["time:5m"], other["model"], other["count"])
        for name in measures[1:4]:
            # Nothing that could have a price is 0 in the one and no value in the other.
            assert (one[name] or 0) == pytest.approx(other[name] or 0)
        if one["count"] == 1:
            for name in measures[4:]:
                assert one[name] == (pytest.approx(other[name], rel=0.01) if other[name] is not None else None)


async def test_of_rows_over_time_only_the_leading_groups_are_shown(telemetry: Telemetry) -> None:
    project = new_project()
    traffic = Traffic(project, 7, 3 * 3600)
    await telemetry.insert([traffic.call() for _ in range(200)], uuid.uuid4().hex)
    for text in ("provider:openai", "provider:openai -user:nobody"):
        asked = Aggregate(
            project_id=project, from_at=START, to_at=START + timedelta(hours=3), query=parse(text), limit=1000,
            groups=(group("time:1h", "spans"), group("model", "spans")), measures=(measure("count", "spans"),),
        )  # fmt: skip
        every = await telemetry.figures(asked)
        counts: dict[object, float] = {}
        for row in every.rows:
            counts[row["model"]] = counts.get(row["model"], 0) + float(row["count"] or 0)
        leading = sorted(counts, key=lambda model: (-counts[model], str(model)))
        assert len(leading) > 2
        for top in (1, 2, len(leading), len(leading) + 1):
            found = await telemetry.figures(msgspec.structs.replace(asked, top=top))
            assert found.rows == [row for row in every.rows if row["model"] in leading[:top]]
            assert found.more is (top < len(leading))


async def test_what_one_question_lacks_another_is_told(telemetry: Telemetry, connection: Connection) -> None:
    project = new_project()
    await telemetry.insert([Traffic(project, 8, 3600).call()], uuid.uuid4().hex)
    plain = Aggregate(
        project_id=project, from_at=START, to_at=START + timedelta(days=30), measures=(measure("count", "spans"),)
    )
    many = msgspec.structs.replace(plain, groups=(group("time:1s", "spans"),))
    found = await query_batch.fetch_all(connection, [many, plain])
    assert isinstance(found[0], InvalidRequest)
    assert isinstance(found[1], Table)
    assert found[1].rows == [{"count": 1}]


def test_edges_and_cuts_are_read_from_spans() -> None:
    hour_ns = 3600 * 10**9
    during = Range(
        project_id="p", from_ns=100 * hour_ns + 7, to_ns=110 * hour_ns, cuts_ns=(105 * hour_ns + 301 * 10**9,)
    )
    dirty = [Dirty(300, 103 * 3600 + 600), Dirty(300, 0), Dirty(3600, 103 * 3600), Dirty(3600, 200 * 3600),
             Dirty(86400, 4 * 86400)]  # fmt: skip
    found = cover(during, dirty)
    assert found is not None
    assert (found.first_s, found.end_s) == (100 * 3600, 110 * 3600)
    assert found.days_apart == (4 * 86400,)
    assert found.hours_apart == (100 * 3600, 103 * 3600, 105 * 3600)
    assert found.raw == (100 * 3600, 103 * 3600 + 600, 105 * 3600 + 300)


def test_a_day_is_read_from_hours_where_something_in_it_does_not_hold() -> None:
    day_ns = 86400 * 10**9
    during = Range(project_id="p", from_ns=day_ns, to_ns=5 * day_ns)
    found = cover(during, [Dirty(300, 2 * 86400 + 300), Dirty(3600, 3 * 86400)])
    assert found is not None
    assert found.days_apart == (2 * 86400, 3 * 86400)
    assert found.hours_apart == (2 * 86400, 3 * 86400)
    assert found.raw == (2 * 86400 + 300,)


def test_with_too_much_in_motion_all_is_read_from_spans() -> None:
    during = Range(project_id="p", from_ns=0, to_ns=10**9 * 300 * 10_000)
    assert cover(during, [Dirty(300, at * 300) for at in range(MAX_RAW + 1)]) is None


def test_the_narrowest_aspect_that_has_all_is_read() -> None:
    found = [aspect_of(columns) for columns in ({"model", "is_call"}, {"model", "key_id"}, {"user_id", "kind"},
             {"user_id", "model"}, {"tags"}, set[str]())]  # fmt: skip
    assert found == [0, 1, 2, None, None, 0]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", True), ("model:gpt* status:error", True), ("-(provider:openai OR environment:prod)", True),
        ("streamed:true", True), ("has:prompt", True), ("user:ada", True), ("refund", False), ("tag:a", False),
        ("latency_ms>5", False), ("metadata.plan:pro", False), ("name:chat", False), ("root:true", False),
    ],
)  # fmt: skip
def test_a_query_needs_spans_where_rollups_lack_its_fields(text: str, kept: bool) -> None:
    assert (columns_of(parse(text)) is not None) is kept
