"""Rows of people, their sessions, their one-time links and their failed sign-ins."""

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from pilothouse.domain.access import Role
from pilothouse.domain.people import Membership, Person
from pilothouse.store.metadata import tables

_people = tables.people
_memberships = tables.memberships
_sessions = tables.sessions
_links = tables.sign_in_links
_failures = tables.login_failures
_FAILURES_LOCK = 0x6C6F67696E  # "login"


class SessionRow(msgspec.Struct, frozen=True):
    """A browser session as it is kept."""

    digest: str
    person_id: str
    created_at_ns: int
    seen_at_ns: int
    expires_at_ns: int


class LinkRow(msgspec.Struct, frozen=True):
    """A one-time link as it is kept."""

    digest: str
    created_at_ns: int
    expires_at_ns: int
    used_at_ns: int | None = None


class FailureRow(msgspec.Struct, frozen=True):
    """How often signing in failed for one client or one email."""

    kind: str
    subject: str
    """A digest: neither addresses nor emails that somebody tried are kept."""
    failures: int
    last_at_ns: int
    blocked_until_ns: int


class People:
    """People and memberships, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Person]:
        """Return every person, by email."""
        rows = self._connection.execute(select(_people)).all()
        return sorted((self._person(row) for row in rows), key=lambda person: person.email)

    def count(self) -> int:
        """Return how many people there are."""
        return self._connection.execute(select(func.count()).select_from(_people)).scalar_one()

    def get(self, person_id: str) -> Person | None:
        """Return one person."""
        row = self._connection.execute(select(_people).where(_people.c.id == person_id)).one_or_none()
        return self._person(row) if row else None

    def credentials(self, email: str) -> tuple[str, str] | None:
        """Return id and password hash of the person with that email."""
        statement = select(_people.c.id, _people.c.password_hash).where(_people.c.email == email)
        row = self._connection.execute(statement).one_or_none()
        return (row.id, row.password_hash) if row else None

    def insert(self, person: Person, password_hash: str) -> None:
        """Add a person and its memberships; raises `Conflict` when the email is taken."""
        self._connection.execute(
            insert(_people).values(
                id=person.id,
                email=person.email,
                name=person.name,
                password_hash=password_hash,
                created_at_ns=person.created_at_ns,
            )
        )
        for entry in person.memberships:
            self.set_role(person.id, entry.project_id, entry.role)

    def set_password(self, person_id: str, password_hash: str) -> None:
        """Replace the password hash."""
        self._connection.execute(update(_people).where(_people.c.id == person_id).values(password_hash=password_hash))

    def set_role(self, person_id: str, project_id: str, role: Role | None) -> None:
        """Set the role in a project; None ends the membership."""
        self._connection.execute(
            delete(_memberships).where(_memberships.c.person_id == person_id, _memberships.c.project_id == project_id)
        )
        if role is not None:
            self._connection.execute(
                insert(_memberships).values(person_id=person_id, project_id=project_id, role=role.value)
            )

    def owners(self, project_id: str) -> set[str]:
        """Return the ids of a project's owners."""
        statement = select(_memberships.c.person_id).where(
            _memberships.c.project_id == project_id, _memberships.c.role == Role.OWNER.value
        )
        return set(self._connection.execute(statement).scalars())

    def delete(self, person_id: str) -> None:
        """Remove a person with memberships and sessions."""
        self._connection.execute(delete(_people).where(_people.c.id == person_id))

    def _person(self, row: Row[tuple[object, ...]]) -> Person:
        statement = select(_memberships).where(_memberships.c.person_id == row.id)
        entries = [Membership(entry.project_id, Role(entry.role)) for entry in self._connection.execute(statement)]
        entries.sort(key=lambda entry: entry.project_id)
        return Person(row.id, row.email, row.name, row.created_at_ns, tuple(entries))


class Sessions:
    """Browser sessions, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, session: SessionRow) -> None:
        """Add a session."""
        self._connection.execute(insert(_sessions).values(msgspec.structs.asdict(session)))

    def get(self, digest: str) -> SessionRow | None:
        """Return the session of a secret's digest."""
        row = self._connection.execute(select(_sessions).where(_sessions.c.digest == digest)).mappings().one_or_none()
        return SessionRow(**row) if row else None

    def touch(self, digest: str, seen_at_ns: int) -> None:
        """Note that the session was used."""
        self._connection.execute(update(_sessions).where(_sessions.c.digest == digest).values(seen_at_ns=seen_at_ns))

    def delete(self, digest: str) -> None:
        """End a session."""
        self._connection.execute(delete(_sessions).where(_sessions.c.digest == digest))

    def delete_of(self, person_id: str) -> None:
        """End every session of a person."""
        self._connection.execute(delete(_sessions).where(_sessions.c.person_id == person_id))

    def purge(self, now_ns: int, seen_before_ns: int) -> None:
        """Remove sessions that are over, by age or by being idle."""
        over = or_(_sessions.c.expires_at_ns <= now_ns, _sessions.c.seen_at_ns <= seen_before_ns)
        self._connection.execute(delete(_sessions).where(over))


class Links:
    """One-time sign-in links, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, link: LinkRow) -> None:
        """Add a link."""
        self._connection.execute(insert(_links).values(msgspec.structs.asdict(link)))

    def get(self, digest: str) -> LinkRow | None:
        """Return the link of a secret's digest."""
        row = self._connection.execute(select(_links).where(_links.c.digest == digest)).mappings().one_or_none()
        return LinkRow(**row) if row else None

    def use(self, digest: str, at_ns: int) -> None:
        """Note that the link was used."""
        self._connection.execute(update(_links).where(_links.c.digest == digest).values(used_at_ns=at_ns))

    def void_unused(self) -> None:
        """Remove every link that was not used."""
        self._connection.execute(delete(_links).where(_links.c.used_at_ns.is_(None)))


class Failures:
    """Failed sign-ins, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, kind: str, subject: str) -> FailureRow | None:
        """Return the count for one client or email."""
        statement = select(_failures).where(_failures.c.kind == kind, _failures.c.subject == subject)
        row = self._connection.execute(statement).mappings().one_or_none()
        return FailureRow(**row) if row else None

    def lock(self) -> None:
        """Keep other counters out until this transaction ends; SQLite's writers are alone anyway."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(select(func.pg_advisory_xact_lock(_FAILURES_LOCK)))

    def put(self, row: FailureRow) -> None:
        """Write the count."""
        self.delete(row.kind, row.subject)
        self._connection.execute(insert(_failures).values(msgspec.structs.asdict(row)))

    def delete(self, kind: str, subject: str) -> None:
        """Forget the count."""
        self._connection.execute(delete(_failures).where(_failures.c.kind == kind, _failures.c.subject == subject))

    def purge(self, before_ns: int) -> None:
        """Forget every count that has not grown since `before_ns`."""
        self._connection.execute(delete(_failures).where(_failures.c.last_at_ns < before_ns))
