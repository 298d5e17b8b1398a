from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.options import MetadataOptions
from pilothouse.store.telemetry.archive import Archive
from tests.embedded_store import StoreProcess, own_store


@pytest.fixture
async def metadata(tmp_path: Path) -> AsyncIterator[Metadata]:
    """A metadata database with its schema."""
    made = Metadata(MetadataOptions(url=f"sqlite:///{tmp_path / 'pilothouse.db'}"))
    await made.connect()
    await made.migrate()
    yield made
    await made.close()


store_process = own_store()
"""Of each file's own: removing looks at all that is in it."""


@pytest.fixture
async def archive(store_process: StoreProcess) -> AsyncIterator[Archive]:
    """The store, as the lifecycle of its rows sees it."""
    made = Archive(store_process.options())
    yield made
    await made.close()
