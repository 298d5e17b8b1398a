"""The objects that the server works with, made and closed by whoever starts it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from pilothouse.domain.clock import Clock
from pilothouse.domain.reading import Facets, Overview, OverviewFilter, Trace, TraceFilter, TracePage, TraceSummary
from pilothouse.registry.people import People
from pilothouse.registry.registry import Registry
from pilothouse.registry.replies import Replies
from pilothouse.server.options import ServerOptions
from pilothouse.transport.base import Transport


class SpoolStats(msgspec.Struct, frozen=True):
    """How much one writer's spool holds."""

    writer: str
    size_bytes: int
    """Undrained bytes on disk."""
    records: int
    oldest_age_s: float | None
    """Age of the oldest undrained record; None when drained."""


Health = Callable[[], Awaitable[str | None]]
"""Returns None when the part can do its job, else why it cannot, in words for people."""


class Stats(Protocol):
    """Figures of the telemetry store."""

    @property
    def rows(self) -> int:
        """Spans kept."""
        ...

    @property
    def size_bytes(self) -> int:
        """On disk."""
        ...

    @property
    def parts(self) -> int:
        """Files the engine keeps apart."""
        ...

    @property
    def engine_version(self) -> str:
        """Of the engine."""
        ...


class Telemetry(Protocol):
    """What the API asks of the telemetry store; every method may raise `StoreUnavailable` or `QueryRefused`."""

    async def traces(self, wanted: TraceFilter) -> TracePage:
        """Return a page of the trace list."""
        ...

    async def trace(self, project_id: str, trace_id: str, around: datetime | None) -> Trace | None:
        """Return one trace."""
        ...

    async def facets(self, project_id: str, from_at: datetime, to_at: datetime) -> Facets:
        """Return the values that filters may take."""
        ...

    async def overview(self, wanted: OverviewFilter) -> Overview:
        """Return the overview's figures."""
        ...

    async def newest(self, project_id: str, after: datetime, limit: int) -> list[TraceSummary]:
        """Return traces by time of insertion."""
        ...

    async def ping(self) -> str | None:
        """Return None when the store answers, else why not."""
        ...

    async def stats(self) -> Stats:
        """Return the store's figures."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParts:
    """What `create_app` is given."""

    registry: Registry
    people: People
    telemetry: Telemetry
    transport: Transport
    options: ServerOptions
    replies: Replies | None = None
    """Keeps answers for repeats with an `Idempotency-Key`; without it the header has no effect."""
    clock: Clock
    local_token: str = ""
    """The `pho_…` secret of this machine's own command line; empty refuses all of them."""
    gateway_url: str = ""
    spool_stats: Callable[[], Sequence[SpoolStats]] = list
    health: Mapping[str, Health] = field(default_factory=dict[str, Health])
    """More parts that `/readyz` asks, by name, besides the store and the metadata database."""


Parts = NamedDependency[SkipValidation[ServerParts]]
