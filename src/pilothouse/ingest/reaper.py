"""Closing spans whose end was never said, and knowing after a restart which those are."""

import hashlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.holding import Held, Place
from pilothouse.errors import QueryRefused
from pilothouse.ingest.delivery import SpanSink
from pilothouse.ingest.merging import Holdings, Merger
from pilothouse.ingest.options import IngestOptions

_log = logging.getLogger(__name__)
_EVERY_S = 30.0
_AT_ONCE = 500


class Unended(Protocol):
    """What the reaper asks of the telemetry store. Methods raise `StoreUnavailable` and `QueryRefused`."""

    async def unended(self, limit: int) -> list[Place]:
        """Return spans without an end, those first of which nothing was heard for the longest time."""
        ...

    async def recent(self, after: datetime, limit: int) -> list[tuple[str, str]]:
        """Return project and id of the traces that something came of since `after`, the newest first."""
        ...


class _Store(SpanSink, Holdings, Unended, Protocol):
    """All of the store that is used here."""


class Reaper:
    """Closes a span when nothing was heard of it for long; a patch that comes later opens it again.

    Runs between two batches of the one writer, so that it never writes over what a batch has just brought.
    """

    def __init__(self, store: _Store, merger: Merger, clock: Clock, options: IngestOptions) -> None:
        self._store = store
        self._merger = merger
        self._recent = merger.recent
        self._open = merger.open_spans
        self._clock = clock
        self._options = options
        self._filled = False
        self._sweep_at_ns = 0

    async def fill(self) -> None:
        """Learn from the store, once, which traces are recent and which spans have no end."""
        if self._filled:
            return
        options = self._options
        after = datetime.fromtimestamp(self._clock.now_ns() / 1e9 - options.recent_s, UTC)
        try:
            for key in reversed(await self._store.recent(after, options.recent_traces)):
                self._recent.mark(key)
        except QueryRefused as error:
            # Not to take anything in would be worse than to take a late patch for the whole of its span.
            _log.warning("the traces of the last hours cannot be read: %s", error.detail)
        await self._refill()
        self._filled = True

    async def sweep(self) -> None:
        """Close what is silent for too long, at most some hundred spans at a time."""
        now_ns = self._clock.now_ns()
        if now_ns < self._sweep_at_ns:
            return
        before_ns = now_ns - int(self._options.abandon_after_s * 1e9)
        silent = self._open.silent_since(before_ns, _AT_ONCE)
        if len(silent) < _AT_ONCE:
            self._sweep_at_ns = now_ns + int(min(_EVERY_S, self._options.abandon_after_s) * 1e9)
        if silent:
            await self._close(silent)
        elif self._open.overflown and len(self._open) < self._options.open_spans // 2:
            await self._refill()

    async def _refill(self) -> None:
        self._open.overflown = False
        try:
            found = await self._store.unended(self._options.open_spans)
        except QueryRefused as error:
            # Without them ingest looks before it writes, and tries again when there is time.
            _log.warning("the spans without an end cannot be read: %s", error.detail)
            self._open.overflown = True
            return
        for place in found:
            self._open.opened(place)
        if len(found) >= self._options.open_spans:
            self._open.overflown = True

    async def _close(self, places: Sequence[Place]) -> None:
        newest: dict[tuple[str, str, str], Held] = {}
        for one in await self._store.held(places):
            key = one.span.project_id, one.span.trace_id, one.span.span_id
            if not one.span.deleted and (key not in newest or one.version > newest[key].version):
                newest[key] = one
        rows = [
            msgspec.structs.replace(one.span, running=False, abandoned=True)
            for one in newest.values()
            if one.span.running
        ]
        if rows:
            what = hashlib.blake2b(repr([(key, one.version) for key, one in newest.items()]).encode(), digest_size=16)
            await self._store.insert(rows, f"abandoned-{what.hexdigest()}")
            _log.info("%d spans without an end are closed as abandoned", len(rows))
        self._merger.closed(places)
