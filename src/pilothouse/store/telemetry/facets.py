"""The values that filters may take in a time range."""

from datetime import datetime

import msgspec

from pilothouse.domain.reading import Facet, Facets
from pilothouse.store.telemetry.conditions import nanoseconds, within
from pilothouse.store.telemetry.connection import Connection, Query

LIMIT = 100
"""Values of one facet, most frequent first."""

_VALUES = {
    "models": "arrayJoin(arrayDistinct([toString(model_requested), toString(model_served)]))",
    "statuses": "toString(status)",
    "key_ids": "toString(key_id)",
    "users": "user_id",
}

_PART = "\n".join((
    "SELECT * FROM (",
    "SELECT '%FACET%' AS facet, value, count() AS spans",
    "FROM (SELECT %VALUE% AS value FROM spans FINAL WHERE %WHERE%)",
    "WHERE value != '' GROUP BY value ORDER BY spans DESC, value LIMIT {limit:UInt32}",
    ")",
))  # fmt: skip


class _Row(msgspec.Struct):
    facet: str
    value: str
    spans: int


async def fetch(connection: Connection, project_id: str, from_at: datetime, to_at: datetime) -> Facets:
    """Return the facets; every value comes with its number of spans."""
    where = within(project_id, nanoseconds(from_at), nanoseconds(to_at)).plus(limit=LIMIT)
    parts = (
        _PART.replace("%FACET%", facet).replace("%VALUE%", value).replace("%WHERE%", where.sql)
        for facet, value in _VALUES.items()
    )
    sql = "\nUNION ALL\n".join(parts)
    rows = await connection.select(Query("facets", sql, where.parameters), _Row)
    rows.sort(key=lambda row: (-row.spans, row.value))
    found = {facet: [Facet(row.value, row.spans) for row in rows if row.facet == facet] for facet in _VALUES}
    return Facets(**found)
