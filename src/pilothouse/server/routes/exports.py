"""Exports: rows downloaded at once, and orders that write them to a folder or a bucket."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter, SkipValidation
from litestar.response import Stream

from pilothouse.domain.exporting import (
    Export,
    ExportChunk,
    ExportFilter,
    ExportFormat,
    ExportRun,
    ExportWhat,
    FolderTarget,
    RowPlace,
    RunState,
    S3Target,
    Schedule,
    Selection,
)
from pilothouse.domain.query.parser import parse
from pilothouse.errors import InvalidRequest
from pilothouse.lifecycle.exports import NewExport
from pilothouse.lifecycle.targets import S3Keys
from pilothouse.server.callers import CallerDep, ProjectDep
from pilothouse.server.parts import ExportRows, Parts, lifecycle_of
from pilothouse.server.queries import RangeDep, one_of, told_ns
from pilothouse.server.routes.traces import Asked, Bound, Chosen, OrderDep, WhichDep, order, which
from pilothouse.server.views import at, at_or_none, to_ns

_TYPES = {ExportFormat.JSONL: "application/jsonl", ExportFormat.PARQUET: "application/vnd.apache.parquet"}
_WHATS = [one.value for one in ExportWhat]
_FORMATS = [one.value for one in ExportFormat]


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """One window of an export."""

    from_at: datetime
    to_at: datetime
    state: RunState
    files: int
    rows: int
    size_bytes: int
    rows_per_s: float | None
    """While it was worked on; None before the first file."""
    reached_at: datetime | None
    """The time of the last row that is written."""
    started_at: datetime
    ended_at: datetime | None
    tries: int
    """Failures in a row."""
    retry_at: datetime | None
    detail: str
    """Why it failed last."""


class ExportView(msgspec.Struct, frozen=True, kw_only=True):
    """An order to write rows out."""

    id: str
    name: str
    what: ExportWhat
    where: ExportFilter
    format: ExportFormat
    target: FolderTarget | S3Target
    has_keys: bool
    schedule: Schedule | None
    next_from_at: datetime
    """Where the next window begins."""
    to_at: datetime | None
    """Where a single run ends."""
    paused: bool
    created_by: str
    created_at: datetime
    last_run: RunView | None


class ExportList(msgspec.Struct, frozen=True):
    """Exports, newest first."""

    items: list[ExportView]


class ExportDetail(msgspec.Struct, frozen=True):
    """An export with its newest runs."""

    export: ExportView
    runs: list[RunView]


class ExportBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An export to be ordered."""

    name: str
    """Of its folder; letters, digits, `.`, `_` and `-`."""
    what: ExportWhat = ExportWhat.SPANS
    where: ExportFilter = msgspec.field(default_factory=ExportFilter)
    format: ExportFormat = ExportFormat.JSONL
    target: FolderTarget | S3Target = msgspec.field(default_factory=FolderTarget)
    keys: S3Keys | None = None
    """Of a bucket; kept sealed, and never shown again."""
    schedule: Schedule | None = None
    """Left out for a single run."""
    from_at: datetime | None = None
    """Where the first window begins; the start of time for a single run, the window under way on a schedule."""
    to_at: datetime | None = None
    """End of a single run; now when left out."""


async def what_of(
    what: Annotated[str, QueryParameter(name="what", schema_extra={"enum": _WHATS})] = "spans",
    format_: Annotated[str, QueryParameter(name="format", schema_extra={"enum": _FORMATS})] = "jsonl",
) -> tuple[ExportWhat, ExportFormat]:
    """Read which rows are wanted, and how; raises `InvalidRequest`."""
    return one_of(ExportWhat, what, "what"), one_of(ExportFormat, format_, "format")


async def filter_of(conditions: WhichDep, ordering: OrderDep, q: Asked = "") -> ExportFilter:
    """Put the conditions together; raises `InvalidQuery`."""
    parse(q)
    return ExportFilter(
        q=q,
        models=conditions.models,
        statuses=conditions.statuses,
        key_ids=conditions.key_ids,
        user_id=conditions.user_id,
        session_id=conditions.session_id,
        text=conditions.text,
        min_duration_ms=ordering.min_duration_ms,
    )


async def bound(min_duration_ms: Bound = "") -> object:
    """Read the least duration; raises `InvalidRequest`."""
    return await order(min_duration_ms=min_duration_ms)


After = Annotated[
    str,
    QueryParameter(name="after", description='Go on behind a row: `[started_at_ns, "trace_id", "id"]` of it, as JSON.'),
]


async def behind(after: After = "", project_id: Chosen = "") -> RowPlace | None:
    """Read where to go on; a download of a browser names its project beside, for a link has no headers."""
    return _place(after)


BehindDep = NamedDependency[SkipValidation[RowPlace | None]]
FormDep = NamedDependency[SkipValidation[tuple[ExportWhat, ExportFormat]]]
WhereDep = NamedDependency[SkipValidation[ExportFilter]]


