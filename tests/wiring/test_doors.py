"""The ways in for telemetry as the platform opens them: gRPC beside HTTP, without it when its port is taken."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse.domain.clock import SystemClock
from pilothouse.domain.secret import SecretBox
from pilothouse.registry.receipts import Ledger
from pilothouse.registry.registry import Registry
from pilothouse.server.otlp.door import Door
from pilothouse.server.otlp.grpc_door import Served, probe
from pilothouse.server.otlp.options import OtlpOptions
from pilothouse.settings import Settings
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.options import MetadataOptions
from pilothouse.wiring.data_folder import prepare
from pilothouse.wiring.doors import open_door
from pilothouse.wiring.ports import pick


class House:
    """Opens doors over an empty registry."""

    def __init__(self, folder: Path, metadata: Metadata, held: AsyncExitStack) -> None:
        self._layout = prepare(folder)
        self._metadata = metadata
        self._held = held
        self.registry = Registry(metadata, SecretBox(bytes(32)), SystemClock())

    async def door(self, **options: Any) -> Door:
        settings = msgspec.structs.replace(Settings(), otlp=OtlpOptions(**options))
        opened = open_door(settings, self._layout, self.registry, Ledger(self._metadata), SystemClock())
        return await self._held.enter_async_context(opened)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    metadata = Metadata(MetadataOptions(url=f"sqlite:///{tmp_path / 'pilothouse.db'}"))
    await metadata.connect()
    await metadata.migrate()
    async with AsyncExitStack() as held:
        yield House(tmp_path / "data", metadata, held)
    await metadata.close()


async def test_grpc_answers_and_is_known_as_ours(house: House) -> None:
    port = pick("127.0.0.1")
    door = await house.door(grpc_port=port)
    # the asking end blocks, so it asks from a thread as the command line asks from another process
    assert await _probed(port) is Served.OURS
    assert door.problem() is None


async def test_a_taken_port_costs_grpc_and_nothing_else(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with caplog.at_level(logging.ERROR):
            door = await house.door(grpc_port=other.getsockname()[1])
    assert "OTLP/gRPC is not served" in caplog.text
    assert "PILOTHOUSE_OTLP__GRPC_PORT" in caplog.text
    assert door.problem() is None


async def test_it_can_be_switched_off(house: House) -> None:
    port = pick("127.0.0.1")
    await house.door(grpc_port=port, grpc_enabled=False)
    assert await _probed(port) is Served.NOBODY


async def _probed(port: int) -> Served:
    return await asyncio.to_thread(probe, f"127.0.0.1:{port}", 3.0)
