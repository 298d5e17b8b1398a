"""Rows taken away: those that are too old, and those of a user, a session, a trace or one of LangSmith's projects.

Removing goes in two steps. A mark hides the rows within moments; the store then rewrites the files that hold marked
rows, and only behind that, and once it has dropped the old files, is nothing left on its disk. Everything is told by
the trace, never by a column that one version of a row has and another has not, lest an earlier version comes back.
"""

from collections.abc import Sequence

import msgspec

from pilothouse.domain.keeping import Kind, Subject
from pilothouse.store.telemetry.conditions import sound
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.schema import Layout, on_each_server

TABLES: dict[Kind, str] = {
    Kind.SPANS: "spans", Kind.SCORES: "scores", Kind.LOGS: "logs", Kind.METRICS: "metric_points",
    Kind.EXEMPLARS: "exemplars",
}  # fmt: skip
_MADE: dict[str, str] = {"rollup_figures": "user_id", "trace_figures": "trace_id"}
"""What is made of spans and names people, and by what it is told whose it is."""
_AT = {Kind.SPANS: "started_at", Kind.SCORES: "at", Kind.LOGS: "at", Kind.METRICS: "at", Kind.EXEMPLARS: "at"}
_CHUNK = 500
"""Traces named in one statement."""
_USER_KEYS = ("user.id", "enduser.id", "langfuse.user.id", "langsmith.metadata.user_id", "user_id")
"""Attributes by which log records, data points and exemplars name a user."""
_SESSION_KEYS = ("session.id", "gen_ai.conversation.id", "langfuse.session.id", "session_id")
_OWN: dict[Subject, str] = {
    Subject.USER: "user_id", Subject.SESSION: "session_id", Subject.TRACE: "trace_id",
    Subject.PROJECT: "attributes['langsmith.session_id']",
}  # fmt: skip
"""What a span says of it."""
_KEYS: dict[Subject, tuple[str, ...]] = {Subject.USER: _USER_KEYS, Subject.SESSION: _SESSION_KEYS}
_BODIES = {
    Kind.SPANS: ("input", "output", "input_preview", "output_preview", "events"),
    Kind.LOGS: ("body",),
}
_TRACES_OF = "SELECT DISTINCT trace_id FROM spans WHERE project_id = {project_id:String} AND %COLUMN% = {it:String}"
_TRACES_OF_PROJECT = " ".join((
    "SELECT trace_id FROM spans WHERE project_id = {project_id:String} AND trace_id IN (%THESE%) GROUP BY trace_id",
    "HAVING countIf(parent_span_id = '' AND attributes['langsmith.session_id'] NOT IN ('', {it:String})) = 0",
))  # fmt: skip
"""A trace is of the project that its root names; what is below may say another, or say none and be of the usual one."""
_SESSIONS_OF = " ".join((
    "SELECT DISTINCT session_id FROM spans WHERE project_id = {project_id:String} AND session_id != ''",
    "AND trace_id IN (", _TRACES_OF.replace("%COLUMN%", "user_id"), ")",
))  # fmt: skip
_DELETE = "DELETE FROM %TABLE% WHERE %WHERE%"
_NOW: dict[str, str | int] = {"lightweight_deletes_sync": 2, "mutations_sync": 2}


class Places(msgspec.Struct, frozen=True):
    """Whose rows are meant, beside those of its traces."""

    project_id: str
    subject: Subject
    subject_id: str
    sessions: tuple[str, ...] = ()
    """Of a user."""
    before_ns: int = 0
    """Of a project only the traces with a span of it that began before."""


class _Trace(msgspec.Struct):
    trace_id: str


class _Session(msgspec.Struct):
    session_id: str


class _Count(msgspec.Struct):
    rows: int


class _Waiting(msgspec.Struct):
    waiting: int


async def traces(connection: Connection, wanted: Places) -> list[str]:
    """Return the traces with any version of a span of the subject."""
    sql = _TRACES_OF.replace("%COLUMN%", _OWN[wanted.subject])
    parameters: dict[str, Parameter] = {"project_id": sound(wanted.project_id), "it": sound(wanted.subject_id)}
    if wanted.subject is Subject.PROJECT:
        # a name may be taken again while what had it goes
        sql = _TRACES_OF_PROJECT.replace(
            "%THESE%", f"{sql} AND started_at < fromUnixTimestamp64Nano({{before_ns:Int64}})"
        )
        parameters["before_ns"] = wanted.before_ns
    found = await connection.select(Query("traces of", sql, parameters), _Trace)
    return [one.trace_id for one in found]


