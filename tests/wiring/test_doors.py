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
from pilothouse.wiring import grpc_check
from pilothouse.wiring.data_folder import prepare
from pilothouse.wiring.doors import open_door
from pilothouse.wiring.findings import Finding, State
from pilothouse.wiring.ports import pick
from tests.server.certificates import Authority


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


async def test_a_wrong_certificate_costs_grpc_and_is_never_answered_by_plain_text(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = pick("127.0.0.1")
    certificate, key = Authority("ours").issue().write(tmp_path)
    (tmp_path / "server.key").write_text("no key")
    with caplog.at_level(logging.ERROR):
        door = await house.door(grpc_port=port, grpc_cert_file=certificate, grpc_key_file=key)
    assert "OTLP/gRPC is not served: otlp.grpc_key_file" in caplog.text
    assert await _probed(port) is Served.NOBODY
    assert door.problem() is None


async def test_the_doctor_tells_how_the_certificate_stands(house: House, tmp_path: Path) -> None:
    authority = Authority("ours")
    certificate, key = authority.issue().write(tmp_path)
    port = pick("127.0.0.1")
    options = OtlpOptions(grpc_port=port, grpc_cert_file=certificate, grpc_key_file=key)
    assert (await _found(options)).state is State.SKIPPED
    # a certificate of clients is asked for, too, which the doctor has none of
    authority_file = tmp_path / "authority.pem"
    authority_file.write_bytes(authority.certificate)
    await house.door(
        grpc_port=port, grpc_cert_file=certificate, grpc_key_file=key, grpc_client_ca_file=str(authority_file)
    )
    found = await _found(options)
    assert (found.state, "with TLS, its certificate is good until" in found.detail) == (State.OK, True)
    for days, state in ((3, State.WARNING), (-1, State.FAILED)):
        authority.issue(days).write(tmp_path)
        assert (await _found(options)).state is state
    (tmp_path / "server.pem").write_bytes(authority.issue().certificate)
    found = await _found(options)
    assert (found.state, "is not that of" in found.detail) == (State.FAILED, True)


async def test_the_doctor_sees_another_certificate(house: House, tmp_path: Path) -> None:
    authority, port = Authority("ours"), pick("127.0.0.1")
    first, key = authority.issue().write(tmp_path)
    await house.door(grpc_port=port, grpc_cert_file=first, grpc_key_file=key)
    second, other_key = authority.issue().write(tmp_path, "second")
    found = await _found(OtlpOptions(grpc_port=port, grpc_cert_file=second, grpc_key_file=other_key))
    assert (found.state, "shows another certificate" in found.detail) == (State.FAILED, True)


async def test_the_doctor_sees_that_there_is_no_tls(house: House, tmp_path: Path) -> None:
    port = pick("127.0.0.1")
    await house.door(grpc_port=port)
    certificate, key = Authority("ours").issue().write(tmp_path)
    found = await _found(OtlpOptions(grpc_port=port, grpc_cert_file=certificate, grpc_key_file=key))
    assert (found.state, "does not speak TLS" in found.detail) == (State.FAILED, True)


async def test_it_can_be_switched_off(house: House) -> None:
    port = pick("127.0.0.1")
    await house.door(grpc_port=port, grpc_enabled=False)
    assert await _probed(port) is Served.NOBODY


async def _found(options: OtlpOptions) -> Finding:
    return await asyncio.to_thread(grpc_check.check, options)


async def _probed(port: int) -> Served:
    return await asyncio.to_thread(probe, f"127.0.0.1:{port}", 3.0)
