"""Deletion on request and retention by project, over a real store and real records of both."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from pilothouse import instruments
from pilothouse.domain.clock import FakeClock
from pilothouse.domain.comment import CommentOn, CommentPlace
from pilothouse.domain.keeping import DAY_NS, Deletion, DeletionState, Marks, Retention, Subject
from pilothouse.domain.metrics import MetricFilter, MetricKind, MetricName
from pilothouse.domain.reading import ScoreFilter, TraceFilter
from pilothouse.domain.score import Score, ScoreType
from pilothouse.domain.secret import SecretBox
from pilothouse.domain.telemetry import Exemplar, MetricPoint
from pilothouse.errors import InvalidRequest, NotFound, StoreUnavailable
from pilothouse.lifecycle.deletions import DeletionLoop, DeletionParts, Deletions
from pilothouse.lifecycle.gone import Removals
from pilothouse.lifecycle.options import LifecycleOptions
from pilothouse.lifecycle.retention import RetentionLoop, Retentions
from pilothouse.registry.comments import Author, Comments
from pilothouse.registry.registry import Registry
from pilothouse.store.metadata.comments import CommentFilter
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.telemetry.archive import Archive
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.conditions import moment
from pilothouse.store.telemetry.removal import Places
from tests.spans import BASE_NS, make_span, new_project

BOX, MARKS = SecretBox(bytes(32)), Marks(bytes(32))
OPTIONS = LifecycleOptions()


class Store:
    """The real store with the old files dropped at once, for the engine takes eight minutes for it."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.waits = 1
        self.broken = False
        self.before_count: Callable[[], Any] | None = None

    async def traces_of(self, wanted: Places) -> list[str]:
        if self.broken:
            raise StoreUnavailable("away")
        return await self._archive.traces_of(wanted)

    async def sessions_of(self, wanted: Places) -> list[str]:
        return await self._archive.sessions_of(wanted)

    async def count(self, wanted: Places, trace_ids: Sequence[str]) -> dict[str, int]:
        if self.before_count is not None:
            await self.before_count()
        return await self._archive.count(wanted, trace_ids)

    async def hide(self, wanted: Places, trace_ids: Sequence[str]) -> None:
        await self._archive.hide(wanted, trace_ids)

    async def erase(self) -> None:
        await self._archive.erase()

    async def lingering(self, before_ns: int) -> int:
        assert await self._archive.lingering(before_ns) >= 0
        self.waits -= 1
        return max(0, self.waits + 1)


class Setup:
    def __init__(self, metadata: Metadata, archive: Archive) -> None:
        self.clock = FakeClock(BASE_NS + DAY_NS)
        self.store = Store(archive)
        self.deletions = Deletions(metadata, BOX, MARKS, self.clock)
        self.spooled_s = 0.0
        parts = DeletionParts(metadata, self.store, BOX, MARKS, self.clock, lambda: self.spooled_s)
        self.loop = DeletionLoop(parts, OPTIONS)

    async def carry_out(self, project: str, deletion: Deletion, rounds: int = 12) -> Deletion:
        for _ in range(rounds):
            await self.loop.tick()
            self.clock.advance(31.0)
        return await self.deletions.get(project, deletion.id)


def of_session(project: str, session_id: str) -> Score:
    return Score(
        project_id=project, id=f"score-{session_id}", session_id=session_id, name="helpful", type=ScoreType.NUMERIC,
        number=1.0, source="api", at_ns=BASE_NS, stated_at_ns=BASE_NS,
    )  # fmt: skip


async def registered(metadata: Metadata) -> str:
    """Return a new project that comments may belong to."""
    return (await Registry(metadata, BOX, FakeClock(BASE_NS)).create_project(new_project(), actor="test")).id


def removed_rows(why: str, table: str) -> float:
    """Return how many rows the metric says were removed."""
    wanted = f'pilothouse_rows_removed_total{{why="{why}",table="{table}"}} '
    lines = instruments.render().splitlines()
    return sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))


async def listed(telemetry: Telemetry, project: str) -> set[str]:
    wanted = TraceFilter(project_id=project, from_at=moment(0), to_at=moment(BASE_NS + 90 * DAY_NS))
    return {one.trace_id for one in (await telemetry.traces(wanted)).items}


