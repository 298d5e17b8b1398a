"""What came of experiments, example by example, and the figures of projects and of runs."""

from datetime import datetime, timedelta
from typing import Any

from litestar import Request, post
from litestar.params import FromPath

from pilothouse.compat.base import every_span
from pilothouse.compat.langsmith import examples, filters, views
from pilothouse.compat.langsmith.asking import uuid_of
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep
from pilothouse.compat.langsmith.reads import addresses_of, wanted_of
from pilothouse.compat.langsmith.runs import SESSION_ID, SOURCE
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.dataset import DatasetItem
from pilothouse.domain.experiment import Experiment
from pilothouse.domain.query.aggregate import MAX_ROWS, Aggregate, Source, group, measure
from pilothouse.domain.query.nodes import Flag, Is, Node, all_of, any_of
from pilothouse.domain.reading import ScoreDetail, SpanFilter
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.loose import integer, listing, mapping, scalar
from pilothouse.store.metadata.datasets import ItemFilter

_MOST, _MOST_LINKS = 100, 10_000
_REACH = timedelta(days=90)
_DAY = timedelta(days=1)
_NEWEST = -1
_RUNS = ("count", "p50(latency_ms)", "p99(latency_ms)", "p50(ttft_ms)", "p99(ttft_ms)", "error_rate")
_CALLS = ("sum(tokens)", "sum(input_tokens)", "sum(output_tokens)", "sum(cost_usd)")


@post("/datasets/{dataset:str}/runs", status_code=200, include_in_schema=False)
async def of_experiments(
    langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]
) -> list[dict[str, Any]]:
    """Return a page of a dataset's examples, each with the runs that experiments made of it."""
    key = await langsmith.reader(request)
    body = mapping(await langsmith.body(request))
    sessions = [str(uuid_of(one, "session_ids")) for one in listing(body.get("session_ids"))]
    if not sessions:
        raise InvalidRequest("name the experiments, as `session_ids`", param="session_ids")
    held = [await langsmith.library.experiments.get(key.project_id, one) for one in sessions]
    wanted = ItemFilter(
        dataset_id=str(uuid_of(dataset, "dataset_id")),
        version=_NEWEST if held[0].dataset_version is None else held[0].dataset_version,
        limit=max(1, min(integer(body.get("limit")) or _MOST, _MOST)),
        offset=max(0, integer(body.get("offset")) or 0),
    )
    items, _ = await langsmith.library.datasets.items(key.project_id, wanted)
    runs = await _runs(langsmith, request, key, (held, items, mapping(body.get("filters"))))
    return [{**examples.shown(request, key, one), "runs": runs.get(one.id, [])} for one in items]


