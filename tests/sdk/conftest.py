"""An app with tracing on, in this process, and the platform that it sends to."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from pilothouse import sdk
from pilothouse.domain.access import Permission
from tests.sdk.sent import Sent, sent
from tests.server.harness import Running, running


class App(msgspec.Struct):
    """This process as an app."""

    run: Running
    key: str
    folder: Path
    dropped_before: int = 0

    async def sent(self) -> Sent:
        """Send what is queued and return what the platform has kept of it."""
        assert await asyncio.to_thread(sdk.flush, 10)
        return sent(self.folder)

    async def script(self, text: str, **environment: str) -> tuple[int, str]:
        """Run an app in a process of its own; returns its exit code and what it said."""
        return await script(text, PILOTHOUSE_URL=self.run.url, PILOTHOUSE_KEY=self.key, **environment)


async def script(text: str, **environment: str) -> tuple[int, str]:
    """Run an app in a process of its own; returns its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", text,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[App]:
    """A platform, and no tracing in this process."""
    async with running(tmp_path) as run:
        yield App(run, await run.key(Permission.INGEST), tmp_path, sdk.dropped())


@pytest.fixture
async def app(platform: App) -> AsyncIterator[App]:
    """A platform, and tracing on in this process."""
    assert sdk.init(platform.run.url, platform.key)
    try:
        yield platform
    finally:
        await asyncio.to_thread(sdk.shutdown)
