"""What came of experiments, example by example, and the figures of projects and of runs."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
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
from pilothouse.domain.reading import ScoreDetail, SpanDetail, SpanFilter
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.loose import integer, listing, mapping, scalar
from pilothouse.store.metadata.datasets import ItemFilter

_MOST = 100
_REACH = timedelta(days=90)
_DAY = timedelta(days=1)
_NEWEST = -1
_RUNS = ("count", "p50(latency_ms)", "p99(latency_ms)", "p50(ttft_ms)", "p99(ttft_ms)", "error_rate")
_CALLS = ("sum(tokens)", "sum(input_tokens)", "sum(output_tokens)", "sum(cost_usd)")


class Scored(msgspec.Struct, frozen=True):
    """A span of a run, its trace, and the feedback that it was given."""

    detail: SpanDetail
    trace_id: str
    scores: list[ScoreDetail]


class ExamplePage(msgspec.Struct, frozen=True):
    """A page of examples, with the runs of each by the example's own id."""

    items: list[DatasetItem]
    runs: dict[str, list[Scored]]
    total: int
    """On all pages."""


@post("/datasets/{dataset:str}/runs", status_code=200, include_in_schema=False)
async def of_experiments(
    langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]
) -> list[dict[str, Any]]:
    """Return a page of a dataset's examples, each with the runs that experiments made of it."""
    key = await langsmith.reader(request)
    found = await page_of_examples(langsmith, key, dataset, mapping(await langsmith.body(request)))
    addresses = addresses_of(request, key)
    return [
        {
            **examples.shown(request, key, item),
            "runs": [
                {**views.run(one.detail, one.trace_id, addresses), "feedback_stats": _feedback(one.scores)}
                for one in found.runs.get(item.id, [])
            ],
        }
        for item in found.items
    ]


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


async def page_of_examples(
    langsmith: LangSmithParts, key: VirtualKey, dataset: str, body: dict[str, Any]
) -> ExamplePage:
    """Return a page of a dataset's examples, each with the runs that experiments made of it.

    The body names the experiments as `session_ids`, and may name examples, and by an experiment's id the filters that
    its runs have to fulfil.
    """
    sessions = [str(uuid_of(one, "session_ids")) for one in listing(body.get("session_ids"))]
    if not sessions:
        raise InvalidRequest("name the experiments, as `session_ids` or `experiment_ids`", param="session_ids")
    held = [await langsmith.library.experiments.get(key.project_id, one) for one in sessions]
    wanted = ItemFilter(
        dataset_id=str(uuid_of(dataset, "dataset_id")),
        version=_NEWEST if held[0].dataset_version is None else held[0].dataset_version,
        ids=tuple(str(uuid_of(one, "example_ids")) for one in listing(body.get("example_ids"))),
        limit=max(1, min(integer(body.get("limit")) or _MOST, _MOST)),
        offset=max(0, integer(body.get("offset")) or 0),
    )
    items, total = await langsmith.library.datasets.items(key.project_id, wanted)
    runs = await _runs(langsmith, key.project_id, (held, items, mapping(body.get("filters"))))
    return ExamplePage(items, runs, total)


async def _runs(
    langsmith: LangSmithParts,
    project_id: str,
    asked: tuple[list[Experiment], list[DatasetItem], dict[str, Any]],
) -> dict[str, list[Scored]]:
    """Return the runs that experiments made of examples, by the example's own id."""
    held, items, said = asked
    found: dict[str, list[Scored]] = {}
    for experiment in held:
        links = await langsmith.library.experiments.of_items(project_id, experiment.id, [one.id for one in items])
        places = {one.span_id: one.item_id for one in links if one.span_id}
        if not places:
            continue
        texts = [scalar(text) for text in listing(said.get(experiment.id))]
        wanted = SpanFilter(
            project_id=project_id,
            span_ids=tuple(places),
            trace_ids=tuple({one.trace_id for one in links}),
            query=all_of([filters.of(text, "filters") for text in texts]) if texts else None,
        )
        spans = await every_span(langsmith.reads.spans, wanted)
        scores = await langsmith.reads.scores(project_id, sorted({trace_id for trace_id, _detail in spans}))
        for trace_id, detail in spans:
            given = [one for one in scores if one.span_id == detail.span_id]
            found.setdefault(places[detail.span_id], []).append(Scored(detail, trace_id, given))
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
