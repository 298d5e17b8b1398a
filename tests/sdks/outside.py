"""SDKs in environments of their own: a process each, which stays for all tests, and callers that ask through it."""

import asyncio
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.sdks.callers import Ask, Heard
from tests.sdks.relay import Opening, Order, Problem, Report

ROOT = Path(__file__).parents[2]
ANSWER_S = 30.0
_REPORT = msgspec.json.Decoder(Report)
_NOWHERE = "http://127.0.0.1:9"
_QUIET = {
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "OTEL_SDK_DISABLED": "true",
    "ANONYMIZED_TELEMETRY": "false",
    "HF_HUB_OFFLINE": "1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_COLOR": "1",
}


class SdkError(Exception):
    """What an SDK in another process raised, when it is an error of its own kind."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.kind}: {problem.text}")
        self.problem = problem


class StrayError(AssertionError):
    """What an SDK in another process stumbled over."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.kind}: {problem.text}")
        self.problem = problem


class Program:
    """A relay in another environment."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._errors = folder / "stderr"
        # Whoever wants to phone home finds a proxy that is not there.
        environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder), "TMPDIR": str(folder),
            "HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE, "NO_PROXY": "127.0.0.1", **_QUIET,
        }  # fmt: skip
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )

    async def tell(self, order: Order) -> Report:
        """Give an order and return the report on it."""
        line = b""
        try:
            async with asyncio.timeout(ANSWER_S):
                line = await asyncio.to_thread(self._exchange, msgspec.json.encode(order) + b"\n")
        except (TimeoutError, BrokenPipeError):
            self._process.kill()
        assert line, f"no report on {order}: {self._errors.read_text()[-3000:]}"
        return _REPORT.decode(line)

    @property
    def ended(self) -> bool:
        """Whether it fell over."""
        return self._process.poll() is not None

    def end(self) -> None:
        """End the process and wait for it."""
        self._process.kill()
        self._process.communicate()

    def _exchange(self, line: bytes) -> bytes:
        pipes: Any = self._process
        pipes.stdin.write(line)
        pipes.stdin.flush()
        return pipes.stdout.readline()


class Remote:
    """A caller whose SDK is in another process."""

    errors = (SdkError,)

    def __init__(self, program: Program, report: Report) -> None:
        self._program = program
        self.stops = report.stops
        self.untold, self.unstreamed = report.untold, report.unstreamed
        self.schema_tool = report.schema_tool
        self.refused = report.refused

    def code(self, error: Exception) -> int:
        assert isinstance(error, SdkError | StrayError)
        assert error.problem.status is not None, str(error)
        return error.problem.status

    def wait(self, error: Exception) -> str | None:
        assert isinstance(error, SdkError | StrayError)
        return error.problem.wait

    async def close(self) -> None:
        """Do nothing: the next opening closes this one."""

    async def ask(self, ask: Ask) -> Heard:
        return await self._tell(Order(ask=ask))

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        del ask, heard
        return await self._tell(Order(results=results))

    async def _tell(self, order: Order) -> Heard:
        report = await self._program.tell(order)
        if report.problem is not None:
            raise (SdkError if report.problem.known else StrayError)(report.problem)
        assert report.heard is not None
        return report.heard


async def opened(program: Program, opening: Opening) -> Remote:
    """Return the caller of an SDK in a program."""
    return Remote(program, await program.tell(Order(opening=opening)))
