"""Share links: who makes, sees and ends them, and whether a project allows any."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar import Request, delete, get, post, put
from litestar.params import FromPath, JSONBody

from pilothouse.domain.access import Role
from pilothouse.domain.share import DEFAULT_DAYS, Share, SharingPolicy
from pilothouse.errors import NotFound, PermissionMissing
from pilothouse.registry.shares import ShareDraft
from pilothouse.server.callers import Caller, CallerDep, ProjectDep
from pilothouse.server.parts import Parts
from pilothouse.server.queries import moment
from pilothouse.server.replies import OnceDep
from pilothouse.server.views import at, at_or_none, to_ns

_SHARERS = frozenset({Role.OWNER, Role.ADMIN, Role.EDITOR})


class ShareView(msgspec.Struct, frozen=True, kw_only=True):
    """A share link, without its token."""

    id: str
    hint: str
    """The first characters of the token."""
    trace_id: str
    """Empty once the trace was deleted."""
    name: str
    """What the trace was called when it was shared."""
    bodies: bool
    """Whether inputs and outputs are shown."""
    status: Literal["active", "expired", "revoked"]
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    opened: int
    """How often the page was opened."""
    opened_at: datetime | None


class ShareList(msgspec.Struct, frozen=True):
    """The links of a project, newest first; those that are over are listed for 90 days more."""

    items: list[ShareView]


class ShareBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new link."""

    trace_id: str
    at: str = ""
    """A time near the trace, RFC 3339; finds it faster."""
    bodies: bool
    """Whether inputs and outputs are shown, or only what happened when and at what cost."""
    expires_days: int = DEFAULT_DAYS
    """1 to 365."""


class ShareCreated(msgspec.Struct, frozen=True):
    """A new link; the token is in this answer and nowhere else."""

    share: ShareView
    token: str
    path: str
    """Where it leads to, below the platform's own address. Behind the `#`, so that no server on the way logs it."""


class SharingView(msgspec.Struct, frozen=True):
    """Whether a project allows links."""

    allowed: bool
    changed_by: str
    """Empty while nobody has said."""
    changed_at: datetime | None


class SharingBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether links are allowed."""

    allowed: bool


@get("/shares", operation_id="listShares", summary="List share links")
async def list_all(parts: Parts, project: ProjectDep) -> ShareList:
    """Return the project's links."""
    now_ns = parts.clock.now_ns()
    return ShareList([_view(one, now_ns) for one in await parts.library.shares.all(project)])


@post("/shares", operation_id="createShare", summary="Share a trace by link")
async def create(
    parts: Parts,
    caller: CallerDep,
    project: ProjectDep,
    data: JSONBody[ShareBody],
    once: OnceDep,
    request: Request[Any, Any, Any],
) -> ShareCreated:
    """Make a link with which anybody may read one trace; owners, admins, editors and keys with `write` may."""
    _refuse_others(caller, project)

    async def make() -> ShareCreated:
        near = moment(data.at, "at") if data.at else None
        found = await parts.telemetry.tree(project, data.trace_id, near)
        if found is None or found.summary is None:
            raise NotFound(f"There is no trace {data.trace_id[:64]!r} in this project; it may not have arrived yet.")
        draft = ShareDraft(
            trace_id=found.summary.trace_id, name=found.summary.name, near_ns=to_ns(found.summary.started_at),
            bodies=data.bodies, days=data.expires_days,
        )  # fmt: skip
        share, token = await parts.library.shares.create(project, draft, actor=caller.actor)
        return ShareCreated(_view(share, parts.clock.now_ns()), token, f"/shared#{token}")

    return await once(request, ShareCreated, make)


@delete("/shares/{share_id:str}", operation_id="revokeShare", summary="End a share link", status_code=200)
async def revoke(parts: Parts, caller: CallerDep, project: ProjectDep, share_id: FromPath[str]) -> ShareView:
    """End a link at once; it stays listed."""
    share = await parts.library.shares.revoke(project, share_id, actor=caller.actor)
    return _view(share, parts.clock.now_ns())


@get("/shares/policy", operation_id="getSharing", summary="Whether a project allows share links")
async def policy(parts: Parts, project: ProjectDep) -> SharingView:
    """Return whether the project allows links."""
    return _sharing(await parts.library.shares.policy(project))


@put("/shares/policy", operation_id="putSharing", summary="Allow share links or not")
async def set_policy(parts: Parts, caller: CallerDep, project: ProjectDep, data: JSONBody[SharingBody]) -> SharingView:
    """Allow links or not; while they are not allowed, none shows anything."""
    return _sharing(await parts.library.shares.set_policy(project, allowed=data.allowed, actor=caller.actor))


HANDLERS = (list_all, create, revoke, policy, set_policy)


def _refuse_others(caller: Caller, project: str) -> None:
    """Reviewers write scores and comments; what leaves the house is not theirs to decide."""
    if caller.person is not None and caller.person.role_in(project) not in _SHARERS:
        raise PermissionMissing("Owners, admins and editors may share; your role may not.")


def _sharing(found: SharingPolicy) -> SharingView:
    return SharingView(found.allowed, found.changed_by, at_or_none(found.changed_at_ns or None))


def _view(share: Share, now_ns: int) -> ShareView:
    over = "revoked" if share.revoked_at_ns is not None else "expired"
    return ShareView(
        id=share.id,
        hint=share.hint,
        trace_id=share.trace_id,
        name=share.name,
        bodies=share.bodies,
        status=over if share.over(now_ns) else "active",
        created_by=share.created_by,
        created_at=at(share.created_at_ns),
        expires_at=at(share.expires_at_ns),
        revoked_at=at_or_none(share.revoked_at_ns),
        opened=share.opened,
        opened_at=at_or_none(share.opened_at_ns),
    )
