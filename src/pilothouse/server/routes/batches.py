"""Batches: many calls handed over in one file; the gateway takes and runs them, here they are watched."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, PathParameter
from litestar.response import Stream

from pilothouse.domain.batch import UNFINISHED, Batch, BatchStatus, JobState, NativeJob
from pilothouse.domain.files import File
from pilothouse.registry.batches import BatchSeen
from pilothouse.server.callers import CallerDep, ProjectDep
from pilothouse.server.parts import Parts
from pilothouse.server.queries import PageDep
from pilothouse.server.views import at, at_or_none


class CountsView(msgspec.Struct, frozen=True):
    """Lines of a batch; what is neither completed nor failed has not been run, or not yet."""

    total: int
    completed: int
    failed: int


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    """A batch."""

    id: str
    status: BatchStatus
    endpoint: str
    """The path that every line calls."""
    key_id: str
    """The virtual key in whose name it runs."""
    created_at: datetime
    expires_at: datetime
    """When the window ends."""
    started_at: datetime | None
    ended_at: datetime | None
    """When it was completed, failed, expired or cancelled."""
    counts: CountsView
    metadata: dict[str, str]
    """The caller's own."""


class BatchPage(msgspec.Struct, frozen=True):
    """A page of batches, newest first."""

    items: list[BatchView]
    next_cursor: str | None
    unfinished: int
    """Batches of the project that are not over."""


class FaultView(msgspec.Struct, frozen=True):
    """Why a batch could not be worked on."""

    code: str
    message: str
    line: int | None
    """Of the input file, from 1."""
    param: str | None


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that went to a provider's own batch service together."""

    account: str
    provider: str
    model: str
    lines: int
    state: JobState
    upstream_id: str
    detail: str
    """Why it waits, fell or expired."""
    submitted_at: datetime | None


class FileView(msgspec.Struct, frozen=True):
    """A file of a batch."""

    id: str
    name: str
    size_bytes: int
    expires_at: datetime | None


class BatchDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A batch with what belongs to it."""

    batch: BatchView
    errors: list[FaultView]
    jobs: list[JobView]
    queued_lines: int
    """Lines that run one by one, because their account has no batch service."""
    input_file: FileView | None
    output_file: FileView | None
    error_file: FileView | None


BatchId = Annotated[str, PathParameter(description="The batch's id.")]


@get("/batches", operation_id="listBatches", summary="List batches")
async def list_all(parts: Parts, project: ProjectDep, page: PageDep) -> BatchPage:
    """Return the project's batches, newest first."""
    found = await parts.batches.page(project, page.limit + 1, page.cursor)
    counts = await parts.batches.counts(project)
    shown = found[: page.limit]
    following = shown[-1].id if len(found) > page.limit else None
    return BatchPage([_view(one) for one in shown], following, sum(counts.get(status, 0) for status in UNFINISHED))


@get("/batches/{batch_id:str}", operation_id="getBatch", summary="Show a batch")
async def show(parts: Parts, project: ProjectDep, batch_id: BatchId) -> BatchDetail:
    """Return one batch with its jobs and files."""
    return _detail(await parts.batches.get(project, batch_id))


@post("/batches/{batch_id:str}/cancel", operation_id="cancelBatch", summary="Cancel a batch", status_code=200)
async def cancel(parts: Parts, project: ProjectDep, caller: CallerDep, batch_id: BatchId) -> BatchView:
    """End a batch before its time; what has run keeps its answers."""
    return _view(await parts.batches.cancel(project, batch_id, actor=caller.actor))


@get("/batches/{batch_id:str}/files/{which:str}", operation_id="getBatchFile", summary="Download a batch's file")
async def content(
    parts: Parts, project: ProjectDep, batch_id: BatchId, which: FromPath[Literal["input", "output", "errors"]]
) -> Stream:
    """Return a file of the batch, one JSON document a line."""
    file, pieces = await parts.batches.content(project, batch_id, which)
    headers = {
        "content-disposition": f'attachment; filename="{batch_id}-{which}.jsonl"',
        "content-length": str(file.size_bytes),
    }
    return Stream(pieces, media_type="application/jsonl", headers=headers)


HANDLERS = (list_all, show, cancel, content)


def _view(batch: Batch) -> BatchView:
    ended_at_ns = batch.completed_at_ns or batch.failed_at_ns or batch.expired_at_ns or batch.cancelled_at_ns
    counts = batch.counts
    return BatchView(
        id=batch.id,
        status=batch.status,
        endpoint=batch.endpoint,
        key_id=batch.key_id,
        created_at=at(batch.created_at_ns),
        expires_at=at(batch.expires_at_ns),
        started_at=at_or_none(batch.in_progress_at_ns),
        ended_at=at_or_none(ended_at_ns),
        counts=CountsView(counts.total, counts.completed, counts.failed),
        metadata=batch.metadata,
    )


def _detail(seen: BatchSeen) -> BatchDetail:
    batch, files = seen.batch, seen.files
    handed_over = sum(job.lines for job in seen.jobs if job.state is not JobState.FALLEN)
    return BatchDetail(
        batch=_view(batch),
        errors=[FaultView(one.code, one.message, one.line, one.param) for one in batch.errors],
        jobs=[_job(job) for job in seen.jobs],
        queued_lines=max(0, batch.counts.total - handed_over),
        input_file=_file(files.input),
        output_file=_file(files.output),
        error_file=_file(files.errors),
    )


def _job(job: NativeJob) -> JobView:
    return JobView(
        account=job.account,
        provider=job.provider,
        model=job.model,
        lines=job.lines,
        state=job.state,
        upstream_id=job.upstream_id,
        detail=job.detail,
        submitted_at=at_or_none(job.submitted_at_ns or None),
    )


def _file(file: File | None) -> FileView | None:
    return None if file is None else FileView(file.id, file.name, file.size_bytes, at_or_none(file.expires_at_ns))
