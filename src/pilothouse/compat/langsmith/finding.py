"""The spans of runs, by nothing but the runs' ids."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from pilothouse.compat.langsmith import ids
from pilothouse.compat.langsmith.parts import Spans
from pilothouse.compat.langsmith.runs import SOURCE
from pilothouse.domain.reading import SpanFilter, SpanPage
from pilothouse.errors import PilothouseError

_REACH = timedelta(days=1)
_TIMED = 7
"""Version of UUIDs that begin with the time at which they were made."""
_MOST = 200


async def of_runs(reads: Spans, project_id: str, runs: list[UUID]) -> SpanPage:
    """Return the spans of runs; ids that tell their time are looked for around that first.

    Raises `StoreUnavailable` or `QueryRefused`.
    """
    wanted = SpanFilter(project_id=project_id, source=SOURCE, span_ids=tuple(map(ids.span_id, runs)), limit=_MOST)
    if all(run.version == _TIMED for run in runs):
        times = [datetime.fromtimestamp((run.int >> 80) / 1000, UTC) for run in runs]
        near = msgspec.structs.replace(wanted, from_at=min(times) - _REACH, to_at=max(times) + _REACH)
        page = await reads.spans(near)
        if len(page.items) == len(set(runs)):
            return page
    return await reads.spans(wanted)


async def trace_of(reads: Spans, project_id: str, run: UUID) -> UUID | None:
    """Return the trace of a run that the store knows; None of others, and while the store does not answer."""
    try:
        page = await of_runs(reads, project_id, [run])
    except PilothouseError:
        return None
    return UUID(page.trace_ids[0]) if page.trace_ids else None