@get(
    "/exports/stream",
    operation_id="streamExport",
    summary="Download rows",
    media_type="application/jsonl",
    dependencies={
        "conditions": Provide(which),
        "ordering": Provide(bound),
        "where": Provide(filter_of),
        "form": Provide(what_of),
        "last": Provide(behind),
    },
)
async def stream(
    parts: Parts, project: ProjectDep, during: RangeDep, form: FormDep, where: WhereDep, last: BehindDep
) -> Stream:
    """Stream the rows of a time range that fit every condition, oldest first; Parquet only when one file holds them."""
    what, fmt = form
    wanted = Selection(
        project_id=project, what=what, where=where, from_ns=to_ns(during.from_at), to_ns=to_ns(during.to_at)
    )
    rows = lifecycle_of(parts).rows
    # Read before the answer begins, so that a store that is away is still a proper error.
    first = await rows.chunk(wanted, fmt, last)
    if fmt is ExportFormat.PARQUET and first is not None and await rows.chunk(wanted, fmt, first.last) is not None:
        raise InvalidRequest(
            "these are more rows than one Parquet file of a download holds; order an export, or take a shorter range",
            param="format",
        )
    headers = {"content-disposition": f'attachment; filename="{what}.{fmt}"', "cache-control": "no-store"}
    return Stream(_pieces(rows, wanted, fmt, first), media_type=_TYPES[fmt], headers=headers)


@get("/exports", operation_id="listExports", summary="List exports")
async def list_all(parts: Parts, project: ProjectDep) -> ExportList:
    """Return the project's exports, newest first."""
    exports = lifecycle_of(parts).exports
    found = [await exports.get(project, one.id) for one in await exports.list_all(project)]
    return ExportList([_view(export, runs) for export, runs in found])


@post("/exports", operation_id="createExport", summary="Order an export")
async def create(parts: Parts, project: ProjectDep, caller: CallerDep, data: JSONBody[ExportBody]) -> ExportView:
    """Have rows written to a folder or a bucket, once or on a schedule."""
    new = NewExport(
        project_id=project,
        name=data.name,
        what=data.what,
        where=data.where,
        format=data.format,
        target=data.target,
        keys=data.keys,
        schedule=data.schedule,
        from_ns=told_ns(data.from_at, "from_at"),
        to_ns=told_ns(data.to_at, "to_at"),
    )
    return _view(await lifecycle_of(parts).exports.create(new, actor=caller.actor), [])


@get("/exports/{export_id:str}", operation_id="getExport", summary="Show an export")
async def show(parts: Parts, project: ProjectDep, export_id: FromPath[str]) -> ExportDetail:
    """Return one export with its newest runs."""
    export, runs = await lifecycle_of(parts).exports.get(project, export_id)
    return ExportDetail(_view(export, runs), [_run(one) for one in runs])


@post("/exports/{export_id:str}/stop", operation_id="stopExport", summary="Stop an export", status_code=200)
async def stop(parts: Parts, project: ProjectDep, caller: CallerDep, export_id: FromPath[str]) -> ExportView:
    """Have an export rest; a run under way ends behind the file it is at."""
    return _view(await lifecycle_of(parts).exports.stop(project, export_id, actor=caller.actor), [])


@post("/exports/{export_id:str}/resume", operation_id="resumeExport", summary="Resume an export", status_code=200)
async def resume(parts: Parts, project: ProjectDep, caller: CallerDep, export_id: FromPath[str]) -> ExportView:
    """Have an export go on where it stopped or failed."""
    return _view(await lifecycle_of(parts).exports.resume(project, export_id, actor=caller.actor), [])


@delete("/exports/{export_id:str}", operation_id="deleteExport", summary="Delete an export")
async def remove(parts: Parts, project: ProjectDep, caller: CallerDep, export_id: FromPath[str]) -> None:
    """Forget an export and its keys; the files that it has written stay."""
    await lifecycle_of(parts).exports.delete(project, export_id, actor=caller.actor)


HANDLERS = (stream, list_all, create, show, stop, resume, remove)


async def _pieces(
    rows: ExportRows, wanted: Selection, fmt: ExportFormat, first: ExportChunk | None
) -> AsyncIterator[bytes]:
    piece = first
    while piece is not None:
        yield piece.body
        piece = await rows.chunk(wanted, fmt, piece.last)


def _place(text: str) -> RowPlace | None:
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=RowPlace)
    except msgspec.DecodeError as error:
        raise InvalidRequest(
            '`after` is not of the form [1790000000000000000, "trace", "id"]', param="after"
        ) from error


def _view(export: Export, runs: list[ExportRun]) -> ExportView:
    return ExportView(
        id=export.id,
        name=export.name,
        what=export.what,
        where=export.where,
        format=export.format,
        target=export.target,
        has_keys=bool(export.sealed_secret),
        schedule=export.schedule,
        next_from_at=at(export.through_ns),
        to_at=at_or_none(export.to_ns),
        paused=export.paused,
        created_by=export.created_by,
        created_at=at(export.created_at_ns),
        last_run=_run(runs[0]) if runs else None,
    )


def _run(run: ExportRun) -> RunView:
    return RunView(
        from_at=at(run.from_ns),
        to_at=at(run.to_ns),
        state=run.state,
        files=len(run.parts),
        rows=run.rows,
        size_bytes=run.size_bytes,
        rows_per_s=run.rows / (run.busy_ns / 1e9) if run.busy_ns and run.rows else None,
        reached_at=at(run.after.at_ns) if run.after else None,
        started_at=at(run.started_at_ns),
        ended_at=at_or_none(run.ended_at_ns),
        tries=run.tries,
        retry_at=at(run.retry_at_ns) if run.tries else None,
        detail=run.detail,
    )
