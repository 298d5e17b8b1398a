"""The loop that drains every spool into the telemetry store."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from pilothouse import instruments
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.call import CallRecord
from pilothouse.errors import PlatformError, StoreUnavailable
from pilothouse.ingest.delivery import Delivery, Pair, SpanSink
from pilothouse.ingest.options import IngestOptions
from pilothouse.ingest.spans import record_to_span
from pilothouse.loops import Loop
from pilothouse.spool import CALL, Batch, Item, SpoolReader, discover

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")
_DECODER = msgspec.msgpack.Decoder(CallRecord)


class IngestLoop(Loop):
    """Drains all spools below a folder, one batch at a time, in the order the records were written.

    While the store is down everything stays in the spools. A record that cannot become a span is set aside beside its
    spool, counted and logged, and holds nothing up.
    """

    backoff_max_s = 2.0

    def __init__(self, folder: Path, sink: SpanSink, catalog: Catalog, options: IngestOptions | None = None) -> None:
        super().__init__("ingest")
        self._folder = folder
        self._options = options or IngestOptions()
        self._thread = _WorkThread()
        self._sink = sink
        self._catalog = catalog
        self._drains: dict[Path, _Drain] = {}
        self._refused: dict[Path, str] = {}
        self._discover_at = 0.0

    async def tick(self) -> float:
        """Look for new spools when it is time, then move at most one batch of each."""
        if time.monotonic() >= self._discover_at:
            await self._thread.run(self._discover)
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
        if failure is not None:
            raise failure
        return 0.0 if moved else self._options.poll_s

    async def stop(self, grace_s: float = 5.0) -> None:
        """Let the running batch end, then close the spools."""
        await super().stop(grace_s)
        await self._thread.run(self._close_all)
        self._thread.close()

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
            self._drains[path] = _Drain(reader, self._sink, self._catalog, self._thread, self._options)
        ages = [drain.reader.oldest_age_s() for drain in self._drains.values()]
        instruments.INGEST_LAG.set(max(ages, default=0.0))

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


class _Drain:
    """One spool on its way into the store."""

    def __init__(
        self, reader: SpoolReader, sink: SpanSink, catalog: Catalog, thread: _WorkThread, options: IngestOptions
    ) -> None:
        self.reader = reader
        self._catalog = catalog
        self._thread = thread
        self._options = options
        self._ready: tuple[Batch, list[Pair]] | None = None
        self._delivery = Delivery(sink)

    async def move(self) -> bool:
        """Bring the next batch into the store; False when there is none.

        Raises `StoreUnavailable`; the batch is then kept as it is for the next call.
        """
        if self._ready is None:
            batch = await self._thread.run(self._read)
            if batch is None:
                return False
            self._ready = batch, await self._convert(batch)
        batch, pairs = self._ready
        refused = await self._delivery.deliver(pairs, batch.token) if pairs else []
        instruments.INGEST_SPANS.inc(by=len(pairs) - len(refused))
        for item, error in refused:
            await self._thread.run(partial(self._set_aside, item, "refused_by_store", str(error)))
        await self._thread.run(partial(self.reader.ack, batch))
        self._ready = None
        return True

    def _read(self) -> Batch | None:
        return self.reader.read(self._options.batch_bytes, self._options.batch_records, self._options.linger_s)

    async def _convert(self, batch: Batch) -> list[Pair]:
        pairs: list[Pair] = []
        step = self._options.slice_records
        for start in range(0, len(batch.items), step):
            part = batch.items[start : start + step]
            pairs += await self._thread.run(partial(self._convert_slice, part))
        return pairs

    def _convert_slice(self, items: Sequence[Item]) -> list[Pair]:
        pairs: list[Pair] = []
        for item in items:
            if item.kind != CALL:
                self._set_aside(item, "unknown_kind", f"kind {item.kind!r} is not known to this version")
                continue
            try:
                pairs.append((item, record_to_span(_DECODER.decode(item.payload), self._catalog)))
            except msgspec.MsgspecError as error:
                self._set_aside(item, "undecodable", str(error))
            except Exception as error:  # noqa: BLE001 - border: a background loop; one record must not stop the rest
                _log.exception("a record cannot become a span")
                self._set_aside(item, "unconvertible", repr(error))
        return pairs

    def _set_aside(self, item: Item, reason: str, detail: str) -> None:
        self.reader.set_aside(item, f"{reason}: {detail}")
        instruments.INGEST_REJECTED.inc(reason)
        _log.error("a record of the spool %s is set aside: %s: %s", self.reader.path.name, reason, detail)
