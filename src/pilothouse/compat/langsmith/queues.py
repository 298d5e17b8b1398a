"""Annotation queues, which are queues for review, as LangSmith's SDKs make, find, change and delete them."""

from typing import Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.params import FromPath

from pilothouse.compat.langsmith import feedback_configs, ids
from pilothouse.compat.langsmith.asking import as_uuid, said_at, several, uuid_of, window
from pilothouse.compat.langsmith.finding import of_runs
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep, actor_of
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.review import Question, ReviewPlace, ReviewQueue, ReviewState
from pilothouse.errors import InvalidRequest
from pilothouse.otlp.values import moment_ns
from pilothouse.protocols.loose import integer, listing, mapping, objects, scalar
from pilothouse.registry.reviews import MOST_AT_ONCE, NewQueue, QueueChange, Subject
from pilothouse.store.metadata.reviews import ItemFilter, QueueFilter

OPEN = (ReviewState.WAITING, ReviewState.BEGUN)
_RESERVED, _MINUTES, _REVIEWERS = "enable_reservations", "reservation_minutes", "num_reviewers_per_item"
_MOST_REVIEWERS, _MOST_MINUTES = 50, 1_440
_NOTED = ("metadata", _RESERVED, _MINUTES)
"""What is kept of a queue as it came."""
_ASKED = ("feedback_key", "description", "is_required")
"""What a question says itself; all else of a rubric's item is kept as it came."""
_HELD = ("required_if", "visible_if", "feedback_config_id")
"""What an item that is changed keeps unless it says otherwise."""
_UNSERVED = ("sort_by", "tag_value_id")


@get("/annotation-queues", include_in_schema=False)
async def list_all(langsmith: PartsDep, request: Request[Any, Any, Any]) -> list[dict[str, Any]]:
    """Return queues, the newest first, each with how many items wait in it."""
    key = await langsmith.reader(request)
    asked = request.query_params
    for name in _UNSERVED:
        if scalar(asked.get(name)):
            raise InvalidRequest(f"queues cannot be asked for by `{name}` here", param=name)
    if scalar(asked.get("queue_type")) == "pairwise" or scalar(asked.get("assigned_to_me")).lower() == "true":
        return []  # there are none of either
    limit, offset = window(request)
    wanted = QueueFilter(
        project_id=key.project_id, ids=tuple(str(uuid_of(one, "ids")) for one in several(request, "ids")),
        name=scalar(asked.get("name")), part=scalar(asked.get("name_contains")),
        dataset_id=scalar(asked.get("dataset_id")), limit=limit, offset=offset,
    )  # fmt: skip
    found = await langsmith.library.reviews.queues(wanted)
    sizes = await langsmith.library.reviews.sizes([one.id for one in found])
    return [
        {**_shown(one), "total_runs": sizes[one.id].open, "rubric_keys": [told.score for told in one.rubric]}
        for one in found
    ]


