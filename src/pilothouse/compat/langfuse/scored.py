"""Scores as scripts and SDKs read them, in all three versions of that, and remove them."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response, delete, get
from litestar.params import FromPath

from pilothouse.compat.langfuse import filters, ids
from pilothouse.compat.langfuse.asking import Query, meta_of, moment, number, page_of, several, walked
from pilothouse.compat.langfuse.filters import COMPARISONS, TRACES
from pilothouse.compat.langfuse.naming import names_of
from pilothouse.compat.langfuse.parts import LangfuseParts, PartsDep
from pilothouse.compat.langfuse.views import DEFAULT, Names, documents, said, score
from pilothouse.domain.query.nodes import Comparison, Node
from pilothouse.domain.reading import ScoreDetail, ScoreFilter, ScorePage
from pilothouse.domain.score import ScoreType
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.protocols.loose import scalar

_MOST_PAGE = 100
_TYPES = {kind.value.upper(): kind for kind in ScoreType} | {"CORRECTION": ScoreType.TEXT}
_LISTS = {
    "name": "names", "environment": "environments", "configId": "config_ids", "sessionId": "session_ids",
}  # fmt: skip
_LISTS_2 = {**_LISTS, "scoreIds": "ids", "datasetRunId": "run_ids"}
_LISTS_3 = {**_LISTS, "id": "ids", "authorUserId": "authors", "experimentId": "run_ids"}
_GROUPS_3 = ("details", "subject", "annotation")
_PLACES_3 = ("traceId", "sessionId", "experimentId")
_TRUTHS = {"true": 1.0, "false": 0.0}


@get(["/scores", "/v2/scores"], include_in_schema=False)
async def scores(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of scores, the newest first, with what is said of their traces."""
    key = await langfuse.reader(request)
    asked: Query = request.query_params
    page, limit = page_of(asked)
    wanted = _wanted(key.project_id, asked)

    async def fetch(step: int, cursor: str) -> ScorePage:
        return await langfuse.reads.score_page(msgspec.structs.replace(wanted, limit=step, cursor=cursor))

    found = await walked(fetch, page, limit)
    items = found.items if found else []
    groups = several(asked, "fields") or ["score", "trace"]
    names = await _names(langfuse, key.project_id, items)
    data = [_with_trace(one, names[one.trace_id], groups) for one in items]
    return {"data": data, "meta": meta_of(page, limit, found)}


@get(["/scores/{score_id:path}", "/v2/scores/{score_id:path}"], include_in_schema=False)
async def find(langfuse: PartsDep, request: Request[Any, Any, Any], score_id: FromPath[str]) -> dict[str, Any]:
    """Return one score."""
    key = await langfuse.reader(request)
    found = await _one(langfuse, key.project_id, score_id.removeprefix("/"))
    names = await _names(langfuse, key.project_id, [found])
    return score(found, names[found.trace_id])


@delete("/scores/{score_id:path}", status_code=202, include_in_schema=False)
async def remove(langfuse: PartsDep, request: Request[Any, Any, Any], score_id: FromPath[str]) -> Response[None]:
    """Remove a score."""
    key = await langfuse.editor(request)
    found = await _one(langfuse, key.project_id, score_id.removeprefix("/"))
    await langfuse.reads.remove_scores(key.project_id, [found.id])
    return Response(None, status_code=202)


