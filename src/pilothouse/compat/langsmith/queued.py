"""What stands in annotation queues: runs put there by their ids, and items shown as the runs that they are."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Request

from pilothouse.compat.base import every_span
from pilothouse.compat.langsmith import ids, views
from pilothouse.compat.langsmith.asking import as_uuid, said_at
from pilothouse.compat.langsmith.attachments import AddressOf
from pilothouse.compat.langsmith.finding import of_runs
from pilothouse.compat.langsmith.parts import LangSmithParts, actor_of
from pilothouse.compat.langsmith.reads import addresses_of
from pilothouse.compat.langsmith.runs import SESSION_ID
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.reading import SpanDetail, SpanFilter
from pilothouse.domain.review import ReviewItem, ReviewMark, ReviewPlace, ReviewState
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.otlp.values import moment_ns
from pilothouse.registry.reviews import MOST_AT_ONCE, ItemChange, Subject

EXAMPLE = "source_proposed_example_id"
_PIECE = 200
_REACH = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GONE = "this run is not kept any more"


async def subjects_of(
    langsmith: LangSmithParts, key: VirtualKey, wanted: dict[UUID, dict[str, Any]]
) -> dict[UUID, Subject]:
    """Return runs as what can be reviewed, each with more to keep beside it; raises `NotFound` when one is not there.

    All of them are there or none is added, since a script that is told so can wait and add them again.
    """
    if len(wanted) > MOST_AT_ONCE:
        raise InvalidRequest(f"at most {MOST_AT_ONCE} runs are added at once")
    runs, found = list(wanted), dict[UUID, Subject]()
    for start in range(0, len(runs), _PIECE):
        page = await of_runs(langsmith.reads, key.project_id, runs[start : start + _PIECE])
        for detail, trace_id in zip(page.items, page.trace_ids, strict=True):
            run = UUID(detail.native_id)
            noted = {"run_id": str(run), "session_id": detail.attributes.get(SESSION_ID), **wanted[run]}
            found[run] = Subject(
                place=ReviewPlace(trace_id, detail.span_id), at_ns=_ns(detail.started_at),
                details={name: value for name, value in noted.items() if value is not None},
            )  # fmt: skip
    missing = [str(run) for run in runs if run not in found]
    if missing:
        more = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        raise NotFound(f"there is no run {missing[0]}{more} in this project; it may not have arrived yet")
    return {run: found[run] for run in runs}


async def shown(
    langsmith: LangSmithParts, request: Request[Any, Any, Any], key: VirtualKey, items: Sequence[ReviewItem]
) -> list[dict[str, Any]]:
    """Return items of one queue as the runs that they are, in their order."""
    if not items:
        return []
    reviews = langsmith.library.reviews
    queue = await reviews.queue(key.project_id, items[0].queue_id)
    marks = await reviews.marks(queue, [one.id for one in items])
    spans = await _spans(langsmith, key.project_id, items)
    addresses = addresses_of(request, key)
    return [{**_shown(one, spans.get(one.place), addresses), **reviewers(marks.get(one.id, []))} for one in items]


def reviewers(marks: Sequence[ReviewMark]) -> dict[str, list[str]]:
    """Return who is done with an item, and who has it reserved."""
    done = [one.reviewer for one in marks if one.state is ReviewState.DONE]
    return {"completed_by": done, "reserved_by": [one.reviewer for one in marks if one.reviewer not in done]}


def note(item: ReviewItem) -> dict[str, Any]:
    """Return what is known of an item without its run."""
    return {
        "id": item.id,
        "queue_id": item.queue_id,
        "run_id": run_id(item) if item.trace_id else None,
        "added_at": said_at(item.added_at_ns),
        "last_reviewed_time": said_at(item.reviewed_at_ns),
        EXAMPLE: item.details.get(EXAMPLE),
    }


def run_id(item: ReviewItem) -> str:
    """Return the id of the run that an item is; of what another product brought one that follows from its own."""
    return item.details.get("run_id") or as_uuid(item.project_id, item.span_id or item.trace_id)


async def moved(langsmith: LangSmithParts, key: VirtualKey, item_id: str, body: dict[str, Any]) -> ReviewItem:
    """Say anew when an item was added, by which it has its place, and when it was reviewed last."""
    values: dict[str, Any] = {}
    for theirs, ours in (("added_at", "added_at_ns"), ("last_reviewed_time", "reviewed_at_ns")):
        at_ns = moment_ns(body.get(theirs))
        if body.get(theirs) is not None and at_ns is None:
            raise InvalidRequest(f"`{theirs}` must be a time in ISO 8601", param=theirs)
        if at_ns is not None:
            values[ours] = at_ns
    return await langsmith.library.reviews.move(key.project_id, item_id, ItemChange(**values))


async def reviewed(langsmith: LangSmithParts, key: VirtualKey, item_id: str, body: dict[str, Any]) -> ReviewItem:
    """Say how far the caller is with an item: viewed, completed, or, with null, not at all."""
    states = {None: ReviewState.WAITING, "viewed": ReviewState.BEGUN, "completed": ReviewState.DONE}
    status = body.get("status")
    if status is not None and status not in states:
        raise InvalidRequest("`status` must be viewed, completed or null", param="status")
    reviews = langsmith.library.reviews
    item = await reviews.mark(key.project_id, item_id, states[status], actor=actor_of(key))
    at_ns = moment_ns(body.get("override_added_at"))
    return item if at_ns is None else await reviews.move(key.project_id, item_id, ItemChange(added_at_ns=at_ns))


async def _spans(
    langsmith: LangSmithParts, project_id: str, items: Sequence[ReviewItem]
) -> dict[ReviewPlace, tuple[str, SpanDetail]]:
    """Return the spans of items, those of whole traces by their roots, each behind its trace."""
    found: dict[ReviewPlace, tuple[str, SpanDetail]] = {}
    for whole in (False, True):
        wanted = [one for one in items if one.trace_id and bool(one.span_id) is not whole]
        if not wanted:
            continue
        times = [_EPOCH + timedelta(microseconds=one.subject_at_ns // 1000) for one in wanted]
        asked = SpanFilter(
            project_id=project_id, trace_ids=tuple({one.trace_id for one in wanted}),
            span_ids=() if whole else tuple(one.span_id for one in wanted), parent_span_id="" if whole else None,
            from_at=min(times) - _REACH, to_at=max(times) + _REACH,
        )  # fmt: skip
        for trace_id, detail in await every_span(langsmith.reads.spans, asked):
            found[ReviewPlace(trace_id, "" if whole else detail.span_id)] = trace_id, detail
    return found


def _shown(item: ReviewItem, found: tuple[str, SpanDetail] | None, addresses: AddressOf) -> dict[str, Any]:
    own = {
        **note(item),
        "id": run_id(item),
        "queue_run_id": item.id,
        "effective_added_at": said_at(item.added_at_ns),
    }
    if found is not None:
        trace_id, detail = found
        return {**views.run(detail, trace_id, addresses, run_id(item)), **own}
    # a page that is shorter than asked for is the last one to SDKs, so none is left out
    at = said_at(item.subject_at_ns)
    root = ids.uuid_of(item.trace_id) or UUID(run_id(item))
    return {
        "name": _GONE, "run_type": "chain", "start_time": at, "end_time": at, "status": "pending", "inputs": {},
        "trace_id": str(root), "dotted_order": ids.step_of(item.subject_at_ns, UUID(run_id(item))),
        "session_id": item.details.get("session_id"), "app_path": f"/traces/{item.trace_id}", **own,
    }  # fmt: skip


def _ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000
