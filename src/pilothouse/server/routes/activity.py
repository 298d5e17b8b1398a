"""Sessions and users: their lists, one session with its traces, one user over time."""

from typing import Annotated, cast, get_args

import msgspec
from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter, SkipValidation

from pilothouse.domain.activity import (
    ActivityFilter,
    ActivityOrder,
    SessionDetail,
    SessionPage,
    UserDetail,
    UserPage,
)
from pilothouse.domain.query.parser import parse
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.server.callers import ProjectDep
from pilothouse.server.parts import Parts
from pilothouse.server.queries import Asked, PageDep, RangeDep, checked_text

_ORDERS: tuple[str, ...] = get_args(ActivityOrder)


class Order(msgspec.Struct, frozen=True):
    """How a list of sessions or users is sorted."""

    sort: ActivityOrder
    descending: bool


Sort = Annotated[str, QueryParameter(name="sort", schema_extra={"enum": list(_ORDERS)})]
Direction = Annotated[str, QueryParameter(name="order", schema_extra={"enum": ["desc", "asc"]})]
SessionText = Annotated[str, QueryParameter(name="text", description="Substring of the session or of its user.")]
UserText = Annotated[str, QueryParameter(name="text", description="Substring of the user.")]
OfUser = Annotated[str, QueryParameter(name="user_id", description="Only sessions of exactly this user.")]


async def order(sort: Sort = "last", direction: Direction = "desc") -> Order:
    """Read the sorting; raises `InvalidRequest` for an unknown field or direction."""
    if sort not in _ORDERS:
        raise InvalidRequest(f"`sort` must be one of {', '.join(_ORDERS)}, not {sort[:40]!r}.", param="sort")
    if direction not in ("desc", "asc"):
        raise InvalidRequest(f"`order` must be desc or asc, not {direction[:40]!r}.", param="order")
    return Order(cast("ActivityOrder", sort), direction == "desc")


OrderDep = NamedDependency[SkipValidation[Order]]


async def listed(project: ProjectDep, during: RangeDep, page: PageDep, ordering: OrderDep) -> ActivityFilter:
    """Put the parts of a list's query together, without its conditions."""
    return ActivityFilter(
        project_id=project,
        from_at=during.from_at,
        to_at=during.to_at,
        sort=ordering.sort,
        descending=ordering.descending,
        limit=page.limit,
        cursor=page.cursor,
    )


ListDep = NamedDependency[SkipValidation[ActivityFilter]]
_LIST = {"ordering": Provide(order), "wanted": Provide(listed)}


@get("/sessions", operation_id="listSessions", summary="List sessions", dependencies=_LIST)
async def sessions(
    parts: Parts, wanted: ListDep, text: SessionText = "", user_id: OfUser = "", q: Asked = ""
) -> SessionPage:
    """Return the sessions with traces in a time range, with the figures of that range."""
    asked = msgspec.structs.replace(wanted, text=checked_text(text), user_id=user_id, query=parse(q))
    return await parts.telemetry.sessions(asked)


@get("/sessions/{session_id:path}", operation_id="getSessionTraces", summary="One session with its traces")
async def session(parts: Parts, project: ProjectDep, page: PageDep, session_id: FromPath[str]) -> SessionDetail:
    """Return a session over all time, and a page of its traces, the earliest first."""
    wanted = _named(session_id)
    found = await parts.telemetry.session(project, wanted, page.limit, page.cursor)
    if found is None:
        raise NotFound(
            f"There is no session {wanted[:64]!r} in this project; it may have been deleted or not arrived yet."
        )
    return found


@get("/users", operation_id="listUsers", summary="List users of applications", dependencies=_LIST)
async def users(parts: Parts, wanted: ListDep, text: UserText = "", q: Asked = "") -> UserPage:
    """Return the users with traces in a time range, with the figures of that range."""
    return await parts.telemetry.users(msgspec.structs.replace(wanted, text=checked_text(text), query=parse(q)))


@get("/users/{user_id:path}", operation_id="getUser", summary="One user over a time range")
async def user(parts: Parts, project: ProjectDep, during: RangeDep, user_id: FromPath[str]) -> UserDetail:
    """Return the figures of a user in a time range, and what they did in each step of it."""
    wanted = ActivityFilter(project_id=project, from_at=during.from_at, to_at=during.to_at, user_id=_named(user_id))
    found = await parts.telemetry.user(wanted)
    if found is None:
        raise NotFound(f"The user {wanted.user_id[:64]!r} has no traces in this project and time range.")
    return found


HANDLERS = (sessions, session, users, user)


def _named(path: str) -> str:
    """Return what stands behind the address: an application's id may hold slashes."""
    return path.removeprefix("/")
