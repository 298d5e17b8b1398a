"""The parent of `pilothouse up`: starts the processes of one machine, keeps them up, and ends them in order."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Sequence
from typing import Protocol

import msgspec

from pilothouse.errors import PlatformError
from pilothouse.wiring.children import Child

READY_S = 90.0
"""A first start on a slow disk makes schemas and loads a model."""
_STEADY_S = 60.0
"""A process that ran this long starts again without delay when it dies."""
_BACKOFF_MIN_S = 0.5
_BACKOFF_MAX_S = 30.0


class Reporter(Protocol):
    """Where the supervisor tells what happens."""

    def line(self, role: str, line: bytes) -> None:
        """A line that a child wrote."""
        ...

    def ready(self, role: str, seconds: float) -> None:
        """A child is ready, `seconds` after its start."""
        ...

    def ended(self, role: str, code: int, again_s: float) -> None:
        """A child ended by itself and is started again in `again_s`."""
        ...

    def failed(self, role: str, detail: str) -> None:
        """A child did not become ready."""
        ...

    def up(self, seconds: float) -> None:
        """All needed children are ready, `seconds` after the supervisor began."""
        ...

    def stopping(self) -> None:
        """The children are being ended."""
        ...


class Member(msgspec.Struct, frozen=True):
    """A child and its place among the others."""

    child: Child
    needed: bool
    """Whether the start as a whole fails when this one does not come up."""
    stop_turn: int
    """Lower turns end first; the same turn ends together."""


class Supervisor:
    """Runs its members until `stop` is called or a signal arrives.

    SIGINT, SIGTERM and SIGHUP end all members in order; a second one kills them.
    """

    def __init__(self, members: Sequence[Member], reporter: Reporter, began_at_s: float) -> None:
        self._members = members
        self._reporter = reporter
        self._began_at_s = began_at_s
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Start all, report when they are up, keep them up; returns when all have ended.

        Raises `PlatformError` when a needed member does not become ready; all others are ended before.
        """
        self._take_signals()
        keepers: list[asyncio.Task[None]] = []
        try:
            if await self._unless_stopped(asyncio.create_task(self._start_all())):
                self._reporter.up(time.monotonic() - self._began_at_s)
                keepers = [asyncio.create_task(self._keep(member)) for member in self._members]
                await self._stop.wait()
        finally:
            self._stop.set()
            self._reporter.stopping()
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await self._stop_all()

    def stop(self) -> None:
        """End all members in order; when asked again, kill them."""
        if self._stop.is_set():
            for member in self._members:
                member.child.kill()
        self._stop.set()

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)

    async def _unless_stopped(self, work: asyncio.Task[None]) -> bool:
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
                return not self._stop.is_set()
            return False
        finally:
            for task in (work, stopped):
                task.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)

    async def _start_all(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for member in self._members:
                    group.create_task(self._start(member))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _start(self, member: Member) -> None:
        await member.child.start()
        try:
            self._reporter.ready(member.child.spec.role, await member.child.ready(READY_S))
        except PlatformError as error:
            self._reporter.failed(member.child.spec.role, error.detail)
            if member.needed:
                raise

    async def _keep(self, member: Member) -> None:
        child, wait_s = member.child, _BACKOFF_MIN_S
        while True:
            code = await child.wait()
            if time.monotonic() - child.started_at_s > _STEADY_S:
                wait_s = _BACKOFF_MIN_S
            self._reporter.ended(child.spec.role, code, wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _BACKOFF_MAX_S)
            await child.start()
            try:
                self._reporter.ready(child.spec.role, await child.ready(READY_S))
            except PlatformError as error:
                self._reporter.failed(child.spec.role, error.detail)

    async def _stop_all(self) -> None:
        turns = sorted({member.stop_turn for member in self._members})
        for turn in turns:
            with contextlib.suppress(ProcessLookupError):
                await asyncio.gather(*(m.child.stop() for m in self._members if m.stop_turn == turn))
