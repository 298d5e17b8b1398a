"""The query language over HTTP: single spans, figures, its fields, and what could stand at a place of a query."""

from typing import Annotated, Any, Literal, cast, get_args

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, QueryParameter, SkipValidation

from pilothouse.domain.query import aggregate
from pilothouse.domain.query.aggregate import MAX_GROUPS, MAX_MEASURES, MAX_ROWS, MAX_TOP, Aggregate, Source, Table
from pilothouse.domain.query.completion import (
    Completion,
    Completions,
    Standing,
    choices_for,
    fields_for,
    shown_name,
    shown_value,
    standing,
)
from pilothouse.domain.query.fields import FIELDS, Kind
from pilothouse.domain.query.parser import parse
from pilothouse.domain.reading import SpanFilter, SpanPage
from pilothouse.errors import InvalidRequest, PilothouseError
from pilothouse.server import scope
from pilothouse.server.callers import ProjectDep
from pilothouse.server.errors import Problem, problem
from pilothouse.server.parts import Parts, ServerParts
from pilothouse.server.queries import Asked, PageDep, RangeDep, TimeRange, time_range, whole

_SOURCES: tuple[str, ...] = get_args(Source)
_MAX_COMPLETIONS = 20
_MAX_QUESTIONS = 100


class QueryField(msgspec.Struct, frozen=True):
    """One field of the query language."""

    name: str
    kind: Literal["text", "body", "choice", "number", "flag", "time", "named"]
    unit: str
    """Of a number, empty when it has none."""
    about: str
    example: str
    choices: tuple[str, ...]
    aliases: tuple[str, ...]


class QueryFields(msgspec.Struct, frozen=True):
    """All fields, the most used first."""

    items: list[QueryField]


class What(msgspec.Struct, frozen=True):
    """What figures are asked for, as texts."""

    source: Source
    groups: tuple[str, ...]
    measures: tuple[str, ...]


class Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked for, as the parameters of `GET /query` say it, without its time."""

    source: str = "spans"
    q: str = ""
    group_by: list[str] = []
    measure: list[str] = []
    order: str = ""
    limit: int = 100
    top: int = 0


class Question(Figures, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same with its time; for queries too long for an address."""

    from_at: str = msgspec.field(name="from", default="")
    to_at: str = msgspec.field(name="to", default="")


