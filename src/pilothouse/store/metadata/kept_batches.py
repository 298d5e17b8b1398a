"""The ports through which the gateway reaches batches, over the metadata database."""

from collections.abc import Sequence

from pilothouse.domain.batch import Batch, BatchEntry, BatchStatus, KeptEntry, NativeJob, SettledEntry
from pilothouse.domain.files import File
from pilothouse.store.metadata.kept import Kept


class KeptBatches(Kept):
    """Batches behind async methods; `Batches` and `BatchWork` say what each does and raises.

    Every method raises `MetadataUnavailable` when the database is away or has no such tables, and `DiskFull` when it
    has no room.
    """

    async def insert(self, batch: Batch) -> None:
        """Add a batch."""
        await self._write(lambda tx: tx.batches.insert(batch))

    async def get(self, project_id: str, batch_id: str) -> Batch | None:
        """Return one batch of a project."""
        return await self._read(lambda tx: tx.batches.get(project_id, batch_id))

    async def page(self, project_id: str, limit: int, after: str) -> list[Batch]:
        """Return batches of a project, newest first."""
        return await self._read(lambda tx: tx.batches.page(project_id, limit, after))

    async def cancel(self, project_id: str, batch_id: str, now_ns: int) -> bool:
        """Have a batch cancelled by whoever runs it."""
        return await self._write(lambda tx: tx.batches.cancel(project_id, batch_id, now_ns))

    async def claim(self, who: str, now_ns: int, until_ns: int, limit: int) -> list[Batch]:
        """Take the lease of unfinished batches that nobody holds."""
        # Looking costs no write, and there is seldom anything.
        if not await self._read(lambda tx: tx.batch_work.waiting(now_ns)):
            return []
        return await self._write(lambda tx: tx.batch_work.claim(who, now_ns, until_ns, limit))

    async def renew(self, who: str, until_ns: int) -> None:
        """Prolong every lease that is held."""
        await self._write(lambda tx: tx.batch_work.renew(who, until_ns))

    async def release(self, who: str, batch_id: str = "") -> None:
        """Give one lease back, or all of them."""
        await self._write(lambda tx: tx.batch_work.release(who, batch_id))

    async def current(self, batch_id: str, who: str) -> Batch:
        """Return a batch as it is now."""
        return await self._read(lambda tx: tx.batch_work.current(batch_id, who))

    async def put(self, who: str, batch: Batch, expected: BatchStatus) -> bool:
        """Write a batch without its counts."""
        return await self._write(lambda tx: tx.batch_work.put(who, batch, expected))

    async def begin(self, who: str, batch: Batch, jobs: Sequence[NativeJob]) -> bool:
        """Start a batch whose lines are all in."""
        return await self._write(lambda tx: tx.batch_work.begin(who, batch, jobs))

    async def finish(self, who: str, batch: Batch, expected: BatchStatus, files: Sequence[File]) -> bool:
        """End a batch and let its files be seen."""
        return await self._write(lambda tx: tx.batch_work.finish(who, batch, expected, files))

    async def add(self, batch_id: str, who: str, entries: Sequence[BatchEntry]) -> None:
        """Add lines."""
        await self._write(lambda tx: tx.batch_work.add(batch_id, who, entries))

    async def clear(self, batch_id: str, limit: int) -> bool:
        """Remove some lines of a batch; False once there are none left."""
        return await self._write(lambda tx: tx.batch_work.clear(batch_id, limit))

    async def littered(self) -> str:
        """Return a batch that is over and whose lines are still there."""
        return await self._read(lambda tx: tx.batch_work.littered())

    async def jobs(self, batch_id: str) -> list[NativeJob]:
        """Return the native jobs of a batch."""
        return await self._read(lambda tx: tx.batches.jobs(batch_id))

    async def put_job(self, who: str, job: NativeJob) -> None:
        """Write every field of a job."""
        await self._write(lambda tx: tx.batch_work.put_job(who, job))

    async def loosen(self, batch_id: str, who: str, numbers: Sequence[int]) -> None:
        """Take lines out of their job."""
        await self._write(lambda tx: tx.batch_work.loosen(batch_id, who, numbers))

    async def of_job(self, batch_id: str, job: int, after: int, limit: int) -> list[BatchEntry]:
        """Return open lines of a native job."""
        return await self._read(lambda tx: tx.batch_work.of_job(batch_id, job, after, limit))

    async def alone(self, batch_id: str, fallen: Sequence[int], after: int, limit: int) -> list[BatchEntry]:
        """Return open lines that run by themselves."""
        return await self._read(lambda tx: tx.batch_work.alone(batch_id, fallen, after, limit))

    async def open_among(self, batch_id: str, numbers: Sequence[int]) -> list[BatchEntry]:
        """Return those of the numbered lines that are not settled."""
        return await self._read(lambda tx: tx.batch_work.open_among(batch_id, numbers))

    async def settle(self, batch_id: str, who: str, settled: Sequence[SettledEntry]) -> None:
        """Keep what came of lines and count them."""
        await self._write(lambda tx: tx.batch_work.settle(batch_id, who, settled))

    async def kept(self, batch_id: str, after: int, size_bytes: int) -> list[KeptEntry]:
        """Return lines with what came of them."""
        return await self._read(lambda tx: tx.batch_work.kept(batch_id, after, size_bytes))
