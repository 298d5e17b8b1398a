"""Who calls: nobody, a person with a browser session, a virtual key, or this machine's own command line."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.params import Dependency

from pilothouse.domain.access import Permission


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
    project_id: str = ""
    """The key's own project; empty when the caller may choose."""


NOBODY = Caller(CallerKind.NOBODY)


async def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """Return who the guard found."""
    return request.scope.get("auth") or NOBODY


CallerDep = Annotated[Caller, Dependency(skip_validation=True)]
ProjectDep = Annotated[str, Dependency(skip_validation=True)]
"""The project that the request is about."""
