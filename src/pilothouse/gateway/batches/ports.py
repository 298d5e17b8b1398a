"""What the gateway needs of whoever keeps its batches."""

from collections.abc import Sequence
from typing import Protocol

from pilothouse.domain.batch import Batch, BatchEntry, BatchStatus, KeptEntry, NativeJob, SettledEntry
from pilothouse.domain.files import File


class BatchDesk(Protocol):
    """What callers ask of batches; every method raises `MetadataUnavailable` when the store is away."""

    async def insert(self, batch: Batch) -> None:
        """Add a batch, for whoever runs batches to claim; raises `InvalidRequest` for text it cannot hold."""
        ...

    async def get(self, project_id: str, batch_id: str) -> Batch | None:
        """Return one batch of a project."""
        ...

    async def page(self, project_id: str, limit: int, after: str) -> list[Batch]:
        """Return batches of a project, newest first, from behind the id `after`; empty begins with the newest."""
        ...

    async def cancel(self, project_id: str, batch_id: str, now_ns: int) -> bool:
        """Have a batch cancelled by whoever runs it; False when there is none that can be."""
        ...


class BatchStore(Protocol):
    """What is done to batches while they run, by the holder of each batch's lease.

    Every method raises `MetadataUnavailable` when the store is away, and those that take `who`, the holder's name,
    raise `EditConflict` when somebody else holds the batch by now. Each is done as a whole or not at all.
    """

    async def claim(self, who: str, now_ns: int, until_ns: int, limit: int) -> list[Batch]:
        """Take the lease of unfinished batches that nobody holds, oldest first."""
        ...

    async def renew(self, who: str, until_ns: int) -> None:
        """Prolong every lease that is held."""
        ...

    async def release(self, who: str, batch_id: str = "") -> None:
        """Give one lease back, or all of them."""
        ...

    async def current(self, batch_id: str, who: str) -> Batch:
        """Return a batch as it is now."""
        ...

    async def put(self, who: str, batch: Batch, expected: BatchStatus) -> bool:
        """Write a batch without its counts; False when its status is not the expected one any more."""
        ...

    async def begin(self, who: str, batch: Batch, jobs: Sequence[NativeJob]) -> bool:
        """Start a batch whose lines are all in; False when its status is not `validating` any more."""
        ...

    async def finish(self, who: str, batch: Batch, expected: BatchStatus, files: Sequence[File]) -> bool:
        """End a batch and let its files be seen, all at once; False when its status is not the expected one."""
        ...

    async def add(self, batch_id: str, who: str, entries: Sequence[BatchEntry]) -> None:
        """Add lines."""
        ...

    async def clear(self, batch_id: str, limit: int) -> bool:
        """Remove some lines of a batch; False once there are none left."""
        ...

    async def littered(self) -> str:
        """Return a batch that is over and whose lines are still there; empty when there is none."""
        ...

    async def jobs(self, batch_id: str) -> list[NativeJob]:
        """Return the native jobs of a batch, in their order."""
        ...

    async def put_job(self, who: str, job: NativeJob) -> None:
        """Write every field of a job."""
        ...

    async def loosen(self, batch_id: str, who: str, numbers: Sequence[int]) -> None:
        """Take lines out of their job, so that they run by themselves."""
        ...

    async def of_job(self, batch_id: str, job: int, after: int, limit: int) -> list[BatchEntry]:
        """Return open lines of a native job, in their order."""
        ...

    async def alone(self, batch_id: str, fallen: Sequence[int], after: int, limit: int) -> list[BatchEntry]:
        """Return open lines that run by themselves, those of the fallen jobs too, in their order."""
        ...

    async def open_among(self, batch_id: str, numbers: Sequence[int]) -> list[BatchEntry]:
        """Return those of the numbered lines that are not settled, in their order."""
        ...

    async def settle(self, batch_id: str, who: str, settled: Sequence[SettledEntry]) -> None:
        """Keep what came of lines and count them; a line that is settled stays as it is."""
        ...

    async def kept(self, batch_id: str, after: int, size_bytes: int) -> list[KeptEntry]:
        """Return lines with what came of them, in their order: about so many bytes, but one line at least."""
        ...
