"""Who calls: nobody, a person with a browser session, a virtual key, or this machine's own command line."""

from enum import StrEnum
from typing import Any

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from pilothouse.domain.access import ROLE_PERMISSIONS, Permission
from pilothouse.domain.people import Person, Session
from pilothouse.server import scope
from pilothouse.server.permits import Reach

PROJECT_HEADER = "x-pilothouse-project"


class CallerKind(StrEnum):
    """How a caller has shown who it is."""

    NOBODY = "nobody"
    PERSON = "person"
    KEY = "key"
    LOCAL = "local"


class Caller(msgspec.Struct, frozen=True):
    """Who sent the request and what it may do."""

    kind: CallerKind
    id: str = ""
    permissions: frozenset[Permission] = frozenset()
    """Of a key or the command line; a person's follow from the role."""
    project_id: str = ""
    """The key's own project; empty when the caller may choose."""
    session: Session | None = None
    """Of a person."""
    name: str = ""
    """As people know the caller."""

    @property
    def person(self) -> Person | None:
        """The person, when one is signed in."""
        return self.session.person if self.session else None

    @property
    def actor(self) -> str:
        """How the audit names the caller."""
        return f"{self.kind}:{self.id}" if self.id else self.kind.value

    def may(self, permission: Permission, reach: Reach, project_id: str) -> bool:
        """Return whether the permission is granted for a project, or for what all projects share."""
        if self.person is None:
            return permission in self.permissions
        role = self.person.role_in(project_id) if reach is Reach.PROJECT else self.person.highest_role
        return role is not None and permission in ROLE_PERMISSIONS[role]

    def sees(self, project_id: str) -> bool:
        """Return whether the caller may know that the project exists."""
        if self.kind is CallerKind.LOCAL:
            return True
        if self.person is not None:
            return self.person.role_in(project_id) is not None
        return self.project_id == project_id


NOBODY = Caller(CallerKind.NOBODY)


async def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """Return who the guard found."""
    return scope.values(request).get(scope.CALLER, NOBODY)


async def project_of(request: Request[Any, Any, Any]) -> str:
    """Return the id of the project that the guard settled on."""
    return scope.values(request).get(scope.PROJECT, "")


CallerDep = NamedDependency[SkipValidation[Caller]]
ProjectDep = NamedDependency[SkipValidation[str]]
"""The project that the request is about."""
