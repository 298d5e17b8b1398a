"""What exports, retention, deletions and revisions keep, on SQLite and on PostgreSQL alike."""

from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import pytest

from pilothouse.domain.exporting import (
    Export,
    ExportFilter,
    ExportFormat,
    ExportPart,
    ExportRun,
    ExportWhat,
    FolderTarget,
    RowPlace,
    RunState,
    S3Target,
)
from pilothouse.domain.keeping import Deletion, DeletionState, KeptRetention, Retention, Subject
from pilothouse.domain.revision import ModelTally, Revision, RevisionKind, RevisionState, Tally
from pilothouse.errors import Conflict
from pilothouse.lifecycle.revisions import RevisionBook
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.options import MetadataOptions

EXPORT = Export(
    id="e1", project_id="p", name="mine", what=ExportWhat.SPANS, where=ExportFilter(q="status:error"),
    format=ExportFormat.JSONL, target=S3Target(endpoint="https://s3", bucket="abc"), through_ns=5, created_by="test",
    created_at_ns=1,
)  # fmt: skip
RUN = ExportRun(
    export_id="e1", from_ns=5, to_ns=9, started_at_ns=10, parts=(ExportPart("part-1", 2, 3, "ff"),),
    after=RowPlace(7, "t", "s"),
)  # fmt: skip
DELETION = Deletion(
    id="d1", project_id="p", subject=Subject.USER, digest="ff", requested_by="test", requested_at_ns=100
)
REVISION = Revision(
    id="r1", project_id="p", kind=RevisionKind.REPRICE, dry_run=False, q="model:x", from_ns=1, to_ns=9,
    requested_by="test", requested_at_ns=100, through=RowPlace(7, "t", "s"),
    tally=Tally(seen=2, models={"x": ModelTally(calls_before=1, cost_before_usd=Decimal("0.000000000001"))}),
)  # fmt: skip


@pytest.fixture
async def metadata(database_url: str) -> AsyncIterator[Metadata]:
    opened = Metadata(MetadataOptions(url=database_url))
    await opened.connect()
    await opened.migrate()
    yield opened
    await opened.close()


async def test_an_export_and_its_runs_come_back_as_they_are(metadata: Metadata) -> None:
    await metadata.write(lambda tx: tx.exports.insert(EXPORT))
    other = msgspec.structs.replace(EXPORT, id="e2", project_id="q", target=FolderTarget(path="x"))
    await metadata.write(lambda tx: tx.exports.insert(other))
    with pytest.raises(Conflict):
        await metadata.write(lambda tx: tx.exports.insert(msgspec.structs.replace(EXPORT, id="e3")))
    assert await metadata.read(lambda tx: tx.exports.get("p", "e1")) == EXPORT
    assert await metadata.read(lambda tx: tx.exports.get("q", "e1")) is None
    assert await metadata.read(lambda tx: tx.exports.of_project("q")) == [other]
    for state in (RunState.RUNNING, RunState.FAILED):
        await metadata.write(lambda tx, state=state: tx.exports.put_run(msgspec.structs.replace(RUN, state=state)))
    failed = msgspec.structs.replace(RUN, state=RunState.FAILED)
    assert await metadata.read(lambda tx: tx.exports.unfinished("e1")) == failed
    assert await metadata.read(lambda tx: tx.exports.runs(["e1", "e2"], 5)) == [failed]
    await metadata.write(lambda tx: tx.exports.put_run(msgspec.structs.replace(RUN, state=RunState.DONE)))
    assert await metadata.read(lambda tx: tx.exports.unfinished("e1")) is None
    await metadata.write(lambda tx: tx.exports.delete("e1"))
    assert await metadata.read(lambda tx: tx.exports.run("e1", 5)) is None


async def test_one_at_a_time_works_on_an_export(metadata: Metadata) -> None:
    await metadata.write(lambda tx: tx.exports.insert(EXPORT))
    assert await metadata.write(lambda tx: tx.exports.take("e1", 1000, 2000)) == EXPORT
    assert await metadata.write(lambda tx: tx.exports.take("e1", 1500, 2500)) is None
    assert await metadata.write(lambda tx: tx.exports.take("e1", 2000, 3000)) == EXPORT
    await metadata.write(lambda tx: tx.exports.hold("e1", 0))
    assert await metadata.write(lambda tx: tx.exports.take("e1", 2001, 3001)) == EXPORT
    await metadata.write(lambda tx: tx.exports.replace(msgspec.structs.replace(EXPORT, paused=True)))
    assert await metadata.read(lambda tx: tx.exports.active()) == []


