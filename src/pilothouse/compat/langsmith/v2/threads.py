"""Threads, which are sessions: their list, the traces of one, and figures over one or all of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from pilothouse.compat.langsmith import filters
from pilothouse.compat.langsmith.asking import several, uuid_of
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep
from pilothouse.compat.langsmith.runs import SESSION_ID, SOURCE
from pilothouse.compat.langsmith.v2 import thread_filters, views
from pilothouse.compat.langsmith.v2.asking import checked, page, page_size, selected, times_of
from pilothouse.compat.langsmith.v2.runs import Asked, shown
from pilothouse.compat.langsmith.v2.thread_filters import PARAM, ThreadFilter
from pilothouse.compat.langsmith.v2.thread_rows import names_of, page_of, seconds
from pilothouse.domain.activity import ActivityFilter
from pilothouse.domain.query.aggregate import Aggregate, Cell, Source, measure
from pilothouse.domain.query.nodes import Flag, Has, Is, Node, Not, all_of, any_of
from pilothouse.domain.reading import SpanFilter, TraceFilter, TraceSummary
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.protocols.loose import listing, mapping, scalar

_USUAL, _MOST = 20, 100
_MOST_TRACES = 200
_AT_ONCE = 8
"""Measures of one question."""
_DAY = timedelta(days=1)
_NONE = all_of([Has("session", ""), Not(Has("session", ""))])
_QUERY = (
    "cursor", "filter", "max_start_time", "min_start_time", "page_size", "project_id", PARAM, "trace_filter",
    "tree_filter",
)  # fmt: skip
_STATS = ("filter", "max_start_time", "min_start_time", "project_id", "select", PARAM, "trace_filter", "tree_filter")
_FIGURES: Mapping[str, tuple[str, str]] = {
    "THREAD_COUNT": ("thread_count", "uniq(session)"), "TRACE_COUNT": ("trace_count", "count"),
    "TURNS": ("turns", "count"), "TOTAL_TOKENS": ("total_tokens", "sum(tokens)"),
    "TOTAL_COST": ("total_cost", "sum(cost_usd)"), "ERROR_RATE": ("error_rate", "error_rate"),
    "LATENCY_P50": ("latency_p50_seconds", "p50(latency_ms)"),
    "LATENCY_P99": ("latency_p99_seconds", "p99(latency_ms)"), "MEDIAN_TOKENS": ("median_tokens", "p50(tokens)"),
    "FIRST_TOKEN_P50": ("first_token_p50_seconds", "p50(ttft_ms)"),
    "FIRST_TOKEN_P99": ("first_token_p99_seconds", "p99(ttft_ms)"),
    "PROMPT_TOKENS": ("prompt_tokens", "sum(input_tokens)"),
    "COMPLETION_TOKENS": ("completion_tokens", "sum(output_tokens)"),
}  # fmt: skip
"""What can be asked for, how the answer calls it, and how the store does."""
_UNKNOWN = (
    "STREAMING_RATE", "PROMPT_COST", "COMPLETION_COST", "PROMPT_TOKEN_DETAILS", "COMPLETION_TOKEN_DETAILS",
    "PROMPT_COST_DETAILS", "COMPLETION_COST_DETAILS", "THREAD_FEEDBACK_STATS",
)  # fmt: skip
"""What can be asked for and is left out, since nothing is known of it here."""
_OF_ALL = (
    *(name for name in _FIGURES if name != "TURNS"), *_UNKNOWN,
)  # fmt: skip
_FEEDBACK, _TIMES = "FEEDBACK_STATS", ("FIRST_START_TIME", "LAST_START_TIME", "LAST_END_TIME")
_OF_ONE = (
    "TURNS", "LATENCY_P50", "LATENCY_P99", "PROMPT_TOKENS", "COMPLETION_TOKENS", "TOTAL_TOKENS", "TOTAL_COST",
    *_TIMES, _FEEDBACK, *_UNKNOWN,
)  # fmt: skip
_WHOLE = ("count", "uniq(session)", "sum(tokens)", "p50(tokens)", "sum(input_tokens)", "sum(output_tokens)")
_OF_TRACE: Mapping[str, tuple[str, str]] = {
    "THREAD_ID": ("thread_id", "THREAD_ID"), "TRACE_ID": ("trace_id", "TRACE_ID"),
    "LATENCY": ("latency", "LATENCY_SECONDS"),
    **{
        name: (name.lower(), name)
        for name in (
            "PROMPT_TOKENS", "COMPLETION_TOKENS", "TOTAL_TOKENS", "START_TIME", "END_TIME", "FIRST_TOKEN_TIME",
            "INPUTS_PREVIEW", "OUTPUTS_PREVIEW", "INPUTS", "OUTPUTS", "ERROR", "PROMPT_COST", "COMPLETION_COST",
            "TOTAL_COST", "PROMPT_TOKEN_DETAILS", "COMPLETION_TOKEN_DETAILS", "PROMPT_COST_DETAILS",
            "COMPLETION_COST_DETAILS", "NAME", "ERROR_PREVIEW",
        )
    },
}  # fmt: skip
"""What is told of a trace in a thread: how it is called there, and how of a run."""


@post("/threads/query", status_code=200, include_in_schema=False)
async def query(langsmith: PartsDep, request: Asked) -> Response[Any]:
    """Return a page of threads, those first of which was heard last."""
    key = await langsmith.reader(request)
    body = checked(mapping(await langsmith.body(request)), _QUERY)
    project = str(uuid_of(body.get("project_id"), "project_id"))
    wanted = _activity(key.project_id, project, times_of(langsmith, body), body)
    asked = msgspec.structs.replace(
        wanted, limit=page_size(body.get("page_size"), _USUAL, _MOST), cursor=scalar(body.get("cursor"))
    )
    items, cursor = await page_of(langsmith, project, asked, _chosen(body))
    return page(request, items, cursor)


@post("/threads/stats", status_code=200, include_in_schema=False)
async def stats(langsmith: PartsDep, request: Asked) -> dict[str, Any]:
    """Return figures over the traces of all threads."""
    key = await langsmith.reader(request)
    body = checked(mapping(await langsmith.body(request)), _STATS)
    project = str(uuid_of(body.get("project_id"), "project_id"))
    names = selected(listing(body.get("select")), _OF_ALL, "THREAD_COUNT", "select")
    asked = all_of([_spans(project, body), Has("session", "")])
    times = times_of(langsmith, body)
    if chosen := _chosen(body):
        threads = await names_of(langsmith, project, _activity(key.project_id, project, times, body), chosen)
        asked = all_of([asked, any_of([Is("session", "", one) for one in threads]) if threads else _NONE])
    figures = await _figures(langsmith, key.project_id, times, (asked, names))
    return {_FIGURES[name][0]: figures.get(name) for name in names if name in _FIGURES}


@get("/threads/{thread_id:str}/stats", include_in_schema=False)
async def stats_of_one(langsmith: PartsDep, request: Asked, thread_id: FromPath[str]) -> dict[str, Any]:
    """Return figures over the traces of a thread."""
    key = await langsmith.reader(request)
    asked = request.query_params
    project = str(uuid_of(asked.get("session_id"), "session_id"))
    names = selected(several(request, "selects"), _OF_ONE, "TURNS")
    node = all_of([_spans(project, dict(asked)), Is("session", "", thread_id)])
    held = await langsmith.reads.session(key.project_id, thread_id, 1, "")
    if held is None:
        raise NotFound(f"there is no thread {thread_id[:80]!r} in this project; it may not have arrived yet")
    times = held.session.first_at - _DAY, held.session.last_at + _DAY
    figures = await _figures(langsmith, key.project_id, times, (node, names))
    found = {_FIGURES[name][0]: figures.get(name) for name in names if name in _FIGURES}
    if _FEEDBACK in names or any(name in names for name in _TIMES):
        ends = await _ends(langsmith, key.project_id, (node, times))
        found |= {name.lower(): ends[name] for name in _TIMES if name in names}
        if _FEEDBACK in names:
            scores = await langsmith.reads.scores(key.project_id, ends["traces"]) if ends["traces"] else []
            found["feedback_stats"] = views.stats_of(scores)
    return found


@get("/threads/{thread_id:str}/traces", include_in_schema=False)
async def traces_of_one(langsmith: PartsDep, request: Asked, thread_id: FromPath[str]) -> Response[Any]:
    """Return a page of a thread's traces, newest first."""
    key = await langsmith.reader(request)
    asked = request.query_params
    project = str(uuid_of(asked.get("project_id"), "project_id"))
    said = several(request, "selects")
    if "TURN_NUMBER" in said:
        raise InvalidRequest("`selects`: the traces of a thread are not numbered here", param="selects")
    names = selected(said, (*_OF_TRACE, "OP"), "TRACE_ID")
    conditions = [_read(asked, name) for name in ("filter", "trace_filter") if scalar(asked.get(name))]
    tree = scalar(asked.get("tree_filter"))
    wanted = SpanFilter(
        project_id=key.project_id, source=SOURCE, parent_span_id="", attributes={SESSION_ID: (project,)},
        query=all_of([Is("session", "", thread_id), *conditions]),
        of_traces=(filters.of(tree, "tree_filter"),) if tree else (),
        limit=page_size(asked.get("page_size"), _USUAL, _MOST), cursor=scalar(asked.get("cursor")),
    )  # fmt: skip
    found = await langsmith.reads.spans(wanted)
    spans = list(zip(found.trace_ids, found.items, strict=True))
    fields = {"TRACE_ID": _OF_TRACE["TRACE_ID"], **{name: _OF_TRACE[name] for name in names if name in _OF_TRACE}}
    runs = await shown(langsmith, request, key, (spans, [theirs for _ours, theirs in fields.values()]))
    items = [{ours: run[theirs.lower()] for ours, theirs in fields.values()} for run in runs]
    return page(request, items, found.next_cursor)


