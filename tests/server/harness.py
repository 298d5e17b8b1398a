"""A running platform server on loopback, over a real registry in a temporary folder and a scriptable store."""

import asyncio
import contextlib
import dataclasses
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.access import KeyKind, Permission, Project, Role, mint
from pilothouse.domain.activity import (
    ActivityFilter,
    SessionDetail,
    SessionPage,
    UserDetail,
    UserPage,
)
from pilothouse.domain.clock import Clock, FakeClock
from pilothouse.domain.keeping import Marks
from pilothouse.domain.metrics import MetricExemplars, MetricFigures, MetricFilter, MetricList
from pilothouse.domain.query.aggregate import Aggregate, Table
from pilothouse.domain.query.fields import Field
from pilothouse.domain.reading import (
    AttributeValue,
    CallStats,
    Facet,
    Facets,
    Overview,
    OverviewFilter,
    Quantiles,
    ScoreDetail,
    SpanDetail,
    SpanFilter,
    SpanPage,
    Trace,
    TraceFilter,
    TracePage,
    TraceSummary,
)
from pilothouse.domain.secret import SecretBox
from pilothouse.domain.span import SpanStatus
from pilothouse.domain.telemetry import LogFacets, LogFilter, LogPage, LogRecord
from pilothouse.domain.tree import SpanMatches, TreePage
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError
from pilothouse.lifecycle.deletions import Deletions
from pilothouse.lifecycle.exports import Exports
from pilothouse.lifecycle.options import LifecycleOptions
from pilothouse.lifecycle.retention import Retentions
from pilothouse.lifecycle.revisions import Revisions
from pilothouse.registry.batches import Batches
from pilothouse.registry.changes import NewKey
from pilothouse.registry.library import library
from pilothouse.registry.passwords import PasswordOptions
from pilothouse.registry.people import NewPerson, People, PeopleOptions
from pilothouse.registry.receipts import Ledger
from pilothouse.registry.registry import Registry
from pilothouse.registry.replies import Replies
from pilothouse.server.app import Platform, create_app, end_streams
from pilothouse.server.options import ServerOptions
from pilothouse.server.otlp.credentials import KeyRing
from pilothouse.server.otlp.door import Door
from pilothouse.server.otlp.options import OtlpOptions
from pilothouse.server.otlp.receipts import Receipts
from pilothouse.server.parts import Lifecycle, ServerParts
from pilothouse.server.views import at
from pilothouse.spool import SpoolWriter
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.options import MetadataOptions
from pilothouse.store.telemetry.archive import Archive
from pilothouse.transport.options import TransportOptions
from pilothouse.transport.pool import PooledTransport
from pilothouse.wiring.surfaces import surfaces

PASSWORD = "correct horse battery staple"
CHEAP = PasswordOptions(time_cost=1, memory_kib=64, lanes=1)


class Figures(msgspec.Struct, frozen=True):
    rows: int = 7
    size_bytes: int = 4096
    parts: int = 2
    engine_version: str = "26.9"


