"""The telemetry store as the rest of Pilothouse sees it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from pilothouse.domain.reading import Facets, Overview, OverviewFilter, Trace, TraceFilter, TracePage, TraceSummary
from pilothouse.domain.span import Span
from pilothouse.errors import DataFolderNewer, StoreUnavailable
from pilothouse.store.telemetry import batches, facets, listing, overview, schema, summaries, traces
from pilothouse.store.telemetry.conditions import nanoseconds, sound
from pilothouse.store.telemetry.connection import Build, Connection, Query
from pilothouse.store.telemetry.options import StoreOptions


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


class Telemetry:
    """Spans in, traces and figures out.

    Needs no store to be constructed. Every method but `ping` raises `StoreUnavailable` when the store does not answer
    and `QueryRefused` when it gives up on a query.
    """

    def __init__(self, options: StoreOptions) -> None:
        self._layout = schema.Layout(options.database, options.cluster)
        self._connection = Connection(options)

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

    async def insert(self, spans: Sequence[Span], token: str) -> None:
        """Store spans, durably when this returns; the same token is stored once, also after a restart.

        A span with the project, trace, id and start of an earlier one replaces it. Best in batches of 1,000 to 10,000.
        """
        if not spans:
            return
        try:
            await self._insert(lambda: batches.columns(spans), token)
        except UnicodeEncodeError:
            await self._insert(lambda: batches.cleaned(batches.columns(spans)), token)

    async def traces(self, wanted: TraceFilter) -> TracePage:
        """Return a page of the trace list; raises `InvalidRequest` for a foreign cursor."""
        return await listing.fetch(self._connection, wanted)

    async def trace(self, project_id: str, trace_id: str, around: datetime | None = None) -> Trace | None:
        """Return one trace with all its spans, None when there is none; a time near it makes the search cheap."""
        return await traces.fetch(self._connection, project_id, trace_id, around)

    async def facets(self, project_id: str, from_at: datetime, to_at: datetime) -> Facets:
        """Return the values that filters may take in a time range."""
        return await facets.fetch(self._connection, project_id, from_at, to_at)

    async def overview(self, wanted: OverviewFilter) -> Overview:
        """Return the figures of the overview page."""
        return await overview.fetch(self._connection, wanted)

    async def newest(self, project_id: str, after: datetime, limit: int) -> list[TraceSummary]:
        """Return the traces with spans inserted at or after `after`, last inserted first, at most `limit`.

        A row becomes visible a moment after its insertion stamp: ask with an overlap of some seconds and drop what was
        seen before.
        """
        query = Query(
            "newest",
            "SELECT trace_id, toUnixTimestamp64Nano(min(started_at)) AS first_ns,"
            " toUnixTimestamp64Nano(max(started_at)) AS last_ns FROM spans FINAL"
            " WHERE project_id = {project_id:String} AND inserted_at >= fromUnixTimestamp64Nano({after_ns:Int64})"
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

    async def _insert(self, build: Build, token: str) -> None:
        await self._connection.insert(schema.SPANS, batches.NAMES, batches.TYPES, build, token)

    async def _schema_version(self) -> int:
        query = Query("schema", "SELECT max(version) AS version FROM schema_versions")
        return (await self._connection.select(query, _Version))[0].version
