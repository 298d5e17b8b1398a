"""The loop that runs batches: it claims what nobody holds, and keeps its claims alive."""

import asyncio
import logging
from collections.abc import Mapping

import msgspec

from pilothouse import instruments
from pilothouse.domain.batch import Batch
from pilothouse.errors import EditConflict, MetadataUnavailable, PilothouseError
from pilothouse.gateway.batches.finishing import tidy
from pilothouse.gateway.batches.run import Run
from pilothouse.gateway.batches.works import Works
from pilothouse.loops import Loop
from pilothouse.protocols.base import Dialect

_log = logging.getLogger(__name__)

_MOST = 32
"""Batches that one gateway runs at the same time; others wait for their turn or for another gateway."""
_FACTOR = 60
_TIDY_S = 600.0
_UNTOLD_S = 10.0
"""A database that is away for less is no news: at the first start the platform is still making it."""


class _Held(msgspec.Struct):
    """A batch that this gateway holds."""

    run: Run
    task: asyncio.Task[None]
    failures: int = 0
    again_at_ns: int = 0


class BatchRunner(Loop):
    """Runs batches; several gateways over one database share them."""

    backoff_max_s = 5.0

    def __init__(self, works: Works, endpoints: Mapping[str, Dialect]) -> None:
        super().__init__("batches")
        self._works = works
        self._endpoints = endpoints
        self._held: dict[str, tuple[Batch, _Held]] = {}
        self._renewed_ns = 0
        self._tidied_ns = 0
        self._away = ""
        self._away_since_ns = 0
        self._told = False

    async def tick(self) -> float:
        """Keep claims, see to runs that ended, and claim what is free; returns the seconds to the next look."""
        works = self._works
        try:
            await self._renew()
            self._reap()
            await self._claim()
            if works.now_ns() - self._tidied_ns > _TIDY_S * 1e9:
                self._tidied_ns = works.now_ns()
                while batch_id := await works.store.littered():
                    await tidy(works, batch_id)
        except MetadataUnavailable as error:
            self._note_away(error)
            return works.pace.tick_s
        self._away, self._away_since_ns, self._told = "", 0, False
        return works.pace.tick_s

    def _note_away(self, error: MetadataUnavailable) -> None:
        now_ns = self._works.now_ns()
        self._away = error.detail
        self._away_since_ns = self._away_since_ns or now_ns
        if not self._told and now_ns - self._away_since_ns > _UNTOLD_S * 1e9:
            self._told = True
            _log.warning("batches wait: %s", error.detail)

    def look(self) -> None:
        """Look now: a caller has made a batch, or cancelled one."""
        for _batch, held in self._held.values():
            held.run.look()
        self.wake()

    def ping(self, stale_s: float = 30.0) -> str | None:
        """Return None when healthy, else why not; a database that is away counts too."""
        return super().ping(stale_s) or self._away or None

    async def stop(self, grace_s: float = 5.0) -> None:
        """End all runs where they are and give their batches back."""
        await super().stop(grace_s)
        tasks = [held.task for _batch, held in self._held.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        held, self._held = self._held, {}
        if not held:
            return
        try:
            async with asyncio.timeout(grace_s):
                await self._works.store.release(self._works.who)
        except (PilothouseError, TimeoutError):
            _log.warning("the leases of %d batches are left to expire", len(held))

    async def _renew(self) -> None:
        now_ns, lease_ns = self._works.now_ns(), int(self._works.pace.lease_s * 1e9)
        if self._held and now_ns - self._renewed_ns > lease_ns // 4:
            await self._works.store.renew(self._works.who, now_ns + lease_ns)
            self._renewed_ns = now_ns

    async def _claim(self) -> None:
        works, room = self._works, _MOST - len(self._held)
        if room <= 0:
            return
        now_ns = works.now_ns()
        until_ns = now_ns + int(works.pace.lease_s * 1e9)
        for batch in await works.store.claim(works.who, now_ns, until_ns, room):
            if batch.id in self._held:  # its lease ran out while this process stood still; a second run would undo it
                continue
            caller = self._endpoints.get(batch.endpoint)
            if caller is None:  # made by a newer version, which may be the one to run it
                _log.warning("batch %s calls %s, which is not known here", batch.id, batch.endpoint)
                continue
            self._held[batch.id] = batch, self._begin(batch, caller)

    def _begin(self, batch: Batch, caller: Dialect, failures: int = 0) -> _Held:
        run = Run(self._works, batch, caller)
        task = asyncio.create_task(run.go(), name=f"batch:{batch.id}")
        task.add_done_callback(lambda _task: self.wake())
        return _Held(run, task, failures)

    def _reap(self) -> None:
        for batch_id, (batch, held) in list(self._held.items()):
            if not held.task.done():
                continue
            failure = None if held.task.cancelled() else held.task.exception()
            if failure is None or isinstance(failure, EditConflict):
                del self._held[batch_id]
                continue
            if not held.again_at_ns:
                self._note(batch, held, failure)
            if self._works.now_ns() >= held.again_at_ns:
                caller = self._endpoints[batch.endpoint]
                self._held[batch_id] = batch, self._begin(batch, caller, held.failures)

    def _note(self, batch: Batch, held: _Held, failure: BaseException) -> None:
        held.failures += 1
        pace = self._works.pace
        held.again_at_ns = self._works.now_ns() + int(pace.growing(pace.retry_s, held.failures, _FACTOR) * 1e9)
        instruments.LOOP_FAILURES.inc(self.name)
        expected = isinstance(failure, PilothouseError)
        _log.warning(
            "batch %s stopped and goes on later: %r", batch.id, failure, exc_info=None if expected else failure
        )