class StoreDouble:
    """Answers what it is told to, keeps what it was asked, and fails when `error` is set."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.error: Exception | None = None
        self.down: str | None = None
        self.fresh: list[TraceSummary] = []
        self.known: dict[str, Trace] = {}
        self.met: dict[str, SessionDetail] = {}
        self.people: dict[str, UserDetail] = {}
        self.records: list[LogRecord] = []
        self.pages: dict[str, TreePage] = {}
        self.details: dict[str, SpanDetail] = {}
        self.polls = 0
        self.answer: Callable[[Aggregate], Table | PilothouseError] = lambda _: Table([], [], 0, more=False)
        """What there is to say to one of several questions."""

    def _note(self, question: Any) -> None:
        self.asked.append(question)
        if self.error is not None:
            raise self.error

    async def traces(self, wanted: TraceFilter) -> TracePage:
        self._note(wanted)
        return TracePage(self.fresh[: wanted.limit], None)

    async def trace(self, project_id: str, trace_id: str, around: datetime | None) -> Trace | None:
        self._note((project_id, trace_id, around))
        return self.known.get(trace_id)

    async def tree(self, project_id: str, trace_id: str, around: datetime | None) -> TreePage | None:
        self._note(("tree", project_id, trace_id, around))
        return self.pages.get(trace_id)

    async def tree_after(self, project_id: str, trace_id: str, cursor: str) -> TreePage:
        self._note(("tree after", project_id, trace_id, cursor))
        return TreePage(spans=[], next_cursor=None)

    async def span(self, project_id: str, trace_id: str, span_id: str, around: datetime | None) -> SpanDetail | None:
        self._note(("span", project_id, trace_id, span_id, around))
        return self.details.get(span_id)

    async def matches(self, project_id: str, trace_id: str, text: str, around: datetime | None) -> SpanMatches:
        self._note(("matches", project_id, trace_id, text, around))
        return SpanMatches(list(self.details), more=False)

    async def spans(self, wanted: SpanFilter) -> SpanPage:
        self._note(wanted)
        return SpanPage([], [], None)

    async def figures(self, wanted: Aggregate) -> Table:
        self._note(wanted)
        return Table([], [], 0, more=False)

    async def figures_together(self, wanted: Sequence[Aggregate]) -> list[Table | PilothouseError]:
        for one in wanted:
            self._note(one)
        return [self.answer(one) for one in wanted]

    async def query_values(
        self, project_id: str, times: tuple[datetime, datetime], field: tuple[Field, str], prefix: str
    ) -> list[Facet]:
        self._note(("values", project_id, field[0].name, field[1], prefix))
        return []

    async def query_names(
        self, project_id: str, times: tuple[datetime, datetime], field: Field, prefix: str
    ) -> list[Facet]:
        self._note(("names", project_id, field.name, prefix))
        return []

    async def attribute_values(self, wanted: SpanFilter, attribute: str) -> list[AttributeValue]:
        self._note((wanted, attribute))
        return []

    async def scores(self, project_id: str, trace_ids: Sequence[str]) -> list[ScoreDetail]:
        self._note((project_id, tuple(trace_ids)))
        return []

    async def logs(self, project_id: str, trace_id: str, limit: int) -> list[LogRecord]:
        self._note(("logs", project_id, trace_id))
        return self.records[:limit]

    async def log_page(self, wanted: LogFilter) -> LogPage:
        self._note(wanted)
        return LogPage(self.records[: wanted.limit], "more" if len(self.records) > wanted.limit else None)

    async def log_facets(self, wanted: LogFilter) -> LogFacets:
        self._note(wanted)
        return LogFacets([], [], [])

    async def metrics(self, project_id: str, times: tuple[datetime, datetime]) -> MetricList:
        self._note(("metrics", project_id, times))
        return MetricList([], more=False)

    async def metric_values(self, wanted: MetricFilter) -> list[Facet]:
        self._note(("values", wanted))
        return []

    async def metric_figures(self, wanted: MetricFilter) -> MetricFigures:
        self._note(wanted)
        return MetricFigures(wanted.from_at, 60, [], more=False)

    async def metric_exemplars(self, wanted: MetricFilter) -> MetricExemplars:
        self._note(wanted)
        return MetricExemplars([], 0)

    async def facets(self, project_id: str, from_at: datetime, to_at: datetime) -> Facets:
        self._note((project_id, from_at, to_at))
        return Facets([], [], [], [])

    async def overview(self, wanted: OverviewFilter) -> Overview:
        self._note(wanted)
        none = Quantiles(None, None, None)
        stats = CallStats(
            requests=0, errors=0, cancelled=0, latency_ms=none, ttft_ms=none, tokens_per_s=None, input_tokens=0,
            cache_read_tokens=0, output_tokens=0, cost_usd=Decimal(0), unpriced=0,
        )  # fmt: skip
        return Overview(
            from_at=wanted.from_at, to_at=wanted.to_at, step_s=60, totals=stats, previous=stats, series=[], models=[]
        )

    async def sessions(self, wanted: ActivityFilter) -> SessionPage:
        self._note(wanted)
        return SessionPage([one.session for one in self.met.values()], None)

    async def session(self, project_id: str, session_id: str, limit: int, cursor: str) -> SessionDetail | None:
        self._note((project_id, session_id, limit, cursor))
        return self.met.get(session_id)

    async def users(self, wanted: ActivityFilter) -> UserPage:
        self._note(wanted)
        return UserPage([one.user for one in self.people.values()], None)

    async def user(self, wanted: ActivityFilter) -> UserDetail | None:
        self._note(wanted)
        return self.people.get(wanted.user_id)

    async def newest(self, project_id: str, after: datetime, limit: int) -> list[TraceSummary]:
        self.polls += 1
        self._note(("newest", project_id))
        return self.fresh[:limit]

    async def ping(self) -> str | None:
        return self.down

    async def stats(self) -> Figures:
        self._note("stats")
        return Figures()


class Client(httpx.AsyncClient):
    """A browser or a script; remembers cookies, and sends its CSRF token once it is signed in."""

    async def sign_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        answer = await self.post("/api/v1/session", json={"email": email, "password": password})
        if answer.status_code == 200:
            self.headers["x-csrf-token"] = answer.json()["csrf_token"]
        return answer


class Running(msgspec.Struct):
    """One running server and the things behind it."""

    url: str
    app: Platform
    parts: ServerParts
    store: StoreDouble
    clock: FakeClock
    metadata: Metadata
    project: Project
    clients: list[Client]
    server: uvicorn.Server
    door: Door
    spool: SpoolWriter

    def client(self, secret: str | None = None, **more: Any) -> Client:
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        client = Client(
            base_url=self.url, headers={**headers, **more.pop("headers", {})}, trust_env=False, timeout=20, **more
        )
        self.clients.append(client)
        return client

    def local(self) -> Client:
        """The machine's own command line."""
        return self.client(self.parts.local_token)

    async def key(self, *permissions: Permission, project_id: str = "", **more: Any) -> str:
        new = NewKey(
            project_id=project_id or self.project.id,
            name=f"key {secrets.token_hex(4)}",
            permissions=permissions,
            **more,
        )
        return (await self.parts.registry.create_key(new, actor="test"))[1]

    async def person(self, role: Role, project_id: str = "") -> str:
        """Make a person and return the email."""
        email = f"{role}-{secrets.token_hex(4)}@example.com"
        new = NewPerson(
            email=email, name=role.title(), password=PASSWORD, project_id=project_id or self.project.id, role=role
        )
        await self.parts.people.create_person(new, actor="test")
        return email

    async def browser(self, role: Role, project_id: str = "") -> Client:
        """A browser that is signed in with the role."""
        client = self.client()
        answer = await client.sign_in(await self.person(role, project_id))
        assert answer.status_code == 200, answer.text
        return client