HANDLERS = (query, stats, stats_of_one, traces_of_one)


def _read(asked: Mapping[str, Any], name: str) -> Node:
    return filters.of(scalar(asked.get(name)), name)


def _chosen(body: Mapping[str, Any]) -> ThreadFilter | None:
    said = scalar(body.get(PARAM))
    return thread_filters.of(said) if said else None


def _activity(
    project_id: str, project: str, times: tuple[datetime, datetime], body: Mapping[str, Any]
) -> ActivityFilter:
    return ActivityFilter(project_id=project_id, from_at=times[0], to_at=times[1], query=_spans(project, body))


def _spans(project: str, body: Mapping[str, Any]) -> Node:
    """Return what a span has to fulfil for its thread to be found.

    Filters of the root, of the trace's root and of any run of it all have to be fulfilled by one span here: the root
    where one of the first two is given.
    """
    nodes: list[Node] = [Is("attributes", SESSION_ID, project)]
    roots = [_read(body, name) for name in ("filter", "trace_filter") if body.get(name)]
    trees = [_read(body, "tree_filter")] if body.get("tree_filter") else []
    if roots and trees:
        raise InvalidRequest("`tree_filter` is not combined with another filter here", param="tree_filter")
    return all_of([*nodes, *roots, *trees, *([Flag("root", value=True)] if roots else [])])


