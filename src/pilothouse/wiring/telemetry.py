"""The telemetry client of a process, opened in the background for as long as the store takes to start."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from pilothouse.errors import StoreUnavailable
from pilothouse.loops import Loop
from pilothouse.settings import Settings
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.options import StoreOptions
from pilothouse.wiring import addresses
from pilothouse.wiring.data_folder import Layout

_RETRY_S = 0.1
_IDLE_S = 3600.0


class Opening(Loop):
    """Waits for the store and brings its schema up, once, with as many tries as it takes; then calls `on_open`."""

    backoff_max_s = 2.0

    def __init__(self, telemetry: Telemetry, on_open: Callable[[], Awaitable[None]] | None) -> None:
        super().__init__("telemetry schema")
        self._telemetry = telemetry
        self._on_open = on_open
        self._open = False

    async def tick(self) -> float:
        """Try once; returns the time until the next try."""
        if self._open:
            return _IDLE_S
        try:
            await self._telemetry.connect()
        except StoreUnavailable:
            return _RETRY_S
        await self._telemetry.migrate()
        self._open = True
        if self._on_open is not None:
            await self._on_open()
        return _IDLE_S

    def problem(self) -> str | None:
        """Return None once the schema is up, else why it is not."""
        return None if self._open else self.last_error or "waits for the telemetry store"


@asynccontextmanager
async def open_telemetry(
    telemetry: Telemetry, on_open: Callable[[], Awaitable[None]] | None = None
) -> AsyncGenerator[Opening]:
    """Open the client in the background; after exit `on_open` is not called any more."""
    opening = Opening(telemetry, on_open)
    await opening.start()
    try:
        yield opening
    finally:
        await opening.stop(0.5)


def telemetry_options(settings: Settings, layout: Layout) -> StoreOptions:
    """Return how to reach the store: the configured one, else the embedded one of this data folder."""
    if settings.telemetry.url:
        return settings.telemetry
    address = addresses.find(layout, addresses.STORE)
    if address is None:
        raise StoreUnavailable(
            "no telemetry store: run `pilothouse up`, start `pilothouse serve --roles store` first, "
            "or set PILOTHOUSE_TELEMETRY_URL to a ClickHouse server"
        )
    return msgspec.structs.replace(settings.telemetry, url=address.url, secret=address.secret)
