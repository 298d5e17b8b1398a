"""Observations as scripts and SDKs read them: by number of the page, and from version 2 on by cursor and fields."""

from typing import Any

import msgspec
from litestar import Request, get
from litestar.params import FromPath

from pilothouse.compat.langfuse import filters, ids
from pilothouse.compat.langfuse.asking import Query, meta_of, moment, number, page_of, walked
from pilothouse.compat.langfuse.filters import OBSERVATIONS, OBSERVED, ROOT, Wanted
from pilothouse.compat.langfuse.naming import names_of
from pilothouse.compat.langfuse.observations import APP_ROOT
from pilothouse.compat.langfuse.parts import LangfuseParts, PartsDep
from pilothouse.compat.langfuse.views import Names, observation
from pilothouse.domain.query.nodes import Not
from pilothouse.domain.reading import SpanDetail, SpanFilter, SpanPage
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.otlp.values import as_text

_MOST_PAGE = 1000
_STEP = 200
_METADATA_CHARS = 200
_SAID = ("name", "userId", "sessionId", "type", "traceId", "level", "version")
"""Parameters by the column that they ask for."""
_CORE = ("id", "traceId", "startTime", "endTime", "projectId", "parentObservationId", "type")
_GROUPS: dict[str, tuple[str, ...]] = {
    "core": (),
    "basic": (
        "name", "level", "statusMessage", "version", "environment", "bookmarked", "public", "userId", "sessionId",
        "isRootObservation",
    ),
    "time": ("completionStartTime", "createdAt", "updatedAt"),
    "io": ("input", "output"),
    "metadata": ("metadata",),
    "model": ("model", "providedModelName", "internalModelId", "modelParameters", "modelId", "inputPrice",
              "outputPrice", "totalPrice"),
    "usage": ("usageDetails", "costDetails", "totalCost", "usagePricingTierName"),
    "prompt": ("promptId", "promptName", "promptVersion"),
    "metrics": ("latency", "timeToFirstToken"),
    "trace_context": ("tags", "release", "traceName"),
}  # fmt: skip
_UNSAID = "core,basic"


