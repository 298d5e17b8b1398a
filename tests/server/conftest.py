from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.harness import Running, running


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Running]:
    """A running server over an empty registry."""
    async with running(tmp_path) as found:
        yield found
