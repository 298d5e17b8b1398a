"""Dataset runs, as SDKs up to 4 make them, and experiments, as SDKs from 5 on read them."""

from typing import Any

from litestar import Request, delete, get, post
from litestar.params import FromPath

from pilothouse.compat.langfuse import ids
from pilothouse.compat.langfuse.asking import Asked, page_of, pages, said_at, time_ns
from pilothouse.compat.langfuse.parts import LangfuseParts, PartsDep, actor_of
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.dataset import Dataset
from pilothouse.domain.experiment import Experiment, ExperimentItem
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.protocols.loose import mapping, scalar
from pilothouse.registry.experiments import ItemLink, NewExperiment
from pilothouse.store.metadata.experiments import ExperimentFilter

_MOST_ITEMS = 10_000
_RUNS = "/runs"


@post("/dataset-run-items", status_code=200, include_in_schema=False)
async def link(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Note what came of an item in a run, and make the run with its first."""
    key = await langfuse.sender(request)
    body = mapping(await langfuse.body(request))
    trace, span = scalar(body.get("traceId")), scalar(body.get("observationId"))
    if not trace and not span:
        raise InvalidRequest("a run's item names its trace", param="traceId")
    item = await langfuse.library.datasets.item(key.project_id, scalar(body.get("datasetItemId")))
    at_ns = time_ns({"datasetVersion": scalar(body.get("datasetVersion"))}, "datasetVersion")
    version = None
    if at_ns is not None:
        version = await langfuse.library.datasets.version_at(key.project_id, item.dataset_id, at_ns)
    run = await langfuse.library.experiments.create(
        NewExperiment(
            project_id=key.project_id,
            name=scalar(body.get("runName")),
            dataset=item.dataset_id,
            description=scalar(body.get("runDescription")),
            metadata=body.get("metadata"),
            dataset_version=version,
        ),
        actor=actor_of(key),
        upsert=True,
    )
    made = ItemLink(item_id=item.id, trace_id=ids.trace_id(trace or span), span_id=ids.span_id(span) if span else "")
    (linked,) = await langfuse.library.experiments.link(key.project_id, run.id, [made])
    return _item(linked, run)


@get("/dataset-run-items", include_in_schema=False)
async def list_links(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of what came of the items of a run."""
    key = await langfuse.reader(request)
    asked: Asked = request.query_params
    page, limit = page_of(asked)
    run = await langfuse.library.experiments.by_name(
        key.project_id, asked.get("datasetId") or "", asked.get("runName") or ""
    )
    found, total = await langfuse.library.experiments.items(key.project_id, run.id, limit, (page - 1) * limit)
    return {"data": [_item(one, run) for one in found], "meta": pages(page, limit, total)}


@get("/datasets/{rest:path}", include_in_schema=False)
async def read_runs(langfuse: PartsDep, request: Request[Any, Any, Any], rest: FromPath[str]) -> dict[str, Any]:
    """Return a page of a dataset's runs, or one with its items: `{dataset}/runs[/{run}]`."""
    key = await langfuse.reader(request)
    dataset, run = await _named(langfuse, key, rest)
    if run is not None:
        items, _ = await langfuse.library.experiments.items(key.project_id, run.id, _MOST_ITEMS)
        return {**_run(run, dataset), "datasetRunItems": [_item(one, run) for one in items]}
    page, limit = page_of(request.query_params)
    wanted = ExperimentFilter(project_id=key.project_id, dataset_id=dataset.id, limit=limit, offset=(page - 1) * limit)
    found, total = await langfuse.library.experiments.page(wanted)
    return {"data": [_run(one, dataset) for one in found], "meta": pages(page, limit, total)}


@delete("/datasets/{rest:path}", status_code=200, include_in_schema=False)
async def remove_run(langfuse: PartsDep, request: Request[Any, Any, Any], rest: FromPath[str]) -> dict[str, str]:
    """Delete a run; its traces stay."""
    key = await langfuse.editor(request)
    _, run = await _named(langfuse, key, rest)
    if run is None:
        raise NotFound("name the run: /api/public/datasets/{dataset}/runs/{run}")
    await langfuse.library.experiments.delete(key.project_id, run.id, actor=actor_of(key))
    return {"message": "Dataset run successfully deleted"}


@get("/experiments", include_in_schema=False)
async def list_experiments(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of experiments, the newest first."""
    key = await langfuse.reader(request)
    asked: Asked = request.query_params
    _, limit = page_of(asked)
    start = _start(asked)
    ids_asked = tuple(one for one in (asked.get("id") or "").split(",") if one)
    wanted = ExperimentFilter(
        project_id=key.project_id, dataset_id=asked.get("datasetId") or "", name=asked.get("name") or "",
        ids=ids_asked, limit=limit, offset=start,
    )  # fmt: skip
    found, total = await langfuse.library.experiments.page(wanted)
    return {"data": [_experiment(one, asked) for one in found], "meta": _meta(limit, start + len(found), total)}


@get("/experiment-items", include_in_schema=False)
async def list_experiment_items(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of what came of the items of an experiment."""
    key = await langfuse.reader(request)
    asked: Asked = request.query_params
    _, limit = page_of(asked)
    start = _start(asked)
    if not asked.get("experimentId"):
        raise InvalidRequest("items are listed by experiment here: say which with experimentId", param="experimentId")
    run = await langfuse.library.experiments.get(key.project_id, asked["experimentId"])
    found, total = await langfuse.library.experiments.items(key.project_id, run.id, limit, start)
    items = await langfuse.library.datasets.current(key.project_id, [one.item_id for one in found])
    data: list[dict[str, Any]] = []
    for one in found:
        held = items.get(one.item_id)
        at = said_at(one.created_at_ns)
        data.append(
            {
                "id": one.span_id or one.trace_id, "traceId": one.trace_id, "startTime": at, "endTime": None,
                "level": "DEFAULT", "environment": "default", "experimentId": run.id, "experimentName": run.name,
                "experimentItemId": one.item_id, "experimentDatasetId": run.dataset_id or None,
                "input": held.input if held else None, "expectedOutput": held.expected_output if held else None,
                "experimentItemMetadata": mapping(held.metadata) if held else {},
            }
        )  # fmt: skip
    return {"data": data, "meta": _meta(limit, start + len(found), total)}


HANDLERS = (link, list_links, read_runs, remove_run, list_experiments, list_experiment_items)


async def _named(langfuse: LangfuseParts, key: VirtualKey, rest: str) -> tuple[Dataset, Experiment | None]:
    """Return dataset and run of a path; names of both may hold slashes, so the dataset's is the longest that fits."""
    path = rest.removeprefix("/")
    if path.endswith(_RUNS):
        return await langfuse.library.datasets.get(key.project_id, path.removesuffix(_RUNS)), None
    end = path.rfind(f"{_RUNS}/")
    while end > 0:
        try:
            dataset = await langfuse.library.datasets.get(key.project_id, path[:end])
        except NotFound:
            end = path.rfind(f"{_RUNS}/", 0, end)
            continue
        name = path[end + len(_RUNS) + 1 :]
        return dataset, await langfuse.library.experiments.by_name(key.project_id, dataset.id, name)
    raise NotFound(f"there is no dataset of that name, or no run: {path[:80]!r}")


def _run(run: Experiment, dataset: Dataset) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "description": run.description or None,
        "metadata": {} if run.metadata is None else run.metadata,
        "datasetId": dataset.id,
        "datasetName": dataset.name,
        "createdAt": said_at(run.created_at_ns),
        "updatedAt": said_at(run.updated_at_ns),
    }


def _item(item: ExperimentItem, run: Experiment) -> dict[str, Any]:
    at = said_at(item.created_at_ns)
    return {
        "id": item.id,
        "datasetRunId": run.id,
        "datasetRunName": run.name,
        "datasetItemId": item.item_id,
        "traceId": item.trace_id,
        "observationId": item.span_id or None,
        "createdAt": at,
        "updatedAt": at,
    }


def _experiment(run: Experiment, asked: Asked) -> dict[str, Any]:
    shown = {
        "id": run.id,
        "name": run.name,
        "description": run.description or None,
        "startTime": said_at(run.created_at_ns),
        "endTime": said_at(run.ended_at_ns or run.updated_at_ns),
        "itemCount": run.item_count,
        "datasetId": run.dataset_id or None,
    }
    return {**shown, "metadata": mapping(run.metadata)} if "metadata" in (asked.get("fields") or "") else shown


def _start(asked: Asked) -> int:
    cursor = asked.get("cursor") or "0"
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise InvalidRequest("cursor is not one that this list gave", param="cursor")
    return int(cursor)


def _meta(limit: int, end: int, total: int) -> dict[str, Any]:
    return {"limit": limit, "cursor": str(end) if end < total else None, "totalItems": total}
