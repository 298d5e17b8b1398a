"""Deletion on request and retention by project, over a real store and real records of both."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from pilothouse.domain.clock import FakeClock
from pilothouse.domain.keeping import DAY_NS, Deletion, DeletionState, Marks, Retention, Subject
from pilothouse.domain.reading import TraceFilter
from pilothouse.domain.secret import SecretBox
from pilothouse.errors import InvalidRequest, NotFound, StoreUnavailable
from pilothouse.lifecycle.deletions import DeletionLoop, DeletionParts, Deletions
from pilothouse.lifecycle.gone import Removals
from pilothouse.lifecycle.options import LifecycleOptions
from pilothouse.lifecycle.retention import RetentionLoop, Retentions
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