async def sessions(connection: Connection, wanted: Places) -> list[str]:
    """Return the sessions with any version of a span of a user's traces."""
    parameters: dict[str, Parameter] = {"project_id": sound(wanted.project_id), "it": sound(wanted.subject_id)}
    found = await connection.select(Query("sessions of", _SESSIONS_OF, parameters), _Session)
    return [one.session_id for one in found]


async def count(connection: Connection, wanted: Places, trace_ids: Sequence[str]) -> dict[str, int]:
    """Return how many rows there are by table, all versions."""
    found = dict.fromkeys((kind.value for kind in Kind), 0)
    for kind, where, parameters in _pieces(wanted, trace_ids):
        sql = " ".join(("SELECT count() AS rows FROM", TABLES[kind], "WHERE", where))
        found[kind.value] += (await connection.select(Query("count of", sql, parameters), _Count))[0].rows
    return found


async def hide_scores(connection: Connection, layout: Layout, project_id: str, ids: Sequence[str]) -> None:
    """Mark single scores as gone."""
    parameters: dict[str, Parameter] = {"project_id": sound(project_id), "ids": [sound(one) for one in ids]}
    where = "project_id = {project_id:String} AND id IN {ids:Array(String)}"
    sql = on_each_server(_DELETE.replace("%WHERE%", where), TABLES[Kind.SCORES], layout)
    await connection.change(Query("delete", sql, parameters), _NOW)


async def hide(connection: Connection, layout: Layout, wanted: Places, trace_ids: Sequence[str]) -> None:
    """Mark the rows as gone; behind this nobody reads them.

    Spans go last: whose the other rows are is told by them, also when this is cut short and done again.
    """
    pieces = sorted(_pieces(wanted, trace_ids), key=lambda piece: piece[0] is Kind.SPANS)
    for kind, where, parameters in pieces:
        sql = on_each_server(_DELETE.replace("%WHERE%", where), TABLES[kind], layout)
        await connection.change(Query("delete", sql, parameters), _NOW)
    await _hide_made(connection, layout, wanted, trace_ids)


async def _hide_made(connection: Connection, layout: Layout, wanted: Places, trace_ids: Sequence[str]) -> None:
    """Mark rollups that name a user, and rows of traces, as gone: to replace them leaves them on the disk."""
    ids = {"rollup_figures": [wanted.subject_id] if wanted.subject is Subject.USER else [], "trace_figures": trace_ids}
    for table, column in _MADE.items():
        for start in range(0, len(ids[table]), _CHUNK):
            its = [sound(one) for one in ids[table][start : start + _CHUNK]]
            named: dict[str, Parameter] = {"project_id": sound(wanted.project_id), "ids": its}
            where = f"project_id = {{project_id:String}} AND {column} IN {{ids:Array(String)}}"
            sql = on_each_server(_DELETE.replace("%WHERE%", where), table, layout)
            await connection.change(Query("delete", sql, named), _NOW)


async def erase(connection: Connection, layout: Layout) -> None:
    """Rewrite the files that hold marked rows; returns once they are written."""
    for table in (*TABLES.values(), *_MADE):
        sql = on_each_server("ALTER TABLE %TABLE% APPLY DELETED MASK", table, layout)
        await connection.change(Query("erase", sql), _NOW)


