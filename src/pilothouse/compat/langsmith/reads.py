"""What scripts and SDKs read back: runs, projects and feedback in LangSmith's form."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from pilothouse.compat.langsmith import filters, ids, views
from pilothouse.compat.langsmith.asking import MOST, number, uuid_of
from pilothouse.compat.langsmith.attachments import AddressOf
from pilothouse.compat.langsmith.finding import of_runs
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep
from pilothouse.compat.langsmith.runs import EXAMPLE_ID, KINDS, RUN_TYPE, SESSION_ID, SOURCE
from pilothouse.compat.media import address
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.query.nodes import Flag, Node, all_of
from pilothouse.domain.reading import SpanDetail, SpanFilter, SpanPage
from pilothouse.domain.span import SpanStatus
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.otlp.values import moment_ns
from pilothouse.protocols.loose import listing, mapping, scalar

_MOST_BACKWARDS = 1_000
_QUERY = frozenset(
    {
        "session", "session_id", "id", "trace", "parent_run", "run_type", "is_root", "error", "start_time", "end_time",
        "select", "limit", "cursor", "reference_example", "order", "skip_pagination", "use_experimental_search",
        "data_source_type", "filter", "trace_filter", "tree_filter",
        "execution_order",
    }
)  # fmt: skip


@get("/runs/{run_id:str}", include_in_schema=False)
async def read_run(langsmith: PartsDep, request: Request[Any, Any, Any], run_id: FromPath[str]) -> dict[str, Any]:
    """Return one run."""
    key = await langsmith.reader(request)
    run = uuid_of(run_id, "run_id")
    page = await of_runs(langsmith.reads, key.project_id, [run])
    if not page.items:
        raise NotFound(f"there is no run {run} in this project; it may not have arrived yet")
    return views.run(page.items[0], page.trace_ids[0], addresses_of(request, key))


@post("/runs/query", status_code=200, include_in_schema=False)
async def query_runs(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of runs, newest first, or oldest first where that is asked for."""
    key = await langsmith.reader(request)
    body = mapping(await langsmith.body(request))
    wanted = wanted_of(key.project_id, body)
    oldest_first = scalar(body.get("order")) == "asc"
    page = await (_oldest_first(langsmith, wanted) if oldest_first else langsmith.reads.spans(wanted))
    addresses = addresses_of(request, key)
    runs = [views.run(detail, trace_id, addresses) for detail, trace_id in zip(page.items, page.trace_ids, strict=True)]
    select = listing(body.get("select"))
    shown = views.selected(runs, [scalar(name) for name in select]) if select else runs
    return {"runs": shown, "cursors": {"next": page.next_cursor}}


@get("/feedback", include_in_schema=False)
async def list_feedback(langsmith: PartsDep, request: Request[Any, Any, Any]) -> Response[list[dict[str, Any]]]:
    """Return the feedback of runs."""
    key = await langsmith.reader(request)
    asked: Any = request.query_params
    runs = [uuid_of(text, "run") for text in asked.getall("run", [])]
    if not runs:
        raise InvalidRequest("name the runs whose feedback is wanted, as `run`", param="run")
    names, sources = set(asked.getall("key", [])), set(asked.getall("source", []))
    page = await of_runs(langsmith.reads, key.project_id, runs)
    traces = {*page.trace_ids, *(ids.trace_id(run) for run in runs)}
    spans = {ids.span_id(run) for run in runs}
    found = [
        views.score(one)
        for one in await langsmith.reads.scores(key.project_id, sorted(traces))
        if one.span_id in spans and (not names or one.name in names)
    ]
    shown = [one for one in found if not sources or one["feedback_source"].get("type") in sources]
    offset, limit = number(request, "offset", 0), number(request, "limit", MOST)
    return Response(shown[offset : offset + limit])


HANDLERS = (read_run, query_runs, list_feedback)


def addresses_of(request: Request[Any, Any, Any], key: VirtualKey) -> AddressOf:
    """Return what gives the addresses of files beside the runs that a request reads."""
    return partial(address, request, key.project_id)


