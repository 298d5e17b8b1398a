from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.compat.pipeline import Pipeline, pipeline
from tests.embedded_store import StoreProcess
from tests.server.harness import Running, running


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Running]:
    """A running server over an empty registry."""
    async with running(tmp_path) as found:
        yield found


@pytest.fixture
async def line(tmp_path: Path, store_process: StoreProcess) -> AsyncIterator[Pipeline]:
    """A running server whose telemetry a real store takes when it is told to."""
    async with pipeline(tmp_path, store_process) as found:
        yield found
