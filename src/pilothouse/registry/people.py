"""People: the first one, signing in and out, sessions, roles."""

import hashlib
import hmac

import msgspec

from pilothouse.domain import access
from pilothouse.domain.access import KeyKind, Role
from pilothouse.domain.clock import Clock
from pilothouse.domain.ids import new_id
from pilothouse.domain.people import Membership, Person, Session
from pilothouse.errors import Conflict, CsrfRejected, InvalidRequest, LoginFailed, NotFound, SignInLinkInvalid
from pilothouse.registry import rules, throttle
from pilothouse.registry.passwords import PasswordOptions, Passwords
from pilothouse.registry.writer import Change, Outcome, Writer
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.people import LinkRow, SessionRow

_SECOND_NS = 1_000_000_000
_TOUCH_NS = 60 * _SECOND_NS
_CSRF_CONTEXT = b"pilothouse csrf 1"


class PeopleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How long sessions and links live, and what a password hash costs."""

    session_hours: float = 24 * 14
    """The end of a session however busy it is."""
    idle_hours: float = 24 * 3
    """The end of a session that nobody uses."""
    link_hours: float = 24
    passwords: PasswordOptions = PasswordOptions()


class NewPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A person to create."""

    email: str
    name: str
    password: str
    project_id: str
    role: Role

    def __repr__(self) -> str:
        """Leave the password out."""
        return f"NewPerson(email={self.email!r}, role={self.role!r})"


class SignedIn(msgspec.Struct, frozen=True):
    """A session that has just begun."""

    secret: str
    """For the browser's cookie; kept nowhere else."""
    session: Session

    def __repr__(self) -> str:
        """Leave the secret out."""
        return f"SignedIn(person={self.session.person.id!r})"

    @property
    def person(self) -> Person:
        """Who has signed in."""
        return self.session.person


