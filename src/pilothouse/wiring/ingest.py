"""The ingest process: spools into the store. Without web framework, so that it stays small beside the API."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.domain.keeping import Marks
from pilothouse.ingest.loop import IngestLoop
from pilothouse.ingest.removed import Gate
from pilothouse.ingest.rollups import RollupLoop
from pilothouse.lifecycle.gone import Removals
from pilothouse.registry.experiments import Experiments
from pilothouse.registry.receipts import Ledger
from pilothouse.registry.secrets import load_secret_key
from pilothouse.settings import Settings
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.wiring import addresses
from pilothouse.wiring.data_folder import Layout
from pilothouse.wiring.http_server import HttpOptions, HttpServer
from pilothouse.wiring.metadata import metadata_options
from pilothouse.wiring.prices import price_file, priced_by
from pilothouse.wiring.probes import Probes
from pilothouse.wiring.process import calm_collector, give_memory_back
from pilothouse.wiring.revisions import revising
from pilothouse.wiring.telemetry import open_telemetry, telemetry_options

Problem = Callable[[], str | None]


@asynccontextmanager
async def serve(settings: Settings, layout: Layout, drain_s: float) -> AsyncGenerator[None]:
    """Drain the spools into the store beside other roles, whose process answers for this one."""
    addresses.forget(layout, addresses.INGEST)
    async with _draining(settings, layout, drain_s):
        yield


@asynccontextmanager
async def serve_apart(settings: Settings, layout: Layout, drain_s: float) -> AsyncGenerator[HttpServer]:
    """Drain the spools into the store in a process of its own, which answers on loopback whether it is well."""
    address = addresses.settle(layout, addresses.INGEST)
    options = HttpOptions(host=addresses.HOST, port=address.port, setting="PILOTHOUSE_DATA", drain_s=1.0)
    async with AsyncExitStack() as parts:
        problem = await parts.enter_async_context(_draining(settings, layout, drain_s))
        calm_collector()
        give_memory_back()
        yield await parts.enter_async_context(HttpServer(Probes(problem, address.secret), options))


@asynccontextmanager
async def _draining(settings: Settings, layout: Layout, drain_s: float) -> AsyncGenerator[Problem]:
    """Run ingest and give what tells why it is not well; on exit the running batch ends first."""
    options = telemetry_options(settings, layout)
    telemetry = Telemetry(options)
    # on connections of their own, so that building them never holds up an insert
    rolled = Telemetry(msgspec.structs.replace(options, readers=1, writers=1))
    async with AsyncExitStack() as parts:
        parts.push_async_callback(telemetry.close)
        parts.push_async_callback(rolled.close)
        catalog = await parts.enter_async_context(priced_by(price_file(settings)))
        # neither brought up to date nor waited for here: without it only the ledger stands still
        metadata = Metadata(metadata_options(settings, layout))
        await metadata.connect()
        parts.push_async_callback(metadata.close)
        gate = _gate(metadata, layout)
        loop = IngestLoop(layout.spool, telemetry, catalog, settings.ingest, Ledger(metadata).add, gate)
        loop.on_revisions(await parts.enter_async_context(revising(settings, layout, metadata, catalog, gate)))
        rollups = RollupLoop(rolled, telemetry.settled_us, lambda: loop.lag_s)
        parts.push_async_callback(rollups.stop, 1.0)
        loop.on_experiments(Experiments(metadata, SystemClock()).see)
        parts.push_async_callback(loop.stop, min(drain_s, 5.0))

        async def start() -> None:
            await loop.start()
            await rollups.start()

        # not before the schema is up: a store without our tables refuses records, and refused records are set aside
        opening = await parts.enter_async_context(open_telemetry(telemetry, on_open=start))
        yield lambda: opening.problem() or loop.ping()


def _gate(metadata: Metadata, layout: Layout) -> Gate:
    """Return what turns removed things away."""
    clock: Clock = SystemClock()
    return Gate(Removals(metadata, clock), Marks(load_secret_key(layout.secret_key)), clock.now_ns)
