"""The items of annotation queues, runs and whole threads, as the newer part of LangSmith's API calls them."""

from typing import Any

import msgspec
from litestar import Request, Response, get, patch, post
from litestar.params import FromPath

from pilothouse.compat.langsmith import queued
from pilothouse.compat.langsmith.asking import MOST, number, said_at, uuid_of
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep, actor_of
from pilothouse.compat.langsmith.queues import queue_of, section_of
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.review import ReviewItem, ReviewPlace, ReviewQueue, ReviewState
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.otlp.values import moment_ns
from pilothouse.protocols.loose import listing, mapping, objects, scalar
from pilothouse.registry.reviews import Subject
from pilothouse.store.metadata.reviews import ItemFilter

_ITEMS = "/annotation-queues/{queue_id:str}/items"
_RUN, _THREAD = "RUN", "THREAD"
_UNSERVED = ("agreement", "has_unresolved_keys")
_cursors = msgspec.json.Decoder(tuple[int, str])


@post(_ITEMS, status_code=201, include_in_schema=False)
async def add(langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str]) -> dict[str, Any]:
    """Put runs and threads into a queue; what stands in it stays as it is."""
    key = await langsmith.editor(request)
    held = await queue_of(langsmith, key, queue_id)
    bodies = objects(mapping(await langsmith.body(request)).get("items"))
    runs = {
        uuid_of(one.get("run_id"), "run_id"): {queued.EXAMPLE: one.get(queued.EXAMPLE)}
        for one in bodies
        if _type(one) == _RUN
    }
    found = await queued.subjects_of(langsmith, key, runs)
    subjects = [
        found[uuid_of(one.get("run_id"), "run_id")] if _type(one) == _RUN else _thread(langsmith, one) for one in bodies
    ]
    items = await langsmith.library.reviews.add(key.project_id, held.id, subjects, actor=actor_of(key))
    return {"items": [_shown(one) for one in items]}


@get(_ITEMS, include_in_schema=False)
async def list_all(langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str]) -> dict[str, Any]:
    """Return a page of what stands in a queue, that first which was added first."""
    key = await langsmith.reader(request)
    held = await queue_of(langsmith, key, queue_id)
    asked = request.query_params
    if scalar(asked.get("direction")) == "backward":
        raise InvalidRequest("pages go forward only", param="direction")
    wanted = _within(section_of(langsmith, key, held, scalar(asked.get("status"))), request)
    limit = min(max(number(request, "page_size", MOST), 1), MOST)
    cursor = scalar(asked.get("cursor"))
    wanted = msgspec.structs.replace(wanted, limit=limit + 1, after=_place(cursor) if cursor else None)
    found = await langsmith.library.reviews.items(key.project_id, wanted)
    items = found[:limit]
    marks = await langsmith.library.reviews.marks(held, [one.id for one in items])
    return {
        "items": [
            {
                **_shown(one), "effective_added_at": said_at(one.added_at_ns), "assigned_to": [],
                **queued.reviewers(marks.get(one.id, [])),
            }
            for one in items
        ],
        "next_cursor": _cursor(items[-1]) if len(found) > limit else None,
    }  # fmt: skip


@get(f"{_ITEMS}/count", include_in_schema=False)
async def count(langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str]) -> dict[str, int]:
    """Return how much stands in a queue."""
    key = await langsmith.reader(request)
    held = await queue_of(langsmith, key, queue_id)
    status = scalar(request.query_params.get("status"))
    section = section_of(langsmith, key, held, "" if status == "all" else status)
    wanted = _within(section, request)
    return {"count": await langsmith.library.reviews.count(key.project_id, wanted)}


@get(f"{_ITEMS}/{{item_id:str}}/placement", include_in_schema=False)
async def placement(
    langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str], item_id: FromPath[str]
) -> dict[str, Any]:
    """Return where an item stands, and the cursor of what comes after it."""
    key = await langsmith.reader(request)
    item = await _item(langsmith, key, queue_id, item_id)
    reviews = langsmith.library.reviews
    section, every = await _section(langsmith, key, await queue_of(langsmith, key, queue_id), item)
    later = msgspec.structs.replace(every, after=(item.added_at_ns, item.id))
    total, behind = await reviews.count(key.project_id, every), await reviews.count(key.project_id, later)
    return {
        "item_type": _RUN if item.trace_id else _THREAD, "section": section, "cursor": _cursor(item),
        "position": total - behind - 1,
    }  # fmt: skip


@patch(f"{_ITEMS}/{{item_id:str}}", status_code=200, include_in_schema=False)
async def change(
    langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str], item_id: FromPath[str]
) -> dict[str, Any]:
    """Say anew when an item was added, or reviewed last."""
    key = await langsmith.editor(request)
    item = await _item(langsmith, key, queue_id, item_id)
    return _shown(await queued.moved(langsmith, key, item.id, mapping(await langsmith.body(request))))