class Questions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Several questions about the same time, such as those of a dashboard."""

    questions: Annotated[list[Figures], msgspec.Meta(max_length=_MAX_QUESTIONS)]
    from_at: str = msgspec.field(name="from", default="")
    to_at: str = msgspec.field(name="to", default="")


class Answer(msgspec.Struct, frozen=True):
    """The figures, or why there are none."""

    table: Table | None = None
    problem: Problem | None = None


class Answers(msgspec.Struct, frozen=True):
    """An answer to each question, in their order."""

    items: list[Answer]


From = Annotated[str, QueryParameter(name="source", schema_extra={"enum": list(_SOURCES)})]
Groups = Annotated[
    list[str] | None,
    QueryParameter(name="group_by", description="A field, `time` or steps of it such as `time:1h`; may repeat."),
]
Measures = Annotated[
    list[str] | None,
    QueryParameter(name="measure", description="count, error_rate, or sum, avg, min, max, p50, p90, p95, p99, uniq of "
                   "a field, such as p95(latency_ms); may repeat."),
]  # fmt: skip
Order = Annotated[str, QueryParameter(name="order", description="A group or measure; with `-` in front descending.")]
Rows = Annotated[str, QueryParameter(name="limit", schema_extra={"type": "integer", "minimum": 1, "maximum": MAX_ROWS})]
Top = Annotated[
    str,
    QueryParameter(
        name="top", schema_extra={"type": "integer", "minimum": 0, "maximum": MAX_TOP},
        description="Of rows by time and one field: only so many of its values, those with most of the first measure.",
    ),
]  # fmt: skip
At = Annotated[
    str, QueryParameter(name="at", description="The place, in characters from 0; the end of `q` when left out.")
]


class Shown(msgspec.Struct, frozen=True):
    """Which rows are shown."""

    order: str
    limit: int
    top: int


WhatDep = NamedDependency[SkipValidation[What]]
ShownDep = NamedDependency[SkipValidation[Shown]]
WantedDep = NamedDependency[SkipValidation[Aggregate]]


@get("/spans", operation_id="listSpans", summary="List spans")
async def spans(parts: Parts, project: ProjectDep, during: RangeDep, page: PageDep, q: Asked = "") -> SpanPage:
    """Return the spans of a time range that fit a query, newest first."""
    wanted = SpanFilter(
        project_id=project, from_at=during.from_at, to_at=during.to_at, query=parse(q), limit=page.limit,
        cursor=page.cursor,
    )  # fmt: skip
    return await parts.telemetry.spans(wanted)


async def what(source: From = "spans", group_by: Groups = None, measure: Measures = None) -> What:
    """Read what figures are asked for; raises `InvalidRequest`."""
    if source not in _SOURCES:
        raise InvalidRequest(f"`source` must be one of {', '.join(_SOURCES)}, not {source[:40]!r}.", param="source")
    for name, given, most in (("group_by", group_by, MAX_GROUPS), ("measure", measure, MAX_MEASURES)):
        if len(given or ()) > most or len(set(given or ())) != len(given or ()):
            raise InvalidRequest(f"`{name}` may be given {most} times at most, each time another one.", param=name)
    return What(cast("Source", source), tuple(group_by or ()), tuple(measure or ("count",)))


async def rows_wanted(order: Order = "", limit: Rows = "100", top: Top = "0") -> Shown:
    """Read which rows are asked for; raises `InvalidRequest`."""
    return Shown(order, whole(limit, "limit", 1, MAX_ROWS), whole(top, "top", 0, MAX_TOP))


async def figures_wanted(
    project: ProjectDep, during: RangeDep, asked: WhatDep, shown: ShownDep, q: Asked = ""
) -> Aggregate:
    """Put what is asked for together; raises `InvalidRequest` and `InvalidQuery`."""
    if shown.order.removeprefix("-") not in ("", *asked.groups, *asked.measures):
        raise InvalidRequest("`order` must be one of the groups and measures that are asked for.", param="order")
    groups = tuple(aggregate.group(one, asked.source) for one in asked.groups)
    if shown.top and sorted(one.column is None for one in groups) != [False, True]:
        raise InvalidRequest("`top` needs rows by time and one field.", param="top")
    return Aggregate(
        project_id=project,
        from_at=during.from_at,
        to_at=during.to_at,
        source=asked.source,
        query=parse(q),
        groups=groups,
        measures=tuple(aggregate.measure(one, asked.source) for one in asked.measures),
        order=shown.order.removeprefix("-"),
        descending=not shown.order or shown.order.startswith("-"),
        limit=shown.limit,
        top=shown.top,
    )


@get(
    "/query",
    operation_id="query",
    summary="Figures over what a query finds",
    dependencies={"asked": Provide(what), "shown": Provide(rows_wanted), "wanted": Provide(figures_wanted)},
)
async def figures(parts: Parts, wanted: WantedDep) -> Table:
    """Return figures of a time range by fields and steps of time; `limit` bounds the rows, 1,000 at most."""
    return await parts.telemetry.figures(wanted)


@post("/query", operation_id="postQuery", summary="Figures over what a long query finds", status_code=200)
async def figures_of_long(parts: Parts, project: ProjectDep, data: JSONBody[Question]) -> Table:
    """Return what `GET /query` does; nothing is kept."""
    during = await time_range(parts, data.from_at, data.to_at)
    return await parts.telemetry.figures(await _read(project, during, data))


@post("/query/together", operation_id="queryTogether", summary="Several figures of one time", status_code=200)
async def figures_together(
    request: Request[Any, Any, Any], parts: Parts, project: ProjectDep, data: JSONBody[Questions]
) -> Answers:
    """Return an answer to each question, all of the same moment: as quick as one, where rollups have what is asked."""
    during = await time_range(parts, data.from_at, data.to_at)
    answers: dict[int, Table | PilothouseError] = {}
    wanted: dict[int, Aggregate] = {}
    for number, question in enumerate(data.questions):
        try:
            wanted[number] = await _read(project, during, question)
        except InvalidRequest as error:
            answers[number] = error
    found = await parts.telemetry.figures_together(list(wanted.values()))
    answers |= dict(zip(wanted, found, strict=True))
    request_id = str(scope.values(request).get(scope.REQUEST_ID, ""))
    return Answers([_answer(answers[number], request_id) for number in range(len(data.questions))])


def _answer(found: Table | PilothouseError, request_id: str) -> Answer:
    if isinstance(found, PilothouseError):
        return Answer(problem=problem(found, request_id, "POST"))
    return Answer(table=found)


async def _read(project: str, during: TimeRange, data: Figures) -> Aggregate:
    asked = await what(data.source, data.group_by, data.measure)
    shown = await rows_wanted(data.order, str(data.limit), str(data.top))
    return await figures_wanted(project, during, asked, shown, data.q)


@get("/query/fields", operation_id="listQueryFields", summary="The fields of the query language")
async def fields() -> QueryFields:
    """Return all fields with their kinds, units and examples."""
    return QueryFields(
        [
            QueryField(one.name, one.kind.value, one.unit.value, one.about, one.example, one.choices, one.aliases)
            for one in FIELDS
        ]
    )


@get("/query/completions", operation_id="completeQuery", summary="What could stand at a place of a query")
async def completions(parts: Parts, project: ProjectDep, during: RangeDep, q: Asked = "", at: At = "") -> Completions:
    """Return fields, operators and values for the place; the values are those of the time range."""
    place = standing(q, int(at[:6]) if at.isascii() and at.isdigit() else len(q))
    items = await _items(parts, project, during, place, after_has=q[: place.begin].endswith("has:"))
    return Completions(place.begin, place.end, items[:_MAX_COMPLETIONS])


async def _items(
    parts: ServerParts, project: str, during: TimeRange, place: Standing, *, after_has: bool
) -> list[Completion]:
    if place.what == "field":
        return fields_for(place, after_has=after_has)
    if place.field is None:
        return []
    times = (during.from_at, during.to_at)
    if place.what == "name":
        found = await parts.telemetry.query_names(project, times, place.field, place.prefix)
        return [shown_name(place.field, one.value, one.count) for one in found]
    if place.field.kind not in (Kind.TEXT, Kind.NAMED):
        return choices_for(place)
    found = await parts.telemetry.query_values(project, times, (place.field, place.key), place.prefix)
    return [shown_value(one.value, one.count) for one in found]


HANDLERS = (spans, figures, figures_of_long, figures_together, fields, completions)