async def test_a_projects_retention_is_one(metadata: Metadata) -> None:
    assert await metadata.read(lambda tx: tx.retentions.get("p")) == KeptRetention(project_id="p")
    for days in (3, 4):
        kept = KeptRetention(project_id="p", retention=Retention(traces_days=days), removed={"spans": 2})
        await metadata.write(lambda tx, kept=kept: tx.retentions.put(kept))
    assert await metadata.read(lambda tx: tx.retentions.all()) == [kept]


async def test_deletions_are_claimed_in_order_and_once(metadata: Metadata) -> None:
    later = msgspec.structs.replace(DELETION, id="d2", requested_at_ns=200, digest="aa")
    for one in (later, DELETION):
        await metadata.write(lambda tx, one=one: tx.deletions.insert(one))
    assert await metadata.read(lambda tx: tx.deletions.open_of("p", "ff")) == DELETION
    assert await metadata.read(lambda tx: tx.deletions.open_of("q", "ff")) is None
    assert await metadata.write(lambda tx: tx.deletions.claim(1000, 2000)) == DELETION
    assert await metadata.write(lambda tx: tx.deletions.claim(1000, 2000)) == later
    assert await metadata.write(lambda tx: tx.deletions.claim(1000, 2000)) is None
    done = msgspec.structs.replace(DELETION, state=DeletionState.DONE, removed={"spans": 1})
    await metadata.write(lambda tx: tx.deletions.replace(done, 0))
    assert await metadata.read(lambda tx: tx.deletions.get("p", "d1")) == done
    assert not await metadata.read(lambda tx: tx.deletions.due(1999))
    assert await metadata.read(lambda tx: tx.deletions.due(2000))
    assert [one.id for one in await metadata.read(lambda tx: tx.deletions.page("p", 5, 201))] == ["d2", "d1"]
    assert [one.id for one in await metadata.read(lambda tx: tx.deletions.page("p", 5, 200))] == ["d1"]


async def test_marks_are_kept_as_long_as_they_count(metadata: Metadata) -> None:
    many = [n.to_bytes(16, "big") for n in range(2_500)]
    await metadata.write(lambda tx: tx.deletions.mark(many, 10, 100))
    await metadata.write(lambda tx: tx.deletions.mark(many[:1], 20, 200))
    assert set(await metadata.read(lambda tx: tx.deletions.marks(0, 50))) == set(many)
    assert list(await metadata.read(lambda tx: tx.deletions.marks(15, 50))) == many[:1]
    await metadata.write(lambda tx: tx.deletions.forget_marks(100))
    assert list(await metadata.read(lambda tx: tx.deletions.marks(0, 0))) == many[:1]
    await metadata.write(lambda tx: tx.deletions.mark([], 1, 2))


async def test_revisions_are_worked_on_one_at_a_time_and_a_stop_holds(metadata: Metadata) -> None:
    book = RevisionBook(metadata)
    later = msgspec.structs.replace(REVISION, id="r2", requested_at_ns=200)
    for one in (later, REVISION):
        await metadata.write(lambda tx, one=one: tx.revisions.insert(one))
    assert await book.first() == REVISION
    assert await metadata.read(lambda tx: tx.revisions.get("q", "r1")) is None
    running = msgspec.structs.replace(REVISION, state=RevisionState.RUNNING, tally=Tally(seen=5))
    assert await book.save(running)
    assert await book.first() == running
    stopped = msgspec.structs.replace(running, state=RevisionState.STOPPED)
    await metadata.write(lambda tx: tx.revisions.replace(stopped))
    further = msgspec.structs.replace(running, tally=Tally(seen=6))
    assert not await book.save(further)
    kept = await metadata.read(lambda tx: tx.revisions.get("p", "r1"))
    assert kept == msgspec.structs.replace(further, state=RevisionState.STOPPED)
    assert await book.first() == later
    assert await book.save(msgspec.structs.replace(further, state=RevisionState.DONE))
    assert [one.id for one in await metadata.read(lambda tx: tx.revisions.page("p", 5, 201))] == ["r2", "r1"]
    assert [one.id for one in await metadata.read(lambda tx: tx.revisions.page("p", 5, 200))] == ["r1"]


async def test_before_the_schema_is_up_there_is_nothing_to_revise(database_url: str) -> None:
    opened = Metadata(MetadataOptions(url=database_url))
    await opened.connect()
    book = RevisionBook(opened)
    assert await book.first() is None
    await opened.migrate()
    await opened.write(lambda tx: tx.revisions.insert(REVISION))
    assert await book.first() == REVISION
    await opened.close()
