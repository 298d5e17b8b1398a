"""What requests of version 2 ask for, in the words of version 1, and pages as they are answered."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Request, Response

from pilothouse.compat.langsmith.asking import said_at, uuid_of
from pilothouse.compat.langsmith.parts import LangSmithParts
from pilothouse.compat.langsmith.reads import moment_of, wanted_of
from pilothouse.domain.reading import SpanFilter
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.loose import integer, listing, scalar
from pilothouse.store.metadata.experiments import ExperimentFilter

_DAY = timedelta(days=1)
"""How far back is looked when nobody says from when."""
_UNSERVED = {
    "ai_search": "runs are not searched for in plain words here",
    "sem_filter": "runs are not searched for in plain words here",
    "min_feedback_modified_at": "runs are not filtered by when feedback was changed",
    "max_feedback_modified_at": "runs are not filtered by when feedback was changed",
    "include_subtree_usage": "the usage of a run is its own; that of a trace stands in its aggregates",
    "comparative_experiment_id": "experiments are not compared in pairs here",
    "sort": "examples are not sorted by feedback here",
    "stride": "figures of threads are of the whole time that is asked for",
}
_WORDS = {
    "ids": "id", "project_ids": "session", "reference_examples": "reference_example", "has_error": "error",
    "is_root": "is_root", "min_start_time": "start_time", "max_start_time": "end_time", "trace_id": "trace",
    "filter": "filter", "trace_filter": "trace_filter", "tree_filter": "tree_filter", "cursor": "cursor",
}  # fmt: skip
"""What is asked in version 2, and how version 1 calls it."""
_MOST_PAGE = 200
"""Of the store; a page may hold fewer than were asked for."""
_MOST_EXPERIMENTS = 1_000


def checked(body: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    """Return what a body says; raises `InvalidRequest` for what is not served or not known."""
    said = {name: value for name, value in body.items() if value is not None and value != ""}
    for name, why in _UNSERVED.items():
        if said.get(name, False) is not False:
            raise InvalidRequest(f"`{name}`: {why}", param=name)
    unknown = sorted(set(said) - {*known, *_UNSERVED})
    if unknown:
        raise InvalidRequest(f"`{unknown[0][:60]}` is not understood here", param=unknown[0][:60])
    return {name: value for name, value in said.items() if name in known}


def page_size(said: Any, usual: int, most: int) -> int:
    """Return how many things a page may hold."""
    found = integer(said) if not isinstance(said, str) else (int(said[:9]) if said.isdecimal() else None)
    if said is None or said == "":
        return usual
    if found is None or not 1 <= found <= most:
        raise InvalidRequest(f"`page_size` must be 1 to {most}", param="page_size")
    return min(found, _MOST_PAGE)


def spans_of(project_id: str, body: dict[str, Any], limit: int) -> SpanFilter:
    """Return which runs a query asks for in the words of version 2."""
    asked = {_WORDS[name]: value for name, value in body.items() if name in _WORDS}
    if "run_type" in body:
        asked["run_type"] = scalar(body["run_type"]).lower()
    return msgspec.structs.replace(wanted_of(project_id, asked), limit=limit)


async def with_projects(langsmith: LangSmithParts, project_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return a query with the projects that it means and the time from which it looks."""
    found, dataset = dict(body), body.get("reference_dataset_id")
    if bool(body.get("project_ids")) == bool(dataset):
        raise InvalidRequest("give either `project_ids` or `reference_dataset_id`", param="project_ids")
    if dataset:
        wanted = ExperimentFilter(
            project_id=project_id, dataset_id=str(uuid_of(dataset, "reference_dataset_id")), limit=_MOST_EXPERIMENTS
        )
        held, _ = await langsmith.library.experiments.page(wanted)
        found["project_ids"] = [one.id for one in held]
        if held:
            found.setdefault("min_start_time", said_at(min(one.created_at_ns for one in held)))
    found["project_ids"] = [str(uuid_of(one, "project_ids")) for one in listing(found["project_ids"])]
    return since(langsmith, found)


def since(langsmith: LangSmithParts, body: dict[str, Any]) -> dict[str, Any]:
    """Return a query that says from when it looks."""
    return {"min_start_time": (langsmith.now() - _DAY).isoformat(), **body}


def times_of(langsmith: LangSmithParts, body: dict[str, Any]) -> tuple[datetime, datetime]:
    """Return between which times a query looks."""
    now = langsmith.now()
    return moment_of(body, "min_start_time") or now - _DAY, moment_of(body, "max_start_time") or now + _DAY


def page(request: Request[Any, Any, Any], items: list[Any], cursor: str | None) -> Response[Any]:
    """Return a page, to those who ask for a stream as its one event."""
    found = {"items": items, "next_cursor": cursor}
    if "text/event-stream" not in request.headers.get("accept", ""):
        return Response(found, media_type="application/json")
    event = msgspec.json.encode([{"op": "add", "path": "", "value": found}])
    return Response(b"event: data\ndata: " + event + b"\n\nevent: end\ndata: {}\n\n", media_type="text/event-stream")


def selected(said: list[Any], known: tuple[str, ...], otherwise: str, param: str = "selects") -> list[str]:
    """Return the fields that are asked for; raises `InvalidRequest` for one that there is not."""
    names = [scalar(one) for one in said] or [otherwise]
    for name in names:
        if name not in known:
            raise InvalidRequest(f"`{param}`: there is no field {name[:60]!r}", param=param)
    return list(dict.fromkeys(names))