class Prompt(uvicorn.Server):
    """Ends when it is told to, not up to a tenth of a second later."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended = asyncio.Event()

    async def main_loop(self) -> None:
        """Serve until `ended` is set."""
        await self.on_tick(0)
        await self.ended.wait()


@contextlib.asynccontextmanager
async def running(folder: Path, *, static: Path | None = None, **changes: Any) -> AsyncIterator[Running]:
    """Start a server; `changes` are options of it."""
    clock: Any = changes.pop("clock", None) or FakeClock()
    metadata = Metadata(MetadataOptions(url=f"sqlite:///{folder / 'pilothouse.db'}"))
    await metadata.connect()
    await metadata.migrate()
    box = SecretBox(secrets.token_bytes(32))
    registry = Registry(metadata, box, clock)
    people = People(metadata, clock, PeopleOptions(passwords=CHEAP))
    project = await registry.create_project("default", actor="test")
    transport = PooledTransport(TransportOptions())
    store = StoreDouble()
    health: dict[str, Callable[[], Any]] = changes.pop("health", {})
    neighbours: dict[str, Any] = changes.pop("neighbours", {})
    spool = SpoolWriter(folder / "spool" / "platform", changes.pop("spool", None))
    spool.start()
    ledger = Ledger(metadata)
    keys = KeyRing(registry, clock)
    door = Door(spool, keys, Receipts(ledger, clock), clock, changes.pop("otlp", OtlpOptions()))
    telemetry: Any = changes.pop("telemetry", store)
    archive: Archive | None = changes.pop("archive", None)
    parts = ServerParts(
        registry=registry,
        people=people,
        batches=Batches(metadata, clock),
        library=library(metadata, clock),
        telemetry=telemetry,
        transport=transport,
        replies=Replies(metadata, box, clock),
        catalog=Catalog(),
        options=ServerOptions(**changes),
        clock=clock,
        local_token=mint(KeyKind.LOCAL),
        gateway_url="http://127.0.0.1:4000",
        door=door,
        receipts=ledger,
        health=health,
        neighbours=neighbours,
    )
    if archive is not None:
        parts = dataclasses.replace(parts, lifecycle=lifecycle(metadata, archive, clock, folder))
    await door.keys.tick()
    await door.keys.start()
    app = create_app(parts, surfaces=surfaces(door, telemetry, parts), static=static or folder / "no-build")
    # Without the protocol named, asyncio leaves Nagle's algorithm on, and every answer in two writes takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(app, ws="none", log_config=None, server_header=False, timeout_graceful_shutdown=3)
    server = Prompt(config)
    serving = asyncio.create_task(server.serve([listener]))
    run = Running(
        url=f"http://127.0.0.1:{listener.getsockname()[1]}", app=app, parts=parts, store=store, clock=clock,
        metadata=metadata, project=project, clients=[], server=server, door=door, spool=spool,
    )  # fmt: skip
    try:
        await run.client().get("/healthz")
        yield run
    finally:
        for client in run.clients:
            await client.aclose()
        await end_streams(app)
        server.ended.set()
        await serving
        await door.keys.stop()
        spool.close()
        listener.close()
        await transport.close()
        people.close()
        await metadata.close()


def lifecycle(metadata: Metadata, archive: Archive, clock: Clock, folder: Path) -> Lifecycle:
    """Return the services of exports, retention and deletions over a real store."""
    box, marks = SecretBox(bytes(32)), Marks(bytes(32))
    return Lifecycle(
        exports=Exports(metadata, box, clock, folder, LifecycleOptions()),
        retentions=Retentions(metadata, archive, clock),
        deletions=Deletions(metadata, box, marks, clock),
        revisions=Revisions(metadata, clock),
        rows=archive,
    )


def summary(trace_id: str, clock: Clock, **changes: Any) -> TraceSummary:
    """Return a row of the trace list."""
    values: dict[str, Any] = {
        "trace_id": trace_id, "name": "chat", "started_at": at(clock.now_ns()) - timedelta(seconds=1),
        "duration_ms": 12.5, "ttft_ms": None, "tokens_per_s": None, "status": SpanStatus.OK, "error_code": "",
        "http_status": 200, "models": ("m",), "providers": ("p",), "key_ids": (), "user_id": "", "session_id": "",
        "span_count": 1, "call_count": 1, "streamed": False, "usage": Usage(input_tokens=3), "cost_usd": None,
        "unpriced_count": 1, "input_preview": "hi", "output_preview": "ho",
    }  # fmt: skip
    return TraceSummary(**{**values, **changes})
