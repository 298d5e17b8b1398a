from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.compat.pipeline import Pipeline, changed_by_remapping, pipeline
from tests.embedded_store import StoreProcess
from tests.server.harness import Running, running


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Running]:
    """A running server over an empty registry."""
    async with running(tmp_path) as found:
        yield found


@pytest.fixture
async def line(tmp_path: Path, store_process: StoreProcess) -> AsyncIterator[Pipeline]:
    """A running server whose telemetry a real store takes when it is told to.

    Whatever an SDK has told: as it came, so it means when it is mapped anew.
    """
    async with pipeline(tmp_path, store_process) as found:
        yield found
        assert await changed_by_remapping(found, store_process) == []
