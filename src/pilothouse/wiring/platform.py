"""The platform process: API and UI, the ways in for telemetry, and the snapshot's publisher."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from pilothouse.domain.access import KeyKind, mint
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.secret import SecretBox
from pilothouse.plugins import pick
from pilothouse.registry.batches import Batches
from pilothouse.registry.library import library
from pilothouse.registry.people import People, PeopleOptions
from pilothouse.registry.publisher import Publisher
from pilothouse.registry.receipts import Ledger
from pilothouse.registry.registry import Registry
from pilothouse.registry.replies import Replies
from pilothouse.registry.secrets import load_secret_key
from pilothouse.server.app import create_app, end_streams
from pilothouse.server.otlp.door import Door
from pilothouse.server.parts import Health, ServerParts, SpoolStats
from pilothouse.settings import Settings
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.transport.base import Transport
from pilothouse.transport.table import TRANSPORTS
from pilothouse.wiring import addresses, managed, welcome
from pilothouse.wiring.data_folder import Layout, write_private
from pilothouse.wiring.doors import open_door
from pilothouse.wiring.http_server import HttpOptions, HttpServer
from pilothouse.wiring.lifecycle import serve_lifecycle
from pilothouse.wiring.metadata import metadata_options
from pilothouse.wiring.prices import price_file, priced_by
from pilothouse.wiring.probes import Neighbour
from pilothouse.wiring.process import calm_collector
from pilothouse.wiring.spools import depths
from pilothouse.wiring.surfaces import surfaces
from pilothouse.wiring.telemetry import Opening, open_telemetry, telemetry_options


@asynccontextmanager
async def serve_api(settings: Settings, layout: Layout, drain_s: float) -> AsyncGenerator[HttpServer]:
    """Serve API and UI, and publish the gateway's snapshot."""
    clock = SystemClock()
    async with AsyncExitStack() as parts:
        metadata = await parts.enter_async_context(_metadata(settings, layout))
        box = SecretBox(load_secret_key(layout.secret_key))
        registry = Registry(metadata, box, clock)
        people = People(metadata, clock, PeopleOptions(session_hours=settings.server.session_hours))
        parts.callback(people.close)
        local_model = addresses.find(layout, addresses.LOCAL_MODEL)
        greeting = await managed.set_up(registry, people, settings, local_model)
        publisher = await parts.enter_async_context(_publishing(registry, layout))
        transport: Transport = pick("transport", TRANSPORTS, settings.transport.implementation)(settings.transport)
        parts.push_async_callback(transport.close)
        telemetry = Telemetry(telemetry_options(settings, layout))
        parts.push_async_callback(telemetry.close)
        lifecycle = await parts.enter_async_context(serve_lifecycle(settings, layout, metadata, transport))
        opening = await parts.enter_async_context(open_telemetry(telemetry, on_open=lifecycle.start))
        # of its own, not that of ingest: the two roles may be processes apart
        catalog = await parts.enter_async_context(priced_by(price_file(settings)))
        ledger, held = Ledger(metadata), library(metadata, clock)
        door = await parts.enter_async_context(open_door(settings, layout, registry, ledger, clock))
        given = ServerParts(
            registry=registry,
            people=people,
            batches=Batches(metadata, clock),
            library=held,
            telemetry=telemetry,
            transport=transport,
            options=settings.server,
            catalog=catalog,
            clock=clock,
            replies=Replies(metadata, box, clock),
            local_token=_local_token(parts, layout),
            gateway_url=f"http://{settings.gateway.host}:{settings.gateway.port}",
            spool_stats=lambda: _spool_stats(layout),
            door=door,
            receipts=ledger,
            lifecycle=lifecycle.services,
            health=_health(publisher, opening, door) | lifecycle.health,
            neighbours={addresses.INGEST: Neighbour(layout, addresses.INGEST, transport)},
        )
        app = create_app(given, surfaces=surfaces(door, telemetry, given))
        server = await parts.enter_async_context(HttpServer(app, _http_options(settings, drain_s)))
        welcome.leave(layout, greeting)
        calm_collector()
        parts.push_async_callback(end_streams, app)  # before the server drains: a live tail never ends by itself
        yield server


@asynccontextmanager
async def _metadata(settings: Settings, layout: Layout) -> AsyncGenerator[Metadata]:
    metadata = Metadata(metadata_options(settings, layout))
    await metadata.connect()
    try:
        await metadata.migrate()
        yield metadata
    finally:
        await metadata.close()


@asynccontextmanager
async def _publishing(registry: Registry, layout: Layout) -> AsyncGenerator[Publisher]:
    publisher = Publisher(registry, layout.snapshot)
    await publisher.publish()
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


def _health(publisher: Publisher, opening: Opening, door: Door) -> dict[str, Health]:
    return {
        "snapshot publisher": _asking(publisher.ping),
        "store schema": _asking(opening.problem),
        "telemetry spool": _asking(door.problem),
    }


def _asking(ping: Callable[[], str | None]) -> Health:
    async def ask() -> str | None:
        return ping()

    return ask


def _http_options(settings: Settings, drain_s: float) -> HttpOptions:
    return HttpOptions(
        host=settings.server.host,
        port=settings.server.port,
        setting="PILOTHOUSE_PLATFORM_PORT",
        drain_s=min(drain_s, 10.0),
        trusted_proxies=settings.server.trusted_proxies,
        lifespan=True,
    )


def _local_token(parts: AsyncExitStack, layout: Layout) -> str:
    token = mint(KeyKind.LOCAL)
    write_private(layout.local_token, token.encode())
    parts.callback(layout.local_token.unlink, missing_ok=True)
    return token


def _spool_stats(layout: Layout) -> Sequence[SpoolStats]:
    return [
        SpoolStats(depth.writer, depth.size_bytes, depth.records, depth.oldest_age_s) for depth in depths(layout.spool)
    ]