async def test_a_user_is_removed_counted_and_receipted(
    metadata: Metadata, archive: Archive, telemetry: Telemetry
) -> None:
    setup, project = Setup(metadata, archive), new_project()
    ada, bob = make_span(project, user_id="ada"), make_span(project, user_id="bob")
    await telemetry.insert([ada, make_span(project, trace_id=ada.trace_id), bob], project)
    asked = await setup.deletions.request(project, Subject.USER, "ada", actor="person:1")
    assert asked == await setup.deletions.request(project, Subject.USER, "ada", actor="person:2")
    done = await setup.carry_out(project, asked)
    assert done.state is DeletionState.DONE
    assert (done.traces, done.removed["spans"], done.left) == (1, 2, 0)
    assert done.removed_at_ns is not None
    assert done.erased_at_ns is not None
    assert done.erased_at_ns >= done.removed_at_ns
    assert done.digest == setup.deletions.digest(project, Subject.USER, "ada")
    assert "ada" not in msgspec.json.encode(done).decode()
    assert done.sealed_id == ""
    assert await listed(telemetry, project) == {bob.trace_id}
    marks = await Removals(metadata, setup.clock).marks(0)
    assert MARKS.trace(project, ada.trace_id) in marks
    assert MARKS.trace(project, bob.trace_id) not in marks
    fresh = make_span(project, user_id="ada")
    await telemetry.insert([fresh], f"{project}-2")
    await setup.loop.tick()
    assert fresh.trace_id in await listed(telemetry, project)


async def test_exemplars_of_a_user_go_and_the_figures_stay(
    metadata: Metadata, archive: Archive, telemetry: Telemetry
) -> None:
    setup, project = Setup(metadata, archive), new_project()
    ada, bob = make_span(project, user_id="ada"), make_span(project, user_id="bob")
    exemplars = (
        Exemplar(BASE_NS, 1.0, ada.trace_id, ada.span_id), Exemplar(BASE_NS, 2.0, bob.trace_id, bob.span_id),
        Exemplar(BASE_NS, 3.0, attributes={"user.id": "ada"}),
        Exemplar(BASE_NS, 4.0, ada.trace_id, ada.span_id, {"user.id": "ada"}),
    )  # fmt: skip
    point = MetricPoint(
        project_id=project, id="1", surface="otlp_http", name="times", kind="histogram", unit="s", at_ns=BASE_NS,
        count=4, exemplars=exemplars,
    )  # fmt: skip
    await telemetry.insert([ada, bob], project)
    await telemetry.insert_points([point], project)
    done = await setup.carry_out(project, await setup.deletions.request(project, Subject.USER, "ada", actor="test"))
    assert (done.removed["exemplars"], done.removed["metrics"], done.left) == (3, 0, 0)
    wanted = MetricFilter(
        project_id=project, from_at=moment(BASE_NS), to_at=moment(BASE_NS + 60 * 10**9),
        metric=MetricName("times", MetricKind.HISTOGRAM, "s"),
    )  # fmt: skip
    assert [one.value for one in (await telemetry.metric_exemplars(wanted)).items] == [2.0]
    (metric,) = (await telemetry.metrics(project, (wanted.from_at, wanted.to_at))).items
    assert (metric.point_count, metric.exemplar_count) == (1, 1)


async def test_what_is_said_of_a_users_sessions_goes_and_is_counted(
    metadata: Metadata, archive: Archive, telemetry: Telemetry
) -> None:
    setup, project = Setup(metadata, archive), await registered(metadata)
    root = make_span(project, user_id="ada")
    # the session is said by another span of the trace than the user
    spans = [root, make_span(project, trace_id=root.trace_id, session_id="hers"), make_span(project, session_id="his")]
    await telemetry.insert(spans, project)
    await telemetry.insert_scores([of_session(project, name) for name in ("hers", "his")], project)
    comments, author = Comments(metadata, setup.clock), Author("person:1", "Eve")
    for session in ("hers", "his"):
        await comments.add(project, CommentPlace(CommentOn.SESSION, session), "About it.", author)
    before = {table: removed_rows("deletion", table) for table in ("comments", "scores", "spans")}
    done = await setup.carry_out(project, await setup.deletions.request(project, Subject.USER, "ada", actor="test"))
    assert (done.removed["comments"], done.removed["scores"], done.removed["spans"]) == (1, 1, 2)
    left, _ = await comments.page(CommentFilter(project_id=project))
    assert [one.subject_id for one in left] == ["his"]
    assert [one.session_id for one in (await telemetry.score_page(ScoreFilter(project_id=project))).items] == ["his"]
    assert {table: removed_rows("deletion", table) - rows for table, rows in before.items()} == {
        "comments": 1, "scores": 1, "spans": 2,
    }  # fmt: skip


