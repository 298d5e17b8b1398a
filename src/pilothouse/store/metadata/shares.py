"""Rows of share links, and of the projects that allow none."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from pilothouse.domain.share import Share, SharedBoard, ShareKind, SharingPolicy
from pilothouse.store.metadata.team_tables import shares as _shares
from pilothouse.store.metadata.team_tables import sharing_policies as _policies

_PIECE = 1_000
_boards = msgspec.json.Decoder(SharedBoard)


class Shares:
    """The share links, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_project(self, project_id: str) -> list[Share]:
        """Return a project's links, those that are over too, newest first."""
        found = select(_shares).where(_shares.c.project_id == project_id)
        order = (_shares.c.created_at_ns.desc(), _shares.c.id.desc())
        return [_share(row) for row in self._connection.execute(found.order_by(*order)).mappings()]

    def get(self, project_id: str, share_id: str) -> Share | None:
        """Return one link."""
        found = select(_shares).where(_shares.c.project_id == project_id, _shares.c.id == share_id)
        row = self._connection.execute(found).mappings().one_or_none()
        return _share(row) if row else None

    def by_digest(self, digest: str) -> Share | None:
        """Return the link of a token's digest."""
        row = self._connection.execute(select(_shares).where(_shares.c.digest == digest)).mappings().one_or_none()
        return _share(row) if row else None

    def insert(self, share: Share) -> None:
        """Add a link."""
        self._connection.execute(insert(_shares).values(_values(share)))

    def revoke(self, share_id: str, at_ns: int) -> None:
        """Set the time of revocation."""
        self._connection.execute(update(_shares).where(_shares.c.id == share_id).values(revoked_at_ns=at_ns))

    def note_opened(self, share_id: str, at_ns: int) -> None:
        """Count that the page was opened."""
        values = {"opened": _shares.c.opened + 1, "opened_at_ns": at_ns}
        self._connection.execute(update(_shares).where(_shares.c.id == share_id).values(values))

    def purge(self, project_id: str, ended_before_ns: int) -> None:
        """Forget a project's links that ended before a time."""
        over = (_shares.c.project_id == project_id, _shares.c.expires_at_ns < ended_before_ns)
        self._connection.execute(delete(_shares).where(*over))

    def end_of_traces(self, project_id: str, trace_ids: Sequence[str], at_ns: int) -> int:
        """End the links to traces that are removed, forget which traces they were, and return how many there were."""
        count = 0
        for start in range(0, len(trace_ids), _PIECE):
            gone = (_shares.c.project_id == project_id, _shares.c.trace_id.in_(trace_ids[start : start + _PIECE]))
            values = {"trace_id": "", "name": "", "revoked_at_ns": at_ns}
            count += self._connection.execute(update(_shares).where(*gone).values(values)).rowcount
        return count

    def end_of_dashboard(self, project_id: str, dashboard_id: str, at_ns: int) -> int:
        """End the links to a dashboard that is removed, forget what it was, and return how many there were."""
        gone = (_shares.c.project_id == project_id, _shares.c.dashboard_id == dashboard_id)
        values = {"dashboard_id": "", "name": "", "board": None, "revoked_at_ns": at_ns}
        return self._connection.execute(update(_shares).where(*gone).values(values)).rowcount

    def policy(self, project_id: str) -> SharingPolicy:
        """Return whether a project allows links; one that never said does."""
        found = select(_policies).where(_policies.c.project_id == project_id)
        row = self._connection.execute(found).mappings().one_or_none()
        return SharingPolicy(**row) if row else SharingPolicy(project_id=project_id)

    def put_policy(self, policy: SharingPolicy) -> None:
        """Write a project's policy in the place of its earlier one."""
        self._connection.execute(delete(_policies).where(_policies.c.project_id == policy.project_id))
        self._connection.execute(insert(_policies).values(msgspec.structs.asdict(policy)))


def _values(share: Share) -> dict[str, object]:
    board = None if share.board is None else msgspec.json.encode(share.board).decode()
    return {**msgspec.structs.asdict(share), "kind": share.kind.value, "board": board}


def _share(row: RowMapping) -> Share:
    board = None if row["board"] is None else _boards.decode(row["board"])
    values: dict[str, Any] = {**row, "kind": ShareKind(row["kind"]), "board": board}
    return Share(**values)
