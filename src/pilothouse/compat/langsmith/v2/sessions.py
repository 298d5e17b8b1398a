"""LangSmith's projects as version 2 lists, shows, makes and changes them."""

from typing import Any

from litestar import Response, get, patch, post
from litestar.params import FromPath

from pilothouse.compat.langsmith import results, sessions, views
from pilothouse.compat.langsmith.asking import several, uuid_of
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep
from pilothouse.compat.langsmith.v2.asking import page, page_size
from pilothouse.compat.langsmith.v2.runs import Asked
from pilothouse.domain.access import VirtualKey
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.loose import mapping, scalar
from pilothouse.store.metadata.experiments import ExperimentFilter

_USUAL, _MOST = 20, 100
_PROJECT, _EXPERIMENT = "PROJECT", "EXPERIMENT"
_UNSERVED = (
    "filter", "metadata", "stats_filter", "tag_value_id", "sort_by_feedback_key", "sort_by_feedback_source",
    "dataset_version", "stats_start_time",
)  # fmt: skip
_NUMBERS = ("total_cost",)


@get("/sessions", include_in_schema=False)
async def list_all(langsmith: PartsDep, request: Asked) -> Response[Any]:
    """Return a page of projects: experiments, the newest first, and then what runs call theirs."""
    key = await langsmith.sender(request)
    asked = request.query_params
    for name in _UNSERVED:
        if scalar(asked.get(name)):
            raise InvalidRequest(f"projects cannot be asked for by `{name}` here", param=name)
    if scalar(asked.get("sort_by")) not in ("", "START_TIME") or scalar(asked.get("sort_order")) == "asc":
        raise InvalidRequest("projects are sorted by when they began, the newest first", param="sort_by")
    cursor, limit = scalar(asked.get("cursor")), page_size(asked.get("page_size"), _USUAL, _MOST)
    if cursor and not cursor.isdecimal():
        raise InvalidRequest("the cursor is not valid", param="cursor")
    offset = int(cursor[:9] or 0)
    found, total = await _page(langsmith, key, request, (offset, limit))
    if scalar(asked.get("include_stats")).lower() == "true":
        found = [await _with_stats(langsmith, request, key, one) for one in found]
    end = offset + len(found)
    return page(request, found, str(end) if end < total else None)


@post("/sessions", status_code=201, include_in_schema=False)
async def create(langsmith: PartsDep, request: Asked) -> dict[str, Any]:
    """Make an experiment over a dataset, or return the project of a name, which needs no making."""
    arrival = await langsmith.writer(request)
    body = mapping(await langsmith.body(request))
    kind = scalar(body.get("type"))
    if kind not in (_PROJECT, _EXPERIMENT) or (kind == _EXPERIMENT) != bool(body.get("reference_dataset_id")):
        raise InvalidRequest("`type` is PROJECT, or EXPERIMENT over a `reference_dataset_id`", param="type")
    upsert = scalar(request.query_params.get("upsert")) == "true"
    return _shown(await sessions.made(langsmith, arrival.key, body, upsert=upsert), kind)


@get("/sessions/{session_id:str}", include_in_schema=False)
async def find(langsmith: PartsDep, request: Asked, session_id: FromPath[str]) -> dict[str, Any]:
    """Return one project."""
    key = await langsmith.sender(request)
    if scalar(request.query_params.get("stats_start_time")):
        raise InvalidRequest("the figures of a project are of all its time", param="stats_start_time")
    experiment = await sessions.known(langsmith, key.project_id, str(uuid_of(session_id, "session_id")))
    found = _shown(
        await sessions.session_of(langsmith, key.project_id, session_id), _EXPERIMENT if experiment else _PROJECT
    )
    stats = scalar(request.query_params.get("include_stats")).lower() == "true"
    return await _with_stats(langsmith, request, key, found) if stats else found


@patch("/sessions/{session_id:str}", status_code=200, include_in_schema=False)
async def change(langsmith: PartsDep, request: Asked, session_id: FromPath[str]) -> dict[str, Any]:
    """Change an experiment; of another project nothing is kept, and its name is what runs call it."""
    arrival = await langsmith.writer(request)
    body = mapping(await langsmith.body(request))
    experiment = await sessions.known(langsmith, arrival.key.project_id, str(uuid_of(session_id, "session_id")))
    done = await sessions.changed(langsmith, arrival.key, session_id, body)
    return _shown(done, _EXPERIMENT if experiment else _PROJECT)


HANDLERS = (list_all, create, find, change)


async def _page(
    langsmith: LangSmithParts, key: VirtualKey, request: Asked, place: tuple[int, int]
) -> tuple[list[dict[str, Any]], int]:
    """Return the projects of a page, and how many there are on all pages."""
    asked, (offset, limit) = request.query_params, place
    name, part = scalar(asked.get("name")), scalar(asked.get("name_contains")).lower()
    kinds = several(request, "type") or [_PROJECT, _EXPERIMENT]
    wanted_ids = [str(uuid_of(one, "id")) for one in several(request, "id")]
    datasets = [str(uuid_of(one, "reference_dataset_id")) for one in several(request, "reference_dataset_id")]
    if len(datasets) > 1:
        raise InvalidRequest("ask for the experiments of one dataset at a time", param="reference_dataset_id")
    found: list[dict[str, Any]] = []
    total = 0
    if _EXPERIMENT in kinds:
        held, total = await langsmith.library.experiments.page(
            ExperimentFilter(
                project_id=key.project_id,
                dataset_id=datasets[0] if datasets else "",
                name=name,
                part=part,
                ids=tuple(wanted_ids),
                limit=limit,
                offset=offset,
            )
        )
        found = [_shown(views.experiment(one), _EXPERIMENT) for one in held]
    if _PROJECT not in kinds or datasets:
        return found, total
    shown = [
        _shown(one, _PROJECT)
        for value in await sessions.seen(langsmith, key.project_id)
        if (one := views.session(key.project_id, value)) and (not wanted_ids or one["id"] in wanted_ids)
        if (not name or value.value == name) and part in value.value.lower()
    ]
    # runs of an experiment name it too, and it is listed once
    same = ExperimentFilter(project_id=key.project_id, ids=tuple(one["id"] for one in shown), limit=len(shown))
    taken = {one.id for one in (await langsmith.library.experiments.page(same))[0]} if shown else set[str]()
    others = [one for one in shown if one["id"] not in taken]
    if name and not found and not others and offset == 0 and not wanted_ids:
        # any run may name it
        others = [_shown(await sessions.made(langsmith, key, {"name": name}, upsert=True), _PROJECT)]
    start = max(0, offset - total)
    return [*found, *others[start : start + limit - len(found)]], total + len(others)


async def _with_stats(
    langsmith: LangSmithParts, request: Asked, key: VirtualKey, session: dict[str, Any]
) -> dict[str, Any]:
    await langsmith.reader(request)
    found = {**session, **await results.stats_of(langsmith, key.project_id, session)}
    return {**found, **{name: None if found[name] is None else float(found[name]) for name in _NUMBERS}}


def _shown(session: dict[str, Any], kind: str) -> dict[str, Any]:
    return {**session, "type": kind, "extra": mapping(session.get("extra"))}
