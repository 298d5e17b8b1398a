"""The live tail: one shared poller of the store's newest traces, and a bounded queue for each listener."""

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from pilothouse.domain.clock import Clock
from pilothouse.domain.reading import TraceSummary
from pilothouse.loops import Loop
from pilothouse.server.views import at

POLL_S = 0.3
PING_S = 15.0
_PARKED_S = 3600.0
_OVERLAP = timedelta(seconds=5)
"""Rows become visible a little after their insertion stamp; what is read twice is dropped by its mark."""
_BATCH = 200
_QUEUE = 500
_REMEMBERED = 5000

Mark = tuple[int, int, str, float]


class Newest(Protocol):
    """The one question that the live tail asks the store."""

    async def newest(self, project_id: str, after: datetime, limit: int) -> list[TraceSummary]:
        """Return the traces with spans inserted after a time."""
        ...


class Lagged(msgspec.Struct, frozen=True):
    """Data of the `lagged` event: there was more than could be told."""

    missed: int
    """At least so many traces were left out."""


class _Listener:
    def __init__(self, project_id: str) -> None:
        self.project_id = project_id
        self.waiting: deque[TraceSummary] = deque()
        self.missed = 0
        self.changed = asyncio.Event()

    def offer(self, summary: TraceSummary) -> None:
        if len(self.waiting) >= _QUEUE:
            self.waiting.popleft()
            self.missed += 1
        self.waiting.append(summary)
        self.changed.set()

    def drain(self) -> bytes:
        self.changed.clear()
        out = b""
        if self.missed:
            out += event("lagged", Lagged(self.missed))
            self.missed = 0
        while self.waiting:
            out += event("trace", self.waiting.popleft())
        return out


class LiveTail(Loop):
    """Polls while somebody listens, and is parked otherwise."""

    backoff_max_s = 2.0

    def __init__(self, store: Newest, clock: Clock, *, ping_s: float = PING_S) -> None:
        super().__init__("live tail")
        self._ping_s = ping_s
        self._store = store
        self._clock = clock
        self._listeners: set[_Listener] = set()
        self._seen: dict[str, OrderedDict[str, Mark]] = {}
        self._since: dict[str, datetime] = {}
        self._closed = False

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    async def tick(self) -> float:
        """Ask once for each project that somebody listens to."""
        if not self._listeners:
            return _PARKED_S
        for project_id in {listener.project_id for listener in self._listeners}:
            await self._poll(project_id)
        return POLL_S

    async def listen(self, project_id: str, allowed: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
        """Yield server-sent events until the listener goes, is no longer allowed, or the tail is closed."""
        listener = _Listener(project_id)
        if project_id not in self._since:
            self._since[project_id] = at(self._clock.now_ns())
        self._listeners.add(listener)
        self.wake()
        try:
            yield b"retry: 2000\n\n: listening\n\n"
            ping_at = time.monotonic() + self._ping_s
            while not self._closed:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(listener.changed.wait(), max(0.0, ping_at - time.monotonic()))
                if time.monotonic() >= ping_at:
                    # The same beat checks the right to listen, because a key may be revoked on a busy stream.
                    if not await allowed():
                        return
                    ping_at = time.monotonic() + self._ping_s
                    yield listener.drain() or b": ping\n\n"
                elif not self._closed:
                    yield listener.drain()
        finally:
            self._forget(listener)

    async def close(self) -> None:
        """End every listener's stream and the polling."""
        self._closed = True
        for listener in self._listeners:
            listener.changed.set()
        await self.stop()

    async def _poll(self, project_id: str) -> None:
        asked_at = at(self._clock.now_ns())
        found = await self._store.newest(project_id, self._since[project_id] - _OVERLAP, _BATCH)
        seen = self._seen.setdefault(project_id, OrderedDict())
        if len(found) == _BATCH and all(summary.trace_id not in seen for summary in found):
            self._lag(project_id)
        for summary in sorted(found, key=lambda one: one.started_at):
            mark = (summary.span_count, summary.call_count, summary.status, summary.duration_ms)
            if seen.get(summary.trace_id) == mark:
                continue
            seen[summary.trace_id] = mark
            seen.move_to_end(summary.trace_id)
            for listener in self._listeners:
                if listener.project_id == project_id:
                    listener.offer(summary)
        while len(seen) > _REMEMBERED:
            seen.popitem(last=False)
        if project_id in self._since:
            self._since[project_id] = asked_at

    def _lag(self, project_id: str) -> None:
        """Note that more traces came since the last poll than one answer holds."""
        for listener in self._listeners:
            if listener.project_id == project_id:
                listener.missed += 1

    def _forget(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        if not any(other.project_id == listener.project_id for other in self._listeners):
            self._seen.pop(listener.project_id, None)
            self._since.pop(listener.project_id, None)


LiveDep = NamedDependency[SkipValidation[LiveTail]]


def event(name: str, data: msgspec.Struct) -> bytes:
    """Return one server-sent event with JSON data."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))
