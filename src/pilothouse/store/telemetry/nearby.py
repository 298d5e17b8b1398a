"""The traces of some sessions and where they lie, so that a page of sessions reads those alone.

A session lasts minutes or hours, a list goes over days. Few spans are looked at to find its traces, by an index; what
is read of all columns is then what lies around them.
"""

from collections.abc import Sequence

import msgspec

from pilothouse.store.telemetry.conditions import Conditions, sound, within
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.summaries import REACH_NS

MAX_TRACES = 2_000
"""More of them are looked for like those of users: so many ids are in nearly every place that the index tells apart."""
INDEXED = "identity(session_id)"
"""As the index knows it. Versions of a span may name different sessions, and a search for the last one must not skip
it: so only who says this, and takes all versions, meets the index."""
SESSION_INDEX_MIGRATION = (
    "ALTER TABLE `$database`.spans$local $on_cluster"
    f" ADD INDEX IF NOT EXISTS session_id_bloom {INDEXED} TYPE bloom_filter(0.001) GRANULARITY 1",
    # Goes on behind the migration; until it is through, older spans are looked at one by one.
    "ALTER TABLE `$database`.spans$local $on_cluster MATERIALIZE INDEX session_id_bloom",
)
_EXTENT = "toUnixTimestamp64Nano(min(started_at)) AS first_ns, toUnixTimestamp64Nano(max(started_at)) AS last_ns"
_SQL = " ".join((
    f"SELECT groupUniqArray({MAX_TRACES + 1})(trace_id) AS trace_ids,", _EXTENT,
    "FROM spans WHERE %WHERE% AND has({ids:Array(String)},", f"{INDEXED})",
))  # fmt: skip
_BOUNDS = " ".join((
    "SELECT", _EXTENT, ", count() AS spans FROM spans",
    "WHERE project_id = {project_id:String} AND %COLUMN% = {id:String}",
))  # fmt: skip


class _Bounds(msgspec.Struct):
    first_ns: int
    last_ns: int
    spans: int


class _Found(msgspec.Struct):
    trace_ids: list[str]
    first_ns: int
    last_ns: int


async def of_sessions(
    connection: Connection, project_id: str, range_ns: tuple[int, int], session_ids: Sequence[str]
) -> Conditions | None:
    """Return the range of a list cut down to where traces of these sessions may lie, with `trace_ids`; None if many.

    Rows that were replaced count here, so some of the traces may be of other sessions by now.
    """
    where = within(project_id, *range_ns).plus(ids=[sound(one) for one in session_ids])
    query = Query("session traces", _SQL.replace("%WHERE%", where.sql), where.parameters)
    found = (await connection.select(query, _Found))[0]
    if len(found.trace_ids) > MAX_TRACES:
        return None
    low_ns, high_ns = max(range_ns[0], found.first_ns - REACH_NS), min(range_ns[1], found.last_ns + REACH_NS)
    return within(project_id, low_ns, high_ns).plus(trace_ids=found.trace_ids)


async def around_session(connection: Connection, project_id: str, session_id: str) -> tuple[int, int] | None:
    """Return between which starts the traces of a session lie, at most too wide; None when there is none."""
    found = await bounds(connection, ("session bounds", INDEXED), project_id, session_id)
    return (found[0] - REACH_NS, found[1] + REACH_NS) if found is not None else None


async def bounds(connection: Connection, asked: tuple[str, str], project_id: str, value: str) -> tuple[int, int] | None:
    """Return the first and last start of rows with a value, None without any; `asked` names the query and the column.

    Without merging rows: those that were replaced make the range wider at most.
    """
    name, column = asked
    parameters: dict[str, Parameter] = {"project_id": sound(project_id), "id": sound(value)}
    found = (await connection.select(Query(name, _BOUNDS.replace("%COLUMN%", column), parameters), _Bounds))[0]
    return (found.first_ns, found.last_ns) if found.spans else None
