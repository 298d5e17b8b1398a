"""The gateway process: everything between its socket and its upstreams; model calls need no database."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from pilothouse.catalog.charges import Charges
from pilothouse.catalog.facts import built_in_facts
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.secret import SecretBox
from pilothouse.gateway.app import GatewayApp
from pilothouse.gateway.deferred import Deferred
from pilothouse.gateway.fetch import Fetcher
from pilothouse.gateway.pipeline import Parts
from pilothouse.gateway.resources import Resources
from pilothouse.gateway.responses import resources as responses
from pilothouse.gateway.responses.upstream import Upstream
from pilothouse.gateway.side import Side
from pilothouse.gateway.snapshots import Snapshots
from pilothouse.plugins import pick
from pilothouse.settings import Settings
from pilothouse.spool import SpoolWriter
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.kept_files import KeptFiles
from pilothouse.transport.base import Transport
from pilothouse.transport.table import TRANSPORTS
from pilothouse.wiring.batches import make_desk, working
from pilothouse.wiring.data_folder import Layout
from pilothouse.wiring.http_server import HttpOptions, HttpServer
from pilothouse.wiring.metadata import metadata_options
from pilothouse.wiring.prices import price_file, priced_by
from pilothouse.wiring.process import calm_collector
from pilothouse.wiring.responses import keeping, make_keeper, open_metadata

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
    metadata = Metadata(metadata_options(settings, layout))
    keeper = make_keeper(metadata, options, clock)
    async with AsyncExitStack() as held:
        spool = held.enter_context(SpoolWriter(layout.spool / WRITER, settings.spool))
        held.push_async_callback(transport.close)
        held.push_async_callback(snapshots.stop)
        await snapshots.start()

        def checks() -> dict[str, str | None]:
            return {
                "snapshot": snapshots.problem, "spool": spool.ping(), "responses": keeper.problem,
                "batches": desk.runner.ping(),
            }  # fmt: skip

        def serves() -> bool:
            return snapshots.in_force and not (spool.full and settings.spool.on_full == "refuse")

        fetcher = Fetcher(options, settings.transport, clock.monotonic_ns) if options.fetch_media == "fetch" else None
        if fetcher is not None:
            held.push_async_callback(fetcher.close)
        catalog = await _catalog(settings, held)
        parts = Parts(
            options=options, clock=clock, spool=spool, transport=transport, index=snapshots.index, keeper=keeper,
            fetcher=fetcher, files=KeptFiles(metadata),
            charges=Charges(catalog) if catalog is not None and options.tell_cost != "never" else None,
            facts=built_in_facts if catalog is None else lambda: catalog.facts,
        )  # fmt: skip
        http = HttpOptions(
            host=options.host, port=options.port, setting="PILOTHOUSE_GATEWAY_PORT", joined_writes=True,
            drain_s=min(drain_s, options.drain_s),
        )  # fmt: skip
        deferred = Deferred(parts)
        desk = make_desk(metadata, parts, deferred)
        rows = (*responses.rows(keeper, Upstream(snapshots.index, transport)), *desk.rows)
        side = Side(snapshots.index, clock, checks, serves, Resources(rows, snapshots.index, clock))
        await held.enter_async_context(open_metadata(metadata))
        await held.enter_async_context(keeping(keeper, deferred))
        await held.enter_async_context(working(desk))
        calm_collector()
        yield await held.enter_async_context(HttpServer(GatewayApp(parts, side), http))


async def _catalog(settings: Settings, held: AsyncExitStack) -> Catalog | None:
    """Return the catalog that ingest goes by, too; None where nothing needs it, for it is large."""
    path = price_file(settings)
    if path is None and settings.gateway.tell_cost == "never":
        return None
    return await held.enter_async_context(priced_by(path))
