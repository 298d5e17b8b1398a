"""Threads as they are listed: what the store tells of sessions, with the traces at their ends and their latencies."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from pilothouse.compat.langsmith.parts import LangSmithParts
from pilothouse.compat.langsmith.runs import SESSION_ID
from pilothouse.compat.langsmith.v2.thread_filters import PARAM, ThreadFilter
from pilothouse.compat.langsmith.v2.views import preview
from pilothouse.domain.activity import ActivityFilter, SessionPage, SessionSummary
from pilothouse.domain.query.aggregate import Aggregate, Cell, group, measure
from pilothouse.domain.query.nodes import Is, Node, all_of, any_of
from pilothouse.domain.reading import TraceFilter, TraceSummary
from pilothouse.domain.span import SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidRequest

_MOST_TRACES = 200
_AT_ONCE = 8
"""Threads that are looked into side by side."""
_PAGE = 100
"""Threads that are held against a filter at once."""
_MOST_LOOKED = 2_000
_MOST_FOUND = 500


async def page_of(
    langsmith: LangSmithParts, project: str, wanted: ActivityFilter, chosen: ThreadFilter | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of threads of one of LangSmith's projects, and the cursor of the next one.

    Raises `InvalidRequest` when none of the many that were looked at fits the filter.
    """
    found = await (_fitting(langsmith, project, wanted, chosen) if chosen else langsmith.reads.sessions(wanted))
    traces = await _traces(langsmith, project, wanted, found.items)
    latencies = await _latencies(langsmith, project, wanted, found.items)
    rows = [_row(one, traces.get(one.session_id, []), latencies.get(one.session_id, {})) for one in found.items]
    return rows, found.next_cursor


async def names_of(langsmith: LangSmithParts, project: str, wanted: ActivityFilter, chosen: ThreadFilter) -> list[str]:
    """Return the threads that fit a filter; raises `InvalidRequest` when they are too many to tell."""
    found: list[str] = []
    async for page, fitting in _looked(langsmith, project, wanted, chosen):
        found += [one.session_id for one in fitting]
        if len(found) > _MOST_FOUND:
            raise _too_many(f"more than {_MOST_FOUND} threads fit it")
        if page.next_cursor is None:
            return found
    raise _too_many(f"there are more than {_MOST_LOOKED} threads to hold it against")


async def _fitting(
    langsmith: LangSmithParts, project: str, wanted: ActivityFilter, chosen: ThreadFilter
) -> SessionPage:
    at = wanted.cursor
    async for page, fitting in _looked(langsmith, project, wanted, chosen):
        if len(fitting) > wanted.limit:
            # the page ends at the last thread that it shows
            last = page.items.index(fitting[wanted.limit - 1])
            cut = msgspec.structs.replace(wanted, cursor=at, limit=last + 1)
            return SessionPage(fitting[: wanted.limit], (await langsmith.reads.sessions(cut)).next_cursor)
        if fitting or page.next_cursor is None:
            return SessionPage(fitting, page.next_cursor)
        at = page.next_cursor
    raise _too_many(f"none of {_MOST_LOOKED} threads fits it")