async def lingering(connection: Connection, layout: Layout, before_ns: int) -> int:
    """Return how many files that were replaced before a time the store has yet to drop."""
    sql = (
        "SELECT count() AS waiting FROM system.parts WHERE NOT active AND database = {database:String}"
        " AND toUnixTimestamp(remove_time) BETWEEN 1 AND {before_s:Int64}"
    )
    parameters: dict[str, Parameter] = {"database": layout.database, "before_s": before_ns // 10**9}
    found = await connection.select(Query("lingering", sql, parameters), _Waiting)
    return found[0].waiting


async def older(connection: Connection, project_id: str, kind: Kind, before_ns: int) -> int:
    """Return how many rows of a project began before a time, each once."""
    parameters: dict[str, Parameter] = {"project_id": sound(project_id), "before_ns": max(0, before_ns)}
    sql = " ".join(("SELECT count() AS rows FROM", TABLES[kind], "FINAL WHERE", _older(kind)))
    return (await connection.select(Query("older", sql, parameters), _Count))[0].rows


async def hide_older(connection: Connection, layout: Layout, project_id: str, kind: Kind, before_ns: int) -> None:
    """Mark the rows of a project as gone that began before a time."""
    parameters: dict[str, Parameter] = {"project_id": sound(project_id), "before_ns": max(0, before_ns)}
    sql = on_each_server(_DELETE.replace("%WHERE%", _older(kind)), TABLES[kind], layout)
    await connection.change(Query("delete older", sql, parameters), _NOW)
    made = "project_id = {project_id:String} AND at < toStartOfFiveMinutes(fromUnixTimestamp64Nano({before_ns:Int64}))"
    for table in _MADE if kind is Kind.SPANS else ():
        sql = on_each_server(_DELETE.replace("%WHERE%", made), table, layout)
        await connection.change(Query("delete older", sql, parameters), _NOW)


async def with_bodies(connection: Connection, project_id: str, kind: Kind, before_ns: int) -> int:
    """Return how many rows of a project that began before a time still have a body."""
    parameters: dict[str, Parameter] = {"project_id": sound(project_id), "before_ns": max(0, before_ns)}
    where = f"{_older(kind)} AND ({_some_body(kind)})"
    sql = " ".join(("SELECT count() AS rows FROM", TABLES[kind], "FINAL WHERE", where))
    return (await connection.select(Query("bodies", sql, parameters), _Count))[0].rows


async def empty_bodies(connection: Connection, layout: Layout, project_id: str, kind: Kind, before_ns: int) -> None:
    """Empty the bodies and raw attributes of rows that began before a time, in every version of them."""
    parameters: dict[str, Parameter] = {"project_id": sound(project_id), "before_ns": max(0, before_ns)}
    changes = ", ".join((*(f"{column} = ''" for column in _BODIES[kind]), "attributes = map()"))
    where = f"{_older(kind)} AND ({_some_body(kind)})"
    sql = on_each_server(f"ALTER TABLE %TABLE% UPDATE {changes} WHERE {where}", TABLES[kind], layout)
    await connection.change(Query("empty bodies", sql, parameters), _NOW)


def _some_body(kind: Kind) -> str:
    return " OR ".join((*(f"{column} != ''" for column in _BODIES[kind]), "notEmpty(attributes)"))


def _older(kind: Kind) -> str:
    """All versions of a span begin within the same five minutes, and so go together."""
    before = "fromUnixTimestamp64Nano({before_ns:Int64})"
    if kind is Kind.SPANS:
        return (
            f"project_id = {{project_id:String}} AND toStartOfFiveMinutes(started_at) < toStartOfFiveMinutes({before})"
        )
    return f"project_id = {{project_id:String}} AND {_AT[kind]} < {before}"


def _pieces(wanted: Places, trace_ids: Sequence[str]) -> list[tuple[Kind, str, dict[str, Parameter]]]:
    """Return table, condition and parameters of each statement that is needed to name all rows."""
    its: dict[str, Parameter] = {"project_id": sound(wanted.project_id), "it": sound(wanted.subject_id)}
    keys, in_project = _KEYS.get(wanted.subject, ()), "project_id = {project_id:String}"
    said = " OR ".join(f"attributes['{key}'] = {{it:String}}" for key in keys) or "false"
    shown = " OR ".join((said, *(f"filtered['{key}'] = {{it:String}}" for key in keys)))
    found: list[tuple[Kind, str, dict[str, Parameter]]] = []
    for start in range(0, len(trace_ids), _CHUNK):
        named: dict[str, Parameter] = {**its, "ids": [sound(one) for one in trace_ids[start : start + _CHUNK]]}
        where = f"{in_project} AND trace_id IN {{ids:Array(String)}}"
        found.extend((kind, where, named) for kind in (Kind.SPANS, Kind.SCORES, Kind.LOGS))
        # Those that say so themselves are named below; none is counted twice.
        found.append((Kind.EXEMPLARS, f"{where} AND NOT ({shown})", named))
    if wanted.subject is Subject.SESSION:
        found.append((Kind.SCORES, f"{in_project} AND session_id = {{it:String}}", its))
    for start in range(0, len(wanted.sessions), _CHUNK):
        named = {**its, "ids": [sound(one) for one in wanted.sessions[start : start + _CHUNK]]}
        where = f"{in_project} AND session_id IN {{ids:Array(String)}} AND trace_id = ''"
        found.append((Kind.SCORES, where, named))
    if keys:
        found.append((Kind.METRICS, f"{in_project} AND ({said})", its))
        # Rows of the traces are named above.
        found.append((Kind.LOGS, f"{in_project} AND ({said}) AND trace_id = ''", its))
        found.append((Kind.EXEMPLARS, f"{in_project} AND ({shown})", its))
    return found
