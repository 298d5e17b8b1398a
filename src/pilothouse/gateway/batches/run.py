"""The run of one batch, from where it stands to its end."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable
from typing import Any

import msgspec

from pilothouse.domain.batch import Batch, BatchStatus, JobState
from pilothouse.errors import DiskFull, MetadataUnavailable, SpoolFull
from pilothouse.gateway.batches.finishing import finish, tidy
from pilothouse.gateway.batches.input_file import InputFile
from pilothouse.gateway.batches.intake import Intake
from pilothouse.gateway.batches.native import Follower
from pilothouse.gateway.batches.one_by_one import OneByOne
from pilothouse.gateway.batches.works import Works
from pilothouse.loops import rung
from pilothouse.protocols.base import Dialect

_FACTOR = 60

_log = logging.getLogger(__name__)


class Run:
    """Takes a batch on; after a crash another run goes on from what the store holds."""

    def __init__(self, works: Works, batch: Batch, caller: Dialect) -> None:
        self._works = works
        self._batch = batch
        self._caller = caller
        self._source = InputFile(works.files, batch.input_file_id)
        self._stop = asyncio.Event()
        """Set once nothing more of the batch is to be run."""
        self._look = asyncio.Event()

    def look(self) -> None:
        """Have the batch looked at now: a caller may have cancelled it."""
        self._look.set()

    async def go(self) -> None:
        """Bring the batch to its end. Raises what the store and the spool raise, `EditConflict` when it is lost."""
        works = self._works
        while True:
            batch = await works.store.current(self._batch.id, works.who)
            if batch.status is BatchStatus.VALIDATING:
                await Intake(works, batch, self._caller, self._source).take()
            elif batch.status is BatchStatus.IN_PROGRESS:
                await self._run(batch)
                await self._finalize()
            elif batch.status is BatchStatus.CANCELLING:
                if batch.in_progress_at_ns is not None:
                    await self._run(batch)
                await finish(works, batch)
            elif batch.status is BatchStatus.FINALIZING:
                await finish(works, batch)
            else:
                await tidy(works, batch.id)
                return

    async def _run(self, batch: Batch) -> None:
        """Run what is still open; on return every line is settled or will not run."""
        if batch.status is BatchStatus.CANCELLING:
            self._stop.set()
        alone = OneByOne(self._works, batch, self._source)
        jobs = await self._works.store.jobs(batch.id)
        followers = [Follower(self._works, batch, job, self._caller, self._source) for job in jobs]
        for follower in followers:
            if follower.job.state is JobState.FALLEN:
                alone.admit(follower.job.n)

        async def native() -> None:
            await _together(self._follow(follower, alone) for follower in followers if not follower.over)
            alone.no_more()

        watch = asyncio.create_task(self._watch(batch))
        try:
            await _together([native(), self._alone(alone)], beside=watch)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _alone(self, alone: OneByOne) -> None:
        """Run lines one by one until there are none left, or the batch is stopped; answers had by then are kept."""
        running, stop = asyncio.create_task(alone.run()), asyncio.create_task(self._stop.wait())
        try:
            if not self._stop.is_set():
                await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
                return
        finally:
            stop.cancel()
            running.cancel()
            await asyncio.gather(stop, running, return_exceptions=True)
            await alone.flush()

    async def _follow(self, follower: Follower, alone: OneByOne) -> None:
        pace, tries = self._works.pace, 0
        while not follower.over:
            stopped = self._stop.is_set()
            try:
                wait_s = await follower.step(stopped=stopped)
                tries = 0
            except (MetadataUnavailable, SpoolFull, DiskFull) as error:
                # The lines beside go on: what they cost would be lost with them.
                tries += 1
                wait_s = pace.growing(pace.retry_s, tries, _FACTOR)
                _log.warning("job %s waits: %s", follower.job.name, error.detail)
            if follower.job.state is JobState.FALLEN:
                alone.admit(follower.job.n)
            if follower.loosened:
                follower.loosened = False
                alone.admit(0)
            if wait_s and not follower.over:
                await self._pause(wait_s, already=stopped)

    async def _pause(self, wait_s: float, *, already: bool) -> None:
        """Wait, but no longer than until the batch is stopped, if that is still to come."""
        if already:
            await asyncio.sleep(wait_s)
            return
        await rung(self._stop, wait_s)

    async def _watch(self, batch: Batch) -> None:
        """Stop the batch when its caller cancels it or its window ends."""
        while not self._stop.is_set():
            with contextlib.suppress(MetadataUnavailable):
                batch = await self._works.store.current(batch.id, self._works.who)
            if batch.status is BatchStatus.CANCELLING or self._works.over(batch):
                self._stop.set()
                return
            if await rung(self._look, self._works.pace.tick_s):
                self._look.clear()

    async def _finalize(self) -> None:
        """Go on to `finalizing`, unless the batch was cancelled by now."""
        works = self._works
        batch = await works.store.current(self._batch.id, works.who)
        jobs = await works.store.jobs(batch.id)
        now_ns = works.now_ns()
        unrun = batch.counts.completed + batch.counts.failed < batch.counts.total
        expired = unrun and (self._stop.is_set() or any(job.state is JobState.EXPIRED for job in jobs))
        finalizing = msgspec.structs.replace(
            batch, status=BatchStatus.FINALIZING, finalizing_at_ns=now_ns, expired_at_ns=now_ns if expired else None
        )
        await works.store.put(works.who, finalizing, BatchStatus.IN_PROGRESS)


async def _together(works: Iterable[Coroutine[Any, Any, None]], beside: "asyncio.Task[None] | None" = None) -> None:
    """Run all to their end; the first failure, also of the task beside them, ends the others and is raised."""
    tasks = {asyncio.create_task(work) for work in works}
    try:
        while waiting := {task for task in tasks if not task.done()}:
            others = {beside} if beside is not None and not beside.done() else set[asyncio.Task[None]]()
            await asyncio.wait(waiting | others, return_when=asyncio.FIRST_COMPLETED)
            for task in (*tasks, *((beside,) if beside is not None else ())):
                if task.done() and not task.cancelled():
                    task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
