"""The telemetry store as the rest of Pilothouse sees it."""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from pilothouse.domain.activity import ActivityFilter, SessionDetail, SessionPage, UserDetail, UserPage
from pilothouse.domain.holding import Held, Place, Shape
from pilothouse.domain.metrics import MetricExemplars, MetricFigures, MetricFilter, MetricList
from pilothouse.domain.query.aggregate import Aggregate, Table
from pilothouse.domain.query.fields import Field
from pilothouse.domain.reading import (
    AttributeValue,
    Facet,
    Facets,
    Overview,
    OverviewFilter,
    ScoreDetail,
    ScoreFilter,
    ScorePage,
    SpanDetail,
    SpanFilter,
    SpanPage,
    Trace,
    TraceFilter,
    TracePage,
    TraceSummary,
)
from pilothouse.domain.score import Score
from pilothouse.domain.span import Span
from pilothouse.domain.telemetry import LogFacets, LogFilter, LogPage, LogRecord, MetricPoint
from pilothouse.domain.tree import SpanMatches, TreePage
from pilothouse.errors import DataFolderNewer, PilothouseError, StoreUnavailable
from pilothouse.store.telemetry import (
    activity,
    batches,
    exemplars,
    facets,
    held,
    listing,
    logs,
    metrics,
    overview,
    query_batch,
    query_values,
    removal,
    rollup_building,
    rollup_parts,
    schema,
    scores,
    signals,
    spans,
    summaries,
    traces,
    tree,
    writing,
)
from pilothouse.store.telemetry.columns import Column, values
from pilothouse.store.telemetry.conditions import nanoseconds, sound
from pilothouse.store.telemetry.connection import Connection, Query
from pilothouse.store.telemetry.options import StoreOptions

R = TypeVar("R")


class StoreStats(msgspec.Struct, frozen=True):
    """Figures of the store."""

    rows: int
    """Spans kept, with versions not yet merged."""
    size_bytes: int
    """On disk."""
    parts: int
    """Files the engine keeps apart; many of them make reads slow."""
    engine_version: str
    schema_version: int


class _Version(msgspec.Struct):
    version: int


class _Recent(msgspec.Struct):
    trace_id: str
    first_ns: int
    last_ns: int


_TRUSTED_US = 86_400 * 10**6


