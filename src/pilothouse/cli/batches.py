"""`pilothouse batches`: many calls handed over in one file, and how far they are."""

import sys
import threading
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pilothouse.cli.client import Api, command
from pilothouse.cli.terminal import print_json, print_line, print_table, show_time, writing
from pilothouse.domain.batch import UNFINISHED, BatchStatus

app = typer.Typer(add_completion=False, no_args_is_help=True, help="List, watch, cancel and download batches.")

_POLL_S = 1.0
BatchId = Annotated[str, typer.Argument(help="The batch's id, as `batches list` shows it.")]


class Which(StrEnum):
    """Which of a batch's files."""

    OUTPUT = "output"
    ERRORS = "errors"
    INPUT = "input"


class Counts(msgspec.Struct):
    """Lines of a batch."""

    total: int
    completed: int
    failed: int


class Batch(msgspec.Struct):
    """A batch as the API shows it."""

    id: str
    status: BatchStatus
    endpoint: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    counts: Counts


class BatchPage(msgspec.Struct):
    """A page of batches."""

    items: list[Batch]
    next_cursor: str | None = None


class Fault(msgspec.Struct):
    """Why a batch could not be worked on."""

    code: str
    message: str
    line: int | None


class Job(msgspec.Struct):
    """Lines at a provider's own batch service."""

    account: str
    model: str
    lines: int
    state: str
    detail: str


class Detail(msgspec.Struct):
    """A batch with what belongs to it."""

    batch: Batch
    errors: list[Fault]
    jobs: list[Job]
    queued_lines: int


@app.command("list")
@command
def list_batches(
    api: Api,
    as_json: bool,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 50,
) -> None:
    """List the project's batches, newest first."""
    items: list[Batch] = []
    cursor: str | None = ""
    while cursor is not None and len(items) < limit:
        page = api.get("/batches", BatchPage, {"cursor": cursor, "limit": min(limit - len(items), 200)})
        items += page.items
        cursor = page.next_cursor
    if as_json:
        print_json(items)
        return
    rows = [
        (one.id, one.status, _progress(one), one.endpoint, show_time(one.created_at), show_time(one.ended_at))
        for one in items
    ]
    none = "No batches yet; send a file to POST /v1/files, then POST /v1/batches."
    print_table(("ID", "STATUS", "LINES", "ENDPOINT", "CREATED", "ENDED"), rows, none)


@app.command()
@command
def show(
    api: Api,
    as_json: bool,
    batch_id: BatchId,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until it is over; exit code 1 unless completed.")
    ] = False,
) -> None:
    """Show how far a batch is, and who runs its lines."""
    found = api.get(f"/batches/{batch_id}", Detail)
    said, pause = "", threading.Event()
    while watch and found.batch.status in UNFINISHED:
        if not as_json and (line := f"{found.batch.status}  {_progress(found.batch)}") != said:
            print_line(said := line)
        pause.wait(_POLL_S)
        found = api.get(f"/batches/{batch_id}", Detail)
    if as_json:
        print_json(found)
    else:
        _print(found)
    if watch and found.batch.status is not BatchStatus.COMPLETED:
        raise typer.Exit(1)


@app.command()
@command
def cancel(api: Api, as_json: bool, batch_id: BatchId) -> None:
    """End a batch before its time; what has run keeps its answers."""
    ended = api.post(f"/batches/{batch_id}/cancel", Batch, {})
    if as_json:
        print_json(ended)
    else:
        print_line(f"{ended.id} is {ended.status}")


@app.command()
@command
def download(
    api: Api,
    as_json: bool,
    batch_id: BatchId,
    which: Annotated[Which, typer.Option(help="Which file.")] = Which.OUTPUT,
    out: Annotated[Path | None, typer.Option(help="Where to; by default the terminal.", show_default=False)] = None,
) -> None:
    """Download the answers, the errors, or the input of a batch, one JSON document a line."""
    pieces = api.pieces(f"/batches/{batch_id}/files/{which}")
    if out is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    with writing(out), out.open("xb") as file:
        size_bytes = sum(file.write(piece) for piece in pieces)
    if as_json:
        print_json({"file": str(out), "size_bytes": size_bytes})
    else:
        print_line(f"wrote {out} ({size_bytes} bytes)")


def _progress(batch: Batch) -> str:
    counts = batch.counts
    failed = f", {counts.failed} failed" if counts.failed else ""
    return f"{counts.completed + counts.failed} of {counts.total}{failed}"


def _print(found: Detail) -> None:
    batch = found.batch
    print_line(f"{batch.id}  {batch.status}  {_progress(batch)}  {batch.endpoint}")
    ended = f", ended {show_time(batch.ended_at)}" if batch.ended_at else f", window ends {show_time(batch.expires_at)}"
    print_line(f"created {show_time(batch.created_at)}{ended}")
    for fault in found.errors:
        print_line(f"line {fault.line}: {fault.message}" if fault.line else fault.message)
    rows = [(job.account, job.model, str(job.lines), job.state, job.detail) for job in found.jobs]
    if found.queued_lines:
        rows.append(("–", "–", str(found.queued_lines), "one by one", ""))
    if rows:
        print_table(("ACCOUNT", "MODEL", "LINES", "STATE", "DETAIL"), rows, "")
