"""How the installation is doing: system facts, alive, ready, metrics."""

import msgspec
from litestar import get

from pilothouse.server.parts import Parts, SpoolStats


class PartView(msgspec.Struct, frozen=True):
    """Whether one part can do its job."""

    name: str
    ok: bool
    detail: str
    """Empty when ok, else why not."""


class ReadyView(msgspec.Struct, frozen=True):
    """Whether this process can do its job."""

    ready: bool
    parts: list[PartView]


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
    raise NotImplementedError


HANDLERS = (show,)
