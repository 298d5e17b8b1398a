"""Rows of batches, as those see them who run them; every change is made only by the holder of the batch's lease."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, func, insert, select, update

from pilothouse.domain.batch import UNFINISHED, Batch, BatchEntry, BatchStatus, KeptEntry, NativeJob, SettledEntry
from pilothouse.domain.files import File
from pilothouse.errors import EditConflict
from pilothouse.store.metadata import tables
from pilothouse.store.metadata.batches import batch_of, batch_values
from pilothouse.store.metadata.files import Files

_batches = tables.batches
_jobs = tables.batch_jobs
_lines = tables.batch_lines
_ENTRY = [_lines.c[name] for name in BatchEntry.__struct_fields__]


class BatchWork:
    """What is done to batches while they run, within one transaction.

    `who` names the holder of the lease; every method that takes it raises `EditConflict` when somebody else holds the
    batch by now.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, who: str, now_ns: int, until_ns: int, limit: int) -> list[Batch]:
        """Take the lease of unfinished batches that nobody holds, oldest first."""
        free = (_batches.c.status.in_(UNFINISHED), _batches.c.lease_until_ns < now_ns)
        ids = self._connection.execute(select(_batches.c.id).where(*free).order_by(_batches.c.id).limit(limit))
        taken: list[Batch] = []
        for batch_id in ids.scalars().all():
            mine = update(_batches).where(_batches.c.id == batch_id, *free)
            # Looked at again by the update itself: on PostgreSQL two may have seen the batch free.
            if self._connection.execute(mine.values(claimed_by=who, lease_until_ns=until_ns)).rowcount == 1:
                taken.append(self._get(batch_id))
        return taken

    def waiting(self, now_ns: int) -> bool:
        """Whether there is an unfinished batch that nobody holds."""
        free = select(_batches.c.id).where(_batches.c.status.in_(UNFINISHED), _batches.c.lease_until_ns < now_ns)
        return self._connection.execute(free.limit(1)).scalar_one_or_none() is not None

    def renew(self, who: str, until_ns: int) -> None:
        """Prolong every lease that is held."""
        held = update(_batches).where(_batches.c.claimed_by == who, _batches.c.status.in_(UNFINISHED))
        self._connection.execute(held.values(lease_until_ns=until_ns))

    def release(self, who: str, batch_id: str = "") -> None:
        """Give one lease back, or all of them, so that others need not wait for their end."""
        held = update(_batches).where(_batches.c.claimed_by == who)
        if batch_id:
            held = held.where(_batches.c.id == batch_id)
        self._connection.execute(held.values(claimed_by="", lease_until_ns=0))

    def current(self, batch_id: str, who: str) -> Batch:
        """Return a batch as it is now."""
        found = select(_batches).where(_batches.c.id == batch_id, _batches.c.claimed_by == who)
        row = self._connection.execute(found).mappings().one_or_none()
        if row is None:
            raise _lost(batch_id)
        return batch_of(row)

    def put(self, who: str, batch: Batch, expected: BatchStatus) -> bool:
        """Write every field of a batch but its counts; False when its status is not the expected one any more."""
        self._fence(batch.id, who)
        values = {name: value for name, value in batch_values(batch).items() if name not in _COUNTS}
        written = update(_batches).where(_batches.c.id == batch.id, _batches.c.status == expected)
        return self._connection.execute(written.values(values)).rowcount == 1

    def begin(self, who: str, batch: Batch, jobs: Sequence[NativeJob]) -> bool:
        """Start a batch whose lines are all in; False when its status is not `validating` any more."""
        if not self.put(who, batch, BatchStatus.VALIDATING):
            return False
        counted = update(_batches).where(_batches.c.id == batch.id)
        self._connection.execute(counted.values(total=batch.counts.total, completed=0, failed=0))
        if jobs:
            self._connection.execute(insert(_jobs), [msgspec.structs.asdict(job) for job in jobs])
        return True

    def finish(self, who: str, batch: Batch, expected: BatchStatus, files: Sequence[File]) -> bool:
        """End a batch and let its files be seen, all at once; False when its status is not the expected one."""
        if not self.put(who, batch, expected):
            return False
        for file in files:
            Files(self._connection).complete(file)
        return True

    def add(self, batch_id: str, who: str, entries: Sequence[BatchEntry]) -> None:
        """Add lines."""
        self._fence(batch_id, who)
        fresh = {"batch_id": batch_id, "done": False, "ok": False, "result": None}
        self._connection.execute(insert(_lines), [{**msgspec.structs.asdict(entry), **fresh} for entry in entries])

    def clear(self, batch_id: str, limit: int) -> bool:
        """Remove some lines of a batch; False once there are none left."""
        first = select(_lines.c.n).where(_lines.c.batch_id == batch_id).order_by(_lines.c.n).limit(limit)
        numbers = self._connection.execute(first).scalars().all()
        if numbers:
            self._connection.execute(delete(_lines).where(_lines.c.batch_id == batch_id, _lines.c.n <= numbers[-1]))
        return len(numbers) == limit

    def littered(self) -> str:
        """Return a batch that is over and whose lines are still there; empty when there is none."""
        lines = exists().where(_lines.c.batch_id == _batches.c.id)
        over = select(_batches.c.id).where(_batches.c.status.not_in(UNFINISHED), lines).limit(1)
        return self._connection.execute(over).scalar_one_or_none() or ""

    def put_job(self, who: str, job: NativeJob) -> None:
        """Write every field of a job."""
        self._fence(job.batch_id, who)
        one = update(_jobs).where(_jobs.c.batch_id == job.batch_id, _jobs.c.n == job.n)
        self._connection.execute(one.values(msgspec.structs.asdict(job)))

    def loosen(self, batch_id: str, who: str, numbers: Sequence[int]) -> None:
        """Take lines out of their job, so that they run by themselves."""
        self._fence(batch_id, who)
        for some in _portions(numbers):
            alone = update(_lines).where(_lines.c.batch_id == batch_id, _lines.c.n.in_(some))
            self._connection.execute(alone.values(job=0))

    def of_job(self, batch_id: str, job: int, after: int, limit: int) -> list[BatchEntry]:
        """Return open lines of a native job, in their order."""
        return self._open(batch_id, _lines.c.job == job, _lines.c.n > after, limit=limit)

    def alone(self, batch_id: str, fallen: Sequence[int], after: int, limit: int) -> list[BatchEntry]:
        """Return open lines that run by themselves, those of the fallen jobs too, in their order."""
        return self._open(batch_id, _lines.c.job.in_([0, *fallen]), _lines.c.n > after, limit=limit)

    def open_among(self, batch_id: str, numbers: Sequence[int]) -> list[BatchEntry]:
        """Return those of the numbered lines that are not settled, in their order."""
        entries: list[BatchEntry] = []
        for some in _portions(numbers):
            entries += self._open(batch_id, _lines.c.n.in_(some))
        return entries

    def _open(self, batch_id: str, *which: ColumnElement[bool], limit: int | None = None) -> list[BatchEntry]:
        found = select(*_ENTRY).where(_lines.c.batch_id == batch_id, ~_lines.c.done, *which).order_by(_lines.c.n)
        return [BatchEntry(*row) for row in self._connection.execute(found.limit(limit)).all()]

    def settle(self, batch_id: str, who: str, settled: Sequence[SettledEntry]) -> None:
        """Keep what came of lines and count them; a line that is settled stays as it is."""
        self._fence(batch_id, who)
        still_open = {entry.n for entry in self.open_among(batch_id, [item.n for item in settled])}
        fresh = [item for item in settled if item.n in still_open]
        if not fresh:
            return
        one = update(_lines).where(_lines.c.batch_id == batch_id, _lines.c.n == bindparam("number"))
        self._connection.execute(
            one.values(done=True, ok=bindparam("good"), result=bindparam("outcome")),
            [{"number": item.n, "good": item.ok, "outcome": item.result} for item in fresh],
        )
        good = sum(item.ok for item in fresh)
        counted = update(_batches).where(_batches.c.id == batch_id).values(
            completed=_batches.c.completed + good, failed=_batches.c.failed + len(fresh) - good
        )  # fmt: skip
        self._connection.execute(counted)

    def kept(self, batch_id: str, after: int, size_bytes: int) -> list[KeptEntry]:
        """Return lines with what came of them, in their order: about so many bytes, but one line at least."""
        later = (_lines.c.batch_id == batch_id, _lines.c.n > after)
        sizes = select(_lines.c.n, func.length(_lines.c.result)).where(*later).order_by(_lines.c.n).limit(_MOST_KEPT)
        last = 0
        for n, size in self._connection.execute(sizes).all():
            size_bytes -= size or 0
            if last and size_bytes < 0:
                break
            last = n
        columns = [_lines.c[name] for name in KeptEntry.__struct_fields__]
        found = select(*columns).where(*later, _lines.c.n <= last).order_by(_lines.c.n)
        return [
            KeptEntry(row.n, row.custom_id, row.job, row.done, row.ok, bytes(row.result or b""))
            for row in self._connection.execute(found).all()
        ]

    def _get(self, batch_id: str) -> Batch:
        return batch_of(self._connection.execute(select(_batches).where(_batches.c.id == batch_id)).mappings().one())

    def _fence(self, batch_id: str, who: str) -> None:
        held = select(_batches.c.claimed_by).where(_batches.c.id == batch_id).with_for_update()
        if self._connection.execute(held).scalar_one_or_none() != who:
            raise _lost(batch_id)


_COUNTS = ("total", "completed", "failed")
_MOST_KEPT = 1000


def _lost(batch_id: str) -> EditConflict:
    return EditConflict(f"another gateway runs {batch_id} by now")


def _portions(numbers: Sequence[int], size: int = 500) -> Iterator[Sequence[Any]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]
