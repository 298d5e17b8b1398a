"""Figures as Langfuse's SDKs ask for them: by a JSON query in both versions, and by days."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Request, get

from pilothouse.compat.langfuse import filters
from pilothouse.compat.langfuse.asking import Query, moment, page_of, pages
from pilothouse.compat.langfuse.filters import OBSERVATIONS, OBSERVED, TRACES, Wanted
from pilothouse.compat.langfuse.parts import PartsDep
from pilothouse.compat.langfuse.views import DEFAULT, TYPE_OF
from pilothouse.domain.query.aggregate import MAX_GROUPS, MAX_ROWS, Aggregate, Group, Measure, Source, group, measure
from pilothouse.domain.reading import ScoreFilter
from pilothouse.domain.score import ScoreType
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.loose import integer, listing, mapping, objects, scalar, scalars

_DAY = timedelta(days=1)
_REACH = timedelta(days=30)
_STEPS = {"minute": "time:1m", "hour": "time:1h", "day": "time:1d", "week": "time:1w", "auto": "time"}
_TIME = "time_dimension"
_SPAN_FIELDS = {
    "environment": "environment", "type": "kind", "name": "span_name", "level": "level", "version": "version",
    "release": "release", "tags": "tag", "traceName": "trace_name", "traceRelease": "release",
    "traceVersion": "version", "providedModelName": "model", "promptName": "prompt",
    "promptVersion": "prompt_version", "userId": "user", "sessionId": "session", "isRootObservation": "root",
}  # fmt: skip
_TRACE_FIELDS = {
    "name": "name", "userId": "user", "sessionId": "session", "environment": "environment", "release": "release",
    "version": "version",
}  # fmt: skip
_SCORE_FIELDS = {
    "name": "score", "source": "source", "dataType": "type", "environment": "environment", "stringValue": "text",
}  # fmt: skip
_SPAN_MEASURES = {
    "latency": "latency_ms", "inputTokens": "input_tokens", "outputTokens": "output_tokens",
    "totalTokens": "tokens", "totalCost": "cost_usd", "timeToFirstToken": "ttft_ms",
    "outputTokensPerSecond": "tokens_per_s",
}  # fmt: skip
_TRACE_MEASURES = {"latency": "latency_ms", "totalTokens": "tokens", "totalCost": "cost_usd"}
_UNIQUE = {"uniqueUserIds": "user", "uniqueSessionIds": "session"}
_FUNCTIONS = frozenset({"sum", "avg", "min", "max", "p50", "p75", "p90", "p95", "p99"})
_SCORE_LISTS = {"name": "names", "source": "sources", "environment": "environments", "configId": "config_ids",
                "stringValue": "texts"}  # fmt: skip


class _View(msgspec.Struct, frozen=True):
    source: Source
    fields: Mapping[str, str]
    measures: Mapping[str, str]
    types: tuple[ScoreType, ...] = ()


_VIEWS: Mapping[str, _View] = {
    "observations": _View("spans", _SPAN_FIELDS, _SPAN_MEASURES),
    "traces": _View("traces", _TRACE_FIELDS, _TRACE_MEASURES),
    "scores-numeric": _View("scores", _SCORE_FIELDS, {"value": "value"}, (ScoreType.NUMERIC, ScoreType.BOOLEAN)),
    "scores-boolean": _View("scores", _SCORE_FIELDS, {"value": "value"}, (ScoreType.BOOLEAN,)),
    "scores-categorical": _View("scores", _SCORE_FIELDS, {}, (ScoreType.CATEGORICAL,)),
}


@get(["/metrics", "/v2/metrics"], include_in_schema=False)
async def metrics(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return the figures of a query."""
    key = await langfuse.reader(request)
    try:
        query = mapping(msgspec.json.decode(request.query_params.get("query") or ""))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest("query must be a JSON object", param="query") from error
    view = _VIEWS.get(scalar(query.get("view")))
    if view is None:
        raise InvalidRequest(f"view is one of {', '.join(_VIEWS)}", param="query")
    groups, measures = _groups(view, query), _measures(view, query)
    table = await langfuse.reads.figures(_aggregate(key.project_id, view, query, (groups, measures)))
    columns = {**groups, **measures}
    return {"data": [{name: _cell(name, row[one.text]) for name, one in columns.items()} for row in table.rows]}


