"""What scripts and SDKs read back: traces with their observations and scores, and sessions, page by page."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Request, get
from litestar.params import FromPath

from pilothouse.compat.langfuse import filters, ids
from pilothouse.compat.langfuse.asking import Query, meta_of, moment, page_of, walked
from pilothouse.compat.langfuse.filters import OBSERVATIONS, TRACES, Wanted
from pilothouse.compat.langfuse.parts import LangfuseParts, PartsDep
from pilothouse.compat.langfuse.views import DEFAULT, Shown, said
from pilothouse.domain.activity import ActivityFilter, SessionPage
from pilothouse.domain.query.aggregate import MAX_ROWS, Aggregate, group, measure
from pilothouse.domain.query.nodes import Has, Is, Node, all_of, any_of
from pilothouse.domain.reading import TraceFilter, TracePage, TraceSummary
from pilothouse.errors import InvalidRequest, NotFound

_STEP = 200
_REACH = timedelta(days=30)
"""How far back a list goes that says no start."""
_AHEAD = timedelta(hours=1)
"""Clocks of applications may be ahead of ours."""
_AT_ONCE = 4
_SAID = ("name", "userId", "sessionId", "version", "release")
"""Parameters by the column that they ask for."""
_GROUPS = ("core", "io", "scores", "observations", "metrics")
_ORDERS = {"timestamp.desc": True, "timestamp.DESC": True, "timestamp.asc": False, "timestamp.ASC": False}


@get("/traces", include_in_schema=False)
async def traces(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of traces, the newest first."""
    key = await langfuse.reader(request)
    asked: Query = request.query_params
    wanted, groups = _filter(langfuse, key.project_id, asked), _groups(asked)
    page, limit = page_of(asked)

    async def fetch(step: int, cursor: str) -> TracePage:
        return await langfuse.reads.traces(msgspec.structs.replace(wanted, limit=step, cursor=cursor))

    found = await walked(fetch, page, limit)
    shown = await _shown(langfuse, key.project_id, found.items if found else [])
    return {"data": [_listed(one, groups) for one in shown], "meta": meta_of(page, limit, found)}


@get("/traces/{trace_id:path}", include_in_schema=False)
async def trace(langfuse: PartsDep, request: Request[Any, Any, Any], trace_id: FromPath[str]) -> dict[str, Any]:
    """Return one trace with all that belongs to it, by its own id or by the hexadecimal one."""
    key = await langfuse.reader(request)
    return (await _one(langfuse, key.project_id, trace_id.removeprefix("/"))).whole()


