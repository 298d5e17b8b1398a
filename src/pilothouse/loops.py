"""The one base of background loops: start, stop, tick, back off, ping."""

import asyncio
import contextlib
import logging
import random
import time
from abc import ABC, abstractmethod

from pilothouse import instruments

_log = logging.getLogger(__name__)


async def rung(bell: asyncio.Event, patience_s: float) -> bool:
    """Wait for a bell; returns whether it rang before patience was at its end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            return await bell.wait()
    return False


class Loop(ABC):
    """A background task that calls `tick` again and again until it is stopped.

    `tick` returns the seconds to wait before the next call, 0 for at once. An exception is counted, logged and answered
    with exponential back-off with jitter between `backoff_min_s` and `backoff_max_s`; it never ends the loop.
    """

    backoff_min_s: float = 0.1
    backoff_max_s: float = 10.0

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures_in_row = 0
        self.last_error: str | None = None
        self._last_tick_at = time.monotonic()
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._stopping = False

    @abstractmethod
    async def tick(self) -> float:
        """Do one round of work and return the seconds to wait before the next."""

    async def start(self) -> None:
        """Start the task; returns at once."""
        self._stopping = False
        self._task = asyncio.create_task(self._run(), name=f"loop:{self.name}")

    async def stop(self, grace_s: float = 5.0) -> None:
        """Let the running tick end within `grace_s`, then cancel it."""
        self._stopping = True
        self._wake.set()
        if self._task is None:
            return
        _, pending = await asyncio.wait({self._task}, timeout=grace_s)
        for task in pending:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._task = None

    def wake(self) -> None:
        """Cut the current wait short."""
        self._wake.set()

    def ping(self, stale_s: float = 30.0) -> str | None:
        """Return None when healthy, else why not: failing, stalled or not running."""
        if self._task is None or self._task.done():
            return f"{self.name} is not running"
        if self.failures_in_row:
            return f"{self.name} failed {self.failures_in_row} times in a row: {self.last_error}"
        idle_s = time.monotonic() - self._last_tick_at
        return f"{self.name} has not ticked for {idle_s:.0f} s" if idle_s > stale_s else None

    async def _run(self) -> None:
        while not self._stopping:
            wait_s = await self._tick_once()
            self._last_tick_at = time.monotonic()
            if wait_s > 0 and not self._stopping:
                await rung(self._wake, wait_s)
            else:
                await asyncio.sleep(0)
            self._wake.clear()

    async def _tick_once(self) -> float:
        try:
            wait_s = await self.tick()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - border: a background loop outlives every fault of its tick
            self.failures_in_row += 1
            self.last_error = f"{type(error).__name__}: {error}"
            instruments.LOOP_FAILURES.inc(self.name)
            _log.warning("%s failed", self.name, exc_info=self.failures_in_row == 1)
            ceiling_s = min(self.backoff_max_s, self.backoff_min_s * 2 ** min(self.failures_in_row, 16))
            return ceiling_s * random.uniform(0.5, 1.0)
        self.failures_in_row = 0
        self.last_error = None
        return wait_s
