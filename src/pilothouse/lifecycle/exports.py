"""Exports as people order and watch them; the loop beside writes them."""

import re
from pathlib import Path

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.exporting import (
    Export,
    ExportFilter,
    ExportFormat,
    ExportRun,
    ExportWhat,
    FolderTarget,
    RunState,
    S3Target,
    Schedule,
)
from pilothouse.domain.ids import new_id
from pilothouse.domain.query.parser import parse
from pilothouse.domain.secret import SecretBox
from pilothouse.errors import Conflict, InvalidRequest, NotFound
from pilothouse.lifecycle import targets
from pilothouse.lifecycle.options import LifecycleOptions
from pilothouse.lifecycle.targets import S3Keys
from pilothouse.registry.secrets import fresh_nonce
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.journal import AuditEntry

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RUNS = 20
_WEEKDAYS = 7
_MAX_LATE_MINUTES = 7 * 24 * 60


class NewExport(msgspec.Struct, frozen=True, kw_only=True):
    """What an export is made of."""

    project_id: str
    name: str
    what: ExportWhat
    where: ExportFilter = ExportFilter()
    format: ExportFormat = ExportFormat.JSONL
    target: FolderTarget | S3Target = FolderTarget()
    keys: S3Keys | None = None
    schedule: Schedule | None = None
    from_ns: int | None = None
    """None begins with the window that is under way."""
    to_ns: int | None = None
    """Of a single run; None is now."""


class Exports:
    """The exports of all projects; raises `NotFound`, `InvalidRequest`, `Conflict` and what `Metadata` raises."""

    def __init__(self, metadata: Metadata, box: SecretBox, clock: Clock, data: Path, options: LifecycleOptions) -> None:
        self._metadata = metadata
        self._box = box
        self._clock = clock
        self._data = data
        self._options = options

    async def list_all(self, project_id: str) -> list[Export]:
        """Return a project's exports, newest first."""
        return await self._metadata.read(lambda tx: tx.exports.of_project(project_id))

    async def get(self, project_id: str, export_id: str) -> tuple[Export, list[ExportRun]]:
        """Return one export with its newest runs."""

        def work(tx: Transaction) -> tuple[Export, list[ExportRun]]:
            return _found(tx, project_id, export_id), tx.exports.runs([export_id], _RUNS)

        return await self._metadata.read(work)

    async def create(self, new: NewExport, *, actor: str) -> Export:
        """Order an export; its keys are sealed before they are kept."""
        now_ns = self._clock.now_ns()
        if not _NAME.fullmatch(new.name):
            raise InvalidRequest("a name has 1 to 64 letters, digits, . _ or -, and begins with no dot", param="name")
        parse(new.where.q)
        targets.checked(new.target, self._data, self._options.export_folders)
        if isinstance(new.target, S3Target) and (new.keys is None or not new.keys.access_key):
            raise InvalidRequest("a bucket needs its keys", param="keys")
        export_id = new_id()
        through_ns, to_ns = _range(new, now_ns)
        export = Export(
            id=export_id, project_id=new.project_id, name=new.name, what=new.what, where=new.where, format=new.format,
            target=new.target, sealed_secret=self._seal(export_id, new.keys), schedule=new.schedule,
            through_ns=through_ns, to_ns=to_ns, created_by=actor, created_at_ns=now_ns,
        )  # fmt: skip

        def work(tx: Transaction) -> Export:
            tx.exports.insert(export)
            detail = {"name": export.name, "what": export.what, "target": msgspec.to_builtins(export.target)}
            tx.audit.insert(AuditEntry(new_id(), now_ns, actor, "export.create", export_id, detail))
            return export

        return await self._metadata.write(work)

    async def stop(self, project_id: str, export_id: str, *, actor: str) -> Export:
        """Have an export rest; a run under way ends behind the file it is at."""
        return await self._pause(project_id, export_id, paused=True, actor=actor)

    async def resume(self, project_id: str, export_id: str, *, actor: str) -> Export:
        """Have an export go on where it stopped or failed; windows that passed meanwhile are written one by one."""
        return await self._pause(project_id, export_id, paused=False, actor=actor)

    async def delete(self, project_id: str, export_id: str, *, actor: str) -> None:
        """Forget an export and its keys; the files that it has written stay."""
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> None:
            export = _found(tx, project_id, export_id)
            tx.exports.delete(export_id)
            tx.audit.insert(AuditEntry(new_id(), now_ns, actor, "export.delete", export_id, {"name": export.name}))

        await self._metadata.write(work)

    async def _pause(self, project_id: str, export_id: str, *, paused: bool, actor: str) -> Export:
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> Export:
            export = _found(tx, project_id, export_id)
            run = tx.exports.unfinished(export_id)
            if paused and export.schedule is None and run is None and export.window(now_ns) is None:
                raise Conflict("the export is done and can no longer be stopped")
            changed = msgspec.structs.replace(export, paused=paused)
            tx.exports.replace(changed)
            if run is not None:
                state = RunState.STOPPED if paused else RunState.RUNNING
                tx.exports.put_run(msgspec.structs.replace(run, state=state, tries=0, retry_at_ns=0))
            action = "export.stop" if paused else "export.resume"
            tx.audit.insert(AuditEntry(new_id(), now_ns, actor, action, export_id, {"name": export.name}))
            return changed

        return await self._metadata.write(work)

    def _seal(self, export_id: str, keys: S3Keys | None) -> str:
        if keys is None:
            return ""
        return self._box.seal(msgspec.json.encode(keys).decode(), context(export_id), fresh_nonce())


def context(export_id: str) -> str:
    """Return what binds sealed keys to their export."""
    return f"export:{export_id}"


def _found(tx: Transaction, project_id: str, export_id: str) -> Export:
    export = tx.exports.get(project_id, export_id)
    if export is None:
        raise NotFound(f"no export {export_id[:64]!r} in this project")
    return export


def _range(new: NewExport, now_ns: int) -> tuple[int, int | None]:
    schedule = new.schedule
    if schedule is None:
        to_ns = new.to_ns if new.to_ns is not None else now_ns
        if (new.from_ns or 0) >= to_ns:
            raise InvalidRequest("the range is empty: its start is not before its end", param="from")
        return new.from_ns or 0, to_ns
    if new.to_ns is not None:
        raise InvalidRequest("an export on a schedule has no end", param="to")
    if not 0 <= schedule.hour < 24:
        raise InvalidRequest("the hour lies between 0 and 23", param="schedule/hour")
    if not 0 <= schedule.weekday < _WEEKDAYS:
        raise InvalidRequest("the weekday lies between 0 (Monday) and 6", param="schedule/weekday")
    if not 0 <= schedule.late_minutes <= _MAX_LATE_MINUTES:
        raise InvalidRequest("late_minutes lies between 0 and 10080", param="schedule/late_minutes")
    return schedule.last_end(min(new.from_ns, now_ns) if new.from_ns is not None else now_ns), None
