"""A platform whose spool runs into a real store."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.reading import Trace
from pilothouse.ingest.loop import IngestLoop
from pilothouse.ingest.options import IngestOptions
from pilothouse.store.telemetry.client import Telemetry
from tests.embedded_store import StoreProcess
from tests.server.harness import Running, running


class Pipeline(msgspec.Struct):
    """The platform, its ingest and its store."""

    run: Running
    ingest: IngestLoop
    store: Telemetry

    async def drain(self) -> None:
        """Bring everything that was accepted into the store."""
        while await self.ingest.tick() == 0.0:
            pass

    async def trace(self, trace_id: str) -> Trace:
        """Return a trace that is there."""
        found = await self.store.trace(self.run.project.id, trace_id)
        assert found is not None
        return found


@contextlib.asynccontextmanager
async def pipeline(folder: Path, process: StoreProcess) -> AsyncIterator[Pipeline]:
    """Start a platform on a store that is running."""
    store = Telemetry(process.options())
    await store.migrate()
    try:
        async with running(folder, telemetry=store, clock=SystemClock()) as run:
            ingest = IngestLoop(folder / "spool", store, Catalog(), IngestOptions(linger_s=0.0))
            try:
                yield Pipeline(run, ingest, store)
            finally:
                await ingest.stop()
    finally:
        await store.close()
