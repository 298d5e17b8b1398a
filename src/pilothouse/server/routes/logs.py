"""Log records, as applications send them over OpenTelemetry: those of a trace, and all of a time range."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, QueryParameter, SkipValidation

from pilothouse.domain.telemetry import LogFacets, LogFilter, LogRecord
from pilothouse.server.callers import ProjectDep
from pilothouse.server.parts import Parts
from pilothouse.server.queries import PageDep, RangeDep, checked_text, whole
from pilothouse.server.views import at

MOST_LOGS = 1_000
"""Shown of one trace."""
_MAX_SEVERITY = 24

Text = Annotated[str, QueryParameter(name="text", description="Substring of body, name or the value of an attribute.")]
Services = Annotated[list[str] | None, QueryParameter(name="service", description="A `service.name`; may repeat.")]
Names = Annotated[list[str] | None, QueryParameter(name="name", description="Name of an event; may repeat.")]
Severity = Annotated[
    str,
    QueryParameter(
        name="min_severity", description="OpenTelemetry's number: 9 info, 13 warn, 17 error.",
        schema_extra={"type": "integer", "minimum": 0, "maximum": _MAX_SEVERITY},
    ),
]  # fmt: skip


class LogView(msgspec.Struct, frozen=True, kw_only=True):
    """A log record; an event when it has a name."""

    id: str
    trace_id: str
    """Empty when it belongs to no span."""
    span_id: str
    at: datetime
    name: str
    severity: int
    """OpenTelemetry's number: 1 to 24, 9 info, 17 error."""
    severity_text: str
    body: str
    """JSON text when it is no text."""
    attributes: dict[str, str]
    resource: dict[str, str]
    scope_name: str


class LogList(msgspec.Struct, frozen=True):
    """Log records in the order of their times."""

    items: list[LogView]
    more: bool
    """Whether there are more than are shown."""


class LogRecordPage(msgspec.Struct, frozen=True):
    """Log records, newest first."""

    items: list[LogView]
    next_cursor: str | None


async def wanted_logs(
    project: ProjectDep,
    during: RangeDep,
    text: Text = "",
    min_severity: Severity = "",
    service: Services = None,
    name: Names = None,
) -> LogFilter:
    """Put the conditions together; raises `InvalidRequest`."""
    return LogFilter(
        project_id=project, from_at=during.from_at, to_at=during.to_at, text=checked_text(text),
        min_severity=whole(min_severity or "0", "min_severity", 0, _MAX_SEVERITY),
        services=tuple(service or ()), names=tuple(name or ()),
    )  # fmt: skip


WantedDep = NamedDependency[SkipValidation[LogFilter]]


@get("/logs", operation_id="listLogs", summary="List log records", dependencies={"wanted": Provide(wanted_logs)})
async def listed(parts: Parts, wanted: WantedDep, page: PageDep, trace_id: FromQuery[str] = "") -> LogRecordPage:
    """Return the log records of a time range that fit all conditions, newest first."""
    found = await parts.telemetry.log_page(
        msgspec.structs.replace(wanted, trace_id=trace_id, limit=page.limit, cursor=page.cursor)
    )
    return LogRecordPage([_view(log) for log in found.items], found.next_cursor)


@get("/logs/facets", operation_id="listLogFacets", summary="What log records can be narrowed to")
async def facets(parts: Parts, project: ProjectDep, during: RangeDep) -> LogFacets:
    """Return services, names and levels of a time range with the number of records of each."""
    return await parts.telemetry.log_facets(LogFilter(project_id=project, from_at=during.from_at, to_at=during.to_at))


@get("/traces/{trace_id:str}/logs", operation_id="listTraceLogs", summary="The log records of a trace")
async def show(parts: Parts, project: ProjectDep, trace_id: FromPath[str]) -> LogList:
    """Return the first 1,000 log records that belong to spans of a trace; none for a trace that is not there."""
    return log_list(await parts.telemetry.logs(project, trace_id, MOST_LOGS + 1))


HANDLERS = (show, listed, facets)


def log_list(found: Sequence[LogRecord]) -> LogList:
    """Return what is shown of a trace's log records, of which one more than that was asked for."""
    return LogList([_view(log) for log in found[:MOST_LOGS]], len(found) > MOST_LOGS)


def _view(log: LogRecord) -> LogView:
    return LogView(
        id=log.id, trace_id=log.trace_id, span_id=log.span_id, at=at(log.at_ns), name=log.name, severity=log.severity,
        severity_text=log.severity_text, body=log.body, attributes=log.attributes, resource=log.resource,
        scope_name=log.scope_name,
    )  # fmt: skip
