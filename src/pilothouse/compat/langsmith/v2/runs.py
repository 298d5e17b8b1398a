"""Runs, traces and the results of experiments, as version 2 asks for them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from pilothouse.compat.base import every_span
from pilothouse.compat.langsmith import examples, filters, ids
from pilothouse.compat.langsmith.asking import said_at, several, uuid_of
from pilothouse.compat.langsmith.finding import of_runs
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep
from pilothouse.compat.langsmith.reads import addresses_of, moment_of
from pilothouse.compat.langsmith.results import page_of_examples
from pilothouse.compat.langsmith.runs import EXAMPLE_ID, SESSION_ID, SOURCE
from pilothouse.compat.langsmith.v2 import views
from pilothouse.compat.langsmith.v2.asking import checked, page, page_size, selected, since, spans_of, with_projects
from pilothouse.compat.langsmith.v2.views import AGGREGATES, DATASET, FIELDS, QUEUED, SCORES, Beside
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.query.nodes import Is, any_of
from pilothouse.domain.reading import ScoreDetail, SpanDetail, SpanFilter, TraceFilter, TraceSummary
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.protocols.loose import listing, mapping, scalar

_USUAL_RUNS, _MOST_RUNS = 100, 1_000
_USUAL, _MOST = 20, 100
_REACH = timedelta(days=1)
_QUERY = (
    "cursor", "filter", "has_error", "ids", "is_root", "max_start_time", "min_start_time", "page_size", "project_ids",
    "reference_dataset_id", "reference_examples", "run_type", "selects", "trace_filter", "trace_id", "tree_filter",
)  # fmt: skip
_TRACES = (
    "cursor", "max_start_time", "min_start_time", "page_size", "project_id", "selects", "trace_filter", "trace_ids",
    "tree_filter",
)  # fmt: skip
_RESULTS = ("cursor", "example_ids", "experiment_ids", "filters", "page_size", "selects")
Asked = Request[Any, Any, Any]


@post("/runs/query", status_code=200, include_in_schema=False)
async def query(langsmith: PartsDep, request: Asked) -> Response[Any]:
    """Return a page of runs, newest first."""
    key = await langsmith.reader(request)
    body = checked(mapping(await langsmith.body(request)), _QUERY)
    selects = selected(listing(body.get("selects")), FIELDS, "ID")
    asked = await with_projects(langsmith, key.project_id, body)
    wanted = spans_of(key.project_id, asked, page_size(body.get("page_size"), _USUAL_RUNS, _MOST_RUNS))
    if not asked["project_ids"]:
        return page(request, [], None)
    found = await langsmith.reads.spans(wanted)
    spans = list(zip(found.trace_ids, found.items, strict=True))
    return page(request, await shown(langsmith, request, key, (spans, selects)), found.next_cursor)


@get("/runs/{run_id:str}", include_in_schema=False)
async def find(langsmith: PartsDep, request: Asked, run_id: FromPath[str]) -> dict[str, Any]:
    """Return one run of a project."""
    key = await langsmith.reader(request)
    run, project = uuid_of(run_id, "run_id"), uuid_of(request.query_params.get("project_id"), "project_id")
    selects = selected(several(request, "selects"), FIELDS, "ID")
    detail, trace_id = await _found(langsmith, key, run, project)
    (one,) = await shown(langsmith, request, key, ([(trace_id, detail)], selects))
    return one


@get("/runs/{run_id:str}/url", include_in_schema=False)
async def url(langsmith: PartsDep, request: Asked, run_id: FromPath[str]) -> dict[str, str]:
    """Return the page of a run's trace."""
    key = await langsmith.reader(request)
    trace = uuid_of(request.query_params.get("trace_id"), "trace_id")
    run = uuid_of(run_id, "run_id")
    base = str(request.base_url).rstrip("/")
    return {"url": f"{base}/traces/{ids.trace_id(trace)}?project={key.project_id}&span={ids.span_id(run)}"}


@post("/traces/query", status_code=200, include_in_schema=False)
async def query_traces(langsmith: PartsDep, request: Asked) -> Response[Any]:
    """Return a page of traces, each as its root and the figures of all of it."""
    key = await langsmith.reader(request)
    body = checked(mapping(await langsmith.body(request)), _TRACES)
    names = selected(listing(body.get("selects")), FIELDS, "ID")
    project = str(uuid_of(body.get("project_id"), "project_id"))
    asked = {**since(langsmith, body), "project_ids": [project], "is_root": True}
    # a filter of the trace is one of its root, and only roots are looked for
    asked["filter"] = asked.pop("trace_filter", None)
    wanted = spans_of(
        key.project_id, {name: value for name, value in asked.items() if value is not None},
        page_size(body.get("page_size"), _USUAL, _MOST),
    )  # fmt: skip
    traces = tuple(ids.trace_id(uuid_of(one, "trace_ids")) for one in listing(body.get("trace_ids")))
    found = await langsmith.reads.spans(msgspec.structs.replace(wanted, trace_ids=traces))
    spans = list(zip(found.trace_ids, found.items, strict=True))
    runs = await shown(langsmith, request, key, (spans, [name for name in names if name not in AGGREGATES]))
    totals = [name for name in names if name in AGGREGATES]
    summaries = await summaries_of(langsmith, key.project_id, spans) if totals else {}
    items = [
        {"root_run": run, **({"trace_aggregates": _totals(summaries.get(trace_id), totals)} if totals else {})}
        for run, (trace_id, _detail) in zip(runs, spans, strict=True)
    ]
    return page(request, items, found.next_cursor)