async def _looked(
    langsmith: LangSmithParts, project: str, wanted: ActivityFilter, chosen: ThreadFilter
) -> AsyncIterator[tuple[SessionPage, list[SessionSummary]]]:
    """Yield pages of threads, each with those of them that fit."""
    cursor: str | None = wanted.cursor
    for _ in range(_MOST_LOOKED // _PAGE):
        if cursor is None:
            return
        page = await langsmith.reads.sessions(msgspec.structs.replace(wanted, limit=_PAGE, cursor=cursor))
        latencies = await _latencies(langsmith, project, wanted, page.items) if chosen.of_latency else {}
        yield page, [one for one in page.items if chosen.fits(_row(one, [], latencies.get(one.session_id, {})))]
        cursor = page.next_cursor


def _too_many(why: str) -> InvalidRequest:
    return InvalidRequest(f"`{PARAM}`: {why}; narrow the times or add another filter", param=PARAM)


async def _traces(
    langsmith: LangSmithParts, project: str, asked: ActivityFilter, sessions: Sequence[SessionSummary]
) -> dict[str, list[TraceSummary]]:
    """Return the traces of threads, the earliest first; of a long thread only the first and the last ones."""
    mine = Is("attributes", SESSION_ID, project)

    def wanted(node: Node, *, descending: bool) -> TraceFilter:
        return TraceFilter(
            project_id=asked.project_id, from_at=asked.from_at, to_at=asked.to_at, query=all_of([mine, node]),
            descending=descending, limit=_MOST_TRACES,
        )  # fmt: skip

    if sum(one.trace_count for one in sessions) <= _MOST_TRACES:
        every = any_of([Is("session", "", one.session_id) for one in sessions]) if sessions else None
        pages = [await langsmith.reads.traces(wanted(every, descending=False))] if every else []
    else:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one_end(session_id: str, *, descending: bool) -> Any:
            async with gate:
                return await langsmith.reads.traces(wanted(Is("session", "", session_id), descending=descending))

        pages = await asyncio.gather(
            *(one_end(one.session_id, descending=last) for one in sessions for last in (False, True))
        )
    found: dict[str, dict[str, TraceSummary]] = {}
    for trace in [trace for one in pages for trace in one.items]:
        found.setdefault(trace.session_id, {})[trace.trace_id] = trace
    return {name: sorted(held.values(), key=lambda one: one.started_at) for name, held in found.items()}


async def _latencies(
    langsmith: LangSmithParts, project: str, asked: ActivityFilter, sessions: Sequence[SessionSummary]
) -> dict[str, dict[str, Cell]]:
    if not sessions:
        return {}
    every = any_of([Is("session", "", one.session_id) for one in sessions])
    node = all_of([Is("attributes", SESSION_ID, project), every])
    table = await langsmith.reads.figures(
        Aggregate(
            project_id=asked.project_id,
            from_at=asked.from_at,
            to_at=asked.to_at,
            source="traces",
            query=node,
            groups=(group("session", "traces"),),
            limit=len(sessions),
            measures=(measure("p50(latency_ms)", "traces"), measure("p99(latency_ms)", "traces")),
        )
    )
    return {str(row["session"]): row for row in table.rows}


def _row(one: SessionSummary, traces: list[TraceSummary], latency: dict[str, Cell]) -> dict[str, Any]:
    failed = [trace for trace in traces if trace.status is SpanStatus.ERROR]
    first, last = (traces[0], traces[-1]) if traces else (None, None)
    return {
        "thread_id": one.session_id,
        "count": one.trace_count,
        "start_time": one.first_at,
        "min_start_time": one.first_at,
        "max_start_time": last.started_at if last else one.last_at,
        "first_trace_id": _uuid(first),
        "last_trace_id": _uuid(last),
        "first_inputs": preview(first.input_preview) if first else None,
        "last_outputs": preview(one.output_preview),
        "last_error": failed[-1].error_code or "error" if failed else None,
        "num_errored_turns": one.error_count,
        "latency_p50": seconds(latency.get("p50(latency_ms)")),
        "latency_p99": seconds(latency.get("p99(latency_ms)")),
        "total_tokens": one.usage.total,
        "total_token_details": _details(one.usage),
        "total_cost": None if one.cost_usd is None else float(one.cost_usd),
        "feedback_stats": None,
    }


def _details(usage: Usage) -> dict[str, int]:
    every = {
        "cache_read": usage.cache_read_tokens,
        "cache_write": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        "reasoning": usage.reasoning_tokens,
        "audio": usage.input_audio_tokens + usage.output_audio_tokens,
    }
    return {name: count for name, count in every.items() if count}


def _uuid(trace: TraceSummary | None) -> str | None:
    return str(UUID(trace.trace_id)) if trace else None


def seconds(ms: Any) -> float | None:
    """Return milliseconds as seconds."""
    return None if ms is None else ms / 1000
