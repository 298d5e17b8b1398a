"""Rows of redaction policies."""

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select

from pilothouse.domain.redaction.policy import Policy, ProjectPolicy
from pilothouse.store.metadata.redaction_tables import redaction_policies as _policies


class KeptPolicy(msgspec.Struct, frozen=True):
    """A project's policy, and who changed it last."""

    stated: ProjectPolicy
    changed_at_ns: int
    changed_by: str
    """As the audit names the caller."""


class RedactionPolicies:
    """The redaction policies, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[ProjectPolicy]:
        """Return the policies of all projects."""
        rows = self._connection.execute(select(_policies).order_by(_policies.c.project_id)).all()
        return [_kept(row).stated for row in rows]

    def get(self, project_id: str) -> KeptPolicy | None:
        """Return the policy of a project; None when it never had one."""
        row = self._connection.execute(select(_policies).where(_policies.c.project_id == project_id)).one_or_none()
        return _kept(row) if row else None

    def put(self, kept: KeptPolicy) -> None:
        """Write a policy in the place of the project's earlier one."""
        stated = kept.stated
        self._connection.execute(delete(_policies).where(_policies.c.project_id == stated.project_id))
        self._connection.execute(
            insert(_policies).values(
                project_id=stated.project_id,
                version=stated.version,
                policy=msgspec.json.encode(stated.policy).decode(),
                changed_at_ns=kept.changed_at_ns,
                changed_by=kept.changed_by,
            )
        )


def _kept(row: Row[tuple[object, ...]]) -> KeptPolicy:
    policy = msgspec.json.decode(row.policy, type=Policy)
    return KeptPolicy(ProjectPolicy(row.project_id, row.version, policy), row.changed_at_ns, row.changed_by)
