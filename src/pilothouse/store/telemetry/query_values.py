"""Values and names that fields have in a time range, for whoever writes a query."""

import msgspec

from pilothouse.domain.query.fields import Field, Kind
from pilothouse.domain.reading import Facet
from pilothouse.store.telemetry.clause import Conditions, sound
from pilothouse.store.telemetry.conditions import within
from pilothouse.store.telemetry.connection import Connection, Query
from pilothouse.store.telemetry.query import TEXTS

MAX_VALUES = 20
_LOOKED_AT = 200_000
"""Rows, of the newest: whoever types waits for it."""
_SQL = "\n".join((
    "SELECT value, count() AS count FROM (SELECT %VALUE% AS value FROM (",
    "SELECT %COLUMNS% FROM spans WHERE %WHERE% LIMIT {looked_at:UInt32}))",
    "WHERE value != '' AND positionCaseInsensitiveUTF8(value, {prefix:String}) > 0",
    "GROUP BY value ORDER BY positionCaseInsensitiveUTF8(value, {prefix:String}) = 1 DESC, count DESC, value",
    "LIMIT {limit:UInt32}",
))  # fmt: skip
_SCORES = "\n".join((
    "SELECT name AS value, count() AS count FROM scores FINAL WHERE project_id = {project_id:String}",
    "AND positionCaseInsensitiveUTF8(value, {prefix:String}) > 0",
    "GROUP BY value ORDER BY count DESC, value LIMIT {limit:UInt32}",
))  # fmt: skip


class _Row(msgspec.Struct):
    value: str
    count: int


async def values(
    connection: Connection, project_id: str, times_ns: tuple[int, int], field: Field, key: str, prefix: str
) -> list[Facet]:
    """Return values of a field that hold what is written, first those that begin so, then the most frequent.

    They are taken from a part of the spans, with versions that were replaced: good enough to choose from.
    """
    where = _where(project_id, times_ns, prefix)
    if field.name == "tag":
        return await _fetch(connection, "arrayJoin(tags)", "tags", where)
    if key and field.name in ("metadata", "attributes", "resource"):
        where = where.plus(key=sound(key))
        return await _fetch(connection, f"{field.name}[{{key:String}}]", field.name, where)
    columns = TEXTS.get(field.name, ()) if field.kind is Kind.TEXT else ()
    if not columns:
        return []
    each = ", ".join(f"toString({column})" for column in columns)
    return await _fetch(connection, f"arrayJoin(arrayDistinct([{each}]))", ", ".join(columns), where)


async def names(
    connection: Connection, project_id: str, times_ns: tuple[int, int], field: Field, prefix: str
) -> list[Facet]:
    """Return what may stand behind `metadata.`, `attributes.`, `resource.` or `scores.`, the most frequent first."""
    where = _where(project_id, times_ns, prefix)
    if field.name == "scores":
        rows = await connection.select(Query("score names", _SCORES, where.parameters), _Row)
        return [Facet(row.value, row.count) for row in rows]
    return await _fetch(connection, f"arrayJoin(mapKeys({field.name}))", field.name, where)


def _where(project_id: str, times_ns: tuple[int, int], prefix: str) -> Conditions:
    return within(project_id, *times_ns).plus(prefix=sound(prefix), limit=MAX_VALUES, looked_at=_LOOKED_AT)


async def _fetch(connection: Connection, value: str, columns: str, where: Conditions) -> list[Facet]:
    sql = _SQL.replace("%VALUE%", value).replace("%COLUMNS%", columns).replace("%WHERE%", where.sql)
    rows = await connection.select(Query("values", sql, where.parameters), _Row)
    return [Facet(row.value, row.count) for row in rows]
