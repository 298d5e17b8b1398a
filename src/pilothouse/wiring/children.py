"""One child process of `pilothouse up`: start, log, readiness, end."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable

import httpx
import msgspec

from pilothouse.errors import PlatformError
from pilothouse.wiring.log_files import LogFile

_CHUNK_BYTES = 65536
_LINE_BYTES = 1 << 20
_POLL_S = 0.03


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What to start and how to tell that it is ready."""

    role: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    ready_url: str
    """Answers 200 once the process can do its job."""
    stop_s: float = 3.0
    """How long it may take to end after SIGTERM."""


class Child:
    """One process in its own process group, whose output goes line by line to a log file and to `on_line`.

    Its standard input is a pipe that only this process holds: its end tells the child that its parent is gone, however
    that came about.
    """

    def __init__(self, spec: ChildSpec, log: LogFile, on_line: Callable[[str, bytes], None]) -> None:
        self.spec = spec
        self.last_line = b""
        self.started_at_s = 0.0
        self._log = log
        self._on_line = on_line
        self._process: asyncio.subprocess.Process | None = None
        self._pump: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process id, 0 before the first start."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the process; returns as soon as it runs."""
        self.started_at_s = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            *self.spec.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self.spec.environment,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._pump = asyncio.create_task(self._read(self._process.stdout), name=f"log:{self.spec.role}")

    async def ready(self, timeout_s: float) -> float:
        """Wait until it answers 200 and return the seconds since its start; raises `PlatformError` when it does not."""
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            while time.monotonic() - self.started_at_s < timeout_s:
                if not self.running:
                    await self.wait()
                    raise PlatformError(f"{self.spec.role} ended while starting: {self._last_words()}")
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(self.spec.ready_url)).status_code == 200:
                        return time.monotonic() - self.started_at_s
                await asyncio.sleep(_POLL_S)
        raise PlatformError(f"{self.spec.role} was not ready after {timeout_s:.0f} s: {self._last_words()}")

    async def wait(self) -> int:
        """Return the exit code once the process has ended and its last output is logged."""
        assert self._process is not None
        code = await self._process.wait()
        if self._pump is not None:
            # a grandchild that outlives it may hold the pipe open
            await asyncio.wait({self._pump}, timeout=1.0)
            self._pump.cancel()
        return code

    async def stop(self) -> None:
        """Ask the process to end, kill its group when it has not after `stop_s`, and close its log."""
        try:
            if self.running:
                self._signal(signal.SIGTERM)
                await asyncio.wait_for(self.wait(), self.spec.stop_s)
        except TimeoutError:
            self.kill()
            await self.wait()
        finally:
            self._log.close()

    def kill(self) -> None:
        """End the whole process group at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _last_words(self) -> str:
        return self.last_line.decode(errors="replace").strip() or "it said nothing"

    async def _read(self, stream: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await stream.read(_CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line)
            if len(rest) > _LINE_BYTES:
                self._take(rest)
                rest = b""
        if rest:
            self._take(rest)

    def _take(self, line: bytes) -> None:
        if line.strip():
            self.last_line = line
            self._log.write(line + b"\n")
            self._on_line(self.spec.role, line)