async def _figures(
    langsmith: LangSmithParts, project_id: str, times: tuple[datetime, datetime], asked: tuple[Node, Sequence[str]]
) -> dict[str, Any]:
    """Return figures over traces by the names under which they are asked for."""
    node, names = asked
    texts = list(dict.fromkeys(_FIGURES[name][1] for name in names if name in _FIGURES))
    row: dict[str, Cell] = {}
    for start in range(0, len(texts), _AT_ONCE):
        source: Source = "traces"
        table = await langsmith.reads.figures(
            Aggregate(
                project_id=project_id,
                from_at=times[0],
                to_at=times[1],
                source=source,
                query=node,
                measures=tuple(measure(text, source) for text in texts[start : start + _AT_ONCE]),
            )
        )
        row |= table.rows[0] if table.rows else {}
    return {name: _figure(_FIGURES[name][1], row) for name in names if name in _FIGURES}


def _figure(text: str, row: dict[str, Cell]) -> Any:
    value = row.get(text)
    if value is None or isinstance(value, str):
        return None
    if text.endswith("_ms)"):
        return seconds(value)
    return int(value) if text in _WHOLE else value


async def _ends(
    langsmith: LangSmithParts, project_id: str, asked: tuple[Node, tuple[datetime, datetime]]
) -> dict[str, Any]:
    """Return when a thread began and ended, and its latest traces."""
    node, times = asked
    found: list[list[TraceSummary]] = []
    for descending in (False, True):
        wanted = TraceFilter(
            project_id=project_id, from_at=times[0], to_at=times[1], query=node, descending=descending,
            limit=_MOST_TRACES if descending else 1,
        )  # fmt: skip
        found.append((await langsmith.reads.traces(wanted)).items)
    first, last = found
    ended = [one.started_at + timedelta(milliseconds=one.duration_ms) for one in last]
    return {
        "FIRST_START_TIME": first[0].started_at if first else None,
        "LAST_START_TIME": last[0].started_at if last else None,
        "LAST_END_TIME": max(ended, default=None),
        "traces": [one.trace_id for one in last],
    }
