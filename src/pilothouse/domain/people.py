"""People who use the platform in a browser: who they are, what they may do where, and their sessions."""

import msgspec

from pilothouse.domain.access import Role

_RANK = tuple(Role)


class Membership(msgspec.Struct, frozen=True):
    """What one person may do in one project."""

    project_id: str
    role: Role


class Person(msgspec.Struct, frozen=True):
    """Somebody who can sign in."""

    id: str
    email: str
    """Lower-case; unique in the installation."""
    name: str
    created_at_ns: int
    memberships: tuple[Membership, ...] = ()

    def role_in(self, project_id: str) -> Role | None:
        """Return the role in a project, None when the person may not see it."""
        return next((entry.role for entry in self.memberships if entry.project_id == project_id), None)

    @property
    def highest_role(self) -> Role | None:
        """The highest role in any project; it decides over what all projects share, such as provider accounts."""
        return min((entry.role for entry in self.memberships), key=_RANK.index, default=None)


class Session(msgspec.Struct, frozen=True):
    """A browser that is signed in."""

    person: Person
    csrf_token: str
    """What a write from this browser must carry; useless with any other session."""
    created_at_ns: int
    expires_at_ns: int
    """The end however busy the session is; being idle can end it sooner."""
