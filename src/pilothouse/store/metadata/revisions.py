"""Rows of revisions: orders to price or map kept spans anew, and how far they are."""

import msgspec
from sqlalchemy import Connection, insert, inspect, select, update

from pilothouse.domain.revision import Revision, RevisionState
from pilothouse.store.metadata import revision_tables

_revisions = revision_tables.revisions
_OPEN = (RevisionState.WAITING.value, RevisionState.RUNNING.value)


class Revisions:
    """Revisions, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, revision: Revision) -> None:
        """Add a revision."""
        values = {
            "id": revision.id,
            "project_id": revision.project_id,
            "requested_at_ns": revision.requested_at_ns,
            **_columns(revision),
        }
        self._connection.execute(insert(_revisions).values(values))

    def replace(self, revision: Revision) -> None:
        """Write a revision in the place of its earlier form."""
        self._connection.execute(update(_revisions).where(_revisions.c.id == revision.id).values(_columns(revision)))

    def get(self, project_id: str, revision_id: str, *, to_change: bool = False) -> Revision | None:
        """Return one revision of a project; one that is to be changed is kept from others until the end."""
        mine = (_revisions.c.id == revision_id, _revisions.c.project_id == project_id)
        found = select(_revisions.c.revision).where(*mine)
        text = self._connection.execute(found.with_for_update() if to_change else found).scalar_one_or_none()
        return None if text is None else msgspec.json.decode(text, type=Revision)

    def page(self, project_id: str, limit: int, before_ns: int) -> list[Revision]:
        """Return revisions of a project that were requested before a time, newest first."""
        mine = (_revisions.c.project_id == project_id, _revisions.c.requested_at_ns < before_ns)
        found = select(_revisions.c.revision).where(*mine).order_by(_revisions.c.requested_at_ns.desc()).limit(limit)
        return [msgspec.json.decode(text, type=Revision) for text in self._connection.execute(found).scalars()]

    def is_there(self) -> bool:
        """Return whether the database has the table: another process brings the schema up."""
        return inspect(self._connection).has_table(_revisions.name)

    def first(self) -> Revision | None:
        """Return the one that is to be worked on: of all that are neither stopped nor ended, the oldest."""
        found = select(_revisions.c.revision).where(_revisions.c.state.in_(_OPEN))
        text = self._connection.execute(found.order_by(_revisions.c.requested_at_ns).limit(1)).scalar_one_or_none()
        return None if text is None else msgspec.json.decode(text, type=Revision)


def _columns(revision: Revision) -> dict[str, str]:
    return {"state": revision.state.value, "revision": msgspec.json.encode(revision).decode()}