@post("/runs/stats", status_code=200, include_in_schema=False)
async def of_runs(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return figures over the runs that a query finds."""
    key = await langsmith.reader(request)
    wanted = wanted_of(key.project_id, mapping(await langsmith.body(request)))
    to_at = wanted.to_at or langsmith.now() + _DAY
    times = wanted.from_at or to_at - _REACH, to_at
    return await _figures(langsmith, key.project_id, times, (_node(wanted), wanted.of_traces))


HANDLERS = (of_experiments, of_runs)


async def stats_of(langsmith: LangSmithParts, project_id: str, session: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one of LangSmith's projects, to stand beside what else is shown of it."""
    now = langsmith.now()
    mine = all_of([Is("source", "", SOURCE), Is("attributes", SESSION_ID, scalar(session["id"]))])
    found = await _figures(langsmith, project_id, (now - _REACH, now + _DAY), (mine, ()))
    return {**found, "session_feedback_stats": {}}


async def _figures(
    langsmith: LangSmithParts,
    project_id: str,
    times: tuple[datetime, datetime],
    asked: tuple[Node, tuple[Node, ...]],
) -> dict[str, Any]:
    query, of_traces = asked

    def aggregate(source: Source, node: Node, texts: tuple[str, ...], by: str = "") -> Aggregate:
        return Aggregate(
            project_id=project_id, from_at=times[0], to_at=times[1], source=source, query=node,
            of_traces=of_traces, groups=(group(by, source),) if by else (),
            measures=tuple(measure(text, source) for text in texts), limit=MAX_ROWS,
        )  # fmt: skip

    roots = (await langsmith.reads.figures(aggregate("spans", all_of([query, Flag("root", value=True)]), _RUNS))).rows
    calls = (await langsmith.reads.figures(aggregate("spans", query, _CALLS))).rows
    scores = (await langsmith.reads.figures(aggregate("scores", query, ("count", "avg(value)"), "score"))).rows
    root, call = mapping(roots[0]) if roots else {}, mapping(calls[0]) if calls else {}
    cost = call.get("sum(cost_usd)")
    return {
        # of roots, as LangSmith counts the runs of a project
        "run_count": root.get("count"),
        "latency_p50": _seconds(root.get("p50(latency_ms)")),
        "latency_p99": _seconds(root.get("p99(latency_ms)")),
        "first_token_p50": _seconds(root.get("p50(ttft_ms)")),
        "first_token_p99": _seconds(root.get("p99(ttft_ms)")),
        "error_rate": root.get("error_rate"),
        "total_tokens": _whole(call.get("sum(tokens)")),
        "prompt_tokens": _whole(call.get("sum(input_tokens)")),
        "completion_tokens": _whole(call.get("sum(output_tokens)")),
        "total_cost": None if cost is None else str(cost),
        "feedback_stats": {
            str(row["score"]): {"n": row["count"], "avg": row["avg(value)"], "values": {}} for row in scores
        },
    }


async def _runs(
    langsmith: LangSmithParts,
    request: Request[Any, Any, Any],
    key: VirtualKey,
    asked: tuple[list[Experiment], list[DatasetItem], dict[str, Any]],
) -> dict[str, list[dict[str, Any]]]:
    """Return the runs of examples by the example's own id."""
    held, items, said = asked
    wanted = {one.id for one in items}
    addresses = addresses_of(request, key)
    found: dict[str, list[dict[str, Any]]] = {}
    for experiment in held:
        links, _ = await langsmith.library.experiments.items(key.project_id, experiment.id, _MOST_LINKS)
        places = {one.span_id: one.item_id for one in links if one.item_id in wanted and one.span_id}
        if not places:
            continue
        texts = [scalar(text) for text in listing(said.get(experiment.id))]
        wanted_runs = SpanFilter(
            project_id=key.project_id,
            span_ids=tuple(places),
            query=all_of([filters.of(text, "filters") for text in texts]) if texts else None,
        )
        spans = await every_span(langsmith.reads.spans, wanted_runs)
        scores = await langsmith.reads.scores(key.project_id, sorted({trace_id for trace_id, _detail in spans}))
        for trace_id, detail in spans:
            run = views.run(detail, trace_id, addresses)
            run["feedback_stats"] = _feedback([one for one in scores if one.span_id == detail.span_id])
            found.setdefault(places[detail.span_id], []).append(run)
    return found


def _feedback(scores: list[ScoreDetail]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in dict.fromkeys(one.name for one in scores):
        same = [one for one in scores if one.name == name]
        numbers = [one.number for one in same if one.number is not None]
        texts = [one.text for one in same if one.text]
        found[name] = {
            "n": len(same),
            "avg": sum(numbers) / len(numbers) if numbers else None,
            "values": {text: texts.count(text) for text in dict.fromkeys(texts)},
        }
    return found


def _node(wanted: SpanFilter) -> Node:
    """Return what a filter of spans asks for, apart from times and traces, as a query."""
    nodes: list[Node] = [Is("source", "", SOURCE)]
    for name, texts in wanted.attributes.items():
        nodes.append(any_of([Is("attributes", name, text) for text in texts]))
    lists = {"span": wanted.span_ids, "trace": wanted.trace_ids, "status": tuple(map(str, wanted.statuses))}
    nodes += [any_of([Is(field, "", text) for text in texts]) for field, texts in lists.items() if texts]
    if wanted.parent_span_id is not None:
        parent = wanted.parent_span_id
        nodes.append(Is("parent", "", parent) if parent else Flag("root", value=True))
    if wanted.below_root:
        nodes.append(Flag("root", value=False))
    return all_of([*nodes, wanted.query] if wanted.query is not None else nodes)


def _seconds(ms: Any) -> float | None:
    return None if ms is None else ms / 1000


def _whole(number: Any) -> int | None:
    return None if number is None else int(number)
