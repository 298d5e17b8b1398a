"""Rows of projects and virtual keys."""

import msgspec
from sqlalchemy import Connection, Row, func, insert, or_, select, update

from pilothouse.domain.access import Permission, Project, VirtualKey
from pilothouse.store.metadata import tables

_projects = tables.projects
_keys = tables.virtual_keys


class Projects:
    """The projects, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Project]:
        """Return every project, oldest first."""
        rows = self._connection.execute(select(_projects)).all()
        return sorted((_project(row) for row in rows), key=lambda project: (project.created_at_ns, project.id))

    def get(self, project_id: str) -> Project | None:
        """Return one project."""
        row = self._connection.execute(select(_projects).where(_projects.c.id == project_id)).one_or_none()
        return _project(row) if row else None

    def insert(self, project: Project) -> None:
        """Add a project; raises `Conflict` when the name is taken."""
        self._connection.execute(insert(_projects).values(msgspec.structs.asdict(project)))

    def rename(self, project_id: str, name: str) -> None:
        """Change a project's name; raises `Conflict` when it is taken."""
        self._connection.execute(update(_projects).where(_projects.c.id == project_id).values(name=name))


class Keys:
    """The virtual keys, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_project(self, project_id: str) -> list[VirtualKey]:
        """Return every key of a project, revoked ones too, newest first."""
        rows = self._connection.execute(select(_keys).where(_keys.c.project_id == project_id)).all()
        return sorted((_key(row) for row in rows), key=lambda key: (key.created_at_ns, key.id), reverse=True)

    def alive_since(self, since_ns: int) -> list[VirtualKey]:
        """Return the keys that had neither expired nor been revoked by `since_ns`, ordered by id."""
        statement = select(_keys).where(
            or_(_keys.c.expires_at_ns.is_(None), _keys.c.expires_at_ns > since_ns),
            or_(_keys.c.revoked_at_ns.is_(None), _keys.c.revoked_at_ns > since_ns),
        )
        return sorted((_key(row) for row in self._connection.execute(statement).all()), key=lambda key: key.id)

    def count(self) -> int:
        """Return how many keys there ever were."""
        return self._connection.execute(select(func.count()).select_from(_keys)).scalar_one()

    def get(self, project_id: str, key_id: str) -> VirtualKey | None:
        """Return one key of a project."""
        statement = select(_keys).where(_keys.c.id == key_id, _keys.c.project_id == project_id)
        row = self._connection.execute(statement).one_or_none()
        return _key(row) if row else None

    def by_digest(self, digest: str) -> VirtualKey | None:
        """Return the key of a secret's digest."""
        row = self._connection.execute(select(_keys).where(_keys.c.digest == digest)).one_or_none()
        return _key(row) if row else None

    def insert(self, key: VirtualKey) -> None:
        """Add a key; raises `Conflict` when a live key of the project has the name."""
        values = msgspec.structs.asdict(key)
        self._connection.execute(
            insert(_keys).values({**values, "permissions": to_json(key.permissions), "models": to_json(key.models)})
        )

    def revoke(self, key_id: str, at_ns: int) -> None:
        """Set the time of revocation."""
        self._connection.execute(update(_keys).where(_keys.c.id == key_id).values(revoked_at_ns=at_ns))


def to_json(value: object) -> str:
    """Return a value as the JSON text of its column."""
    return msgspec.json.encode(value).decode()


def _project(row: Row[tuple[object, ...]]) -> Project:
    return Project(row.id, row.name, row.created_at_ns)


def _key(row: Row[tuple[object, ...]]) -> VirtualKey:
    return VirtualKey(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        digest=row.digest,
        hint=row.hint,
        permissions=msgspec.json.decode(row.permissions, type=tuple[Permission, ...]),
        models=msgspec.json.decode(row.models, type=tuple[str, ...]),
        created_at_ns=row.created_at_ns,
        expires_at_ns=row.expires_at_ns,
        revoked_at_ns=row.revoked_at_ns,
    )