def wanted_of(project_id: str, body: dict[str, Any]) -> SpanFilter:
    """Return which runs a query asks for; raises `InvalidRequest` for what is not understood of it."""
    body = {name: value for name, value in body.items() if value is not None}
    unknown = sorted(set(body) - _QUERY)
    if unknown:
        raise InvalidRequest(
            f"`{unknown[0][:60]}` is not understood here; filter by session, id, trace, parent_run, run_type, is_root, "
            "error, start_time, end_time, reference_example, filter, trace_filter and tree_filter",
            param=unknown[0][:60],
        )
    attributes: dict[str, tuple[str, ...]] = {}
    # SDKs that look for the runs below one name its project so
    sessions = body.get("session") or body.get("session_id")
    for said, attribute in ((sessions, SESSION_ID), (body.get("reference_example"), EXAMPLE_ID)):
        if texts := _texts(said):
            attributes[attribute] = texts
    run_type, error = scalar(body.get("run_type")), body.get("error")
    # older scripts ask for the first of a trace where newer ones ask for its root
    is_root = True if body.get("execution_order") == 1 else body.get("is_root")
    if run_type:
        if run_type not in KINDS:
            raise InvalidRequest(f"`run_type` must be one of {', '.join(KINDS)}", param="run_type")
        attributes[RUN_TYPE] = (run_type,)
    parent = ids.span_id(uuid_of(body["parent_run"], "parent_run")) if "parent_run" in body else None
    failed = (SpanStatus.ERROR, SpanStatus.CANCELLED)
    return SpanFilter(
        project_id=project_id,
        source=SOURCE,
        from_at=moment_of(body, "start_time"),
        to_at=moment_of(body, "end_time"),
        span_ids=tuple(ids.span_id(uuid_of(text, "id")) for text in _texts(body.get("id"))),
        trace_ids=(ids.trace_id(uuid_of(body["trace"], "trace")),) if "trace" in body else (),
        parent_span_id="" if is_root is True else parent,
        below_root=is_root is False,
        statuses=failed if error is True else (SpanStatus.OK,) if error is False else (),
        attributes=attributes,
        query=filters.of(scalar(body["filter"]), "filter") if body.get("filter") else None,
        of_traces=tuple(_of_traces(body)),
        limit=min(MOST, int(scalar(body.get("limit")))) if scalar(body.get("limit")).isdigit() else MOST,
        cursor=scalar(body.get("cursor")),
    )


async def _oldest_first(langsmith: LangSmithParts, wanted: SpanFilter) -> SpanPage:
    """Return a page of few runs, such as those of a thread: the store gives the newest first, so all are read."""
    if wanted.cursor and not wanted.cursor.isdecimal():
        raise InvalidRequest("the cursor is not valid", param="cursor")
    found: list[tuple[str, SpanDetail]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await langsmith.reads.spans(msgspec.structs.replace(wanted, limit=_MOST_BACKWARDS, cursor=cursor))
        found += zip(page.trace_ids, page.items, strict=True)
        cursor = page.next_cursor
        if len(found) > _MOST_BACKWARDS:
            raise InvalidRequest(
                f"more than {_MOST_BACKWARDS} runs are not given oldest first; narrow the query", param="order"
            )
    start = int(wanted.cursor[:9] or 0)
    end = start + wanted.limit
    shown = found[::-1][start:end]
    return SpanPage(
        [detail for _, detail in shown], [trace_id for trace_id, _ in shown], str(end) if end < len(found) else None
    )


def _of_traces(body: dict[str, Any]) -> Iterator[Node]:
    if body.get("trace_filter"):
        yield all_of([Flag("root", value=True), filters.of(scalar(body["trace_filter"]), "trace_filter")])
    if body.get("tree_filter"):
        yield filters.of(scalar(body["tree_filter"]), "tree_filter")


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(text for item in (listing(value) or [value]) if (text := scalar(item)))


def moment_of(body: dict[str, Any], name: str) -> datetime | None:
    """Return a time that a body names; raises `InvalidRequest` for what is none."""
    if name not in body:
        return None
    at_ns = moment_ns(body[name])
    if at_ns is None:
        raise InvalidRequest(f"`{name}` must be a time in ISO 8601", param=name)
    return datetime.fromtimestamp(at_ns / 1e9, UTC)
