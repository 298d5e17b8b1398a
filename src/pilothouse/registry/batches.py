"""Batches as people see them: how far they are, what came of them, and an end before their time."""

from collections.abc import AsyncIterator, Mapping
from typing import Literal, TypeAlias

import msgspec

from pilothouse.domain.batch import Batch, BatchStatus, NativeJob
from pilothouse.domain.clock import Clock
from pilothouse.domain.files import File
from pilothouse.domain.ids import new_id
from pilothouse.errors import Conflict, NotFound
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.journal import AuditEntry

BatchFile: TypeAlias = Literal["input", "output", "errors"]


class BatchFiles(msgspec.Struct, frozen=True):
    """The files of a batch; None for one that is not there yet, or no more."""

    input: File | None
    output: File | None
    errors: File | None


class BatchSeen(msgspec.Struct, frozen=True):
    """A batch with what belongs to it."""

    batch: Batch
    jobs: list[NativeJob]
    files: BatchFiles


class Batches:
    """The batches of all projects; the gateway makes and runs them. Methods raise what `Metadata` raises."""

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock

    async def page(self, project_id: str, limit: int, after: str = "") -> list[Batch]:
        """Return batches of a project, newest first, from behind the id `after`."""
        return await self._metadata.read(lambda tx: tx.batches.page(project_id, limit, after))

    async def counts(self, project_id: str) -> Mapping[BatchStatus, int]:
        """Return how many batches of a project have each status."""
        return await self._metadata.read(lambda tx: tx.batches.counts(project_id))

    async def get(self, project_id: str, batch_id: str) -> BatchSeen:
        """Return one batch; raises `NotFound`."""

        def work(tx: Transaction) -> BatchSeen:
            batch = _found(tx, project_id, batch_id)
            return BatchSeen(batch, tx.batches.jobs(batch_id), self._files(tx, batch))

        return await self._metadata.read(work)

    async def cancel(self, project_id: str, batch_id: str, *, actor: str) -> Batch:
        """Have a batch end before its time; raises `NotFound`, or `Conflict` when it is over or ending already."""
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> Batch:
            batch = _found(tx, project_id, batch_id)
            if not tx.batches.cancel(project_id, batch_id, now_ns):
                raise Conflict(f"the batch is {batch.status} and can no longer be cancelled")
            tx.audit.insert(AuditEntry(new_id(), now_ns, actor, "batch.cancel", batch_id, {"status": batch.status}))
            return _found(tx, project_id, batch_id)

        return await self._metadata.write(work)

    async def content(self, project_id: str, batch_id: str, which: BatchFile) -> tuple[File, AsyncIterator[bytes]]:
        """Return one of a batch's files and its content, piece by piece; raises `NotFound`."""
        seen = await self.get(project_id, batch_id)
        file: File | None = getattr(seen.files, which)
        if file is None:
            raise NotFound(f"the batch has no {which} file, or it has expired")
        return file, self._pieces(file.id)

    async def _pieces(self, file_id: str) -> AsyncIterator[bytes]:
        n = 0
        while (piece := await self._metadata.read(lambda tx, n=n: tx.files.chunk(file_id, n))) is not None:
            yield piece
            n += 1

    def _files(self, tx: Transaction, batch: Batch) -> BatchFiles:
        def file(file_id: str) -> File | None:
            found = tx.files.get(batch.project_id, file_id) if file_id else None
            return found if found is not None and found.alive(self._clock.now_ns()) else None

        return BatchFiles(file(batch.input_file_id), file(batch.output_file_id), file(batch.error_file_id))


def _found(tx: Transaction, project_id: str, batch_id: str) -> Batch:
    batch = tx.batches.get(project_id, batch_id)
    if batch is None:
        raise NotFound(f"no batch {batch_id!r} in this project")
    return batch
