"""Who a request comes from, and whether the table of permits lets it through; one guard for every route."""

import hmac
from urllib.parse import urlsplit

from litestar.handlers import BaseRouteHandler

from pilothouse.domain.access import KeyKind, Permission
from pilothouse.errors import (
    CsrfRejected,
    InternalError,
    KeyMissing,
    KeyUnknown,
    NotFound,
    PermissionMissing,
    PilothouseError,
    SessionMissing,
)
from pilothouse.server import scope
from pilothouse.server.callers import NOBODY, PROJECT_HEADER, Caller, CallerKind
from pilothouse.server.parts import ServerParts
from pilothouse.server.permits import PERMITS, Permit, Reach
from pilothouse.server.scope import Connection

COOKIE = "pilothouse_session"
CSRF_HEADER = "x-csrf-token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def guard(connection: Connection, _: BaseRouteHandler) -> None:
    """Let the request through to its handler, or raise why not."""
    method = str(scope.values(connection)["method"])
    if method == "OPTIONS" or (method, scope.route(connection)) in connection.app.state["foreign"]:
        return
    parts: ServerParts = scope.given(connection, "parts")
    permit = permit_of(method, scope.route(connection))
    if permit.reach in (Reach.OPEN, Reach.SDK) or (permit.metrics and parts.options.metrics_public):
        return
    caller = await identify(connection, parts, lenient=permit.reach is Reach.SIGN_IN)
    scope.values(connection)[scope.CALLER] = caller
    if method not in _SAFE:
        check_origin(connection, parts, caller)
    if permit.reach is not Reach.SIGN_IN:
        await _authorize(connection, parts, permit, caller)


def permit_of(method: str, path_template: str) -> Permit:
    """Return a route's entry in the table; raises `InternalError` when it has none: nothing is open by chance."""
    found = PERMITS.get((method, path_template))
    if found is None:
        raise InternalError(f"{method} {path_template} has no permit")
    return found


async def identify(connection: Connection, parts: ServerParts, *, lenient: bool = False) -> Caller:
    """Return who the credentials belong to; `lenient` takes bad ones for none.

    Raises `KeyUnknown`, `KeyExpired`, `KeyRevoked` or `SessionMissing`.
    """
    try:
        bearer = connection.headers.get("authorization")
        if bearer is not None:
            return await _from_bearer(parts, bearer)
        cookie = connection.cookies.get(COOKIE)
        return await _from_cookie(parts, cookie) if cookie else NOBODY
    except PilothouseError as error:
        if lenient and error.status < 500:
            return NOBODY
        raise


async def still_allowed(connection: Connection, parts: ServerParts) -> bool:
    """Return whether a long answer may go on: the key or session is still good, and so is its permission."""
    permit = permit_of("GET", scope.route(connection))
    project_id = scope.values(connection).get(scope.PROJECT, "")
    caller = await identify(connection, parts, lenient=True)
    return caller.may(permit.permission, permit.reach, project_id)


def check_origin(connection: Connection, parts: ServerParts, caller: Caller) -> None:
    """Refuse a write that another site made a browser send; keys are exempt, because no browser adds them by itself."""
    if caller.kind in (CallerKind.KEY, CallerKind.LOCAL):
        return
    if connection.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise CsrfRejected("This write came from another web site, which is not allowed.")
    origin = connection.headers.get("origin")
    ours = {connection.headers.get("host", ""), urlsplit(parts.options.public_url).netloc} - {""}
    if origin is not None and urlsplit(origin).netloc not in ours:
        raise CsrfRejected("This write came from another web site, which is not allowed.")
    if caller.session is not None:
        sent = connection.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), caller.session.csrf_token.encode()):
            raise CsrfRejected("The header X-CSRF-Token is missing or wrong; GET /api/v1/session gives the right one.")


async def _from_bearer(parts: ServerParts, header: str) -> Caller:
    scheme, _, secret = header.partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret:
        raise KeyMissing("The Authorization header must be `Bearer` and a key.")
    if secret.startswith(KeyKind.LOCAL):
        if parts.local_token and hmac.compare_digest(secret.encode(), parts.local_token.encode()):
            return Caller(CallerKind.LOCAL, permissions=frozenset(Permission), name="command line")
        raise KeyUnknown("This local token is not the one of the running installation; it changes at every start.")
    key = await parts.registry.authenticate_key(secret)
    return Caller(CallerKind.KEY, key.id, frozenset(key.permissions), key.project_id, name=key.name)


async def _from_cookie(parts: ServerParts, secret: str) -> Caller:
    session = await parts.people.session(secret)
    if session is None:
        raise SessionMissing("The session has ended; sign in again.")
    return Caller(CallerKind.PERSON, session.person.id, session=session, name=session.person.name)


async def _authorize(connection: Connection, parts: ServerParts, permit: Permit, caller: Caller) -> None:
    if caller.kind is CallerKind.NOBODY:
        raise SessionMissing("Sign in, or send a key in the header `Authorization: Bearer ph_…`.")
    project_id = ""
    if permit.reach is Reach.PROJECT:
        project_id = await _project(connection, parts, caller)
        scope.values(connection)[scope.PROJECT] = project_id
    if permit.across_projects and caller.kind is CallerKind.KEY:
        raise PermissionMissing("A key belongs to one project and cannot do this; sign in, or use the local token.")
    if not caller.may(permit.permission, permit.reach, project_id):
        whose = "This key" if caller.kind is CallerKind.KEY else "Your role"
        raise PermissionMissing(f"{whose} lacks the permission `{permit.permission}`.")


async def _project(connection: Connection, parts: ServerParts, caller: Caller) -> str:
    wanted = str(
        connection.path_params.get("project_id")
        or connection.headers.get(PROJECT_HEADER)
        or connection.query_params.get("project_id")
        or caller.project_id
    )
    if caller.project_id and wanted == caller.project_id:
        return wanted
    for project in await parts.registry.list_projects():
        if caller.sees(project.id) and wanted in ("", project.id):
            return project.id
    if wanted:
        raise NotFound("There is no such project, or you are not a member of it.", param=PROJECT_HEADER)
    raise PermissionMissing("You are not a member of any project.")
