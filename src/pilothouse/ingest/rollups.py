"""Keeping the rollups of the store up to date, beside ingest and behind it."""

import time
from collections.abc import Callable
from typing import Protocol

from pilothouse.loops import Loop

_EVERY_S = 10.0
_TIDY_S = 3600.0
_MANY = 1000
_BEHIND_S = 3.0
"""Ingest that is this late needs the machine for itself, and nothing is built that may wait until it is over."""


class Rollups(Protocol):
    """What this asks of the telemetry store. Methods raise `StoreUnavailable` and `QueryRefused`."""

    async def build_rollups(self, settled_us: int | None = None, *, in_parts: bool = False) -> int:
        """Build some of what is due; return how many were built.

        All that was inserted before `settled_us` is in the store; None when that is not known. What is not over is
        built `in_parts` only.
        """
        ...

    async def tidy_rollups(self) -> int:
        """Remove what was replaced once that is much."""
        ...


class RollupLoop(Loop):
    """Builds rollups of what has settled; until it gets to something, figures are read from the spans."""

    def __init__(self, store: Rollups, settled_us: Callable[[], int | None], lag_s: Callable[[], float]) -> None:
        super().__init__("rollups")
        self._store = store
        self._settled_us = settled_us
        self._lag_s = lag_s
        self._tidy_at = time.monotonic() + _TIDY_S

    async def tick(self) -> float:
        """Build what is due."""
        built = await self._store.build_rollups(self._settled_us(), in_parts=self._lag_s() < _BEHIND_S)
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + _TIDY_S
            await self._store.tidy_rollups()
        # Many at once are history: the first start with rollups, or an import.
        return 1.0 if built >= _MANY else _EVERY_S
