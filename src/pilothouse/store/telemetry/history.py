"""The telemetry store as whoever goes over kept spans sees it: places in order of time, whole rows, rows rewritten.

A rewritten row replaces the one it was made of and nothing else: its version is the next one behind that, so that a row
which ingest writes later counts in any case, and what is rewritten does not look as if it had just come in. Rollups,
which tell changes by the time of insertion, are told of it apart.
"""

from collections.abc import Iterable, Sequence

import msgspec

from pilothouse.domain.exporting import RowPlace, Selection
from pilothouse.domain.holding import Held, Place, Shape
from pilothouse.domain.span import Span
from pilothouse.store.telemetry import batches, export, held, rollup_building, schema
from pilothouse.store.telemetry.connection import Connection
from pilothouse.store.telemetry.options import StoreOptions

_PATIENCE_S = 300.0


class History:
    """Kept spans, read in order and rewritten. Methods raise `StoreUnavailable` and `QueryRefused`."""

    def __init__(self, options: StoreOptions) -> None:
        few = msgspec.structs.replace(options, readers=1, writers=1)
        self._connection = Connection(few)
        # what looks far may take its time, and is in nobody's way
        self._patient = Connection(msgspec.structs.replace(few, query_timeout_s=_PATIENCE_S))

    async def close(self) -> None:
        """Let running calls end and close the connections."""
        await self._connection.close()
        await self._patient.close()

    async def places(self, wanted: Selection, after: RowPlace | None) -> list[tuple[RowPlace, int]]:
        """Return places of spans that follow another, with about what each weighs in bytes; none behind the last."""
        return await export.weighed(self._patient, wanted, after)

    async def count(self, wanted: Selection) -> int:
        """Return how many spans there are."""
        return await export.count(self._patient, wanted)

    async def held(self, places: Sequence[Place]) -> list[Held]:
        """Return every row of the spans at these places, also those that no longer count."""
        return await held.rows(self._connection, places)

    async def costs(self, places: Sequence[Place]) -> list[Held]:
        """Return the same with what a cost is made of only; never to be written."""
        return await held.costs(self._connection, places)

    async def shapes(
        self, traces: Iterable[tuple[str, str]], times_ns: tuple[int, int]
    ) -> dict[tuple[str, str], Shape]:
        """Return the spans of traces, by project and trace, that start within a day of the times."""
        return await held.shapes(self._connection, traces, times_ns)

    async def rewrite(self, rows: Sequence[Held], token: str) -> None:
        """Write rows in the place of those they were made of, whose versions are given; the same token writes once."""
        if not rows:
            return
        spans = [row.span for row in rows]
        await self.touch(spans)
        versions = [row.version + 1 for row in rows]
        await self._connection.insert(
            schema.SPANS, batches.NAMES, batches.TYPES, lambda: batches.rewritten(spans, versions), token
        )
        await self.touch(spans)

    async def touch(self, spans: Iterable[Span]) -> None:
        """Note that these spans are not what they were, so that figures are made of them anew."""
        starts_s: dict[str, set[int]] = {}
        for span in spans:
            starts_s.setdefault(span.project_id, set()).add(span.started_at_ns // 10**9)
        for project_id, starts in starts_s.items():
            await rollup_building.touched(self._connection, project_id, starts)