@get("/v3/scores", include_in_schema=False)
async def listed(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of scores whose values have the type that they are of."""
    key = await langfuse.reader(request)
    asked: Query = request.query_params
    groups = several(asked, "fields")
    unknown = next((one for one in groups if one not in _GROUPS_3), None)
    if unknown is not None:
        raise InvalidRequest(f"fields are {', '.join(_GROUPS_3)}, not {unknown[:40]!r}", param="fields")
    limit = number(asked, "limit", 50)
    if limit > _MOST_PAGE:
        raise InvalidRequest(f"limit is at most {_MOST_PAGE}", param="limit")
    wanted = msgspec.structs.replace(_wanted_3(key.project_id, asked), limit=limit, cursor=asked.get("cursor") or "")
    page = await langfuse.reads.score_page(wanted)
    names = await _names(langfuse, key.project_id, page.items)
    data = [_version_3(one, names[one.trace_id], groups) for one in page.items]
    return {"data": data, "meta": {"limit": limit, **({"cursor": page.next_cursor} if page.next_cursor else {})}}


HANDLERS = (scores, find, remove, listed)


async def _one(langfuse: LangfuseParts, project_id: str, score_id: str) -> ScoreDetail:
    page = await langfuse.reads.score_page(ScoreFilter(project_id=project_id, ids=(score_id,), limit=1))
    if not page.items:
        raise NotFound(f"there is no score {score_id[:80]!r} in this project; it may not have arrived yet")
    return page.items[0]


async def _names(langfuse: LangfuseParts, project_id: str, items: list[ScoreDetail]) -> dict[str, Names]:
    """Return the names of traces by their ids, and those of no trace by the empty one."""
    found = await names_of(langfuse, project_id, [(one.trace_id, one.span_id) for one in items])
    return {"": Names(project_id=project_id, trace_id="", spans={}), **found}


def _with_trace(one: ScoreDetail, names: Names, groups: list[str]) -> dict[str, Any]:
    shown = score(one, names)
    if "trace" in groups and one.trace_id:
        shown["trace"] = {
            "userId": names.user_id or None,
            "tags": list(names.tags),
            "environment": names.environment or DEFAULT,
            "sessionId": names.session_id or None,
        }
    return shown


def _wanted(project_id: str, asked: Query) -> ScoreFilter:
    of_traces: list[Node] = []
    if asked.get("userId"):
        of_traces.append(filters.equals(TRACES["userId"], [asked["userId"]]))
    of_traces += [filters.equals(TRACES["tags"], [tag]) for tag in asked.getall("traceTags", [])]
    return msgspec.structs.replace(
        _said_alike(project_id, asked, _LISTS_2),
        trace_ids=(ids.trace_id(asked["traceId"]),) if asked.get("traceId") else (),
        bounds=_compared(asked),
        metadata=_metadata(asked.get("filter") or ""),
        of_traces=tuple(of_traces),
    )


def _wanted_3(project_id: str, asked: Query) -> ScoreFilter:
    places = [name for name in _PLACES_3 if asked.get(name)]
    if len(places) > 1:
        raise InvalidRequest(f"say only one of {', '.join(_PLACES_3)}", param=places[1])
    if asked.get("observationId") and "traceId" not in places:
        raise InvalidRequest("say the traceId of an observationId", param="observationId")
    return msgspec.structs.replace(
        _said_alike(project_id, asked, _LISTS_3),
        trace_ids=tuple(ids.trace_id(one) for one in several(asked, "traceId")),
        **_values_3(asked, [one.upper() for one in several(asked, "dataType")]),
    )


def _said_alike(project_id: str, asked: Query, lists: Mapping[str, str]) -> ScoreFilter:
    """Return what all versions ask for in the same words, and the lists that one has."""
    if asked.get("queueId"):
        raise InvalidRequest("scores cannot be filtered by queueId here", param="queueId")
    texts: dict[str, Any] = {ours: tuple(several(asked, name)) for name, ours in lists.items()}
    return ScoreFilter(
        project_id=project_id,
        from_at=moment(asked, "fromTimestamp"),
        to_at=moment(asked, "toTimestamp"),
        types=_types(several(asked, "dataType")),
        sources=tuple(one.lower() for one in several(asked, "source")),
        span_ids=tuple(ids.span_id(one) for one in several(asked, "observationId")),
        **texts,
    )


def _values_3(asked: Query, types: list[str]) -> dict[str, Any]:
    values, bounds = several(asked, "value"), [name for name in ("valueMin", "valueMax") if asked.get(name)]
    if (values and types not in (["NUMERIC"], ["BOOLEAN"], ["CATEGORICAL"])) or (bounds and types != ["NUMERIC"]):
        raise InvalidRequest("a value is asked for together with the one dataType that it is of", param="dataType")
    signs: dict[str, Comparison] = {"valueMin": ">=", "valueMax": "<="}
    if bounds:
        return {"bounds": tuple((signs[name], _number(asked[name], name)) for name in bounds)}
    if types == ["CATEGORICAL"]:
        return {"texts": tuple(values)}
    if types == ["BOOLEAN"] and values:
        if not set(values) <= set(_TRUTHS):
            raise InvalidRequest("the values of booleans are true and false", param="value")
        return {"numbers": tuple(_TRUTHS[one] for one in values)}
    return {"numbers": tuple(_number(one, "value") for one in values)}


def _types(said: list[str]) -> tuple[ScoreType, ...]:
    unknown = next((one for one in said if one.upper() not in _TYPES), None)
    if unknown is not None:
        raise InvalidRequest(f"dataType is one of {', '.join(_TYPES)}, not {unknown[:40]!r}", param="dataType")
    return tuple(_TYPES[one.upper()] for one in said)


def _compared(asked: Query) -> tuple[tuple[Comparison, float], ...]:
    value, operator = asked.get("value"), asked.get("operator") or "="
    if not value:
        return ()
    comparison = COMPARISONS.get(operator)
    if comparison is None:
        raise InvalidRequest(f"operator is one of {', '.join(COMPARISONS)}", param="operator")
    return ((comparison, _number(value, "value")),)


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidRequest(f"{name} must be a number, not {text[:40]!r}", param=name) from error


def _metadata(text: str) -> dict[str, str]:
    """Return what is asked of metadata, the one thing that the `filter` of scores knows."""
    found: dict[str, str] = {}
    for one in filters.items_of(text) if text else []:
        if one.get("column") != "metadata" or one.get("operator") != "=":
            raise InvalidRequest("scores are filtered by metadata here, with the operator =", param="filter")
        found[scalar(one.get("key"))] = scalar(one.get("value"))
    return found


def _version_3(one: ScoreDetail, names: Names, groups: list[str]) -> dict[str, Any]:
    value: Any = one.number
    match one.type:
        case ScoreType.BOOLEAN:
            value = bool(one.number)
        case ScoreType.CATEGORICAL | ScoreType.TEXT:
            value = one.text
        case _:
            pass
    at = said(one.at)
    shown: dict[str, Any] = {
        "id": one.id,
        "projectId": names.project_id,
        "name": one.name,
        "value": value,
        "dataType": one.type.value.upper(),
        "source": one.source.upper(),
        "timestamp": at,
        "environment": one.environment or DEFAULT,
        "createdAt": at,
        "updatedAt": at,
    }
    if "details" in groups:
        shown |= {
            "comment": one.comment or None,
            "configId": one.config_id or None,
            "metadata": documents(one.metadata),
        }
    if "subject" in groups:
        shown["subject"] = _subject(one, names)
    if "annotation" in groups:
        shown |= {"authorUserId": one.author or None, "queueId": None}
    return shown


def _subject(one: ScoreDetail, names: Names) -> dict[str, Any]:
    if one.span_id:
        return {"kind": "observation", "id": names.of(one.span_id), "traceId": names.trace_id}
    if one.trace_id:
        return {"kind": "trace", "id": names.trace_id}
    if one.session_id:
        return {"kind": "session", "id": one.session_id}
    return {"kind": "experiment", "id": one.run_id}