@get("/metrics/daily", include_in_schema=False)
async def daily(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return tokens and costs by day and model, the newest day first."""
    key = await langfuse.reader(request)
    asked: Query = request.query_params
    page, limit = page_of(asked)
    to_at = moment(asked, "toTimestamp") or langfuse.now() + _DAY
    wanted = Wanted()
    wanted.add(OBSERVED)
    for name in ("userId", "traceName"):
        wanted.among(OBSERVATIONS[name], [asked.get(name)])
    wanted.each(OBSERVATIONS["tags"], asked.getall("tags", []))
    wanted.among(OBSERVATIONS["environment"], asked.getall("environment", []))
    whole = Aggregate(
        project_id=key.project_id, from_at=moment(asked, "fromTimestamp") or to_at - _REACH, to_at=to_at,
        query=wanted.query, of_traces=tuple(wanted.of_traces), measures=tuple(map(_of_spans, _DAILY)), limit=MAX_ROWS,
    )  # fmt: skip
    day = group("time:1d", "spans")
    days = await langfuse.reads.figures(msgspec.structs.replace(whole, groups=(day,)))
    models = await langfuse.reads.figures(msgspec.structs.replace(whole, groups=(day, group("model", "spans"))))
    rows = sorted(days.rows, key=lambda row: str(row[day.text]), reverse=True)
    shown = [_day(row, [one for one in models.rows if one[day.text] == row[day.text]], day.text) for row in rows]
    return {"data": shown[(page - 1) * limit : page * limit], "meta": pages(page, limit, len(shown))}


HANDLERS = (daily, metrics)
_DAILY = ("uniq(trace)", "count", "sum(cost_usd)", "sum(input_tokens)", "sum(output_tokens)", "sum(tokens)")


def _of_spans(text: str) -> Measure:
    return measure(text, "spans")


def _day(row: Mapping[str, Any], models: Sequence[Mapping[str, Any]], time: str) -> dict[str, Any]:
    usage = [
        {
            "model": one["model"],
            "inputUsage": int(one["sum(input_tokens)"] or 0),
            "outputUsage": int(one["sum(output_tokens)"] or 0),
            "totalUsage": int(one["sum(tokens)"] or 0),
            "totalCost": float(one["sum(cost_usd)"] or 0),
            "countTraces": int(one["uniq(trace)"] or 0),
            "countObservations": int(one["count"] or 0),
        }
        for one in models
        if one["model"]
    ]
    return {
        "date": str(row[time])[:10],
        "countTraces": int(row["uniq(trace)"] or 0),
        "countObservations": int(row["count"] or 0),
        "totalCost": float(row["sum(cost_usd)"] or 0),
        "usage": usage,
    }


def _aggregate(
    project_id: str, view: _View, query: dict[str, Any], columns: tuple[dict[str, Group], dict[str, Measure]]
) -> Aggregate:
    groups, measures = columns
    said = scalars(query)
    from_at, to_at = moment(said, "fromTimestamp"), moment(said, "toTimestamp")
    if from_at is None or to_at is None:
        raise InvalidRequest("a query needs fromTimestamp and toTimestamp", param="query")
    if from_at >= to_at:
        raise InvalidRequest("toTimestamp must be after fromTimestamp", param="query")
    limit = integer(mapping(query.get("config")).get("row_limit")) or 100
    wanted, scores = _conditions(project_id, view, objects(query.get("filters")))
    order, descending = _order(query, {**groups, **measures})
    return Aggregate(
        project_id=project_id, from_at=from_at, to_at=to_at, source=view.source, query=wanted.query,
        of_traces=tuple(wanted.of_traces), scores=scores, groups=tuple(groups.values()),
        measures=tuple(measures.values()), order=order, descending=descending, limit=max(1, min(limit, MAX_ROWS)),
    )  # fmt: skip


def _groups(view: _View, query: dict[str, Any]) -> dict[str, Group]:
    found: dict[str, Group] = {}
    for one in objects(query.get("dimensions")):
        name = scalar(one.get("field"))
        if name not in view.fields:
            raise InvalidRequest(f"{name[:60]!r} is no dimension here: {', '.join(view.fields)}", param="query")
        found[name] = group(view.fields[name], view.source)
    step = scalar(mapping(query.get("timeDimension")).get("granularity"))
    if step:
        if step not in _STEPS:
            raise InvalidRequest(f"granularity is one of {', '.join(_STEPS)} here", param="query")
        found[_TIME] = group(_STEPS[step], view.source)
    if len(found) > MAX_GROUPS:
        raise InvalidRequest(f"figures are by {MAX_GROUPS} dimensions at most, time among them", param="query")
    return found


def _measures(view: _View, query: dict[str, Any]) -> dict[str, Measure]:
    found: dict[str, Measure] = {}
    for one in objects(query.get("metrics")):
        name, function = scalar(one.get("measure")), scalar(one.get("aggregation"))
        text = ""
        if name == "count" and function in ("count", "sum"):
            text = "count"
        elif name in _UNIQUE and view.source == "traces":
            text = f"uniq({_UNIQUE[name]})"
        elif name in view.measures and function == "count":
            text = "count"
        elif name in view.measures and function in _FUNCTIONS:
            text = f"{function}({view.measures[name]})"
        if not text:
            known = ", ".join(("count", *view.measures))
            raise InvalidRequest(
                f"{function[:20]} of {name[:60]!r} is no metric here; there are count, {', '.join(sorted(_FUNCTIONS))}"
                f" of {known}", param="query",
            )  # fmt: skip
        found[f"{function}_{name}"] = measure(text, view.source)
    if not found:
        raise InvalidRequest("a query needs a metric at least", param="query")
    return found


def _conditions(project_id: str, view: _View, items: list[dict[str, Any]]) -> tuple[Wanted, ScoreFilter | None]:
    wanted = Wanted()
    if view.source == "spans":
        wanted.add(OBSERVED)
        for item in items:
            filters.add(item, OBSERVATIONS, wanted)
        return wanted, None
    if view.source == "traces":
        for item in items:
            filters.add(item, TRACES, wanted)
        return wanted, None
    lists: dict[str, Any] = {}
    for item in items:
        name, value = scalar(item.get("column")), item.get("value")
        if name in _SCORE_LISTS:
            if scalar(item.get("operator")) not in ("=", "any of"):
                raise InvalidRequest(f"{name!r} of scores is only equal or any of some values here", param="query")
            texts = tuple(scalar(one) for one in (listing(value) or [value]))
            lists[_SCORE_LISTS[name]] = tuple(map(str.lower, texts)) if name == "source" else texts
        else:
            # what is no column of scores is one of their traces, or is refused there
            renamed = {"traceName": "name", "traceRelease": "release", "traceVersion": "version"}.get(name, name)
            filters.add({**item, "column": renamed}, TRACES, wanted)
    scores = ScoreFilter(project_id=project_id, types=view.types, of_traces=tuple(wanted.of_traces), **lists)
    return Wanted(), scores


def _order(query: dict[str, Any], columns: Mapping[str, Group | Measure]) -> tuple[str, bool]:
    first = next(iter(objects(query.get("orderBy"))), None)
    if first is None:
        return "", True
    name = scalar(first.get("field"))
    if name not in columns:
        raise InvalidRequest(f"rows are ordered by one of {', '.join(columns)}, not {name[:60]!r}", param="query")
    return columns[name].text, scalar(first.get("direction")).lower() != "asc"


def _cell(name: str, cell: Any) -> Any:
    if name == "type":
        return TYPE_OF.get(scalar(cell), "SPAN")
    if name == "isRootObservation":
        return cell == "true"
    if name == "level":
        return scalar(cell).upper() or DEFAULT.upper()
    if name in ("source", "dataType"):
        return scalar(cell).upper()
    return (cell or DEFAULT) if name == "environment" else cell
