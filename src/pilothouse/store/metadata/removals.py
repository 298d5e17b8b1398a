"""Rows of what is removed: retention by project, deletions on request, and the marks of removed traces."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pilothouse.domain.keeping import Deletion, DeletionState, KeptRetention
from pilothouse.store.metadata import lifecycle_tables

_retentions = lifecycle_tables.retentions
_deletions = lifecycle_tables.deletions
_marks = lifecycle_tables.removed_traces
_PIECE = 1_000


class Retentions:
    """Retention by project, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, project_id: str) -> KeptRetention:
        """Return a project's retention; without one everything is kept."""
        found = select(_retentions.c.kept).where(_retentions.c.project_id == project_id)
        text = self._connection.execute(found).scalar_one_or_none()
        return KeptRetention(project_id=project_id) if text is None else msgspec.json.decode(text, type=KeptRetention)

    def all(self) -> list[KeptRetention]:
        """Return every project's retention."""
        texts = self._connection.execute(select(_retentions.c.kept)).scalars()
        return [msgspec.json.decode(text, type=KeptRetention) for text in texts]

    def put(self, kept: KeptRetention) -> None:
        """Write a project's retention in the place of its earlier one."""
        self._connection.execute(delete(_retentions).where(_retentions.c.project_id == kept.project_id))
        text = msgspec.json.encode(kept).decode()
        self._connection.execute(insert(_retentions).values(project_id=kept.project_id, kept=text))


class Deletions:
    """Deletions and the marks of removed traces, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, deletion: Deletion) -> None:
        """Add a deletion."""
        values = {
            "id": deletion.id,
            "project_id": deletion.project_id,
            "requested_at_ns": deletion.requested_at_ns,
            "lease_until_ns": 0,
            **_columns(deletion),
        }
        self._connection.execute(insert(_deletions).values(values))

    def replace(self, deletion: Deletion, lease_until_ns: int) -> None:
        """Write a deletion in the place of its earlier form, and keep others from it until a time."""
        values = {**_columns(deletion), "lease_until_ns": lease_until_ns}
        self._connection.execute(update(_deletions).where(_deletions.c.id == deletion.id).values(values))

    def get(self, project_id: str, deletion_id: str) -> Deletion | None:
        """Return one deletion of a project."""
        mine = (_deletions.c.id == deletion_id, _deletions.c.project_id == project_id)
        text = self._connection.execute(select(_deletions.c.deletion).where(*mine)).scalar_one_or_none()
        return None if text is None else msgspec.json.decode(text, type=Deletion)

    def page(self, project_id: str, limit: int, before_ns: int) -> list[Deletion]:
        """Return deletions of a project that were requested before a time, newest first."""
        mine = (_deletions.c.project_id == project_id, _deletions.c.requested_at_ns < before_ns)
        found = select(_deletions.c.deletion).where(*mine).order_by(_deletions.c.requested_at_ns.desc()).limit(limit)
        return [msgspec.json.decode(text, type=Deletion) for text in self._connection.execute(found).scalars()]

    def open_of(self, project_id: str, digest: str) -> Deletion | None:
        """Return the deletion of the same subject that has not begun to remove."""
        mine = (_deletions.c.project_id == project_id, _deletions.c.state == DeletionState.WAITING.value)
        texts = self._connection.execute(select(_deletions.c.deletion).where(*mine)).scalars()
        found = (msgspec.json.decode(text, type=Deletion) for text in texts)
        return next((one for one in found if one.digest == digest), None)

    def due(self, now_ns: int) -> bool:
        """Return whether there is a deletion to work on."""
        found = select(_deletions.c.id).where(
            _deletions.c.state != DeletionState.DONE.value, _deletions.c.lease_until_ns <= now_ns
        )
        return self._connection.execute(found.limit(1)).first() is not None

    def claim(self, now_ns: int, until_ns: int) -> Deletion | None:
        """Return the oldest deletion to work on and keep others from it until a time."""
        due = (_deletions.c.state != DeletionState.DONE.value, _deletions.c.lease_until_ns <= now_ns)
        found = select(_deletions.c.deletion).where(*due).order_by(_deletions.c.requested_at_ns).limit(1)
        text = self._connection.execute(found.with_for_update(skip_locked=True)).scalar_one_or_none()
        if text is None:
            return None
        deletion = msgspec.json.decode(text, type=Deletion)
        self.replace(deletion, until_ns)
        return deletion

    def mark(self, marks: Sequence[bytes], now_ns: int, until_ns: int) -> None:
        """Note removed traces; one that is noted already is kept for longer."""
        kind = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        for start in range(0, len(marks), _PIECE):
            rows = [
                {"mark": mark, "removed_at_ns": now_ns, "until_ns": until_ns} for mark in marks[start : start + _PIECE]
            ]
            statement = kind.insert(_marks)
            later = {"removed_at_ns": statement.excluded.removed_at_ns, "until_ns": statement.excluded.until_ns}
            self._connection.execute(statement.on_conflict_do_update(index_elements=["mark"], set_=later), rows)

    def marks(self, since_ns: int, now_ns: int) -> Iterable[bytes]:
        """Return the marks that were made at or after a time and still count."""
        fresh = (_marks.c.removed_at_ns >= since_ns, _marks.c.until_ns > now_ns)
        return self._connection.execute(select(_marks.c.mark).where(*fresh)).scalars().all()

    def forget_marks(self, now_ns: int) -> None:
        """Forget the marks whose time is over."""
        self._connection.execute(delete(_marks).where(_marks.c.until_ns <= now_ns))


def _columns(deletion: Deletion) -> dict[str, object]:
    return {"state": deletion.state.value, "deletion": msgspec.json.encode(deletion).decode()}