@get("/sessions", include_in_schema=False)
async def sessions(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of sessions, those first that were active last."""
    key = await langfuse.reader(request)
    asked: Query = request.query_params
    page, limit = page_of(asked)
    from_at, to_at = _times(langfuse, asked)
    conditions = Wanted()
    conditions.among(OBSERVATIONS["environment"], asked.getall("environment", []))
    wanted = ActivityFilter(project_id=key.project_id, from_at=from_at, to_at=to_at, query=conditions.query)

    async def fetch(step: int, cursor: str) -> SessionPage:
        return await langfuse.reads.sessions(msgspec.structs.replace(wanted, limit=step, cursor=cursor))

    found = await walked(fetch, page, limit)
    items = found.items if found else []
    environment = await _environments(langfuse, wanted, [one.session_id for one in items])
    data = [
        {
            "id": one.session_id,
            "createdAt": said(one.first_at),
            "projectId": key.project_id,
            "environment": environment.get(one.session_id) or DEFAULT,
        }
        for one in items
    ]
    return {"data": data, "meta": meta_of(page, limit, found)}


@get("/sessions/{session_id:path}", include_in_schema=False)
async def session(langfuse: PartsDep, request: Request[Any, Any, Any], session_id: FromPath[str]) -> dict[str, Any]:
    """Return a session with its traces."""
    key = await langfuse.reader(request)
    wanted = msgspec.structs.replace(
        _filter(langfuse, key.project_id, request.query_params), session_id=session_id.removeprefix("/"), limit=_STEP
    )
    found = (await langfuse.reads.traces(wanted)).items
    if not found:
        raise NotFound(f"there is no session {wanted.session_id[:80]!r} in this project")
    shown = await _shown(langfuse, key.project_id, found)
    parts = [one.trace() for one in shown]
    first = min(parts, key=lambda one: one["timestamp"])
    return {
        "id": wanted.session_id,
        "createdAt": first["timestamp"],
        "projectId": key.project_id,
        "environment": first["environment"],
        "traces": parts,
    }


async def _one(langfuse: LangfuseParts, project_id: str, native: str) -> Shown:
    found = await langfuse.reads.trace(project_id, ids.trace_id(native), None)
    if found is None:
        raise NotFound(f"there is no trace {native[:80]!r} in this project; it may not have arrived yet")
    return Shown(found, project_id)


async def _shown(langfuse: LangfuseParts, project_id: str, found: list[TraceSummary]) -> list[Shown]:
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def fetch(summary: TraceSummary) -> Shown | None:
        async with at_once:
            held = await langfuse.reads.trace(project_id, summary.trace_id, summary.started_at)
        return None if held is None else Shown(held, project_id)

    return [one for one in await asyncio.gather(*map(fetch, found)) if one is not None]


def _filter(langfuse: LangfuseParts, project_id: str, asked: Query) -> TraceFilter:
    order = asked.get("orderBy") or "timestamp.desc"
    if order not in _ORDERS:
        raise InvalidRequest("traces are ordered by timestamp.desc or timestamp.asc here", param="orderBy")
    wanted, (from_at, to_at) = Wanted(), _times(langfuse, asked)
    if asked.get("filter"):
        filters.read(asked["filter"], TRACES, wanted)
    else:
        for name in _SAID:
            wanted.among(TRACES[name], [asked.get(name)])
        wanted.each(TRACES["tags"], asked.getall("tags", []))
        wanted.among(TRACES["environment"], asked.getall("environment", []))
    return TraceFilter(
        project_id=project_id,
        from_at=from_at,
        to_at=to_at,
        of_traces=tuple(wanted.of_traces),
        descending=_ORDERS[order],
    )


async def _environments(langfuse: LangfuseParts, wanted: ActivityFilter, sessions: list[str]) -> dict[str, str]:
    """Return the environments that sessions name."""
    if not sessions:
        return {}
    named: list[Node] = [Is("session", "", one) for one in sessions]
    table = await langfuse.reads.figures(
        Aggregate(
            project_id=wanted.project_id, from_at=wanted.from_at, to_at=wanted.to_at,
            query=all_of([any_of(named), Has("environment", "")]),
            groups=(group("session", "spans"), group("environment", "spans")), measures=(measure("count", "spans"),),
            limit=MAX_ROWS,
        )
    )  # fmt: skip
    # the rows are by number: the most frequent environment of each comes first
    return {str(row["session"]): str(row["environment"]) for row in reversed(table.rows)}


def _times(langfuse: LangfuseParts, asked: Query) -> tuple[datetime, datetime]:
    to_at = moment(asked, "toTimestamp") or langfuse.now() + _AHEAD
    return moment(asked, "fromTimestamp") or to_at - _REACH, to_at


def _groups(asked: Query) -> frozenset[str]:
    groups = frozenset(one.strip() for one in (asked.get("fields") or ",".join(_GROUPS)).split(",") if one.strip())
    unknown = sorted(groups - set(_GROUPS))
    if unknown:
        raise InvalidRequest(f"fields are {', '.join(_GROUPS)}, not {unknown[0][:40]!r}", param="fields")
    return groups


def _listed(one: Shown, groups: frozenset[str]) -> dict[str, Any]:
    """Return a trace of the list; what nobody asked for is empty, figures are -1."""
    left_out: dict[str, Any] = {}
    if "io" not in groups:
        left_out |= {"input": None, "output": None, "metadata": {}}
    left_out |= {name: [] for name in ("observations", "scores") if name not in groups}
    if "metrics" not in groups:
        left_out |= {"latency": -1, "totalCost": -1}
    return {**one.listed(), **left_out}


HANDLERS = (traces, trace, sessions, session)