class _Versions:
    """Microseconds that rise from insert to insert, also when the clock is set back."""

    def __init__(self) -> None:
        self._last_us = 0

    def follow(self, last_us: int) -> None:
        """Go on behind what an earlier process wrote, unless that was ahead of us by a day or more."""
        if last_us < time.time_ns() // 1000 + _TRUSTED_US:
            self._last_us = max(last_us, self._last_us)

    def next(self) -> int:
        """Return the version of an insert."""
        self._last_us = max(time.time_ns() // 1000, self._last_us + 1)
        return self._last_us


class Telemetry:
    """Spans in, traces and figures out.

    Needs no store to be constructed. Every method but `ping` raises `StoreUnavailable` when the store does not answer
    and `QueryRefused` when it gives up on a query.
    """

    def __init__(self, options: StoreOptions) -> None:
        self._layout = schema.Layout(options.database, options.cluster)
        self._connection = Connection(options)
        self._versions = _Versions()
        self._writing = writing.Writing()
        self._voided = rollup_parts.Voided(self._connection)
        self._began_s = int(time.time())

    async def connect(self) -> None:
        """Raise `StoreUnavailable` unless the store answers and lets us in; the other methods need no call of it."""
        await self._connection.select(Query("connect", "SELECT 1 AS version"), _Version, use_database=False)

    async def close(self) -> None:
        """Let running calls end and close the connections."""
        await self._connection.close()

    async def ping(self) -> str | None:
        """Return None when the store answers, else why not."""
        try:
            await self.connect()
        except StoreUnavailable as error:
            return error.detail
        return None

    async def migrate(self) -> None:
        """Bring the schema up to this version; may be run by many processes, any number of times.

        Raises `DataFolderNewer` when a newer version has changed the schema.
        """
        await self._connection.command(schema.render_database(self._layout), use_database=False)
        await self._connection.command(schema.render_versions(self._layout))
        at = await self._schema_version()
        if at > schema.LATEST:
            raise DataFolderNewer(
                f"the telemetry store has schema version {at}, this version of Pilothouse knows {schema.LATEST};"
                " run the newer version again or restore a backup from before the upgrade"
            )
        for migration in schema.MIGRATIONS:
            if migration.version > at:
                for statement in schema.render(migration, self._layout):
                    await self._connection.command(statement)
                row = [[migration.version], [migration.name]]
                await self._connection.insert(
                    "schema_versions",
                    ("version", "name"),
                    ("UInt32", "String"),
                    row.copy,
                    f"schema-{migration.version}",
                )
        newest = Query("newest_version", "SELECT toUnixTimestamp64Micro(max(inserted_at)) AS version FROM spans")
        self._versions.follow((await self._connection.select(newest, _Version))[0].version)

    async def insert(self, spans: Sequence[Span], token: str, revised: Sequence[Span] | None = None) -> None:
        """Store spans, durably when this returns; the same token is stored once, also after a restart.

        A span with the project, trace, id and start of an earlier one replaces it; `revised` are those that may replace
        one of which nothing more was expected (`Span.is_open`), None says that any may. Best in batches of 1,000 to
        10,000.
        """
        if not spans:
            return
        await self._voided.of(spans if revised is None else revised)
        version_us = self._versions.next()
        with self._writing.version(version_us):
            await self._connection.insert(
                schema.SPANS, batches.NAMES, batches.TYPES, lambda: batches.columns(spans, version_us), token
            )

    def settled_us(self) -> int | None:
        """Return the time of insertion before which all spans inserted by this are in the store, None when unknown.

        On a cluster it is unknown: what is inserted comes to the other servers later.
        """
        return None if self._layout.cluster else self._writing.settled_us(self._versions.next())

    async def insert_logs(self, rows: Sequence[LogRecord], token: str) -> None:
        """Store log records, durably when this returns; the same token, and the same id, is stored once."""
        await self._insert_signals(signals.LOGS, signals.LOG_COLUMNS, rows, token)

    async def insert_points(self, rows: Sequence[MetricPoint], token: str) -> None:
        """Store data points, durably when this returns; the same token, and the same id, is stored once."""
        await self._insert_signals(signals.POINTS, signals.POINT_COLUMNS, rows, token)
        await exemplars.insert(self._connection, rows, f"{token}.exemplars")

    async def insert_scores(self, rows: Sequence[Score], token: str) -> None:
        """Store scores, durably when this returns; the same token is stored once, a later one of the same id stays."""
        await scores.insert(self._connection, rows, token)

    async def held(self, places: Sequence[Place]) -> list[Held]:
        """Return every row of the spans at these places, also those that no longer count."""
        return await held.rows(self._connection, places)

    async def shapes(
        self, traces: Iterable[tuple[str, str]], times_ns: tuple[int, int]
    ) -> dict[tuple[str, str], Shape]:
        """Return the spans of traces, by project and trace, that start within a day of the times."""
        return await held.shapes(self._connection, traces, times_ns)

    async def unended(self, limit: int) -> list[Place]:
        """Return spans without an end, those first of which nothing was heard for the longest time."""
        return await held.unended(self._connection, limit)

    async def recent(self, after: datetime, limit: int) -> list[tuple[str, str]]:
        """Return project and id of the traces that something came of since `after`, the newest first."""
        return await held.recent(self._connection, after, limit)

    async def traces(self, wanted: TraceFilter) -> TracePage:
        """Return a page of the trace list; raises `InvalidRequest` for a foreign cursor."""
        return await listing.fetch(self._connection, wanted)

    async def trace(self, project_id: str, trace_id: str, around: datetime | None = None) -> Trace | None:
        """Return one trace with all its spans, None when there is none; a time near it makes the search cheap."""
        return await traces.fetch(self._connection, project_id, trace_id, around)

    async def tree(self, project_id: str, trace_id: str, around: datetime | None = None) -> TreePage | None:
        """Return the first page of a trace's spans without their bodies, None when there is no such trace."""
        return await tree.first(self._connection, project_id, trace_id, around)

    async def tree_after(self, project_id: str, trace_id: str, cursor: str) -> TreePage:
        """Return the page behind another; raises `InvalidRequest` for a foreign cursor."""
        return await tree.following(self._connection, project_id, trace_id, cursor)

    async def span(
        self, project_id: str, trace_id: str, span_id: str, around: datetime | None = None
    ) -> SpanDetail | None:
        """Return one span of a trace with all that is known of it, None when there is none."""
        return await tree.span(self._connection, project_id, trace_id, span_id, around)

    async def matches(self, project_id: str, trace_id: str, text: str, around: datetime | None = None) -> SpanMatches:
        """Return which spans of a trace hold a text."""
        return await tree.matches(self._connection, project_id, trace_id, text, around)

    async def spans(self, wanted: SpanFilter) -> SpanPage:
        """Return a page of single spans; raises `InvalidRequest` for a foreign cursor."""
        return await spans.fetch(self._connection, wanted)

    async def figures(self, wanted: Aggregate) -> Table:
        """Return figures over what a query finds; raises `InvalidRequest` for too many steps of time."""
        return await query_batch.fetch(self._connection, wanted)

    async def figures_together(self, wanted: Sequence[Aggregate]) -> list[Table | PilothouseError]:
        """Return for each question over the same project and time its figures, or why there are none."""
        return await query_batch.fetch_all(self._connection, wanted)

    async def query_values(
        self, project_id: str, times: tuple[datetime, datetime], field: tuple[Field, str], prefix: str
    ) -> list[Facet]:
        """Return values of a field, and of a name in it, that hold what is written."""
        times_ns = nanoseconds(times[0]), nanoseconds(times[1])
        return await query_values.values(self._connection, project_id, times_ns, *field, prefix)

    async def query_names(
        self, project_id: str, times: tuple[datetime, datetime], field: Field, prefix: str
    ) -> list[Facet]:
        """Return names of values of a field that hold what is written."""
        times_ns = nanoseconds(times[0]), nanoseconds(times[1])
        return await query_values.names(self._connection, project_id, times_ns, field, prefix)

    async def attribute_values(self, wanted: SpanFilter, attribute: str) -> list[AttributeValue]:
        """Return the values that an attribute of the wanted spans has, the newest first."""
        return await spans.values(self._connection, wanted, attribute)

    async def scores(self, project_id: str, trace_ids: Sequence[str]) -> list[ScoreDetail]:
        """Return the scores of traces and of their spans, the earliest first."""
        return await scores.fetch(self._connection, project_id, trace_ids)

    async def score_page(self, wanted: ScoreFilter) -> ScorePage:
        """Return a page of scores, the newest first; raises `InvalidRequest` for a foreign cursor."""
        return await scores.page(self._connection, wanted)

    async def remove_scores(self, project_id: str, ids: Sequence[str]) -> None:
        """Hide scores for good; what has not come into the store yet stays."""
        await removal.hide_scores(self._connection, self._layout, project_id, ids)

    async def logs(self, project_id: str, trace_id: str, limit: int) -> list[LogRecord]:
        """Return the log records of a trace in the order of their times."""
        return await logs.of_trace(self._connection, project_id, trace_id, limit)

    async def log_page(self, wanted: LogFilter) -> LogPage:
        """Return a page of log records, newest first; raises `InvalidRequest` for a foreign cursor."""
        return await logs.page(self._connection, wanted)

    async def log_facets(self, wanted: LogFilter) -> LogFacets:
        """Return what the log records of a time range can be narrowed to."""
        return await logs.facets(self._connection, wanted)

    async def metrics(self, project_id: str, times: tuple[datetime, datetime]) -> MetricList:
        """Return the metrics of which points came in a time range."""
        found = await metrics.listed(self._connection, project_id, times)
        return await exemplars.counted(self._connection, project_id, times, found)

    async def metric_values(self, wanted: MetricFilter) -> list[Facet]:
        """Return the values of what a metric is split by; raises `InvalidRequest` for a name that is none."""
        return await metrics.values(self._connection, wanted)

    async def metric_figures(self, wanted: MetricFilter) -> MetricFigures:
        """Return figures of a metric over time; raises `InvalidRequest` for a name that is none."""
        return await metrics.figures(self._connection, wanted)

    async def metric_exemplars(self, wanted: MetricFilter) -> MetricExemplars:
        """Return measurements behind a metric's figures; raises `InvalidRequest` for a name that is none."""
        return await exemplars.fetch(self._connection, wanted)

    async def facets(self, project_id: str, from_at: datetime, to_at: datetime) -> Facets:
        """Return the values that filters may take in a time range."""
        return await facets.fetch(self._connection, project_id, from_at, to_at)

    async def overview(self, wanted: OverviewFilter) -> Overview:
        """Return the figures of the overview page."""
        return await overview.fetch(self._connection, wanted)

    async def build_rollups(self, settled_us: int | None = None, *, in_parts: bool = False) -> int:
        """Bring the rollups of all projects up to date; return how many were built. Only one process may do so.

        `settled_us` is that of whoever inserts spans; without it, each insert is given the time that it may take, and
        nothing is built `in_parts`, before it is over.
        """
        # What began before this process may hold rows of which it does not know.
        parts_from_s = self._began_s if in_parts else None
        return await rollup_building.sweep(self._connection, settled_us, parts_from_s=parts_from_s)

    async def tidy_rollups(self) -> int:
        """Remove what later rollups replaced once that is much; return how many rows went."""
        return await rollup_building.tidy(self._connection, self._layout)

    async def sessions(self, wanted: ActivityFilter) -> SessionPage:
        """Return a page of the list of sessions; raises `InvalidRequest` for a foreign cursor."""
        return await activity.sessions(self._connection, wanted)

    async def session(self, project_id: str, session_id: str, limit: int, cursor: str) -> SessionDetail | None:
        """Return one session with a page of its traces, None when there is none."""
        return await activity.session(self._connection, project_id, session_id, limit, cursor)

    async def users(self, wanted: ActivityFilter) -> UserPage:
        """Return a page of the list of users; raises `InvalidRequest` for a foreign cursor."""
        return await activity.users(self._connection, wanted)

    async def user(self, wanted: ActivityFilter) -> UserDetail | None:
        """Return the user `wanted.user_id` over a time range, None when there is none in it."""
        return await activity.user(self._connection, wanted)

    async def newest(self, project_id: str, after: datetime, limit: int) -> list[TraceSummary]:
        """Return the traces with spans inserted at or after `after`, last inserted first, at most `limit`.

        A row becomes visible a moment after its insertion stamp: ask with an overlap of some seconds and drop what was
        seen before.
        """
        query = Query(
            "newest",
            "SELECT trace_id, toUnixTimestamp64Nano(min(started_at)) AS first_ns,"
            " toUnixTimestamp64Nano(max(started_at)) AS last_ns FROM spans FINAL"
            " WHERE project_id = {project_id:String} AND NOT deleted"
            " AND inserted_at >= fromUnixTimestamp64Nano({after_ns:Int64})"
            " GROUP BY trace_id ORDER BY max(inserted_at) DESC, trace_id LIMIT {limit:UInt32}",
            {"project_id": sound(project_id), "after_ns": nanoseconds(after), "limit": limit},
        )
        recent = await self._connection.select(query, _Recent)
        if not recent:
            return []
        from_ns = min(one.first_ns for one in recent) - summaries.REACH_NS
        to_ns = max(one.last_ns for one in recent) + summaries.REACH_NS
        found = await summaries.fetch(self._connection, project_id, [one.trace_id for one in recent], from_ns, to_ns)
        return [found[one.trace_id][1] for one in recent if one.trace_id in found]

    async def stats(self) -> StoreStats:
        """Return the store's figures."""
        query = Query(
            "stats",
            "SELECT sum(rows) AS rows, sum(bytes_on_disk) AS size_bytes, count() AS parts,"
            " version() AS engine_version, (SELECT max(version) FROM schema_versions) AS schema_version"
            " FROM system.parts WHERE active AND database = {database:String} AND startsWith(table, 'spans')",
            {"database": self._layout.database},
        )
        return (await self._connection.select(query, StoreStats))[0]

    async def _insert_signals(self, table: str, wanted: Sequence[Column[R]], rows: Sequence[R], token: str) -> None:
        if rows:
            names, types = [column.name for column in wanted], [column.type for column in wanted]
            await self._connection.insert(table, names, types, lambda: values(wanted, rows), token)

    async def _schema_version(self) -> int:
        query = Query("schema", "SELECT max(version) AS version FROM schema_versions")
        return (await self._connection.select(query, _Version))[0].version
