"""The browser's session: who is signed in, signing in and out, and the first person of an installation."""

from typing import Any, Literal, TypedDict

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.params import JSONBody

from pilothouse import __version__
from pilothouse.domain.access import Role
from pilothouse.domain.people import Session
from pilothouse.registry.people import SignedIn
from pilothouse.server.attempts import AttemptsDep, address_of
from pilothouse.server.auth import COOKIE
from pilothouse.server.callers import CallerDep
from pilothouse.server.parts import Parts, ServerParts


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


class _Flags(TypedDict):
    path: str
    httponly: bool
    samesite: Literal["lax"]
    secure: bool


@get("/session", operation_id="getSession", summary="Who is signed in")
async def show(parts: Parts, caller: CallerDep) -> SessionView:
    """Return the signed-in person and the CSRF token; answers signed-out browsers too."""
    return await _view(parts, caller.session)


@post("/session", operation_id="signIn", summary="Sign in", status_code=200)
async def sign_in(parts: Parts, data: JSONBody[SignIn], request: Request[Any, Any, Any]) -> Response[SessionView]:
    """Start a session by email and password; sets the session cookie."""
    begun = await parts.people.sign_in(data.email, data.password, address_of(request))
    return await _begin(parts, request, begun)


@delete("/session", operation_id="signOut", summary="Sign out", status_code=204)
async def sign_out(parts: Parts, request: Request[Any, Any, Any]) -> Response[None]:
    """End the session and clear its cookie."""
    secret = request.cookies.get(COOKIE)
    if secret:
        await parts.people.sign_out(secret)
    gone = Cookie(COOKIE, value="", max_age=0, **_flags(parts))
    return Response(None, status_code=204, cookies=[gone])


@post("/session/first-run", operation_id="firstRun", summary="Make the first person", status_code=201)
async def first_run(
    parts: Parts, data: JSONBody[FirstRun], attempts: AttemptsDep, request: Request[Any, Any, Any]
) -> Response[SessionView]:
    """Make the first person, an owner, with the one-time link, and sign them in."""
    attempts.count(address_of(request))
    begun = await parts.people.redeem_link(data.token, data.email, data.name, data.password)
    return await _begin(parts, request, begun, status=201)


HANDLERS = (show, sign_in, sign_out, first_run)


async def _view(parts: ServerParts, session: Session | None) -> SessionView:
    person = session.person if session else None
    shown = PersonView(person.id, person.email, person.name, person.highest_role or Role.VIEWER) if person else None
    first = person is None and await parts.people.first_run()
    return SessionView(shown, session.csrf_token if session else None, first, __version__)


async def _begin(
    parts: ServerParts, request: Request[Any, Any, Any], begun: SignedIn, status: int = 200
) -> Response[SessionView]:
    # Whatever session the browser carried before ends here, so that none can be planted on it.
    before = request.cookies.get(COOKIE)
    if before:
        await parts.people.sign_out(before)
    left_s = max(1, (begun.session.expires_at_ns - parts.clock.now_ns()) // 1_000_000_000)
    cookie = Cookie(COOKIE, value=begun.secret, max_age=left_s, **_flags(parts))
    return Response(await _view(parts, begun.session), status_code=status, cookies=[cookie])


def _flags(parts: ServerParts) -> _Flags:
    options = parts.options
    return {"path": options.prefix or "/", "httponly": True, "samesite": "lax", "secure": options.cookies_secure}
