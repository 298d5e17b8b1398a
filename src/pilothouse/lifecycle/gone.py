"""What ingest is told of removals: marks of traces and the retention of projects."""

from collections.abc import Mapping

from pilothouse.domain.clock import Clock
from pilothouse.domain.keeping import Retention
from pilothouse.store.metadata.database import Metadata


class Removals:
    """Reads over the metadata database. Methods raise what `Metadata` raises."""

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock

    async def marks(self, since_ns: int) -> frozenset[bytes]:
        """Return the marks of traces that were removed at or after a time and still count."""
        now_ns = self._clock.now_ns()
        return await self._metadata.read(lambda tx: frozenset(tx.deletions.marks(since_ns, now_ns)))

    async def retentions(self) -> Mapping[str, Retention]:
        """Return how long each project that removes anything keeps what."""
        kept = await self._metadata.read(lambda tx: tx.retentions.all())
        return {one.project_id: one.retention for one in kept if one.retention != Retention()}
