"""`pilothouse export`: rows downloaded to a file, and the exports that the platform writes by itself."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import msgspec
import typer

from pilothouse.cli.client import Api, command
from pilothouse.cli.lengths import length
from pilothouse.cli.terminal import print_json, print_line, print_table, show_time, writing
from pilothouse.domain.exporting import ExportFormat, ExportWhat
from pilothouse.errors import SettingsInvalid

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Download rows; list, stop and resume exports.")

_TAIL_BYTES = 1 << 20
_FOREVER = "all"


class _Verb(StrEnum):
    STOP = "stop"
    RESUME = "resume"


class _Run(msgspec.Struct):
    from_at: datetime
    to_at: datetime
    state: str
    files: int
    rows: int
    size_bytes: int
    rows_per_s: float | None
    detail: str


class _Export(msgspec.Struct):
    id: str
    name: str
    what: str
    format: str
    paused: bool
    last_run: _Run | None = None


class _List(msgspec.Struct):
    items: list[_Export]


class _Detail(msgspec.Struct):
    export: _Export
    runs: list[_Run]


class _Place(msgspec.Struct):
    trace_id: str
    started_at_ns: int | None = None
    at_ns: int | None = None
    span_id: str = ""
    id: str = ""


ExportId = Annotated[str, typer.Argument(help="The export's id, as `export list` shows it.")]


@app.command()
@command
def rows(
    api: Api,
    as_json: bool,
    out: Annotated[
        Path, typer.Option(help="File to write, `.jsonl` or `.parquet`; one that is there is gone on with.")
    ],
    what: Annotated[ExportWhat, typer.Option(help="Which rows.")] = ExportWhat.SPANS,
    since: Annotated[str, typer.Option(help="How far back, such as 15m, 24h or 7d; `all` for everything.")] = "24h",
    query: Annotated[str, typer.Option(help="In the query language, such as `status:error`.")] = "",
) -> None:
    """Download rows to a file, oldest first; the same command goes on where a download was cut."""
    fmt = ExportFormat.PARQUET if out.suffix == ".parquet" else ExportFormat.JSONL
    after = ""
    if out.exists():
        if fmt is not ExportFormat.JSONL:
            raise SettingsInvalid(f"{out} exists; a Parquet file cannot be gone on with, so give another name")
        with writing(out):
            after = _cut_to_whole_rows(out)
    wanted = {"what": what.value, "format": fmt.value, "from": _start(since), "q": query, "after": after}
    path = f"/exports/stream?{urlencode({name: value for name, value in wanted.items() if value})}"
    with writing(out):
        written = _write(out, api.pieces(path))
    if as_json:
        print_json({"file": str(out), "size_bytes": written})
    else:
        print_line(f"{out}: {written} bytes written")


@app.command("list")
@command
def list_exports(api: Api, as_json: bool) -> None:
    """List the project's exports, newest first."""
    items = api.get("/exports", _List).items
    if as_json:
        print_json(items)
        return
    lines = [
        (one.id, one.name, one.what, one.format, "stopped" if one.paused else _state(one.last_run)) for one in items
    ]
    print_table(("ID", "NAME", "ROWS", "FORMAT", "STATE"), lines, "No exports yet; order one in Settings, Exports.")


@app.command()
@command
def show(api: Api, as_json: bool, export_id: ExportId) -> None:
    """Show an export with its newest windows and how far they are."""
    found = api.get(f"/exports/{export_id}", _Detail)
    if as_json:
        print_json(found)
        return
    print_line(f"{found.export.name}  {found.export.what}  {found.export.format}")
    lines = [
        (
            show_time(run.from_at), show_time(run.to_at), run.state, str(run.rows), str(run.files),
            f"{run.rows_per_s:.0f}/s" if run.rows_per_s else "", run.detail,
        )
        for run in found.runs
    ]  # fmt: skip
    print_table(("FROM", "TO", "STATE", "ROWS", "FILES", "RATE", ""), lines, "No window is written yet.")


@app.command()
@command
def stop(api: Api, as_json: bool, export_id: ExportId) -> None:
    """Have an export rest behind the file it is at."""
    _change(api, export_id, _Verb.STOP, as_json=as_json)


@app.command()
@command
def resume(api: Api, as_json: bool, export_id: ExportId) -> None:
    """Have an export go on where it stopped or failed."""
    _change(api, export_id, _Verb.RESUME, as_json=as_json)


def _change(api: Api, export_id: str, verb: _Verb, *, as_json: bool) -> None:
    changed = api.post(f"/exports/{export_id}/{verb}", _Export, {})
    if as_json:
        print_json(changed)
    else:
        print_line(f"{changed.name}  {'stopped' if changed.paused else 'goes on'}")


def _state(run: _Run | None) -> str:
    return "waits" if run is None else f"{run.state}, {run.rows} rows"


def _start(since: str) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) if since == _FOREVER else datetime.now(UTC) - length(since)
    return moment.isoformat().replace("+00:00", "Z")


def _write(out: Path, pieces: Iterator[bytes]) -> int:
    """Append what comes and return how much it was; asked for before the file is touched, so a refusal leaves none."""
    written = 0
    first = next(pieces, b"")
    with out.open("ab") as file:
        written += file.write(first)
        for piece in pieces:
            written += file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return written


def _cut_to_whole_rows(out: Path) -> str:
    """Return where the last whole row stands, and cut what a broken download left behind it.

    A file that holds anything else is left as it is; raises `SettingsInvalid`.
    """
    size = out.stat().st_size
    if not size:
        return ""
    with out.open("r+b") as file:
        tail, start = b"", size
        while start > 0 and tail.count(b"\n") < 2:
            start = max(0, start - _TAIL_BYTES)
            file.seek(start)
            tail = file.read(size - start)
        end = tail.rfind(b"\n") + 1
        try:
            row = msgspec.json.decode(tail[:end].splitlines()[-1] if end else b"", type=_Place)
        except msgspec.DecodeError as error:
            raise SettingsInvalid(f"{out} holds no exported rows; remove it, or give another name") from error
        file.truncate(start + end)
    at_ns = row.started_at_ns if row.started_at_ns is not None else row.at_ns
    return msgspec.json.encode([at_ns, row.trace_id, row.span_id if row.started_at_ns is not None else row.id]).decode()
