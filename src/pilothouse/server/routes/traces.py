"""Traces: the list, its filters' values, one trace, and the live tail."""

from typing import Annotated, Any, cast, get_args

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, QueryParameter, SkipValidation
from litestar.response import Stream

from pilothouse.domain.query.parser import parse
from pilothouse.domain.reading import Facets, SortField, Trace, TraceFilter, TracePage
from pilothouse.domain.span import SpanStatus
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.server.auth import still_allowed
from pilothouse.server.callers import ProjectDep
from pilothouse.server.live import LiveDep
from pilothouse.server.parts import Parts
from pilothouse.server.queries import Asked, PageDep, RangeDep, checked_text, moment, one_of

_SORTS: tuple[str, ...] = get_args(SortField)


class Which(msgspec.Struct, frozen=True):
    """The conditions of a trace list that are not its time range or its page."""

    models: tuple[str, ...]
    statuses: tuple[SpanStatus, ...]
    key_ids: tuple[str, ...]
    user_id: str
    session_id: str
    text: str


class Order(msgspec.Struct, frozen=True):
    """How a trace list is sorted, and its bound on duration."""

    sort: SortField
    descending: bool
    min_duration_ms: float | None


Models = Annotated[list[str] | None, QueryParameter(name="model", description="Requested or served name; may repeat.")]
Statuses = Annotated[list[str] | None, QueryParameter(name="status", description="ok, error or cancelled; may repeat.")]
KeyIds = Annotated[list[str] | None, QueryParameter(name="key_id", description="Id of a virtual key; may repeat.")]
Text = Annotated[str, QueryParameter(name="text", description="Substring of input, output, error, id, model or name.")]
Sort = Annotated[str, QueryParameter(name="sort", schema_extra={"enum": list(_SORTS)})]
Bound = Annotated[str, QueryParameter(name="min_duration_ms", schema_extra={"type": "number", "minimum": 0})]
Direction = Annotated[str, QueryParameter(name="order", schema_extra={"enum": ["desc", "asc"]})]


async def which(
    model: Models = None,
    status: Statuses = None,
    key_id: KeyIds = None,
    user_id: FromQuery[str] = "",
    session_id: FromQuery[str] = "",
    text: Text = "",
) -> Which:
    """Read the conditions; raises `InvalidRequest` for a status that does not exist."""
    statuses = tuple(one_of(SpanStatus, name, "status") for name in status or ())
    return Which(tuple(model or ()), statuses, tuple(key_id or ()), user_id, session_id, checked_text(text))


async def order(sort: Sort = "started_at", direction: Direction = "desc", min_duration_ms: Bound = "") -> Order:
    """Read the sorting; raises `InvalidRequest` for an unknown field or direction, or a bound that is no number."""
    if sort not in _SORTS:
        raise InvalidRequest(f"`sort` must be one of {', '.join(_SORTS)}, not {sort[:40]!r}.", param="sort")
    if direction not in ("desc", "asc"):
        raise InvalidRequest(f"`order` must be desc or asc, not {direction[:40]!r}.", param="order")
    return Order(cast("SortField", sort), direction == "desc", _duration(min_duration_ms))


Around = Annotated[str, QueryParameter(name="at", description="A time near the trace, RFC 3339; finds it faster.")]
Chosen = Annotated[
    str, QueryParameter(name="project_id", description="Like X-Pilothouse-Project, for an EventSource has no headers.")
]
WhichDep = NamedDependency[SkipValidation[Which]]
OrderDep = NamedDependency[SkipValidation[Order]]


async def trace_filter(
    project: ProjectDep, during: RangeDep, page: PageDep, conditions: WhichDep, ordering: OrderDep, q: Asked = ""
) -> TraceFilter:
    """Put the parts of a trace list's query together; raises `InvalidQuery`."""
    return TraceFilter(
        project_id=project,
        from_at=during.from_at,
        to_at=during.to_at,
        models=conditions.models,
        statuses=conditions.statuses,
        key_ids=conditions.key_ids,
        user_id=conditions.user_id,
        session_id=conditions.session_id,
        text=conditions.text,
        query=parse(q),
        min_duration_ms=ordering.min_duration_ms,
        sort=ordering.sort,
        descending=ordering.descending,
        limit=page.limit,
        cursor=page.cursor,
    )


FilterDep = NamedDependency[SkipValidation[TraceFilter]]


@get(
    "/traces",
    operation_id="listTraces",
    summary="List traces",
    dependencies={
        "conditions": Provide(which),
        "ordering": Provide(order),
        "wanted": Provide(trace_filter),
    },
)
async def list_all(parts: Parts, wanted: FilterDep) -> TracePage:
    """Return the traces of a time range that fit every condition."""
    return await parts.telemetry.traces(wanted)


@get("/traces/facets", operation_id="getTraceFacets", summary="Values that trace filters may take")
async def facets(parts: Parts, project: ProjectDep, during: RangeDep) -> Facets:
    """Return the models, statuses, keys and users of a time range, most frequent first."""
    return await parts.telemetry.facets(project, during.from_at, during.to_at)


@get(
    "/traces/live",
    operation_id="tailTraces",
    summary="Follow new traces",
    media_type="text/event-stream",
)
async def live(
    parts: Parts,
    live_tail: LiveDep,
    project: ProjectDep,
    request: Request[Any, Any, Any],
    project_id: Chosen = "",
) -> Stream:
    """Stream new traces as server-sent events: `trace` with a TraceSummary, `lagged` when some were missed."""

    async def allowed() -> bool:
        return await still_allowed(request, parts)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Stream(live_tail.listen(project, allowed), media_type="text/event-stream", headers=headers)


@get("/traces/{trace_id:str}", operation_id="getTrace", summary="One trace with all its spans")
async def show(parts: Parts, project: ProjectDep, trace_id: FromPath[str], around: Around = "") -> Trace:
    """Return a trace; `at` narrows the search to the days around it."""
    near = moment(around, "at") if around else None
    found = await parts.telemetry.trace(project, trace_id, near)
    if found is None:
        raise NotFound(
            f"There is no trace {trace_id[:64]!r} in this project; it may have been deleted or not arrived yet."
        )
    return found


HANDLERS = (list_all, facets, live, show)


def _duration(text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InvalidRequest(
            f"`min_duration_ms` must be a number of milliseconds, 0 or more, not {text[:40]!r}.",
            param="min_duration_ms",
        )
    return value