@get("/observations", include_in_schema=False)
async def observations(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of observations, the newest first."""
    key = await langfuse.reader(request)
    asked: Query = request.query_params
    page, limit = page_of(asked)
    wanted = _wanted(key.project_id, asked)

    async def fetch(step: int, cursor: str) -> SpanPage:
        return await langfuse.reads.spans(_paged(wanted, step, cursor))

    found = await walked(fetch, page, limit)
    spans = list(zip(found.trace_ids, found.items, strict=True)) if found else []
    return {"data": await _shown(langfuse, key.project_id, spans), "meta": meta_of(page, limit, found)}


@get("/observations/{observation_id:path}", include_in_schema=False)
async def one(langfuse: PartsDep, request: Request[Any, Any, Any], observation_id: FromPath[str]) -> dict[str, Any]:
    """Return one observation, by its own id or by the hexadecimal one."""
    key = await langfuse.reader(request)
    native = observation_id.removeprefix("/")
    page = await langfuse.reads.spans(
        SpanFilter(project_id=key.project_id, span_ids=(ids.span_id(native),), query=OBSERVED, limit=1)
    )
    if not page.items:
        raise NotFound(f"there is no observation {native[:80]!r} in this project; it may not have arrived yet")
    (found,) = await _shown(langfuse, key.project_id, [(page.trace_ids[0], page.items[0])])
    return found


@get("/v2/observations", include_in_schema=False)
async def listed(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of observations with the fields that are asked for, the newest first."""
    key = await langfuse.reader(request)
    asked: Query = request.query_params
    if (asked.get("parseIoAsJson") or "").lower() == "true":
        raise InvalidRequest("input and output are texts here; leave parseIoAsJson out", param="parseIoAsJson")
    fields = _fields(asked.get("fields") or _UNSAID)
    wanted, limit = _wanted(key.project_id, asked), min(number(asked, "limit", 50), _MOST_PAGE)
    spans: list[tuple[str, SpanDetail]] = []
    cursor: str | None = asked.get("cursor") or ""
    while cursor is not None and len(spans) < limit:
        page = await langfuse.reads.spans(_paged(wanted, min(_STEP, limit - len(spans)), cursor))
        spans += zip(page.trace_ids, page.items, strict=True)
        cursor = page.next_cursor
    names = await _names(langfuse, key.project_id, spans)
    whole = frozenset((asked.get("expandMetadata") or "").split(","))
    data = [_chosen(span, names[trace], fields, whole) for trace, span in spans]
    return {"data": data, "meta": {"cursor": cursor} if cursor else {}}


HANDLERS = (observations, one, listed)


def _wanted(project_id: str, asked: Query) -> SpanFilter:
    wanted = Wanted()
    wanted.add(OBSERVED)
    if asked.get("filter"):
        filters.read(asked["filter"], OBSERVATIONS, wanted)
        return SpanFilter(project_id=project_id, query=wanted.query, of_traces=tuple(wanted.of_traces))
    for name in _SAID:
        wanted.among(OBSERVATIONS[name], [asked.get(name)])
    wanted.among(OBSERVATIONS["environment"], asked.getall("environment", []))
    if "parentObservationId" in asked:
        wanted.each(OBSERVATIONS["parentObservationId"], [asked["parentObservationId"]])
    rooted = (asked.get("isRootObservation") or "").lower()
    if rooted in ("true", "false"):
        wanted.add(ROOT if rooted == "true" else Not(ROOT))
    return SpanFilter(
        project_id=project_id,
        from_at=moment(asked, "fromStartTime"),
        to_at=moment(asked, "toStartTime"),
        query=wanted.query,
        of_traces=tuple(wanted.of_traces),
    )


def _paged(wanted: SpanFilter, limit: int, cursor: str) -> SpanFilter:
    return msgspec.structs.replace(wanted, limit=limit, cursor=cursor)


async def _names(langfuse: LangfuseParts, project_id: str, spans: list[tuple[str, SpanDetail]]) -> dict[str, Names]:
    return await names_of(langfuse, project_id, [(trace, span.parent_span_id) for trace, span in spans])


async def _shown(langfuse: LangfuseParts, project_id: str, spans: list[tuple[str, SpanDetail]]) -> list[dict[str, Any]]:
    names = await _names(langfuse, project_id, spans)
    return [observation(span, names[trace]) for trace, span in spans]


def _fields(text: str) -> list[str]:
    groups = [one.strip() for one in text.split(",") if one.strip()]
    unknown = next((one for one in groups if one not in _GROUPS), None)
    if unknown is not None:
        raise InvalidRequest(f"fields are {', '.join(_GROUPS)}, not {unknown[:40]!r}", param="fields")
    return [*_CORE, *(name for group in groups for name in _GROUPS[group])]


def _chosen(span: SpanDetail, names: Names, fields: list[str], whole: frozenset[str]) -> dict[str, Any]:
    shown = observation(span, names)
    metadata = {
        name: text if name in whole or not isinstance(text, str) else text[:_METADATA_CHARS]
        for name, text in shown["metadata"].items()
    }
    app_root = span.attributes.get(APP_ROOT) == "true"
    everything = {
        **shown,
        "bookmarked": False,
        "public": names.public,
        "userId": span.user_id or names.user_id or None,
        "sessionId": span.session_id or names.session_id or None,
        "isRootObservation": shown["parentObservationId"] is None or app_root,
        "input": span.input or None,
        "output": span.output or None,
        "metadata": metadata,
        "modelParameters": None if shown["modelParameters"] is None else as_text(shown["modelParameters"]),
        "providedModelName": shown["model"],
        "inputPrice": None,
        "outputPrice": None,
        "totalPrice": None,
        "totalCost": shown["calculatedTotalCost"],
        "usagePricingTierName": None,
        "tags": list(span.tags or names.tags),
        "release": span.release or names.release or None,
        "traceName": span.trace_name or names.name or None,
    }
    return {name: everything[name] for name in fields}