@get("/traces/{trace_id:str}/runs", include_in_schema=False)
async def runs_of_trace(langsmith: PartsDep, request: Asked, trace_id: FromPath[str]) -> dict[str, Any]:
    """Return the runs of a trace in the order in which they began."""
    key = await langsmith.reader(request)
    asked = request.query_params
    project = str(uuid_of(asked.get("project_id"), "project_id"))
    selects = selected(several(request, "selects"), FIELDS, "ID")
    text, to_at = scalar(asked.get("filter")), moment_of(dict(asked), "max_start_time")
    wanted = SpanFilter(
        project_id=key.project_id, source=SOURCE, trace_ids=(ids.trace_id(uuid_of(trace_id, "trace_id")),),
        attributes={SESSION_ID: (project,)}, from_at=moment_of(dict(asked), "min_start_time"),
        # the end is meant too
        to_at=to_at + timedelta(microseconds=1) if to_at else None,
        query=filters.of(text, "filter") if text else None,
    )  # fmt: skip
    spans = await every_span(langsmith.reads.spans, wanted)
    return {"items": await shown(langsmith, request, key, (spans[::-1], selects))}


@post("/datasets/{dataset:str}/experiment-runs", status_code=200, include_in_schema=False)
async def results(langsmith: PartsDep, request: Asked, dataset: FromPath[str]) -> Response[Any]:
    """Return a page of a dataset's examples, each with the runs that experiments made of it."""
    key = await langsmith.reader(request)
    body = checked(mapping(await langsmith.body(request)), _RESULTS)
    selects = selected(listing(body.get("selects")), FIELDS, "ID")
    cursor, limit = scalar(body.get("cursor")), page_size(body.get("page_size"), _USUAL, _MOST)
    if cursor and not cursor.isdecimal():
        raise InvalidRequest("the cursor is not valid", param="cursor")
    offset = int(cursor[:9] or 0)
    asked = {
        "session_ids": body.get("experiment_ids"), "example_ids": body.get("example_ids"),
        "filters": body.get("filters"), "limit": limit, "offset": offset,
    }  # fmt: skip
    found = await page_of_examples(langsmith, key, dataset, asked)
    every = [one for runs in found.runs.values() for one in runs]
    told = await shown(langsmith, request, key, ([(one.trace_id, one.detail) for one in every], selects))
    runs = {one.detail.span_id: run for one, run in zip(every, told, strict=True)}
    items = [
        {
            **examples.shown(request, key, item),
            "runs": [runs[one.detail.span_id] for one in found.runs.get(item.id, [])],
        }
        for item in found.items
    ]
    end = offset + len(items)
    return page(request, items, str(end) if end < found.total else None)


HANDLERS = (query, find, url, query_traces, runs_of_trace, results)


async def shown(
    langsmith: LangSmithParts,
    request: Asked,
    key: VirtualKey,
    asked: tuple[Sequence[tuple[str, SpanDetail]], Sequence[str]],
) -> list[dict[str, Any]]:
    """Return spans, each behind its trace, with the fields that are asked for."""
    spans, selects = asked
    project_id, traces = key.project_id, sorted({trace_id for trace_id, _detail in spans})
    scores: dict[str, list[ScoreDetail]] = {}
    queued: dict[str, str | None] = {}
    datasets: dict[str, str] = {}
    if SCORES in selects and traces:
        for one in await langsmith.reads.scores(project_id, traces):
            scores.setdefault(one.span_id, []).append(one)
    if QUEUED in selects and traces:
        for item in await langsmith.library.reviews.of_traces(project_id, traces):
            queued[item.span_id] = said_at(item.added_at_ns)
    if DATASET in selects:
        named = [found for _, detail in spans if (found := detail.attributes.get(EXAMPLE_ID))]
        known = await langsmith.library.datasets.current(project_id, named) if named else {}
        datasets = {one.id: one.dataset_id for one in known.values()}
    beside = Beside(address_of=addresses_of(request, key), scores=scores, queued_at=queued, dataset_ids=datasets)
    return [views.run(detail, trace_id, selects, beside) for trace_id, detail in spans]


async def summaries_of(
    langsmith: LangSmithParts, project_id: str, spans: Sequence[tuple[str, SpanDetail]]
) -> dict[str, TraceSummary]:
    """Return the figures of the traces of some roots."""
    if not spans:
        return {}
    times = [detail.started_at for _, detail in spans]
    wanted = TraceFilter(
        project_id=project_id, from_at=min(times) - _REACH, to_at=max(times) + _REACH,
        query=any_of([Is("trace", "", trace_id) for trace_id, _ in spans]), limit=len(spans),
    )  # fmt: skip
    page = await langsmith.reads.traces(wanted)
    return {one.trace_id: one for one in page.items}


def _totals(summary: TraceSummary | None, names: Sequence[str]) -> dict[str, Any] | None:
    if summary is None:
        return None
    first = None if summary.ttft_ms is None else summary.started_at + timedelta(milliseconds=summary.ttft_ms)
    cost = None if summary.cost_usd is None else float(summary.cost_usd)
    every = {"TOTAL_TOKENS": summary.usage.total, "TOTAL_COST": cost, "FIRST_TOKEN_TIME": first}
    return {name.lower(): every[name] for name in names}


async def _found(langsmith: LangSmithParts, key: VirtualKey, run: UUID, project: UUID) -> tuple[SpanDetail, str]:
    page = await of_runs(langsmith.reads, key.project_id, [run])
    for detail, trace_id in zip(page.items, page.trace_ids, strict=True):
        if detail.attributes.get(SESSION_ID) == str(project):
            return detail, trace_id
    raise NotFound(f"there is no run {run} in the project {project}; it may not have arrived yet")
