"""The ways in for telemetry, with the spool behind them."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pilothouse.domain.clock import Clock
from pilothouse.errors import PilothouseError
from pilothouse.registry.receipts import Ledger
from pilothouse.registry.registry import Registry
from pilothouse.server.otlp.credentials import KeyRing
from pilothouse.server.otlp.door import Door
from pilothouse.server.otlp.grpc_door import GrpcDoor
from pilothouse.server.otlp.receipts import Receipts
from pilothouse.settings import Settings
from pilothouse.spool import SpoolWriter
from pilothouse.wiring import ports
from pilothouse.wiring.data_folder import Layout

WRITER = "platform"
_DRAIN_S = 2.0
_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_door(
    settings: Settings, layout: Layout, registry: Registry, ledger: Ledger, clock: Clock
) -> AsyncGenerator[Door]:
    """Take telemetry in; on exit what was accepted is flushed, and what became of it is written down."""
    keys = KeyRing(registry, clock)
    receipts = Receipts(ledger, clock)
    with SpoolWriter(layout.spool / WRITER, settings.spool) as spool:
        keys.take(await registry.snapshot())
        await keys.start()
        await receipts.start()
        door = Door(spool, keys, receipts, clock, settings.otlp)
        try:
            async with _grpc(door):
                yield door
        finally:
            await keys.stop()
            await receipts.stop()


@asynccontextmanager
async def _grpc(door: Door) -> AsyncGenerator[None]:
    """Serve gRPC too; without it when the port is taken, since 4317 is where any other collector listens as well."""
    options = door.options
    if not options.grpc_enabled:
        yield
        return
    try:
        ports.check(options.grpc_host, options.grpc_port, "PILOTHOUSE_OTLP__GRPC_PORT")
        server = GrpcDoor(door)
        await server.start()
    except (PilothouseError, RuntimeError) as error:
        _log.error("OTLP/gRPC is not served: %s", error)
        yield
        return
    try:
        yield
    finally:
        await server.stop(_DRAIN_S)
