"""The gateway process: everything between its socket and its upstreams. It needs no database."""

import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pilothouse.domain.clock import SystemClock
from pilothouse.domain.secret import SecretBox
from pilothouse.gateway.app import GatewayApp
from pilothouse.gateway.pipeline import Parts
from pilothouse.gateway.side import Side
from pilothouse.gateway.snapshots import Snapshots
from pilothouse.plugins import pick
from pilothouse.settings import Settings
from pilothouse.spool import SpoolWriter
from pilothouse.transport.base import Transport
from pilothouse.transport.table import TRANSPORTS
from pilothouse.wiring.data_folder import Layout
from pilothouse.wiring.http_server import HttpOptions, HttpServer

WRITER = "gateway"


@asynccontextmanager
async def serve(settings: Settings, layout: Layout, drain_s: float) -> AsyncGenerator[HttpServer]:
    """Serve model calls; on exit open calls end first, then the spool is flushed."""
    options = settings.gateway
    secrets = SecretBox(layout.secret_key.read_bytes())
    clock = SystemClock()
    transport: Transport = pick("transport", TRANSPORTS, settings.transport.implementation)(settings.transport)
    snapshots = Snapshots(layout.snapshot, options.snapshot_poll_s, secrets)
    snapshots.refresh()
    with SpoolWriter(layout.spool / WRITER, settings.spool) as spool:
        await snapshots.start()

        def checks() -> dict[str, str | None]:
            return {"snapshot": snapshots.problem, "spool": spool.ping()}

        def serves() -> bool:
            return snapshots.in_force and not (spool.full and settings.spool.on_full == "refuse")

        parts = Parts(options=options, clock=clock, spool=spool, transport=transport, index=snapshots.index)
        http = HttpOptions(
            host=options.host,
            port=options.port,
            setting="PILOTHOUSE_GATEWAY_PORT",
            joined_writes=True,
            drain_s=min(drain_s, options.drain_s),
        )
        _calm_collector()
        try:
            async with HttpServer(GatewayApp(parts, Side(snapshots.index, clock, checks, serves)), http) as server:
                yield server
        finally:
            await snapshots.stop()
            await transport.close()


def _calm_collector() -> None:
    """Look for garbage cycles seldom: a call makes none, and what start-up made stays for good."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
