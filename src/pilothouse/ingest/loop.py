"""The loop that drains every spool into the telemetry store."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from pilothouse import instruments
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.domain.receipt import REFUSED_BY_STORE, Receipt
from pilothouse.errors import PlatformError, StoreUnavailable
from pilothouse.ingest import scores, signals
from pilothouse.ingest.decoding import SideReader
from pilothouse.ingest.delivery import Delivery, SpanSink, deliver_records
from pilothouse.ingest.experiments import runs_of
from pilothouse.ingest.ledger import receipts
from pilothouse.ingest.merging import Holdings, Merged, Merger
from pilothouse.ingest.options import IngestOptions
from pilothouse.ingest.reading import Arrived, Contents, Source, Unusable, read, whole_record
from pilothouse.ingest.reaper import Reaper, Unended
from pilothouse.ingest.recent import OpenSpans, RecentTraces
from pilothouse.ingest.removed import Gate
from pilothouse.ingest.revising import Reviser, Revising
from pilothouse.ingest.scores import ScoreRead, ScoreSink
from pilothouse.ingest.signals import Read, SignalSink
from pilothouse.loops import Loop
from pilothouse.registry.experiments import SeenRun
from pilothouse.spool import Batch, SpoolReader, discover

_log = logging.getLogger(__name__)

_Ready = tuple[Batch, Contents]
_Result = TypeVar("_Result")
_Read = TypeVar("_Read", Read, ScoreRead)
Note = Callable[[Sequence[Receipt]], Awaitable[None]]
"""Writes down what became of records; the loop goes on when it cannot."""

See = Callable[[Sequence[SeenRun]], Awaitable[None]]
"""Writes down runs of experiments."""


class Store(SpanSink, SignalSink, ScoreSink, Holdings, Unended, Protocol):
    """What ingest needs of the telemetry store."""


class IngestLoop(Loop):
    """Drains all spools below a folder, one batch at a time, in the order the records were written.

    While the store is down everything stays in the spools. A record that cannot become a span is set aside beside its
    spool, counted and logged, and holds nothing up. All spools go through one merger, which knows the rows that are
    there.
    """

    backoff_max_s = 2.0

    def __init__(
        self,
        folder: Path,
        store: Store,
        catalog: Catalog,
        options: IngestOptions | None = None,
        note: Note | None = None,
        gate: Gate | None = None,
    ) -> None:
        super().__init__("ingest")
        self._folder = folder
        self._options = options or IngestOptions()
        clock: Clock = SystemClock()
        self._line = _Line(store, catalog, clock, self._options, note)
        self._line.gate = gate
        self._reaper = Reaper(store, self._line.merger, clock, self._options)
        self._reviser: Reviser | None = None
        self._drains: dict[Path, _Drain] = {}
        self._refused: dict[Path, str] = {}
        self._discover_at = 0.0
        self.lag_s = 0.0
        """How long the oldest record has waited, some seconds ago."""

    def on_experiments(self, see: See) -> None:
        """Have `see` called with the runs of experiments that spans tell of, once those are in the store."""
        self._line.see = see

    def on_revisions(self, parts: Revising) -> None:
        """Have revisions carried out between two batches."""
        self._reviser = Reviser(parts, self._line.merger, self._line.thread)

    async def tick(self) -> float:
        """Look for new spools when it is time, then move at most one batch of each."""
        await self._reaper.fill()
        if time.monotonic() >= self._discover_at:
            await self._line.thread.run(self._discover)
            self._discover_at = time.monotonic() + self._options.discover_s
        moved = False
        failure: PlatformError | None = None
        for drain in self._drains.values():
            try:
                moved = await drain.move() or moved
            except StoreUnavailable:
                raise
            except PlatformError as error:
                # One spool's disk or format must not keep the others waiting.
                failure = error
        await self._reaper.sweep()
        if failure is not None:
            raise failure
        if self._reviser is not None:
            moved = await self._reviser.step(busy=moved) or moved
        return 0.0 if moved else self._options.poll_s

    async def stop(self, grace_s: float = 5.0) -> None:
        """Let the running batch end, then close the spools."""
        await super().stop(grace_s)
        if self._reviser is not None:
            await self._reviser.stop()
        await asyncio.gather(*(drain.stop() for drain in self._drains.values()))
        await self._line.thread.run(self._close_all)
        await self._line.side_reader.close()
        self._line.thread.close()

    def ping(self, stale_s: float = 30.0) -> str | None:
        """Return None when healthy, else why not; a spool that cannot be opened counts too."""
        refused = next(iter(self._refused.values()), None)
        return super().ping(stale_s) or refused

    def _discover(self) -> None:
        for path in discover(self._folder):
            if path in self._drains:
                continue
            try:
                reader = SpoolReader(path)
            except PlatformError as error:
                if path not in self._refused:
                    _log.error("the spool %s cannot be drained: %s", path.name, error.detail)
                self._refused[path] = error.detail
                continue
            self._refused.pop(path, None)
            self._drains[path] = _Drain(reader, self._line)
        ages = [drain.reader.oldest_age_s() for drain in self._drains.values()]
        self.lag_s = max(ages, default=0.0)
        instruments.INGEST_LAG.set(self.lag_s)

    def _close_all(self) -> None:
        for drain in self._drains.values():
            drain.reader.close()
        self._drains.clear()


class _WorkThread:
    """The one thread that reads spools and decodes, so that the event loop never waits for a disk."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ingest")

    async def run(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        self._executor.shutdown(wait=False)


class _Line:
    """What all spools share on their way into the store."""

    def __init__(self, store: Store, catalog: Catalog, clock: Clock, options: IngestOptions, note: Note | None) -> None:
        self.store = store
        self.catalog = catalog
        self.clock = clock
        self.options = options
        self.thread = _WorkThread()
        self.side_reader = SideReader(enabled=options.read_apart)
        recent = RecentTraces(options.recent_spans, options.recent_traces)
        self.merger = Merger(store, catalog, recent, OpenSpans(options.open_spans), clock)
        self.delivery = Delivery(store)
        self.gate: Gate | None = None
        self._note = note
        self.see: See | None = None

    async def experiments(self, contents: Contents) -> None:
        """Tell of the runs of experiments; what cannot be noted is only logged, since the spans themselves say it."""
        if self.see is None or not (runs := runs_of(contents.spans.values())):
            return
        try:
            await self.see(runs)
        except PlatformError as error:
            _log.warning("runs of experiments cannot be noted: %s", error.detail)

    async def note(self, arrived: Sequence[Arrived], unusable: Sequence[Unusable], more: Sequence[Receipt]) -> None:
        """Write down what became of a batch."""
        if self._note is None:
            return
        try:
            await self._note([*receipts(arrived, unusable, self.clock.now_ns()), *more])
        except PlatformError as error:
            _log.warning("what became of a batch cannot be written down: %s", error.detail)


class _Drain:
    """One spool on its way into the store."""

    def __init__(self, reader: SpoolReader, line: _Line) -> None:
        self.reader = reader
        self._line = line
        self._ready: _Ready | None = None
        self._ahead: asyncio.Task[_Ready | None] | None = None
        self._turned_away: list[Receipt] = []

    async def move(self) -> bool:
        """Bring the next batch into the store; False when there is none.

        Raises `StoreUnavailable`; the batch is then kept as it is for the next call.
        """
        if self._ready is None:
            self._ready = await self._next()
            if self._ready is None:
                return False
        batch, contents = self._ready
        if self._line.gate is not None:
            await self._line.gate.refresh()
            self._turned_away += self._line.gate.filter(contents)
        refused = await self._deliver(batch, contents)
        store, token = self._line.store, batch.token
        told = await self._deliver_unmerged(contents.signals, partial(signals.insert, store), token)
        told += await self._deliver_unmerged(contents.scores, partial(scores.insert, store), token)
        unusable = contents.unusable + refused
        for one in unusable:
            await self._line.thread.run(partial(self._set_aside, one))
        await self._line.thread.run(partial(self.reader.ack, batch))
        self._ready = None
        await self._line.note(list(contents.spans.values()), unusable, [*told, *self._turned_away])
        self._turned_away = []
        await self._line.experiments(contents)
        return True

    async def stop(self) -> None:
        """End what is being decoded ahead; it is read anew at the next start."""
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)

    async def _next(self) -> _Ready | None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ready = await ahead
            if ready is not None and await self._line.thread.run(partial(self.reader.hand_out, ready[0])):
                return ready
        options = self._line.options
        read_next = partial(self.reader.read, options.batch_bytes, options.batch_records, options.linger_s)
        return await self._decoded(read_next)

    def _look_ahead(self, batch: Batch) -> None:
        """Decode the next batch while this one is merged and the store takes it."""
        if self._ahead is None:
            options = self._line.options
            bounds = options.batch_bytes, options.batch_records
            self._ahead = asyncio.create_task(self._decoded(partial(self.reader.look_ahead, batch, *bounds)))

    async def _decoded(self, read_next: Callable[[], Batch | None]) -> _Ready | None:
        batch = await self._line.thread.run(read_next)
        return None if batch is None else (batch, await self._decode(batch))

    async def _decode(self, batch: Batch) -> Contents:
        line, contents = self._line, Contents({}, [])
        step = line.options.slice_records
        parts = [batch.items[start : start + step] for start in range(0, len(batch.items), step)]
        # All at once, so that the side reader has the next part while this one is taken over.
        asked = [asyncio.create_task(line.side_reader.read(part)) for part in parts]
        prepared = 0
        try:
            for part, ready in zip(parts, asked, strict=True):
                await line.thread.run(partial(read, part, line.catalog, contents, await ready))
                await line.merger.prepare(list(islice(contents.spans.values(), prepared, None)), line.thread)
                prepared = len(contents.spans)
        finally:
            for one in asked:
                one.cancel()
        return contents

    async def _deliver(self, batch: Batch, contents: Contents) -> list[Unusable]:
        """Merge and insert, anew at each call: what the store holds may have changed since the last."""
        merger = self._line.merger
        certain = False
        self._look_ahead(batch)
        try:
            done = await merger.merge(contents.spans, self._line.thread)
            pieces = done.pieces
            refused = await self._line.delivery.deliver(pieces, batch.token + done.suffix) if pieces else []
            merger.written(done)
            certain = not refused
        finally:
            if not certain:
                merger.doubt({key[:2] for key in contents.spans})
        instruments.INGEST_SPANS.inc(by=len(pieces) - len(refused))
        return _unusable(done, [(list(piece.sources), error) for piece, error in refused])

    async def _deliver_unmerged(
        self, reads: Sequence[_Read], insert: Callable[[Sequence[_Read], str], Awaitable[None]], token: str
    ) -> list[Receipt]:
        """Insert what is never merged, set aside what the store does not take, and return the receipts."""
        if not reads:
            return []
        line, now_ns = self._line, self._line.clock.now_ns()
        refused = await deliver_records(reads, insert, token)
        lost = {id(one): error for one, error in refused}
        for one, error in refused:
            await line.delivery.question_the_store(error)
            await line.thread.run(partial(self._set_aside, whole_record(one.item, REFUSED_BY_STORE, str(error))))
        return [receipt for one in reads for receipt in one.receipts(now_ns, lost.get(id(one)))]

    def _set_aside(self, one: Unusable) -> None:
        instruments.INGEST_REJECTED.inc(one.reason)
        self.reader.set_aside(one.source.item, f"{one.reason}: {one.detail}")
        _log.error("a record of the spool %s is set aside: %s: %s", self.reader.path.name, one.reason, one.detail)


def _unusable(done: Merged, refused: Sequence[tuple[list[Source], Exception]]) -> list[Unusable]:
    found = [
        Unusable(source=source, reason="unconvertible", detail=repr(error))
        for arrived, error in done.unfit
        for source in arrived.sources
    ]
    found += [
        Unusable(source=source, reason=REFUSED_BY_STORE, detail=str(error))
        for sources, error in refused
        for source in sources
    ]
    return found
