"""The telemetry client of a process, connected in the background for as long as the store takes to start."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from pilothouse.errors import StoreUnavailable
from pilothouse.loops import Loop
from pilothouse.settings import Settings
from pilothouse.store.telemetry import StoreOptions, Telemetry
from pilothouse.wiring import addresses
from pilothouse.wiring.data_folder import Layout

_IDLE_S = 3600.0


@asynccontextmanager
async def open_telemetry(settings: Settings, layout: Layout) -> AsyncGenerator[Telemetry]:
    """Return the client at once; until the store answers, its methods raise `StoreUnavailable`."""
    telemetry = Telemetry(_options(settings, layout))
    opening = _Opening(telemetry)
    await opening.start()
    try:
        yield telemetry
    finally:
        await opening.stop(0.5)
        await telemetry.close()


class _Opening(Loop):
    """Connects and brings the schema up, once, with as many tries as it takes."""

    backoff_max_s = 0.5

    def __init__(self, telemetry: Telemetry) -> None:
        super().__init__("telemetry connection")
        self._telemetry = telemetry
        self._open = False

    async def tick(self) -> float:
        if not self._open:
            try:
                await self._telemetry.connect()
            except StoreUnavailable:
                return 0.1
            await self._telemetry.migrate()
            self._open = True
        return _IDLE_S


def _options(settings: Settings, layout: Layout) -> StoreOptions:
    if settings.telemetry.url:
        return settings.telemetry
    address = addresses.find(layout, addresses.STORE)
    if address is None:
        raise StoreUnavailable(
            "no telemetry store: run `pilothouse up`, start `pilothouse serve --roles store` first, "
            "or set PILOTHOUSE_TELEMETRY_URL to a ClickHouse server"
        )
    return msgspec.structs.replace(settings.telemetry, url=address.url, secret=address.secret)
