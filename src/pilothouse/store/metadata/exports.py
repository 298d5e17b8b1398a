"""Rows of exports and of their runs."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from pilothouse.domain.exporting import Export, ExportRun, RunState
from pilothouse.errors import Conflict
from pilothouse.store.metadata import lifecycle_tables

_exports = lifecycle_tables.exports
_runs = lifecycle_tables.export_runs


class Exports:
    """Exports and their runs, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, export: Export) -> None:
        """Add an export; raises `Conflict` when its project has one of that name."""
        values = {"id": export.id, "project_id": export.project_id, "lease_until_ns": 0, **_columns(export)}
        try:
            self._connection.execute(insert(_exports).values(values))
        except IntegrityError as error:
            raise Conflict(f"there is already an export with the name {export.name}", param="name") from error

    def replace(self, export: Export) -> None:
        """Write an export in the place of its earlier form."""
        self._connection.execute(update(_exports).where(_exports.c.id == export.id).values(_columns(export)))

    def delete(self, export_id: str) -> None:
        """Forget an export and its runs; what it has written stays."""
        self._connection.execute(delete(_runs).where(_runs.c.export_id == export_id))
        self._connection.execute(delete(_exports).where(_exports.c.id == export_id))

    def get(self, project_id: str, export_id: str) -> Export | None:
        """Return one export of a project."""
        found = select(_exports.c.spec).where(_exports.c.id == export_id, _exports.c.project_id == project_id)
        text = self._connection.execute(found).scalar_one_or_none()
        return None if text is None else msgspec.json.decode(text, type=Export)

    def of_project(self, project_id: str) -> list[Export]:
        """Return the exports of a project, newest first."""
        found = select(_exports.c.spec).where(_exports.c.project_id == project_id).order_by(_exports.c.id.desc())
        return [msgspec.json.decode(text, type=Export) for text in self._connection.execute(found).scalars()]

    def active(self) -> list[Export]:
        """Return every export that is not paused, the oldest first."""
        found = select(_exports.c.spec).where(_exports.c.paused.is_(False)).order_by(_exports.c.id)
        return [msgspec.json.decode(text, type=Export) for text in self._connection.execute(found).scalars()]

    def take(self, export_id: str, now_ns: int, until_ns: int) -> Export | None:
        """Return an export that nobody works on and keep others from it until a time; None when somebody does."""
        # A lease that ends later than ours would was made by a clock that has been set back since.
        free = or_(_exports.c.lease_until_ns <= now_ns, _exports.c.lease_until_ns > until_ns)
        held = update(_exports).where(_exports.c.id == export_id, free).values(lease_until_ns=until_ns)
        text = self._connection.execute(held.returning(_exports.c.spec)).scalar_one_or_none()
        return None if text is None else msgspec.json.decode(text, type=Export)

    def hold(self, export_id: str, until_ns: int) -> None:
        """Keep others from an export until a time; one in the past sets it free."""
        self._connection.execute(update(_exports).where(_exports.c.id == export_id).values(lease_until_ns=until_ns))

    def run(self, export_id: str, from_ns: int) -> ExportRun | None:
        """Return the run of the window that begins at a time."""
        found = select(_runs.c.run).where(_runs.c.export_id == export_id, _runs.c.from_ns == from_ns)
        text = self._connection.execute(found).scalar_one_or_none()
        return None if text is None else msgspec.json.decode(text, type=ExportRun)

    def runs(self, export_ids: Sequence[str], limit: int) -> list[ExportRun]:
        """Return the newest runs of exports, newest first."""
        found = select(_runs.c.run).where(_runs.c.export_id.in_(export_ids)).order_by(_runs.c.from_ns.desc())
        texts = self._connection.execute(found.limit(limit)).scalars()
        return [msgspec.json.decode(text, type=ExportRun) for text in texts]

    def put_run(self, run: ExportRun) -> None:
        """Write a run in the place of its earlier form."""
        values = {"to_ns": run.to_ns, "state": run.state.value, "run": msgspec.json.encode(run).decode()}
        mine = (_runs.c.export_id == run.export_id, _runs.c.from_ns == run.from_ns)
        if not self._connection.execute(update(_runs).where(*mine).values(values)).rowcount:
            named = {"export_id": run.export_id, "from_ns": run.from_ns}
            self._connection.execute(insert(_runs).values({**values, **named}))

    def unfinished(self, export_id: str) -> ExportRun | None:
        """Return the run that is not done."""
        found = select(_runs.c.run).where(_runs.c.export_id == export_id, _runs.c.state != RunState.DONE.value)
        text = self._connection.execute(found.order_by(_runs.c.from_ns).limit(1)).scalar_one_or_none()
        return None if text is None else msgspec.json.decode(text, type=ExportRun)


def _columns(export: Export) -> dict[str, object]:
    return {
        "name": export.name,
        "through_ns": export.through_ns,
        "paused": export.paused,
        "spec": msgspec.json.encode(export).decode(),
    }
