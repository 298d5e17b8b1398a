"""The runs of annotation queues, as version 1 of LangSmith's API puts them there, shows them and takes them out."""

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath

from pilothouse.compat.langsmith import ids, queued
from pilothouse.compat.langsmith.asking import said_at, uuid_of, window
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep, actor_of
from pilothouse.compat.langsmith.queues import OPEN, queue_of, section_of
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.review import ReviewItem
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.protocols.loose import listing, mapping, scalar
from pilothouse.registry.reviews import MOST_AT_ONCE
from pilothouse.store.metadata.reviews import ItemFilter


@post(
    ["/annotation-queues/{queue_id:str}/runs", "/annotation-queues/{queue_id:str}/runs/by-key"],
    status_code=200,
    include_in_schema=False,
)
async def add(langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str]) -> list[dict[str, Any]]:
    """Put runs into a queue; those that stand in it stay as they are."""
    key = await langsmith.editor(request)
    held = await queue_of(langsmith, key, queue_id)
    wanted: dict[Any, dict[str, Any]] = {}
    for one in listing(await langsmith.body(request)):
        said = mapping(one)
        run = uuid_of(said.get("run_id") if said else one, "run_id")
        wanted[run] = {queued.EXAMPLE: said.get(queued.EXAMPLE)}
    found = await queued.subjects_of(langsmith, key, wanted)
    items = await langsmith.library.reviews.add(key.project_id, held.id, list(found.values()), actor=actor_of(key))
    return [queued.note(one) for one in items]


@get("/annotation-queues/{queue_id:str}/runs", include_in_schema=False)
async def list_all(
    langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str]
) -> list[dict[str, Any]]:
    """Return the runs of a queue, those first that were added first."""
    key = await langsmith.reader(request)
    held, asked = await queue_of(langsmith, key, queue_id), request.query_params
    archived = scalar(asked.get("archived")).lower()
    section = section_of(langsmith, key, held, scalar(asked.get("status")) or ("archived" * (archived == "true")))
    limit, offset = window(request)
    wanted = msgspec.structs.replace(section, sessions=False, limit=limit, offset=offset)
    if archived == "false" and not section.states:
        wanted = msgspec.structs.replace(wanted, states=OPEN)
    items = await langsmith.library.reviews.items(key.project_id, wanted)
    return await queued.shown(langsmith, request, key, items)


@get("/annotation-queues/{queue_id:str}/run/{index:int}", include_in_schema=False)
async def find(
    langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str], index: FromPath[int]
) -> dict[str, Any]:
    """Return the run at a place among those that wait for the caller."""
    key = await langsmith.reader(request)
    held = await queue_of(langsmith, key, queue_id)
    section = section_of(langsmith, key, held, "needs_my_review")
    wanted = msgspec.structs.replace(section, sessions=False, limit=1, offset=max(index, 0))
    items = await langsmith.library.reviews.items(key.project_id, wanted)
    if not items:
        raise NotFound(f"there is no run at the place {index} of the queue")
    (run,) = await queued.shown(langsmith, request, key, items)
    return run


@patch("/annotation-queues/{queue_id:str}/runs/{run_id:str}", status_code=200, include_in_schema=False)
async def change(
    langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str], run_id: FromPath[str]
) -> dict[str, Any]:
    """Say anew when a run was added, or reviewed last."""
    key = await langsmith.editor(request)
    (item,) = await _items(langsmith, key, queue_id, [run_id])
    return queued.note(await queued.moved(langsmith, key, item.id, mapping(await langsmith.body(request))))


@delete("/annotation-queues/{queue_id:str}/runs/{run_id:str}", status_code=200, include_in_schema=False)
async def remove(
    langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str], run_id: FromPath[str]
) -> dict[str, str]:
    """Take a run out of a queue."""
    key = await langsmith.editor(request)
    items = await _items(langsmith, key, queue_id, [run_id])
    await langsmith.library.reviews.remove(key.project_id, items[0].queue_id, [one.id for one in items])
    return {"message": "Run removed from the annotation queue"}


@post("/annotation-queues/{queue_id:str}/runs/delete", status_code=200, include_in_schema=False)
async def remove_many(langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str]) -> dict[str, str]:
    """Take some runs out of a queue, or all of them apart from some."""
    key = await langsmith.editor(request)
    held = await queue_of(langsmith, key, queue_id)
    body = mapping(await langsmith.body(request))
    count = 0
    if body.get("delete_all") is True:
        kept = {str(uuid_of(one, "exclude_run_ids")) for one in listing(body.get("exclude_run_ids"))}
        after: tuple[int, str] | None = None
        while items := await langsmith.library.reviews.items(
            key.project_id, ItemFilter(queue_id=held.id, sessions=False, after=after, limit=MOST_AT_ONCE)
        ):
            after = items[-1].added_at_ns, items[-1].id
            gone = [one.id for one in items if queued.run_id(one) not in kept and one.id not in kept]
            count += await langsmith.library.reviews.remove(key.project_id, held.id, gone)
    elif runs := [scalar(one) for one in listing(body.get("run_ids"))]:
        items = await _items(langsmith, key, queue_id, runs[:MOST_AT_ONCE])
        count = await langsmith.library.reviews.remove(key.project_id, held.id, [one.id for one in items])
    else:
        raise InvalidRequest("name the runs, as `run_ids`, or say `delete_all`", param="run_ids")
    return {"message": f"{count} runs removed from the annotation queue"}


@post("/annotation-queues/status/{item_id:str}", status_code=200, include_in_schema=False)
async def set_status(langsmith: PartsDep, request: Request[Any, Any, Any], item_id: FromPath[str]) -> Response[Any]:
    """Say how far the review of a run in a queue is."""
    key = await langsmith.editor(request)
    body = mapping(await langsmith.body(request))
    item = await queued.reviewed(langsmith, key, str(uuid_of(item_id, "annotation_queue_run_id")), body)
    return Response(
        {**queued.note(item), "status": body.get("status"), "effective_added_at": said_at(item.added_at_ns)}
    )


HANDLERS = (add, list_all, find, change, remove, remove_many, set_status)


async def _items(langsmith: LangSmithParts, key: VirtualKey, queue_id: str, runs: list[str]) -> list[ReviewItem]:
    """Return the items of runs in a queue, by the runs' ids or by their own; raises `NotFound` when there is none."""
    held = await queue_of(langsmith, key, queue_id)
    wanted = [uuid_of(one, "run_id") for one in runs]
    reviews = langsmith.library.reviews
    by_run = ItemFilter(queue_id=held.id, span_ids=tuple(map(ids.span_id, wanted)), limit=MOST_AT_ONCE)
    by_own = ItemFilter(queue_id=held.id, ids=tuple(map(str, wanted)), limit=MOST_AT_ONCE)
    found = [*await reviews.items(key.project_id, by_run), *await reviews.items(key.project_id, by_own)]
    if not found:
        raise NotFound(f"the run {runs[0][:80]} does not stand in this queue")
    return found
