"""The browser's session: who is signed in, signing in and out, and the first person of an installation."""

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post

from pilothouse.domain.access import Role
from pilothouse.server.callers import CallerDep
from pilothouse.server.parts import Parts


class PersonView(msgspec.Struct, frozen=True):
    """A person, as shown to people."""

    id: str
    email: str
    name: str
    role: Role


class SessionView(msgspec.Struct, frozen=True):
    """Who is signed in, and what a browser needs to go on."""

    person: PersonView | None
    """None when signed out."""
    csrf_token: str | None
    """To be sent as `X-CSRF-Token` with every write; None when signed out."""
    first_run: bool
    """True until the first person has been made with the link that `pilothouse up` prints."""
    version: str


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Email and password of a person."""

    email: str
    password: str


class FirstRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one-time link's token and the first person's own choices."""

    token: str
    """`phl_…`, from the link."""
    email: str
    name: str
    password: str
    """12 to 256 characters."""


@get("/session", operation_id="getSession", summary="Who is signed in")
async def show(parts: Parts, caller: CallerDep, request: Request[Any, Any, Any]) -> SessionView:
    """Return the signed-in person and the CSRF token; answers signed-out browsers too."""
    return await sessions.view(parts, request)


@post("/session", operation_id="signIn", summary="Sign in", status_code=200)
async def sign_in(parts: Parts, data: SignIn, request: Request[Any, Any, Any]) -> Response[SessionView]:
    """Start a session by email and password; sets the session cookie."""
    return await sessions.start(parts, request, data)


@delete("/session", operation_id="signOut", summary="Sign out", status_code=204)
async def sign_out(parts: Parts, request: Request[Any, Any, Any]) -> Response[None]:
    """End the session and clear its cookie."""
    return await sessions.end(parts, request)


@post("/session/first-run", operation_id="firstRun", summary="Make the first person", status_code=201)
async def first_run(parts: Parts, data: FirstRun, request: Request[Any, Any, Any]) -> Response[SessionView]:
    """Make the first person, an owner, with the one-time link, and sign them in."""
    return await sessions.first(parts, request, data)


HANDLERS = (show, sign_in, sign_out, first_run)
