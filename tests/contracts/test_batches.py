"""What the keeping of files and batches promises, on SQLite and on PostgreSQL alike."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.batch import (
    Batch,
    BatchCounts,
    BatchEntry,
    BatchFault,
    BatchStatus,
    JobState,
    NativeJob,
    SettledEntry,
)
from pilothouse.domain.files import File, FilePage
from pilothouse.errors import Conflict, EditConflict
from pilothouse.gateway.batches.names import file_name, line_names, request_name
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.kept_batches import KeptBatches
from pilothouse.store.metadata.kept_files import KeptFiles
from pilothouse.store.metadata.options import MetadataOptions

WHO = "gateway-a"
FILE = File("file-1", "p1", "k1", "in 模型.jsonl", "batch", 3, 10, 2**62)
BATCH = Batch(
    "batch_1", "p1", "k1", "/v1/chat/completions", "file-1", "24h", 11, 2**62, metadata={"job": "nächtlich"},
    output_expires_after_s=7200,
)  # fmt: skip
JOB = NativeJob("batch_1", 1, "acc", "openai", "gpt", "fast", "openai_chat", 2)
ENTRIES = [BatchEntry(n, f"id-{n}", 100 * n, 99, 1 if n <= 2 else 0) for n in range(1, 6)]


@pytest.fixture
async def metadata(database_url: str) -> AsyncIterator[Metadata]:
    opened = Metadata(MetadataOptions(url=database_url))
    await opened.connect()
    await opened.migrate()
    yield opened
    await opened.close()


@pytest.fixture
def files(metadata: Metadata) -> KeptFiles:
    return KeptFiles(metadata)


@pytest.fixture
async def store(metadata: Metadata) -> KeptBatches:
    kept = KeptBatches(metadata)
    await kept.insert(BATCH)
    assert [batch.id for batch in await kept.claim(WHO, 20, 100, 9)] == [BATCH.id]
    return kept


async def begun(store: KeptBatches) -> Batch:
    await store.add(BATCH.id, WHO, ENTRIES)
    batch = msgspec.structs.replace(
        BATCH, status=BatchStatus.IN_PROGRESS, in_progress_at_ns=12, counts=BatchCounts(total=5)
    )
    assert await store.begin(WHO, batch, [JOB])
    return batch


async def test_a_file_comes_back_as_it_was_written(files: KeptFiles) -> None:
    await files.begin(FILE)
    await files.append(FILE.id, 0, b"\x00\xff{", 11)
    assert await files.get("p1", FILE.id) is None  # until it is complete
    await files.complete(FILE)
    assert await files.get("p1", FILE.id) == FILE
    assert await files.get("p2", FILE.id) is None
    assert [await files.chunk(FILE.id, n) for n in (0, 1)] == [b"\x00\xff{", None]
    with pytest.raises(Conflict):
        await files.begin(FILE)


async def test_files_are_listed_in_pages(files: KeptFiles) -> None:
    for n in range(5):
        file = msgspec.structs.replace(FILE, id=f"file-{n}", purpose="batch" if n else "vision", expires_at_ns=100 + n)
        await files.begin(file)
        await files.complete(file)

    async def ids(**page: object) -> list[str]:
        return [file.id[-1] for file in await files.page("p1", FilePage(**{"now_ns": 50, "limit": 9, **page}))]  # type: ignore[arg-type]

    assert await ids() == ["4", "3", "2", "1", "0"]
    assert await ids(newest_first=False, limit=2) == ["0", "1"]
    assert await ids(newest_first=False, after="file-1") == ["2", "3", "4"]
    assert await ids(after="file-3", purpose="batch") == ["2", "1"]
    assert await ids(now_ns=102) == ["4", "3"]


async def test_what_nobody_needs_is_swept_in_small_steps(files: KeptFiles, store: KeptBatches) -> None:
    for n, name in enumerate(("file-1", "deleted", "expired", "broken", "kept")):
        await files.begin(msgspec.structs.replace(FILE, id=name, created_at_ns=n, expires_at_ns=None))
        for piece in range(3):
            await files.append(name, piece, b"x", 1000)
    for name, expires_at_ns in (("file-1", None), ("deleted", None), ("expired", 40), ("kept", 60)):
        await files.complete(msgspec.structs.replace(FILE, id=name, expires_at_ns=expires_at_ns))
    for name in ("file-1", "deleted"):  # the first is the input of a batch that runs
        await files.hide(name)
    await files.expire(50)
    steps = 0
    while await files.sweep(1000, 2):
        steps += 1
    assert steps == 4
    left = {name: await files.chunk(name, 2) for name in ("file-1", "deleted", "expired", "broken", "kept")}
    assert left == {"file-1": b"x", "deleted": None, "expired": None, "broken": b"x", "kept": b"x"}
    assert await files.sweep(1001, 9)  # an upload that nobody went on with
    assert await files.chunk("broken", 0) is None
    over = msgspec.structs.replace(BATCH, status=BatchStatus.FAILED, errors=(BatchFault("empty_file", "ü", None, "x"),))
    assert await store.put(WHO, over, BatchStatus.VALIDATING)
    assert await files.sweep(1000, 9)
    assert await files.chunk("file-1", 0) is None


async def test_every_field_of_a_batch_comes_back(store: KeptBatches) -> None:
    assert await store.get("p1", BATCH.id) == BATCH
    assert await store.get("p2", BATCH.id) is None
    full = msgspec.structs.replace(
        BATCH, status=BatchStatus.EXPIRED, in_progress_at_ns=1, finalizing_at_ns=2, completed_at_ns=3, failed_at_ns=4,
        expired_at_ns=5, cancelling_at_ns=6, cancelled_at_ns=7, output_file_id="o", error_file_id="e",
        errors=(BatchFault("c", "m", 3, "p"),),
    )  # fmt: skip
    assert await store.put(WHO, full, BatchStatus.VALIDATING)
    assert await store.get("p1", BATCH.id) == full
    assert not await store.put(WHO, BATCH, BatchStatus.VALIDATING)  # the status is another by now


async def test_batches_are_listed_and_counted(store: KeptBatches, metadata: Metadata) -> None:
    for n in (2, 3):
        await store.insert(msgspec.structs.replace(BATCH, id=f"batch_{n}"))
    await store.insert(msgspec.structs.replace(BATCH, id="batch_4", project_id="p2"))
    assert [batch.id for batch in await store.page("p1", 2, "")] == ["batch_3", "batch_2"]
    assert [batch.id for batch in await store.page("p1", 2, "batch_2")] == ["batch_1"]
    assert await store.cancel("p1", "batch_2", 77)
    counts = await metadata.read(lambda tx: tx.batches.counts("p1"))
    assert counts == {BatchStatus.VALIDATING: 2, BatchStatus.CANCELLING: 1}
    cancelled = await store.get("p1", "batch_2")
    assert cancelled is not None
    assert cancelled.cancelling_at_ns == 77
    assert not await store.cancel("p1", "batch_2", 78)
    assert not await store.cancel("p2", "batch_1", 78)


async def test_a_job_and_its_lines(store: KeptBatches) -> None:
    await begun(store)
    assert await store.jobs(BATCH.id) == [JOB]
    job = msgspec.structs.replace(
        JOB, state=JobState.RUNNING, upstream_id="h:x", detail="ä", submitted_at_ns=5, lines=1
    )
    await store.put_job(WHO, job)
    assert await store.jobs(BATCH.id) == [job]
    assert [entry.n for entry in await store.of_job(BATCH.id, 1, -1, 9)] == [1, 2]
    assert await store.of_job(BATCH.id, 1, 1, 9) == [ENTRIES[1]]
    assert [entry.n for entry in await store.alone(BATCH.id, [], -1, 2)] == [3, 4]
    assert [entry.n for entry in await store.alone(BATCH.id, [1], -1, 9)] == [1, 2, 3, 4, 5]
    await store.loosen(BATCH.id, WHO, [2])
    assert [entry.n for entry in await store.alone(BATCH.id, [], -1, 9)] == [2, 3, 4, 5]


async def test_a_line_is_settled_once(store: KeptBatches) -> None:
    await begun(store)
    await store.settle(BATCH.id, WHO, [SettledEntry(1, True, b"one\n"), SettledEntry(3, False, b"three\n")])
    await store.settle(BATCH.id, WHO, [SettledEntry(1, False, b"again\n"), SettledEntry(2, True, b"two\n")])
    await store.settle(BATCH.id, WHO, [])
    batch = await store.current(BATCH.id, WHO)
    assert batch.counts == BatchCounts(5, 2, 1)
    assert [entry.n for entry in await store.open_among(BATCH.id, [5, 1, 4])] == [4, 5]
    kept = await store.kept(BATCH.id, -1, 10**6)
    assert [(entry.n, entry.done, entry.ok, entry.result) for entry in kept] == [
        (1, True, True, b"one\n"), (2, True, True, b"two\n"), (3, True, False, b"three\n"), (4, False, False, b""),
        (5, False, False, b""),
    ]  # fmt: skip
    assert [entry.n for entry in await store.kept(BATCH.id, 0, 1)] == [1]
    assert [entry.n for entry in await store.kept(BATCH.id, 1, 10)] == [2, 3, 4, 5]


async def test_a_batch_ends_with_its_files_at_once(store: KeptBatches, files: KeptFiles) -> None:
    batch = await begun(store)
    output = msgspec.structs.replace(FILE, id="file-out", purpose="batch_output")
    await files.begin(output)
    ended = msgspec.structs.replace(batch, status=BatchStatus.COMPLETED, output_file_id=output.id)
    assert not await store.finish(WHO, ended, BatchStatus.FINALIZING, [output])
    assert await files.get("p1", output.id) is None
    assert await store.finish(WHO, ended, BatchStatus.IN_PROGRESS, [output])
    assert await files.get("p1", output.id) == output
    assert await store.littered() == BATCH.id
    assert [await store.clear(BATCH.id, 4) for _ in range(2)] == [True, False]
    assert await store.littered() == ""


async def test_who_lost_its_lease_changes_nothing(store: KeptBatches) -> None:
    batch = await begun(store)
    assert await store.claim("gateway-b", 99, 200, 9) == []
    assert [item.id for item in await store.claim("gateway-b", 101, 200, 9)] == [BATCH.id]
    await store.renew(WHO, 2**62)
    await store.release(WHO)
    for attempt in (
        store.current(BATCH.id, WHO), store.put(WHO, batch, BatchStatus.IN_PROGRESS), store.put_job(WHO, JOB),
        store.add(BATCH.id, WHO, []), store.loosen(BATCH.id, WHO, [1]), store.begin(WHO, batch, []),
        store.settle(BATCH.id, WHO, [SettledEntry(1, True, b"x")]), store.finish(WHO, batch, batch.status, []),
    ):  # fmt: skip
        with pytest.raises(EditConflict):
            await attempt
    assert (await store.current(BATCH.id, "gateway-b")).counts == BatchCounts(5)
    await store.release("gateway-b", BATCH.id)
    assert len(await store.claim(WHO, 101, 200, 9)) == 1


async def test_twenty_who_claim_at_once_share_out(metadata: Metadata, database_url: str) -> None:
    kept = KeptBatches(metadata)
    for n in range(6):
        await kept.insert(msgspec.structs.replace(BATCH, id=f"batch_{n}"))
    other = Metadata(MetadataOptions(url=database_url))
    await other.connect()
    claims = [
        KeptBatches((metadata, other)[n % 2]).claim(f"gateway-{n}", 20, 100, 2) for n in range(20)
    ]  # fmt: skip
    taken = [batch.id for batches in await asyncio.gather(*claims) for batch in batches]
    assert sorted(taken) == [f"batch_{n}" for n in range(6)]
    await other.close()


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_names_follow_from_the_line(first: int, second: int) -> None:
    batch_id = "batch_01a222b1f6fa7003a2684c0ea6f18098"
    names, others = line_names(batch_id, first), line_names(batch_id, second)
    assert (names == others) == (first == second)
    assert names.call_id.startswith("01a222b1-f6fa-7")
    assert [len(part) for part in names.call_id.split("-")] == [8, 4, 4, 4, 12]
    assert names.call_id.split("-")[3][0] in "89ab"
    assert (len(names.trace_id), len(names.span_id)) == (32, 16)
    assert request_name(batch_id, first).startswith("batch_req_")
    assert len(file_name(batch_id, "output", 1_795_878_418_285_482_041)) == 37