@post(f"{_ITEMS}/delete", status_code=200, include_in_schema=False)
async def remove(langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str]) -> dict[str, str]:
    """Take items out of a queue."""
    key = await langsmith.editor(request)
    held = await queue_of(langsmith, key, queue_id)
    body = mapping(await langsmith.body(request))
    gone = [str(uuid_of(one, "item_ids")) for one in listing(body.get("item_ids"))]
    done = await langsmith.library.reviews.remove(key.project_id, held.id, gone)
    return {"message": f"{done} items removed from the annotation queue"}


@post("/annotation-queues/items/{item_id:str}/status", status_code=200, include_in_schema=False)
async def set_status(langsmith: PartsDep, request: Request[Any, Any, Any], item_id: FromPath[str]) -> Response[Any]:
    """Say how far the review of an item is."""
    key = await langsmith.editor(request)
    body = mapping(await langsmith.body(request))
    item = await queued.reviewed(langsmith, key, str(uuid_of(item_id, "queue_item_id")), body)
    return Response({
        "queue_item_id": item.id, "status": body.get("status"), "is_archived": item.state is ReviewState.DONE,
        "override_added_at": body.get("override_added_at"),
    })  # fmt: skip


PLATFORM_HANDLERS = (add, list_all, count, placement, change, remove, set_status)


async def _section(
    langsmith: LangSmithParts, key: VirtualKey, queue: ReviewQueue, item: ReviewItem
) -> tuple[str, ItemFilter]:
    """Return in which section an item stands for the caller, and what finds that section."""
    if item.state is ReviewState.DONE:
        return "archived", section_of(langsmith, key, queue, "archived")
    mine = section_of(langsmith, key, queue, "needs_my_review")
    if await langsmith.library.reviews.count(key.project_id, msgspec.structs.replace(mine, ids=(item.id,))):
        return "needs_my_review", mine
    return "needs_others_review", section_of(langsmith, key, queue, "needs_others_review")


def _within(section: ItemFilter, request: Request[Any, Any, Any]) -> ItemFilter:
    """Return what is asked for of a section."""
    asked = request.query_params
    for name in _UNSERVED:
        if scalar(asked.get(name)):
            raise InvalidRequest(f"the answers of reviewers are not compared here, so there is no `{name}`", param=name)
    kind = scalar(asked.get("item_type"))
    return msgspec.structs.replace(
        section,
        sessions=kind == _THREAD if kind else None,
        subject_from_ns=moment_ns(asked.get("min_start_time")), subject_to_ns=moment_ns(asked.get("max_start_time")),
        reviewed_after_ns=moment_ns(asked.get("start_time")), reviewed_before_ns=moment_ns(asked.get("end_time")),
    )  # fmt: skip


async def _item(langsmith: LangSmithParts, key: VirtualKey, queue_id: str, item_id: str) -> ReviewItem:
    item = await langsmith.library.reviews.item(key.project_id, str(uuid_of(item_id, "item_id")))
    if item.queue_id != str(uuid_of(queue_id, "queue_id")):
        raise NotFound(f"the item {item.id} does not stand in this queue")
    return item


def _type(body: dict[str, Any]) -> str:
    kind = scalar(body.get("item_type"))
    if kind not in (_RUN, _THREAD):
        raise InvalidRequest(f"`item_type` must be {_RUN} or {_THREAD}", param="item_type")
    return kind


def _thread(langsmith: LangSmithParts, body: dict[str, Any]) -> Subject:
    thread, project = scalar(body.get("thread_id")), body.get("project_id") or body.get("session_id")
    if not thread:
        raise InvalidRequest("a thread is named by `thread_id`", param="thread_id")
    at_ns = moment_ns(body.get("start_time"))
    return Subject(
        place=ReviewPlace(session_id=thread), at_ns=langsmith.clock.now_ns() if at_ns is None else at_ns,
        details={"session_id": str(uuid_of(project, "project_id"))} if project else {},
    )  # fmt: skip


def _shown(item: ReviewItem) -> dict[str, Any]:
    return {
        **queued.note(item),
        "item_type": _RUN if item.trace_id else _THREAD,
        "project_id": item.details.get("session_id"),
        "start_time": said_at(item.subject_at_ns),
        "thread_id": item.session_id or None,
    }


def _cursor(item: ReviewItem) -> str:
    return msgspec.json.encode((item.added_at_ns, item.id)).hex()


def _place(cursor: str) -> tuple[int, str]:
    try:
        return _cursors.decode(bytes.fromhex(cursor))
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidRequest("the cursor is not valid", param="cursor") from error