class People:
    """Who may use the platform in a browser. Methods raise what `Metadata` raises."""

    def __init__(self, metadata: Metadata, clock: Clock, options: PeopleOptions | None = None) -> None:
        self._options = options or PeopleOptions()
        self._metadata = metadata
        self._clock = clock
        self._writer = Writer(metadata, clock)
        self._passwords = Passwords(self._options.passwords)

    def close(self) -> None:
        """End the threads that hash passwords."""
        self._passwords.close()

    # The first person

    async def first_run(self) -> bool:
        """Return whether no person exists yet."""
        return await self._metadata.read(lambda tx: tx.people.count() == 0)

    async def first_run_link(self) -> str | None:
        """Return a new secret with which the first person is made, None once there is one; voids earlier links."""
        secret = access.mint(KeyKind.SIGN_IN_LINK)
        now_ns = self._clock.now_ns()
        link = LinkRow(access.digest(secret), now_ns, now_ns + _hours(self._options.link_hours))

        def work(tx: Transaction) -> Outcome[str | None]:
            if tx.people.count():
                return Outcome(None, changed=False)
            tx.links.void_unused()
            tx.links.insert(link)
            return Outcome(secret)

        return await self._writer.change(work, Change("start", "link.create", "first-run", for_gateway=False))

    async def redeem_link(self, secret: str, email: str, name: str, password: str) -> SignedIn:
        """Make the first person, owner of every project, and sign it in.

        Raises `InvalidRequest` (the link can still be used then) or `SignInLinkInvalid`.
        """
        if not access.well_formed(secret, KeyKind.SIGN_IN_LINK):
            raise SignInLinkInvalid("this sign-in link is incomplete: copy it as a whole")
        digest = access.digest(secret)
        now_ns = self._clock.now_ns()
        person = Person(new_id(), rules.email(email), rules.display_name(name), now_ns)
        password = rules.password(password)
        await self._metadata.read(lambda tx: self._check_link(tx, digest, now_ns))  # no hashing for a made-up link
        password_hash = await self._passwords.hash(password)
        session_secret = access.mint(KeyKind.SESSION)

        def work(tx: Transaction) -> Outcome[SignedIn]:
            self._check_link(tx, digest, now_ns)
            tx.links.use(digest, now_ns)
            everywhere = tuple(Membership(project.id, Role.OWNER) for project in tx.projects.all())
            first = msgspec.structs.replace(person, memberships=everywhere)
            tx.people.insert(first, password_hash)
            return Outcome(self._begin(tx, first, session_secret))

        change = Change(f"person:{person.id}", "person.first", person.id, {"email": person.email}, for_gateway=False)
        return await self._writer.change(work, change)

    # Sessions

    async def sign_in(self, email: str, password: str, client: str) -> SignedIn:
        """Begin a session; `client` is the caller's address.

        Raises `LoginFailed`, the same and after the same time for an unknown email as for a wrong password, or
        `LoginThrottled` with the seconds to wait.
        """
        address = email.strip().lower()
        now_ns = self._clock.now_ns()
        await self._metadata.write(lambda tx: throttle.charge(tx, address, client, now_ns))
        known = address if address.isprintable() else ""  # nobody has such an email, and not every database takes it
        found = await self._metadata.read(lambda tx: tx.people.credentials(known))
        person_id, stored = found or ("", None)
        if not await self._passwords.verify(password, stored) or stored is None:
            raise LoginFailed("email and password do not belong together")
        newer = await self._passwords.hash(password) if self._passwords.outdated(stored) else None
        secret = access.mint(KeyKind.SESSION)

        def work(tx: Transaction) -> Outcome[SignedIn]:
            throttle.refund(tx, address, client, now_ns)
            person = tx.people.get(person_id)
            if person is None:
                raise LoginFailed("email and password do not belong together")
            if newer is not None:
                tx.people.set_password(person_id, newer)
            return Outcome(self._begin(tx, person, secret))

        change = Change(f"person:{person_id}", "session.begin", person_id, for_gateway=False)
        return await self._writer.change(work, change)

    async def session(self, secret: str) -> Session | None:
        """Return the session of a cookie's secret, None when it is over or never was; counts as use."""
        if not access.well_formed(secret, KeyKind.SESSION):
            return None
        digest = access.digest(secret)
        now_ns = self._clock.now_ns()
        row, person = await self._metadata.read(lambda tx: _session_and_person(tx, digest))
        if row is None or person is None or self._over(row, now_ns):
            return None
        if now_ns - row.seen_at_ns >= _TOUCH_NS:
            await self._metadata.write(lambda tx: tx.sessions.touch(digest, now_ns))
        return Session(person, csrf_token(secret), row.created_at_ns, row.expires_at_ns)

    async def sign_out(self, secret: str) -> None:
        """End a session; one that is over already is no error."""
        if access.well_formed(secret, KeyKind.SESSION):
            await self._metadata.write(lambda tx: tx.sessions.delete(access.digest(secret)))

    # Administration

    async def list_people(self) -> list[Person]:
        """Return every person, by email."""
        return await self._metadata.read(lambda tx: tx.people.all())

    async def create_person(self, new: NewPerson, *, actor: str) -> Person:
        """Create a person with a role in one project; raises `InvalidRequest`, `NotFound` or `Conflict`."""
        person = Person(
            new_id(),
            rules.email(new.email),
            rules.display_name(new.name),
            self._clock.now_ns(),
            (Membership(new.project_id, new.role),),
        )
        password_hash = await self._passwords.hash(rules.password(new.password))

        def work(tx: Transaction) -> Outcome[Person]:
            _check_project(tx, new.project_id)
            if tx.people.credentials(person.email):
                raise Conflict(f"there is already a person with the email {person.email}", param="email")
            tx.people.insert(person, password_hash)
            return Outcome(person)

        detail = {"email": person.email, "project_id": new.project_id, "role": new.role}
        return await self._writer.change(work, Change(actor, "person.create", person.id, detail, for_gateway=False))

    async def set_role(self, person_id: str, project_id: str, role: Role | None, *, actor: str) -> Person:
        """Give a person a role in a project, None takes it away; raises `Conflict` for the project's last owner."""

        def work(tx: Transaction) -> Outcome[Person]:
            before = _person(tx, person_id)
            _check_project(tx, project_id)
            if role is not Role.OWNER:
                _refuse_last_owner(tx, person_id, project_id)
            tx.people.set_role(person_id, project_id, role)
            after = _person(tx, person_id)
            return Outcome(after, changed=after != before)

        detail = {"project_id": project_id, "role": role}
        return await self._writer.change(work, Change(actor, "person.role", person_id, detail, for_gateway=False))

    async def set_password(self, person_id: str, password: str, *, actor: str) -> None:
        """Replace a person's password and end all of their sessions."""
        password_hash = await self._passwords.hash(rules.password(password))

        def work(tx: Transaction) -> Outcome[None]:
            _person(tx, person_id)
            tx.people.set_password(person_id, password_hash)
            tx.sessions.delete_of(person_id)
            return Outcome(None)

        await self._writer.change(work, Change(actor, "person.password", person_id, for_gateway=False))

    async def remove_person(self, person_id: str, *, actor: str) -> None:
        """Remove a person with all sessions; raises `Conflict` for the last owner of a project."""

        def work(tx: Transaction) -> Outcome[None]:
            for entry in _person(tx, person_id).memberships:
                _refuse_last_owner(tx, person_id, entry.project_id)
            tx.people.delete(person_id)
            return Outcome(None)

        await self._writer.change(work, Change(actor, "person.remove", person_id, for_gateway=False))

    def _begin(self, tx: Transaction, person: Person, secret: str) -> SignedIn:
        now_ns = self._clock.now_ns()
        expires_at_ns = now_ns + _hours(self._options.session_hours)
        tx.sessions.purge(now_ns, now_ns - _hours(self._options.idle_hours))
        tx.sessions.insert(SessionRow(access.digest(secret), person.id, now_ns, now_ns, expires_at_ns))
        return SignedIn(secret, Session(person, csrf_token(secret), now_ns, expires_at_ns))

    def _over(self, row: SessionRow, now_ns: int) -> bool:
        return now_ns >= min(row.expires_at_ns, row.seen_at_ns + _hours(self._options.idle_hours))

    @staticmethod
    def _check_link(tx: Transaction, digest: str, now_ns: int) -> None:
        link = tx.links.get(digest)
        if link is None or link.used_at_ns is not None or now_ns >= link.expires_at_ns or tx.people.count():
            raise SignInLinkInvalid(
                "this sign-in link was used, has expired, or was replaced by a newer one: "
                "while nobody has signed up, each start prints a new one"
            )


