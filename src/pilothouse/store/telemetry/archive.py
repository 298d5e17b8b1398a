"""The telemetry store as the lifecycle of its rows sees it: written out and taken away.

On connections of its own, with patience of its own: nothing of this is in the way of ingest or of people who read.
"""

from collections.abc import Sequence

import msgspec

from pilothouse.domain.exporting import ExportChunk, ExportFormat, RowPlace, Selection
from pilothouse.domain.keeping import Kind
from pilothouse.store.telemetry import export, removal, rollup_building
from pilothouse.store.telemetry.connection import Connection
from pilothouse.store.telemetry.options import StoreOptions
from pilothouse.store.telemetry.removal import Places
from pilothouse.store.telemetry.schema import Layout

_PATIENCE_S = 300.0
_CHANGE_S = 1800.0


class Archive:
    """Rows out and rows away. Methods raise `StoreUnavailable` and `QueryRefused`."""

    def __init__(self, options: StoreOptions) -> None:
        self._layout = Layout(options.database, options.cluster)
        self._connection = Connection(
            msgspec.structs.replace(
                options, readers=2, writers=1, query_timeout_s=_PATIENCE_S, insert_timeout_s=_CHANGE_S
            )
        )

    async def close(self) -> None:
        """Let running calls end and close the connections."""
        await self._connection.close()

    async def chunk(self, wanted: Selection, fmt: ExportFormat, after: RowPlace | None) -> ExportChunk | None:
        """Return the rows that follow a place, None when there are no more."""
        return await export.chunk(self._connection, wanted, fmt, after)

    async def traces_of(self, wanted: Places) -> list[str]:
        """Return the traces with a span of the user, the session, or the trace itself."""
        return await removal.traces(self._connection, wanted)

    async def sessions_of(self, wanted: Places) -> list[str]:
        """Return the sessions with a trace of the user."""
        return await removal.sessions(self._connection, wanted)

    async def count(self, wanted: Places, trace_ids: Sequence[str]) -> dict[str, int]:
        """Return how many rows of these traces, and of their user or session, there are by table."""
        return await removal.count(self._connection, wanted, trace_ids)

    async def hide(self, wanted: Places, trace_ids: Sequence[str]) -> None:
        """Mark these rows as gone; behind this nobody reads them."""
        starts = await rollup_building.starts_of(self._connection, wanted.project_id, trace_ids)
        await rollup_building.touched(self._connection, wanted.project_id, starts)
        await removal.hide(self._connection, self._layout, wanted, trace_ids)
        await rollup_building.touched(self._connection, wanted.project_id, starts)

    async def erase(self) -> None:
        """Have the files rewritten that hold marked rows."""
        await removal.erase(self._connection, self._layout)

    async def lingering(self, before_ns: int) -> int:
        """Return how many files that were replaced before a time the store has yet to drop."""
        return await removal.lingering(self._connection, self._layout, before_ns)

    async def older(self, project_id: str, kind: Kind, before_ns: int) -> int:
        """Return how many rows of a project began before a time."""
        return await removal.older(self._connection, project_id, kind, before_ns)

    async def hide_older(self, project_id: str, kind: Kind, before_ns: int) -> None:
        """Mark the rows of a project as gone that began before a time."""
        if kind is Kind.SPANS:
            await rollup_building.touched_before(self._connection, project_id, before_ns // 10**9)
        await removal.hide_older(self._connection, self._layout, project_id, kind, before_ns)
        if kind is Kind.SPANS:
            await rollup_building.touched_before(self._connection, project_id, before_ns // 10**9)

    async def with_bodies(self, project_id: str, kind: Kind, before_ns: int) -> int:
        """Return how many rows that began before a time still have a body."""
        return await removal.with_bodies(self._connection, project_id, kind, before_ns)

    async def empty_bodies(self, project_id: str, kind: Kind, before_ns: int) -> None:
        """Empty the bodies of rows that began before a time."""
        await removal.empty_bodies(self._connection, self._layout, project_id, kind, before_ns)
