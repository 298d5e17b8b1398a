"""Files and batches in the gateway process; without their database calls are served all the same."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import msgspec

from pilothouse.domain.ids import new_id
from pilothouse.gateway.batches.checking import endpoints
from pilothouse.gateway.batches.resources import BatchResources
from pilothouse.gateway.batches.room import Room
from pilothouse.gateway.batches.runner import BatchRunner
from pilothouse.gateway.batches.works import Pace, Works
from pilothouse.gateway.deferred import Deferred
from pilothouse.gateway.files.resources import FileResources
from pilothouse.gateway.files.sweeper import FileSweeper
from pilothouse.gateway.files.upload import Keeping
from pilothouse.gateway.pipeline import Parts
from pilothouse.gateway.resources import Resource
from pilothouse.protocols import table
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.kept_batches import KeptBatches
from pilothouse.store.metadata.kept_files import KeptFiles


class Desk(msgspec.Struct, frozen=True):
    """All that serves files and batches."""

    rows: Sequence[Resource]
    runner: BatchRunner
    sweeper: FileSweeper


def make_desk(metadata: Metadata, parts: Parts, deferred: Deferred, pace: Pace | None = None) -> Desk:
    """Return what serves files and batches over a database."""
    options = parts.options
    files, store = KeptFiles(metadata), KeptBatches(metadata)
    callable_by_batches = endpoints(map(table.dialect, table.names()))
    works = Works(
        store, files, parts, deferred, Room(options.batch_concurrency), new_id(), options.files_keep_days,
        pace or Pace(poll_s=options.batch_poll_s),
    )  # fmt: skip
    runner = BatchRunner(works, callable_by_batches)
    kept = FileResources(files, parts.clock, Keeping(options.max_file_bytes, options.files_keep_days))
    made = BatchResources(store, files, parts.clock, callable_by_batches, runner.look)
    return Desk((*kept.rows(), *made.rows()), runner, FileSweeper(files, parts.clock))


@asynccontextmanager
async def working(desk: Desk) -> AsyncGenerator[None]:
    """Run batches and remove files that are over."""
    await desk.runner.start()
    await desk.sweeper.start()
    try:
        yield
    finally:
        await desk.sweeper.stop(1.0)
        await desk.runner.stop(2.0)