def csrf_token(session_secret: str) -> str:
    """Return the token that writes of a session carry: an HMAC under the session's own secret, which no script sees."""
    return hmac.new(session_secret.encode(), _CSRF_CONTEXT, hashlib.sha256).hexdigest()


def check_csrf(session_secret: str, token: str) -> None:
    """Raise `CsrfRejected` unless the token is the session's."""
    if not hmac.compare_digest(csrf_token(session_secret).encode(), token.encode()):
        raise CsrfRejected("the CSRF token is missing or belongs to another session: load the page again")


def _session_and_person(tx: Transaction, digest: str) -> tuple[SessionRow | None, Person | None]:
    row = tx.sessions.get(digest)
    return row, tx.people.get(row.person_id) if row else None


def _person(tx: Transaction, person_id: str) -> Person:
    person = tx.people.get(person_id)
    if person is None:
        raise NotFound("there is no such person")
    return person


def _check_project(tx: Transaction, project_id: str) -> None:
    if tx.projects.get(project_id) is None:
        raise InvalidRequest("there is no such project", param="project_id")


def _refuse_last_owner(tx: Transaction, person_id: str, project_id: str) -> None:
    if tx.people.owners(project_id) == {person_id}:
        raise Conflict("this is the project's only owner: make somebody else an owner first")


def _hours(hours: float) -> int:
    return int(hours * 3600 * _SECOND_NS)
