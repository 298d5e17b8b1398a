"""Rows that accompany others: the snapshot's version, the audit, replies kept for repeats, single values."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, update

from pilothouse.store.metadata import tables

_version = tables.snapshot_version
_audit = tables.audit
_replies = tables.idempotency_keys
_kv = tables.kv


class AuditEntry(msgspec.Struct, frozen=True):
    """Who changed what, and when."""

    id: str
    at_ns: int
    actor: str
    """`person:<id>`, `key:<id>`, or a part of the installation such as `start`."""
    action: str
    """Noun and verb, such as `key.revoke`."""
    subject: str
    """The id of the thing that was changed."""
    detail: dict[str, Any]
    """What changed; never a secret."""


class KeptReply(msgspec.Struct, frozen=True):
    """The reply to a write, kept for its repeats."""

    scope: str
    key: str
    request_digest: str
    status: int
    """HTTP status; 0 while the first request is under way."""
    sealed_reply: bytes
    expires_at_ns: int


class Version:
    """The version of the snapshot, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> int:
        """Return the version."""
        return self._connection.execute(select(_version.c.version)).scalar_one()

    def lock(self) -> None:
        """Keep other writers of the registry out until this transaction ends, so that checks hold when it commits."""
        self._connection.execute(select(_version.c.version).with_for_update())

    def bump(self) -> int:
        """Raise the version by one and return it."""
        statement = update(_version).values(version=_version.c.version + 1).returning(_version.c.version)
        return self._connection.execute(statement).scalar_one()


class Audit:
    """The audit, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, entry: AuditEntry) -> None:
        """Add an entry."""
        values = {**msgspec.structs.asdict(entry), "detail": msgspec.json.encode(entry.detail).decode()}
        self._connection.execute(insert(_audit).values(values))

    def newest(self, limit: int, before_id: str = "") -> list[AuditEntry]:
        """Return the newest entries, those older than `before_id` when it is given."""
        statement = select(_audit).order_by(_audit.c.at_ns.desc(), _audit.c.id.desc()).limit(limit)
        if before_id:
            at_ns = select(_audit.c.at_ns).where(_audit.c.id == before_id).scalar_subquery()
            older = or_(_audit.c.at_ns < at_ns, and_(_audit.c.at_ns == at_ns, _audit.c.id < before_id))
            statement = statement.where(older)
        return [_entry(row) for row in self._connection.execute(statement).all()]


class Replies:
    """Kept replies, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, scope: str, key: str) -> KeptReply | None:
        """Return the reply kept for an idempotency key."""
        statement = select(_replies).where(_replies.c.scope == scope, _replies.c.key == key)
        row = self._connection.execute(statement).mappings().one_or_none()
        return KeptReply(**row) if row else None

    def put(self, reply: KeptReply) -> None:
        """Write a reply in the place of any earlier one."""
        self.delete(reply.scope, reply.key)
        self._connection.execute(insert(_replies).values(msgspec.structs.asdict(reply)))

    def delete(self, scope: str, key: str) -> None:
        """Forget a reply."""
        self._connection.execute(delete(_replies).where(_replies.c.scope == scope, _replies.c.key == key))

    def purge(self, now_ns: int) -> None:
        """Forget every reply whose time is over."""
        self._connection.execute(delete(_replies).where(_replies.c.expires_at_ns <= now_ns))


class Values:
    """Single values by name, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> str | None:
        """Return a value."""
        return self._connection.execute(select(_kv.c.value).where(_kv.c.key == key)).scalar_one_or_none()

    def put(self, key: str, value: str) -> None:
        """Write a value."""
        self._connection.execute(delete(_kv).where(_kv.c.key == key))
        self._connection.execute(insert(_kv).values(key=key, value=value))


def _entry(row: Row[tuple[object, ...]]) -> AuditEntry:
    detail = msgspec.json.decode(row.detail, type=dict[str, Any])
    return AuditEntry(row.id, row.at_ns, row.actor, row.action, row.subject, detail)