async def test_comments_of_what_is_too_old_are_in_the_metric(
    metadata: Metadata, archive: Archive, telemetry: Telemetry
) -> None:
    clock, project = FakeClock(BASE_NS + 10 * DAY_NS), await registered(metadata)
    span = make_span(project)
    await telemetry.insert([span], project)
    place, author = CommentPlace(CommentOn.TRACE, span.trace_id), Author("person:1", "Eve")
    await Comments(metadata, clock).add(project, place, "About it.", author, subject_at_ns=span.started_at_ns)
    await Retentions(metadata, archive, clock).put(project, Retention(traces_days=7), actor="test")
    clock.advance(OPTIONS.grace_s)
    before = removed_rows("retention", "comments")
    await RetentionLoop(metadata, archive, clock, OPTIONS).tick()
    assert removed_rows("retention", "comments") == before + 1


async def test_exemplars_age_with_their_data_points(metadata: Metadata, archive: Archive, telemetry: Telemetry) -> None:
    clock, project = FakeClock(BASE_NS + 10 * DAY_NS), new_project()
    exemplars = (Exemplar(BASE_NS, 1.0), Exemplar(BASE_NS + 9 * DAY_NS, 2.0))
    point = MetricPoint(
        project_id=project, id="1", surface="otlp_http", name="times", kind="gauge", at_ns=BASE_NS + 9 * DAY_NS,
        value=1.0, exemplars=exemplars,
    )  # fmt: skip
    await telemetry.insert_points([point], project)
    retentions = Retentions(metadata, archive, clock)
    assert (await retentions.preview(project, Retention(logs_days=7)))["exemplars"] == 1
    await retentions.put(project, Retention(logs_days=7), actor="test")
    clock.advance(OPTIONS.grace_s)
    await RetentionLoop(metadata, archive, clock, OPTIONS).tick()
    wanted = MetricFilter(
        project_id=project, from_at=moment(0), to_at=moment(BASE_NS + 10 * DAY_NS),
        metric=MetricName("times", MetricKind.GAUGE, ""),
    )  # fmt: skip
    assert [one.value for one in (await telemetry.metric_exemplars(wanted)).items] == [2.0]


async def test_it_waits_for_what_was_accepted_before(metadata: Metadata, archive: Archive) -> None:
    setup, project = Setup(metadata, archive), new_project()
    asked = await setup.deletions.request(project, Subject.USER, "ada", actor="test")
    setup.clock.advance(5.0)
    setup.spooled_s = 6.0
    await setup.loop.tick()
    waiting = await setup.deletions.get(project, asked.id)
    assert (waiting.state, bool(waiting.detail)) == (DeletionState.WAITING, True)
    setup.clock.advance(5.0)
    await setup.loop.tick()
    assert (await setup.deletions.get(project, asked.id)).state is DeletionState.REMOVING


async def test_what_comes_back_between_two_counts_is_removed_too(
    metadata: Metadata, archive: Archive, telemetry: Telemetry
) -> None:
    setup, project = Setup(metadata, archive), new_project()
    span = make_span(project, session_id="s")
    await telemetry.insert([span], project)
    counts = 0

    async def late() -> None:
        nonlocal counts
        counts += 1
        if counts == 2:
            await telemetry.insert([span], f"{project}-late")

    setup.store.before_count = late
    asked = await setup.deletions.request(project, Subject.SESSION, "s", actor="test")
    done = await setup.carry_out(project, asked, 14)
    assert (done.state, done.removed["spans"]) == (DeletionState.DONE, 2)
    assert await listed(telemetry, project) == set()