@post("/annotation-queues", status_code=200, include_in_schema=False)
async def create(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Make a queue; an id that is taken is a conflict."""
    key = await langsmith.editor(request)
    body = mapping(await langsmith.body(request))
    _check(body)
    details = {name: body[name] for name in _NOTED if body.get(name) is not None}
    made = await langsmith.library.reviews.create(
        key.project_id,
        NewQueue(
            id=str(uuid_of(body["id"], "id")) if body.get("id") else "",
            name=scalar(body.get("name")),
            description=scalar(body.get("description")),
            instructions=scalar(body.get("rubric_instructions")),
            rubric=[_question(one, None) for one in objects(body.get("rubric_items"))],
            dataset=_dataset(body) or "",
            reviewers_per_item=integer(body.get(_REVIEWERS)) or 1,
            reservation_s=_reservation_s(details),
            details=details,
        ),
        actor=actor_of(key),
    )
    await _fill(langsmith, key, made.id, listing(body.get("session_ids")))
    return await _detailed(langsmith, key, made)


@get("/annotation-queues/{queue_id:str}", include_in_schema=False)
async def find(langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str]) -> dict[str, Any]:
    """Return one queue with what it asks of reviewers."""
    key = await langsmith.reader(request)
    return await _detailed(langsmith, key, await queue_of(langsmith, key, queue_id))


@patch("/annotation-queues/{queue_id:str}", status_code=200, include_in_schema=False)
async def change(langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str]) -> dict[str, Any]:
    """Change a queue."""
    key = await langsmith.editor(request)
    body = mapping(await langsmith.body(request))
    _check(body)
    held = await queue_of(langsmith, key, queue_id)
    values: dict[str, Any] = {}
    # SDKs up to 0.3 write null for what stays
    for theirs, ours in (("name", "name"), ("description", "description"), ("rubric_instructions", "instructions")):
        if body.get(theirs) is not None:
            values[ours] = scalar(body[theirs])
    if body.get("rubric_items") is not None:
        known = {one.score: one for one in held.rubric}
        values["rubric"] = [
            _question(one, known.get(scalar(one.get("feedback_key")))) for one in objects(body["rubric_items"])
        ]
    if "default_dataset" in body:
        values["dataset"] = _dataset(body)
    noted = {name: body[name] for name in _NOTED if name in body}
    if noted:
        values["details"] = {**held.details, **noted}
        values["reservation_s"] = _reservation_s(values["details"])
    if body.get(_REVIEWERS) is not None:
        values["reviewers_per_item"] = integer(body[_REVIEWERS])
    done = await langsmith.library.reviews.change(key.project_id, held.id, QueueChange(**values), actor=actor_of(key))
    return await _detailed(langsmith, key, done)


@delete("/annotation-queues/{queue_id:str}", status_code=200, include_in_schema=False)
async def remove(langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str]) -> dict[str, str]:
    """Delete a queue; runs and feedback stay."""
    key = await langsmith.editor(request)
    held = await queue_of(langsmith, key, queue_id)
    await langsmith.library.reviews.delete(key.project_id, held.id, actor=actor_of(key))
    return {"message": "Annotation queue deleted"}


@get(
    [f"/annotation-queues/{{queue_id:str}}/{name}" for name in ("size", "total_size", "total_archived")],
    include_in_schema=False,
)
async def size(langsmith: PartsDep, request: Request[Any, Any, Any], queue_id: FromPath[str]) -> dict[str, int]:
    """Return how many items wait in a queue, stand in it, or are done."""
    key = await langsmith.reader(request)
    held, asked = await queue_of(langsmith, key, queue_id), request.query_params
    what = request.url.path.rpartition("/")[2]
    status = "archived" if what == "total_archived" else scalar(asked.get("status"))
    wanted = msgspec.structs.replace(
        section_of(langsmith, key, held, status), reviewed_after_ns=moment_ns(asked.get("start_time")),
        reviewed_before_ns=moment_ns(asked.get("end_time")),
    )  # fmt: skip
    if what == "size" and not status:
        wanted = msgspec.structs.replace(wanted, states=OPEN)
    return {"size": await langsmith.library.reviews.count(key.project_id, wanted)}


@get("/annotation-queues/{run_id:str}/queues", include_in_schema=False)
async def of_run(langsmith: PartsDep, request: Request[Any, Any, Any], run_id: FromPath[str]) -> list[dict[str, Any]]:
    """Return the queues in which a run stands."""
    key = await langsmith.reader(request)
    run = uuid_of(run_id, "run_id")
    page = await of_runs(langsmith.reads, key.project_id, [run])
    items = await langsmith.library.reviews.of_traces(key.project_id, page.trace_ids)
    found = {one.queue_id for one in items if one.span_id == ids.span_id(run)}
    if not found:
        return []
    wanted = QueueFilter(project_id=key.project_id, ids=tuple(sorted(found)), limit=len(found))
    return [_shown(one) for one in await langsmith.library.reviews.queues(wanted)]


@post("/annotation-queues/populate", status_code=200, include_in_schema=False)
async def populate(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Put the runs of experiments into a queue."""
    key = await langsmith.editor(request)
    body = mapping(await langsmith.body(request))
    held = await queue_of(langsmith, key, scalar(body.get("queue_id")))
    count = await _fill(langsmith, key, held.id, listing(body.get("session_ids")))
    return {"message": f"{count} runs added"}


HANDLERS = (list_all, create, find, change, remove, size, of_run, populate)


_SECTIONS: dict[str, tuple[tuple[ReviewState, ...], bool | None]] = {
    "": ((), None), "needs_my_review": (OPEN, True), "needs_others_review": (OPEN, False),
    "completed": ((ReviewState.DONE,), None), "archived": ((ReviewState.DONE,), None),
}  # fmt: skip
"""By status: in which states items are, and whether it is the caller's turn."""


def section_of(langsmith: LangSmithParts, key: VirtualKey, queue: ReviewQueue, status: str) -> ItemFilter:
    """Return what a status means to the owner of a key, of which all are one reviewer; all items for none."""
    if status not in _SECTIONS:
        raise InvalidRequest(f"`status` must be one of {', '.join(filter(None, _SECTIONS))}", param="status")
    states, mine = _SECTIONS[status]
    reviews = langsmith.library.reviews
    turn = None if mine is None else reviews.turn(queue, actor_of(key), mine=mine)
    return ItemFilter(queue_id=queue.id, states=states, turn=turn)


async def queue_of(langsmith: LangSmithParts, key: VirtualKey, queue_id: str) -> ReviewQueue:
    """Return the queue of an address; raises `NotFound`."""
    return await langsmith.library.reviews.queue(key.project_id, str(uuid_of(queue_id, "queue_id")))


async def _fill(langsmith: LangSmithParts, key: VirtualKey, queue_id: str, sessions: list[Any]) -> int:
    """Put the runs that examples have in experiments into a queue and return how many there are."""
    count = 0
    for session in [str(uuid_of(one, "session_ids")) for one in sessions]:
        offset, total = 0, 1
        while offset < total:
            links, total = await langsmith.library.experiments.items(key.project_id, session, MOST_AT_ONCE, offset)
            subjects = [
                Subject(
                    place=ReviewPlace(one.trace_id, one.span_id), at_ns=one.created_at_ns,
                    details={"run_id": as_uuid(key.project_id, one.trace_id), "session_id": session},
                )
                for one in links
            ]  # fmt: skip
            await langsmith.library.reviews.add(key.project_id, queue_id, subjects, actor=actor_of(key))
            offset += MOST_AT_ONCE
            count += len(links)
    return count


def _check(body: dict[str, Any]) -> None:
    for name, most in ((_REVIEWERS, _MOST_REVIEWERS), (_MINUTES, _MOST_MINUTES)):
        said = body.get(name)
        if said is not None and not 1 <= (integer(said) or 0) <= most:
            raise InvalidRequest(f"`{name}` must be 1 to {most}", param=name)
    if scalar(body.get("reviewer_access_mode")) not in ("", "any"):
        raise InvalidRequest("reviewers are not assigned to queues here; any may review", param="reviewer_access_mode")


def _reservation_s(details: dict[str, Any]) -> int | None:
    return 60 * (integer(details.get(_MINUTES)) or 1) if details.get(_RESERVED) is True else None


def _dataset(body: dict[str, Any]) -> str | None:
    said = body.get("default_dataset")
    return str(uuid_of(said, "default_dataset")) if said else None


def _question(item: dict[str, Any], held: Question | None) -> Question:
    kept = {name: held.details[name] for name in _HELD if name in held.details} if held else {}
    said = {name: value for name, value in item.items() if name not in (*_ASKED, "feedback_config")}
    return Question(
        score=scalar(item.get("feedback_key")),
        about=scalar(item.get("description")),
        required=bool(item.get("is_required")),
        details={name: value for name, value in {**kept, **said}.items() if value is not None},
    )


def _shown(queue: ReviewQueue) -> dict[str, Any]:
    return {
        "id": as_uuid(queue.project_id, queue.id),
        "name": queue.name,
        "description": queue.description or None,
        "created_at": said_at(queue.created_at_ns),
        "updated_at": said_at(queue.updated_at_ns),
        "tenant_id": str(ids.tenant_id(queue.project_id)),
        "queue_type": "single",
        "default_dataset": queue.dataset_id,
        _RESERVED: queue.reservation_s is not None,
        _MINUTES: queue.details.get(_MINUTES),
        "metadata": queue.details.get("metadata"),
        _REVIEWERS: queue.reviewers_per_item,
        "reviewer_access_mode": "any",
        "assigned_reviewers": [],
        "run_rule_id": None,
        "source_rule_id": None,
    }


async def _detailed(langsmith: LangSmithParts, key: VirtualKey, queue: ReviewQueue) -> dict[str, Any]:
    every = await langsmith.library.scoring.all(key.project_id) if queue.rubric else []
    # the newest come first, and the first that was made counts
    configs = {one.name: one for one in every}
    rubric = [
        {
            "feedback_key": one.score,
            "description": one.about or None,
            "is_required": one.required,
            **one.details,
            "feedback_config": feedback_configs.shown(configs[one.score]) if one.score in configs else None,
        }
        for one in queue.rubric
    ]
    return {**_shown(queue), "rubric_instructions": queue.instructions or None, "rubric_items": rubric}
