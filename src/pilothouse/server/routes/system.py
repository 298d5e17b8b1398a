"""What the installation runs on."""

import asyncio

import msgspec
from litestar import get

from pilothouse import __version__
from pilothouse.errors import PilothouseError
from pilothouse.server.parts import Parts, ServerParts, SpoolStats
from pilothouse.server.routes import health
from pilothouse.server.routes.health import PartView

_STATS_S = 5.0


class StoreView(msgspec.Struct, frozen=True):
    """The telemetry store."""

    ok: bool
    detail: str
    engine: str
    rows: int | None
    """None when the store does not answer."""
    size_bytes: int | None
    parts: int | None


class SystemView(msgspec.Struct, frozen=True):
    """What the installation runs on."""

    version: str
    gateway_url: str
    """What applications set as their base URL, without `/v1`."""
    public_url: str
    store: StoreView
    spools: list[SpoolStats]
    parts: list[PartView]
    ready: bool
    snapshot_version: int | None
    """Of keys and routes; grows by one with every change."""


@get("/system", operation_id="getSystem", summary="What the installation runs on")
async def show(parts: Parts) -> SystemView:
    """Return versions, addresses, the store, the spools and every part's health."""
    ready = await health.check(parts)
    store, snapshot_version = await asyncio.gather(_store(parts), _snapshot_version(parts))
    return SystemView(
        version=__version__,
        gateway_url=parts.gateway_url,
        public_url=parts.options.public_url,
        store=store,
        spools=list(await asyncio.to_thread(parts.spool_stats)),
        parts=ready.parts,
        ready=ready.ready,
        snapshot_version=snapshot_version,
    )


HANDLERS = (show,)


async def _store(parts: ServerParts) -> StoreView:
    try:
        async with asyncio.timeout(_STATS_S):
            stats = await parts.telemetry.stats()
    except (PilothouseError, TimeoutError) as error:
        detail = str(error) or "The store did not answer in time."
        return StoreView(ok=False, detail=detail, engine="", rows=None, size_bytes=None, parts=None)
    return StoreView(
        ok=True,
        detail="",
        engine=stats.engine_version,
        rows=stats.rows,
        size_bytes=stats.size_bytes,
        parts=stats.parts,
    )


async def _snapshot_version(parts: ServerParts) -> int | None:
    try:
        return await parts.registry.version()
    except PilothouseError:
        return None
