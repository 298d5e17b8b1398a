"""The loop that writes exports: window after window, file after file, so that a crash costs one file at most."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Protocol

import msgspec

from pilothouse import instruments
from pilothouse.domain.clock import Clock
from pilothouse.domain.exporting import (
    EXPORT_SCHEMA,
    Export,
    ExportChunk,
    ExportFormat,
    ExportPart,
    ExportRun,
    FolderTarget,
    RowPlace,
    RunState,
    Selection,
    folder_of,
)
from pilothouse.domain.secret import SecretBox
from pilothouse.errors import PilothouseError
from pilothouse.lifecycle import targets
from pilothouse.lifecycle.exports import context
from pilothouse.lifecycle.options import LifecycleOptions
from pilothouse.lifecycle.targets import Bucket, Folder, S3Keys, Store
from pilothouse.loops import Loop
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.transport.base import Transport

_log = logging.getLogger(__name__)
_LEASE_NS = 120 * 10**9
_MAX_TRIES = 12
_MAX_WAIT_S = 3600.0


class Rows(Protocol):
    """What this needs of the telemetry store; raises `StoreUnavailable` and `QueryRefused`."""

    async def chunk(self, wanted: Selection, fmt: ExportFormat, after: RowPlace | None) -> ExportChunk | None:
        """Return the rows that follow a place, None when there are no more."""
        ...


class ExportParts(msgspec.Struct, frozen=True):
    """What the loop works with."""

    metadata: Metadata
    rows: Rows
    transport: Transport
    box: SecretBox
    clock: Clock
    data: Path


class ExportLoop(Loop):
    """Writes what is due, one file of each export in turn."""

    def __init__(self, parts: ExportParts, options: LifecycleOptions) -> None:
        super().__init__("exports")
        self._parts = parts
        self._options = options

    async def tick(self) -> float:
        """Write at most one file of each export that has something due."""
        now_ns = self._parts.clock.now_ns()
        moved = False
        for export in await self._parts.metadata.read(lambda tx: tx.exports.active()):
            run = await self._parts.metadata.read(lambda tx, one=export: tx.exports.unfinished(one.id))
            due = export.window(now_ns) is not None if run is None else run.retry_at_ns <= now_ns
            if due and (run is None or run.state is RunState.RUNNING):
                moved = await self._work(export.id) or moved
        return 0.0 if moved else self._options.poll_s

    async def _work(self, export_id: str) -> bool:
        """Bring an export one file further; False when somebody else is at it."""
        now_ns, until_ns = self._parts.clock.now_ns(), self._parts.clock.now_ns() + _LEASE_NS
        export = await self._parts.metadata.write(lambda tx: tx.exports.take(export_id, now_ns, until_ns))
        if export is None:
            return False
        try:
            run = await self._parts.metadata.write(lambda tx: _begun(tx, export, now_ns))
            return run is not None and await self._step(export, run)
        finally:
            await self._parts.metadata.write(lambda tx: tx.exports.hold(export_id, 0))

    async def _step(self, export: Export, run: ExportRun) -> bool:
        began = time.perf_counter_ns()
        try:
            done = await self._write(export, run)
        except (PilothouseError, OSError) as error:
            await self._failed(export, run, error)
            return False
        done = msgspec.structs.replace(done, busy_ns=run.busy_ns + time.perf_counter_ns() - began)
        written = len(done.parts) > len(run.parts)
        if written:
            instruments.EXPORT_ROWS.inc(export.what.value, by=done.parts[-1].rows)

        def work(tx: Transaction) -> None:
            current, now = tx.exports.get(export.project_id, export.id), tx.exports.run(export.id, run.from_ns)
            if current is None or now is None:
                return
            stopped = now.state is RunState.STOPPED and done.state is RunState.RUNNING
            tx.exports.put_run(msgspec.structs.replace(done, state=RunState.STOPPED) if stopped else done)
            if done.state is RunState.DONE:
                tx.exports.replace(msgspec.structs.replace(current, through_ns=run.to_ns))

        await self._parts.metadata.write(work)
        return True

    async def _write(self, export: Export, run: ExportRun) -> ExportRun:
        """Return the run with one more file, or done with its manifest written."""
        wanted = Selection(
            project_id=export.project_id, what=export.what, where=export.where, from_ns=run.from_ns, to_ns=run.to_ns
        )
        store = self._store(export)
        folder = folder_of(export, run.from_ns, run.to_ns)
        found = await self._parts.rows.chunk(wanted, export.format, run.after)
        if found is None:
            ended = msgspec.structs.replace(
                run, state=RunState.DONE, ended_at_ns=self._parts.clock.now_ns(), detail="", tries=0
            )
            await store.put(f"{folder}/manifest.json", manifest(export, ended))
            return ended
        name = f"part-{len(run.parts) + 1:06}.{export.format.value}"
        await store.put(f"{folder}/{name}", found.body)
        digest = await asyncio.to_thread(targets.sha256, found.body)
        part = ExportPart(name, found.rows, len(found.body), digest)
        return msgspec.structs.replace(run, parts=(*run.parts, part), after=found.last, detail="", tries=0)

    async def _failed(self, export: Export, run: ExportRun, error: Exception) -> None:
        tries = run.tries + 1
        detail = error.detail if isinstance(error, PilothouseError) else str(error)
        _log.warning("the export %s cannot go on: %s", export.name, detail)
        instruments.EXPORT_FAILURES.inc()
        wait_s = min(_MAX_WAIT_S, 5.0 * 2**tries)
        failed = msgspec.structs.replace(
            run,
            tries=tries,
            detail=detail,
            state=RunState.FAILED if tries >= _MAX_TRIES else run.state,
            retry_at_ns=self._parts.clock.now_ns() + int(wait_s * 1e9),
        )

        def work(tx: Transaction) -> None:
            if tx.exports.get(export.project_id, export.id) is not None:
                tx.exports.put_run(failed)

        await self._parts.metadata.write(work)

    def _store(self, export: Export) -> Store:
        target = export.target
        if isinstance(target, FolderTarget):
            return Folder(targets.folder(target, self._parts.data, self._options.export_folders))
        opened = self._parts.box.open(export.sealed_secret, context(export.id))
        keys = msgspec.json.decode(opened, type=S3Keys)
        return Bucket(target, keys.credentials(), self._parts.transport, self._parts.clock)


def _begun(tx: Transaction, export: Export, now_ns: int) -> ExportRun | None:
    """Return the run to go on with, made when its window has not been begun; each window has one run."""
    run = tx.exports.unfinished(export.id)
    if run is not None:
        return run if run.state is RunState.RUNNING else None
    window = export.window(now_ns)
    if window is None:
        return None
    run = ExportRun(export_id=export.id, from_ns=window[0], to_ns=window[1], started_at_ns=now_ns)
    tx.exports.put_run(run)
    return run


def manifest(export: Export, run: ExportRun) -> bytes:
    """Return what says of a window's files what is in them; it is written last, so where it is, all is there."""
    said = {
        "export": export.name,
        "project_id": export.project_id,
        "what": export.what,
        "where": export.where,
        "format": export.format,
        "schema_version": EXPORT_SCHEMA,
        "from_ns": run.from_ns,
        "to_ns": run.to_ns,
        "written_at_ns": run.ended_at_ns,
        "rows": run.rows,
        "size_bytes": run.size_bytes,
        "files": run.parts,
    }
    return msgspec.json.format(msgspec.json.encode(said), indent=2)
