"""The loop that removes files whose time is over, and what deleted files and broken uploads leave."""

from pilothouse.domain.clock import Clock
from pilothouse.errors import MetadataUnavailable
from pilothouse.gateway.files.ports import FileStore
from pilothouse.loops import Loop

_EVERY_S = 60.0
_ABANDONED_NS = 3_600_000_000_000
_PIECES = 4
"""Removed in one transaction, so that no other writer waits long."""


class FileSweeper(Loop):
    """Removes a few pieces at a time."""

    def __init__(self, store: FileStore, clock: Clock) -> None:
        super().__init__("file sweeper")
        self._store = store
        self._clock = clock

    async def tick(self) -> float:
        """Hide what has expired and remove some of what is hidden; returns the seconds to the next round."""
        now_ns = self._clock.now_ns()
        try:
            await self._store.expire(now_ns)
            more = await self._store.sweep(now_ns - _ABANDONED_NS, _PIECES)
        except MetadataUnavailable:
            return _EVERY_S
        return 0.02 if more else _EVERY_S
