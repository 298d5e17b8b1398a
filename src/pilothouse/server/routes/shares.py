"""Share links: who makes, sees and ends them, and whether a project allows any."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar import Request, delete, get, post, put
from litestar.params import FromPath, JSONBody

from pilothouse.domain.access import Role
from pilothouse.domain.share import DEFAULT_DAYS, Share, SharedRange, ShareKind, SharingPolicy
from pilothouse.errors import InvalidRequest, NotFound, PermissionMissing
from pilothouse.registry.shares import BoardDraft, ShareDraft
from pilothouse.server.callers import Caller, CallerDep, ProjectDep
from pilothouse.server.parts import Parts, ServerParts
from pilothouse.server.queries import moment
from pilothouse.server.replies import OnceDep
from pilothouse.server.views import at, at_or_none, to_ns

_SHARERS = frozenset({Role.OWNER, Role.ADMIN, Role.EDITOR})


class ShareView(msgspec.Struct, frozen=True, kw_only=True):
    """A share link, without its token."""

    id: str
    hint: str
    """The first characters of the token."""
    kind: ShareKind
    trace_id: str
    """Empty once the trace was deleted, and for a dashboard."""
    dashboard_id: str
    """Empty once the dashboard was deleted, and for a trace."""
    name: str
    """What the trace or dashboard was called when it was shared."""
    bodies: bool
    """Whether inputs and outputs are shown."""
    range: str
    """The time that a dashboard shows, such as `24h` for the last day; empty for a fixed one, and for a trace."""
    range_from: datetime | None
    """Start of a fixed range."""
    range_to: datetime | None
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
    """A new link, to a trace or to a dashboard."""

    trace_id: str = ""
    at: str = ""
    """A time near the trace, RFC 3339; finds it faster."""
    bodies: bool = False
    """Whether inputs and outputs of the trace are shown, or only what happened when and at what cost."""
    dashboard_id: str = ""
    range: str = ""
    """The time that the dashboard shows, as a length that ends now, such as `24h`."""
    from_at: str = msgspec.field(name="from", default="")
    """In place of `range`: start of a fixed time, RFC 3339."""
    to_at: str = msgspec.field(name="to", default="")
    people: bool = False
    """Whether charts of the dashboard that name keys, users or sessions are shown too."""
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


@post("/shares", operation_id="createShare", summary="Share a trace or dashboard by link")
async def create(
    parts: Parts,
    caller: CallerDep,
    project: ProjectDep,
    data: JSONBody[ShareBody],
    once: OnceDep,
    request: Request[Any, Any, Any],
) -> ShareCreated:
    """Make a link with which anybody may read one trace, or one dashboard as it is now.

    Owners, admins, editors and keys with `write` may.
    """
    _refuse_others(caller, project)
    if bool(data.trace_id) == bool(data.dashboard_id):
        raise InvalidRequest("either `trace_id` or `dashboard_id` says what is shared", param="trace_id")

    async def make() -> ShareCreated:
        kind = _of_trace if data.trace_id else _of_dashboard
        share, token = await kind(parts, project, data, caller.actor)
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


async def _of_trace(parts: ServerParts, project: str, data: ShareBody, actor: str) -> tuple[Share, str]:
    near = moment(data.at, "at") if data.at else None
    found = await parts.telemetry.tree(project, data.trace_id, near)
    if found is None or found.summary is None:
        raise NotFound(f"There is no trace {data.trace_id[:64]!r} in this project; it may not have arrived yet.")
    draft = ShareDraft(
        trace_id=found.summary.trace_id, name=found.summary.name, near_ns=to_ns(found.summary.started_at),
        bodies=data.bodies, days=data.expires_days,
    )  # fmt: skip
    return await parts.library.shares.create(project, draft, actor=actor)


async def _of_dashboard(parts: ServerParts, project: str, data: ShareBody, actor: str) -> tuple[Share, str]:
    ends = {
        name: to_ns(moment(text, name)) if text else 0 for name, text in (("from", data.from_at), ("to", data.to_at))
    }
    draft = BoardDraft(
        dashboard_id=data.dashboard_id, people=data.people, days=data.expires_days,
        range=SharedRange(last=data.range, from_ns=ends["from"], to_ns=ends["to"]),
    )  # fmt: skip
    return await parts.library.shares.create_of_dashboard(project, draft, actor=actor)


def _refuse_others(caller: Caller, project: str) -> None:
    """Reviewers write scores and comments; what leaves the house is not theirs to decide."""
    if caller.person is not None and caller.person.role_in(project) not in _SHARERS:
        raise PermissionMissing("Owners, admins and editors may share; your role may not.")


def _sharing(found: SharingPolicy) -> SharingView:
    return SharingView(found.allowed, found.changed_by, at_or_none(found.changed_at_ns or None))


def _view(share: Share, now_ns: int) -> ShareView:
    over = "revoked" if share.revoked_at_ns is not None else "expired"
    shown = share.board.range if share.board is not None else SharedRange()
    return ShareView(
        id=share.id,
        hint=share.hint,
        kind=share.kind,
        trace_id=share.trace_id,
        dashboard_id=share.dashboard_id,
        name=share.name,
        bodies=share.bodies,
        range=shown.last,
        range_from=at_or_none(shown.from_ns or None),
        range_to=at_or_none(shown.to_ns or None),
        status=over if share.over(now_ns) else "active",
        created_by=share.created_by,
        created_at=at(share.created_at_ns),
        expires_at=at(share.expires_at_ns),
        revoked_at=at_or_none(share.revoked_at_ns),
        opened=share.opened,
        opened_at=at_or_none(share.opened_at_ns),
    )
