"""The platform process: API and UI, the snapshot's publisher, and ingest."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.access import KeyKind, mint
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.secret import SecretBox
from pilothouse.ingest.loop import IngestLoop
from pilothouse.plugins import pick
from pilothouse.registry.people import People, PeopleOptions
from pilothouse.registry.publisher import Publisher
from pilothouse.registry.registry import Registry
from pilothouse.registry.replies import Replies
from pilothouse.registry.secrets import load_secret_key
from pilothouse.server.app import create_app, end_streams
from pilothouse.server.parts import ServerParts, SpoolStats
from pilothouse.settings import Settings
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.options import MetadataOptions
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.transport.base import Transport
from pilothouse.transport.table import TRANSPORTS
from pilothouse.wiring import addresses, managed, welcome
from pilothouse.wiring.data_folder import Layout, write_private
from pilothouse.wiring.http_server import HttpOptions, HttpServer
from pilothouse.wiring.prices import overrides_of
from pilothouse.wiring.spools import depths
from pilothouse.wiring.telemetry import open_telemetry, telemetry_options


@asynccontextmanager
async def serve_ingest(settings: Settings, layout: Layout, drain_s: float) -> AsyncGenerator[None]:
    """Drain the spools into the store; on exit the running batch ends first."""
    telemetry = Telemetry(telemetry_options(settings, layout))
    # not before the schema is up: a store without our tables refuses records, and refused records are set aside
    catalog = Catalog()
    prices = overrides_of(Path(settings.ingest.prices) if settings.ingest.prices else None, catalog)
    loop = IngestLoop(layout.spool, telemetry, catalog, settings.ingest)
    async with AsyncExitStack() as parts:
        parts.push_async_callback(telemetry.close)
        parts.push_async_callback(loop.stop, min(drain_s, 5.0))
        if prices is not None:
            await prices.start()
            parts.push_async_callback(prices.stop)
        await parts.enter_async_context(open_telemetry(telemetry, on_open=loop.start))
        yield


@asynccontextmanager
async def serve_api(settings: Settings, layout: Layout, drain_s: float) -> AsyncGenerator[HttpServer]:
    """Serve API and UI, and publish the gateway's snapshot."""
    clock = SystemClock()
    async with AsyncExitStack() as parts:
        metadata = Metadata(_metadata_options(settings, layout))
        await metadata.connect()
        parts.push_async_callback(metadata.close)
        await metadata.migrate()
        box = SecretBox(load_secret_key(layout.secret_key))
        registry = Registry(metadata, box, clock)
        people = People(metadata, clock, PeopleOptions(session_hours=settings.server.session_hours))
        parts.callback(people.close)
        local_model = addresses.find(layout, addresses.LOCAL_MODEL)
        greeting = await managed.set_up(registry, people, settings, local_model)
        publisher = Publisher(registry, layout.snapshot)
        await publisher.publish()
        await publisher.start()
        parts.push_async_callback(publisher.stop)
        transport: Transport = pick("transport", TRANSPORTS, settings.transport.implementation)(settings.transport)
        parts.push_async_callback(transport.close)
        telemetry = Telemetry(telemetry_options(settings, layout))
        parts.push_async_callback(telemetry.close)
        opening = await parts.enter_async_context(open_telemetry(telemetry))

        async def publishing() -> str | None:
            return publisher.ping()

        app = create_app(
            ServerParts(
                registry=registry,
                people=people,
                telemetry=telemetry,
                transport=transport,
                options=settings.server,
                clock=clock,
                replies=Replies(metadata, box, clock),
                local_token=_local_token(parts, layout),
                gateway_url=f"http://{settings.gateway.host}:{settings.gateway.port}",
                spool_stats=lambda: _spool_stats(layout),
                health={"snapshot publisher": publishing, "store schema": opening.problem},
            )
        )
        server = await parts.enter_async_context(HttpServer(app, _http_options(settings, drain_s)))
        welcome.leave(layout, greeting)
        # before the server drains: a live tail never ends by itself
        parts.push_async_callback(end_streams, app)
        yield server


def _metadata_options(settings: Settings, layout: Layout) -> MetadataOptions:
    if settings.metadata.url:
        return settings.metadata
    return msgspec.structs.replace(settings.metadata, url=f"sqlite:///{layout.metadata}")


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