async def test_a_project_of_langsmith_goes_with_the_traces_that_began_before(
    metadata: Metadata, archive: Archive, telemetry: Telemetry
) -> None:
    setup, project = Setup(metadata, archive), new_project()
    own, other = {"langsmith.session_id": "shop"}, {"langsmith.session_id": "bar"}
    old, beside = make_span(project, attributes=own), make_span(project, attributes=other)
    below = make_span(project, trace_id=old.trace_id)
    later_ns = setup.clock.now_ns() + DAY_NS
    again = make_span(project, attributes=own, started_at_ns=later_ns)
    # of the other project by its root
    astray = make_span(project, trace_id=beside.trace_id, parent_span_id=beside.span_id, attributes=own)
    await telemetry.insert([old, below, beside, again, astray], project)
    asked = await setup.deletions.request(project, Subject.PROJECT, "shop", actor="test")
    done = await setup.carry_out(project, asked)
    assert (done.state, done.traces, done.removed["spans"]) == (DeletionState.DONE, 1, 2)
    assert await listed(telemetry, project) == {beside.trace_id, again.trace_id}
    assert done.digest == setup.deletions.digest(project, Subject.PROJECT, "shop")


async def test_a_store_that_is_away_is_asked_again(metadata: Metadata, archive: Archive) -> None:
    setup, project = Setup(metadata, archive), new_project()
    asked = await setup.deletions.request(project, Subject.TRACE, "t1", actor="test")
    setup.store.broken = True
    assert (await setup.carry_out(project, asked, 3)).detail == "away"
    setup.store.broken = False
    assert (await setup.carry_out(project, asked)).state is DeletionState.DONE


async def test_an_id_is_needed_and_receipts_stay_in_their_project(metadata: Metadata, archive: Archive) -> None:
    setup, project = Setup(metadata, archive), new_project()
    with pytest.raises(InvalidRequest):
        await setup.deletions.request(project, Subject.USER, "", actor="test")
    asked = await setup.deletions.request(project, Subject.USER, "ada", actor="test")
    with pytest.raises(NotFound):
        await setup.deletions.get("another", asked.id)
    assert await setup.deletions.page("another", 10) == []
    assert [one.id for one in await setup.deletions.page(project, 10)] == [asked.id]


async def test_a_sweep_removes_what_the_preview_says(
    metadata: Metadata, archive: Archive, telemetry: Telemetry
) -> None:
    clock, project = FakeClock(BASE_NS + 10 * DAY_NS), new_project()
    retentions = Retentions(metadata, archive, clock)
    loop = RetentionLoop(metadata, archive, clock, OPTIONS)
    old = make_span(project, input="secret of old")
    middle = make_span(project, started_at_ns=BASE_NS + 5 * DAY_NS, input="secret of middle")
    young = make_span(project, started_at_ns=BASE_NS + 9 * DAY_NS, input="secret of young")
    await telemetry.insert([old, middle, young], project)
    wanted = Retention(traces_days=7, bodies_days=3)
    before = await retentions.preview(project, wanted)
    assert (before["spans"], before["bodies"]) == (1, 2)
    assert await listed(telemetry, project) == {old.trace_id, middle.trace_id, young.trace_id}
    await retentions.put(project, wanted, actor="test")
    await loop.tick()
    assert (await retentions.get(project)).swept_at_ns == 0, "a slip can still be taken back"
    clock.advance(OPTIONS.grace_s)
    await loop.tick()
    kept = await retentions.get(project)
    assert (kept.removed, kept.swept_at_ns) == (before, clock.now_ns())
    assert await listed(telemetry, project) == {middle.trace_id, young.trace_id}
    bodies = [await telemetry.trace(project, span.trace_id) for span in (middle, young)]
    assert [found.spans[0].input for found in bodies if found] == ["", "secret of young"]
    assert sum((await retentions.preview(project, wanted)).values()) == 0


async def test_keeping_for_good_is_the_default(metadata: Metadata, archive: Archive, telemetry: Telemetry) -> None:
    clock, project = FakeClock(BASE_NS + 3000 * DAY_NS), new_project()
    await telemetry.insert([make_span(project)], project)
    await RetentionLoop(metadata, archive, clock, OPTIONS).tick()
    assert len(await listed(telemetry, project)) == 1
    with pytest.raises(InvalidRequest):
        await Retentions(metadata, archive, clock).put(project, Retention(traces_days=0), actor="test")
