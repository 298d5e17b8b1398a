"""A platform whose spool runs into a real store."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.exporting import ExportWhat, RowPlace, Selection
from pilothouse.domain.holding import Held, Place
from pilothouse.domain.reading import Trace
from pilothouse.ingest.loop import IngestLoop
from pilothouse.ingest.merging import newest
from pilothouse.ingest.options import IngestOptions
from pilothouse.ingest.remapping import remapped
from pilothouse.store.telemetry.archive import Archive
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.history import History
from pilothouse.wiring.revisions import READINGS
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
async def pipeline(folder: Path, process: StoreProcess, archive: Archive | None = None) -> AsyncIterator[Pipeline]:
    """Start a platform on a store that is running; with an archive deletions can be requested."""
    store = Telemetry(process.options())
    await store.migrate()
    try:
        async with running(folder, telemetry=store, archive=archive, clock=SystemClock()) as run:
            ingest = IngestLoop(folder / "spool", store, Catalog(), IngestOptions(linger_s=0.0))
            try:
                yield Pipeline(run, ingest, store)
            finally:
                await ingest.stop()
    finally:
        await store.close()


async def changed_by_remapping(line: Pipeline, process: StoreProcess) -> list[tuple[str, str]]:
    """Return the spans of a store, by source and name, that are no longer the same when they are mapped anew."""
    project, now_ns = line.run.project.id, SystemClock().now_ns()
    wanted = Selection(project_id=project, what=ExportWhat.SPANS, from_ns=0, to_ns=now_ns + 86_400 * 10**9)
    history = History(process.options())
    try:
        found: list[Held] = []
        after: RowPlace | None = None
        while places := [place for place, _ in await history.places(wanted, after)]:
            after = places[-1]
            found += await history.held([Place(project, one.trace_id, one.id, one.at_ns) for one in places])
    finally:
        await history.close()
    rows = [one.span for one in newest(found, lambda row: (row.trace_id, row.span_id)).values() if not one.span.deleted]
    again = [(row, remapped(row, Catalog(), None, now_ns, READINGS)) for row in rows]
    return [(row.source, row.name) for row, fresh in again if fresh is not None and fresh is not row]
