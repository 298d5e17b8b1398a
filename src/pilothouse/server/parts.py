"""The objects that the server works with, made and closed by whoever starts it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.activity import ActivityFilter, SessionDetail, SessionPage, UserDetail, UserPage
from pilothouse.domain.clock import Clock
from pilothouse.domain.exporting import ExportChunk, ExportFormat, RowPlace, Selection
from pilothouse.domain.metrics import MetricExemplars, MetricFigures, MetricFilter, MetricList
from pilothouse.domain.query.aggregate import Aggregate, Table
from pilothouse.domain.query.fields import Field
from pilothouse.domain.reading import (
    Facet,
    Facets,
    Overview,
    OverviewFilter,
    SpanDetail,
    SpanFilter,
    SpanPage,
    Trace,
    TraceFilter,
    TracePage,
    TraceSummary,
)
from pilothouse.domain.telemetry import LogFacets, LogFilter, LogPage, LogRecord
from pilothouse.domain.tree import SpanMatches, TreePage
from pilothouse.errors import EndpointUnknown, PilothouseError
from pilothouse.lifecycle.deletions import Deletions
from pilothouse.lifecycle.exports import Exports
from pilothouse.lifecycle.retention import Retentions
from pilothouse.lifecycle.revisions import Revisions
from pilothouse.registry.batches import Batches
from pilothouse.registry.library import Library
from pilothouse.registry.people import People
from pilothouse.registry.registry import Registry
from pilothouse.registry.replies import Replies
from pilothouse.server.options import ServerOptions
from pilothouse.server.otlp.door import Door
from pilothouse.server.otlp.receipts import ReceiptBook
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

    async def tree(self, project_id: str, trace_id: str, around: datetime | None) -> TreePage | None:
        """Return the first page of a trace's spans without their bodies."""
        ...

    async def tree_after(self, project_id: str, trace_id: str, cursor: str) -> TreePage:
        """Return the page behind another; raises `InvalidRequest` for a foreign cursor."""
        ...

    async def span(self, project_id: str, trace_id: str, span_id: str, around: datetime | None) -> SpanDetail | None:
        """Return one span of a trace."""
        ...

    async def matches(self, project_id: str, trace_id: str, text: str, around: datetime | None) -> SpanMatches:
        """Return which spans of a trace hold a text."""
        ...

    async def logs(self, project_id: str, trace_id: str, limit: int) -> list[LogRecord]:
        """Return the log records of a trace in the order of their times."""
        ...

    async def log_page(self, wanted: LogFilter) -> LogPage:
        """Return a page of log records, newest first; raises `InvalidRequest` for a foreign cursor."""
        ...

    async def log_facets(self, wanted: LogFilter) -> LogFacets:
        """Return what the log records of a time range can be narrowed to."""
        ...

    async def metrics(self, project_id: str, times: tuple[datetime, datetime]) -> MetricList:
        """Return the metrics of which points came in a time range."""
        ...

    async def metric_values(self, wanted: MetricFilter) -> list[Facet]:
        """Return the values of what a metric is split by; raises `InvalidRequest` for a name that is none."""
        ...

    async def metric_figures(self, wanted: MetricFilter) -> MetricFigures:
        """Return figures of a metric over time; raises `InvalidRequest` for a name that is none."""
        ...

    async def metric_exemplars(self, wanted: MetricFilter) -> MetricExemplars:
        """Return measurements behind a metric's figures; raises `InvalidRequest` for a name that is none."""
        ...

    async def facets(self, project_id: str, from_at: datetime, to_at: datetime) -> Facets:
        """Return the values that filters may take."""
        ...

    async def spans(self, wanted: SpanFilter) -> SpanPage:
        """Return a page of single spans; raises `InvalidRequest` for a foreign cursor."""
        ...

    async def figures(self, wanted: Aggregate) -> Table:
        """Return figures over what a query finds."""
        ...

    async def figures_together(self, wanted: Sequence[Aggregate]) -> list[Table | PilothouseError]:
        """Return for each question over the same project and time its figures, or why there are none."""
        ...

    async def query_values(
        self, project_id: str, times: tuple[datetime, datetime], field: tuple[Field, str], prefix: str
    ) -> list[Facet]:
        """Return values of a field, and of a name in it, that hold what is written."""
        ...

    async def query_names(
        self, project_id: str, times: tuple[datetime, datetime], field: Field, prefix: str
    ) -> list[Facet]:
        """Return names of values of a field that hold what is written."""
        ...

    async def overview(self, wanted: OverviewFilter) -> Overview:
        """Return the overview's figures."""
        ...

    async def sessions(self, wanted: ActivityFilter) -> SessionPage:
        """Return a page of the list of sessions."""
        ...

    async def session(self, project_id: str, session_id: str, limit: int, cursor: str) -> SessionDetail | None:
        """Return one session with a page of its traces."""
        ...

    async def users(self, wanted: ActivityFilter) -> UserPage:
        """Return a page of the list of users."""
        ...

    async def user(self, wanted: ActivityFilter) -> UserDetail | None:
        """Return the user `wanted.user_id` over a time range."""
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


class Neighbour(Protocol):
    """Another process of this installation; never raises."""

    async def problem(self) -> str | None:
        """Return None when it can do its job, else why not."""
        ...

    async def metrics(self) -> str:
        """Return its metrics as Prometheus text; empty when it does not answer."""
        ...


class ExportRows(Protocol):
    """Rows written out; may raise `StoreUnavailable` or `QueryRefused`."""

    async def chunk(self, wanted: Selection, fmt: ExportFormat, after: RowPlace | None) -> ExportChunk | None:
        """Return the rows that follow a place, None when there are no more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """What becomes of kept telemetry."""

    exports: Exports
    retentions: Retentions
    deletions: Deletions
    revisions: Revisions
    rows: ExportRows


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParts:
    """What `create_app` is given."""

    registry: Registry
    people: People
    batches: Batches
    library: Library
    telemetry: Telemetry
    transport: Transport
    options: ServerOptions
    catalog: Catalog
    """What models can do and cost, with the operator's own prices."""
    replies: Replies | None = None
    """Keeps answers for repeats with an `Idempotency-Key`; without it the header has no effect."""
    clock: Clock
    local_token: str = ""
    """The `pho_…` secret of this machine's own command line; empty refuses all of them."""
    gateway_url: str = ""
    spool_stats: Callable[[], Sequence[SpoolStats]] = list
    door: Door | None = None
    """Takes telemetry in; without it this process has no such addresses."""
    lifecycle: Lifecycle | None = None
    """Without it nothing is exported or removed here."""
    receipts: ReceiptBook | None = None
    """What became of telemetry; without it there is nothing to show."""
    health: Mapping[str, Health] = field(default_factory=dict[str, Health])
    """More parts that `/readyz` asks, by name, besides the store and the metadata database."""
    neighbours: Mapping[str, Neighbour] = field(default_factory=dict[str, Neighbour])
    """Processes that are told of with this one, by name; their trouble does not make it unready."""


Parts = NamedDependency[SkipValidation[ServerParts]]


def lifecycle_of(parts: ServerParts) -> Lifecycle:
    """Return what exports and removes; raises `EndpointUnknown` where nothing does."""
    if parts.lifecycle is None:
        raise EndpointUnknown("nothing is exported or removed here")
    return parts.lifecycle
