"""What accounts with a batch service have in common."""

from collections.abc import AsyncIterator

from pilothouse.providers.base import BatchJob, BatchLimits, BatchResult, BatchService, BatchState, Send


class BatchAccount:
    """An account that is a `BatchService` as well, by the service of its vendor."""

    _batches: BatchService

    @property
    def batch_dialects(self) -> tuple[str, ...]:
        """Names of the dialects that a job may be in."""
        return self._batches.batch_dialects

    @property
    def batch_limits(self) -> BatchLimits:
        """How much one job may hold."""
        return self._batches.batch_limits

    async def submit(self, job: BatchJob, send: Send) -> str:
        """Hand the job over and return the upstream's id of it, with the hint of the key that it was done with."""
        return await self._batches.submit(job, send)

    async def find(self, name: str, send: Send) -> str | None:
        """Return the id of the job submitted under the name; None when there is none or the service cannot tell."""
        return await self._batches.find(name, send)

    async def look(self, upstream_id: str, send: Send) -> BatchState:
        """Return how far the job is."""
        return await self._batches.look(upstream_id, send)

    def results(self, upstream_id: str, send: Send) -> AsyncIterator[BatchResult]:
        """Yield what became of each line, once and in any order, as it comes in."""
        return self._batches.results(upstream_id, send)

    async def cancel(self, upstream_id: str, send: Send) -> None:
        """Ask for the job's end; a job that has ended stays as it is."""
        await self._batches.cancel(upstream_id, send)
