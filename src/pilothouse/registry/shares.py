"""Share links: made, shown, ended, and looked up by their tokens."""

import hmac
from collections.abc import Callable, Mapping, Sequence

import msgspec

from pilothouse.domain import access
from pilothouse.domain.access import KeyKind
from pilothouse.domain.clock import Clock
from pilothouse.domain.ids import new_id
from pilothouse.domain.keeping import DAY_NS
from pilothouse.domain.share import (
    DEFAULT_DAYS,
    MOST_DAYS,
    MOST_RANGE_DAYS,
    Share,
    SharedBoard,
    SharedRange,
    ShareKind,
    SharingPolicy,
    expires_at_ns,
    length_ns,
    names_somebody,
)
from pilothouse.errors import Forbidden, InvalidRequest, NotFound
from pilothouse.registry.ready_dashboards import READY
from pilothouse.registry.writer import Change, Outcome, Writer
from pilothouse.store.metadata.database import Metadata, Transaction

_REMEMBERED_NS = 90 * DAY_NS
"""How long a link that is over is still listed."""
_MOST_NAME_CHARS = 200
_MOST_ALIVE = 1_000


class ShareOver(NotFound):
    """The link was good once and shows nothing any more."""

    status = 410
    title = "Shared no longer"


class ShareDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What people choose of a link to a trace."""

    trace_id: str
    name: str
    """What the trace is called."""
    near_ns: int
    bodies: bool
    days: int = DEFAULT_DAYS


class BoardDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What people choose of a link to a dashboard."""

    dashboard_id: str
    range: SharedRange
    people: bool = False
    """Whether charts that name keys, users or sessions are shown too."""
    days: int = DEFAULT_DAYS


class _Wanted(msgspec.Struct, frozen=True):
    """What any link needs."""

    project_id: str
    actor: str
    days: int
    detail: Mapping[str, object]
    """For the audit."""


class Shares:
    """The share links of all projects.

    Methods raise `InvalidRequest`, `NotFound`, `Forbidden`, and what `Metadata` raises.
    """

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._writer = Writer(metadata, clock)

    async def all(self, project_id: str) -> Sequence[Share]:
        """Return a project's links, newest first, those that are over too."""
        return await self._metadata.read(lambda tx: tx.shares.of_project(project_id))

    async def create(self, project_id: str, draft: ShareDraft, *, actor: str) -> tuple[Share, str]:
        """Make a link to a trace and return it with its token, which is kept nowhere.

        Raises `Forbidden` where none may be.
        """

        def filled(tx: Transaction, share: Share) -> Share:
            return msgspec.structs.replace(
                share, trace_id=draft.trace_id, near_ns=draft.near_ns, name=draft.name[:_MOST_NAME_CHARS],
                bodies=draft.bodies,
            )  # fmt: skip

        # not which trace: the audit outlives one that is deleted
        return await self._create(_Wanted(project_id, actor, draft.days, {"bodies": draft.bodies}), filled)

    async def create_of_dashboard(self, project_id: str, draft: BoardDraft, *, actor: str) -> tuple[Share, str]:
        """Make a link to a dashboard as it is now, and return it with its token, which is kept nowhere.

        Raises `Forbidden` where none may be.
        """
        _check_range(draft.range)

        def filled(tx: Transaction, share: Share) -> Share:
            found = READY.get(draft.dashboard_id) or tx.dashboards.get(project_id, draft.dashboard_id)
            if found is None:
                raise NotFound("there is no such dashboard in this project")
            charts = tuple(one for one in found.charts if draft.people or not names_somebody(one))
            if not charts:
                raise InvalidRequest("no chart would be shown", param="people" if found.charts else "dashboard_id")
            return msgspec.structs.replace(
                share, kind=ShareKind.DASHBOARD, dashboard_id=found.id, name=found.name[:_MOST_NAME_CHARS],
                board=SharedBoard(description=found.description, charts=charts, range=draft.range),
            )  # fmt: skip

        detail = {"dashboard": draft.dashboard_id, "people": draft.people}
        return await self._create(_Wanted(project_id, actor, draft.days, detail), filled)

    async def _create(self, wanted: _Wanted, filled: Callable[[Transaction, Share], Share]) -> tuple[Share, str]:
        if not 1 <= wanted.days <= MOST_DAYS:
            raise InvalidRequest(f"a link lasts 1 to {MOST_DAYS} days", param="expires_days")
        token, now_ns, project_id = access.mint(KeyKind.SHARE_LINK), self._clock.now_ns(), wanted.project_id
        blank = Share(
            id=new_id(), project_id=project_id, digest=access.digest(token), hint=access.hint(token), name="",
            created_by=wanted.actor, created_at_ns=now_ns, expires_at_ns=expires_at_ns(wanted.days, now_ns),
        )  # fmt: skip

        def work(tx: Transaction) -> Outcome[Share]:
            if not tx.shares.policy(project_id).allowed:
                raise Forbidden("This project allows no share links; its admins can change that in Settings.")
            share = filled(tx, blank)
            tx.shares.purge(project_id, now_ns - _REMEMBERED_NS)
            if sum(not one.over(now_ns) for one in tx.shares.of_project(project_id)) >= _MOST_ALIVE:
                raise InvalidRequest(f"there are {_MOST_ALIVE} links already; revoke some that nobody needs")
            tx.shares.insert(share)
            return Outcome(share)

        detail = {**wanted.detail, "days": wanted.days, "project_id": project_id}
        return await self._writer.change(work, _change(wanted.actor, "share.create", blank.id, detail)), token

    async def revoke(self, project_id: str, share_id: str, *, actor: str) -> Share:
        """End a link; one that is over already stays as it is."""
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> Outcome[Share]:
            share = tx.shares.get(project_id, share_id)
            if share is None:
                raise NotFound("there is no such link in this project")
            if share.revoked_at_ns is not None:
                return Outcome(share, changed=False)
            tx.shares.revoke(share_id, now_ns)
            return Outcome(msgspec.structs.replace(share, revoked_at_ns=now_ns))

        return await self._writer.change(work, _change(actor, "share.revoke", share_id, {"project_id": project_id}))

    async def policy(self, project_id: str) -> SharingPolicy:
        """Return whether a project allows links."""
        return await self._metadata.read(lambda tx: tx.shares.policy(project_id))

    async def set_policy(self, project_id: str, *, allowed: bool, actor: str) -> SharingPolicy:
        """Allow links or not; while they are not allowed, those that there are show nothing."""
        policy = SharingPolicy(
            project_id=project_id, allowed=allowed, changed_by=actor, changed_at_ns=self._clock.now_ns()
        )

        def work(tx: Transaction) -> Outcome[SharingPolicy]:
            before = tx.shares.policy(project_id)
            if before.allowed == allowed:
                return Outcome(before, changed=False)
            tx.shares.put_policy(policy)
            return Outcome(policy)

        return await self._writer.change(work, _change(actor, "share.policy", project_id, {"allowed": allowed}))

    async def find(self, token: str) -> Share:
        """Return the link of a token; raises `NotFound` for one that never was, `ShareOver` for one that is over.

        A token is looked up by its digest, so how long that takes tells nothing of tokens that there are.
        """
        if not access.well_formed(token, KeyKind.SHARE_LINK):
            raise NotFound("this link is incomplete: copy it as a whole")
        digest, now_ns = access.digest(token), self._clock.now_ns()

        def work(tx: Transaction) -> tuple[Share | None, bool]:
            share = tx.shares.by_digest(digest)
            return share, share is not None and tx.shares.policy(share.project_id).allowed

        share, allowed = await self._metadata.read(work)
        if share is None or not hmac.compare_digest(share.digest, digest):
            raise NotFound("there is no such link")
        if not allowed or share.gone or share.over(now_ns):
            raise ShareOver(_why(share, allowed=allowed))
        return share

    async def note_opened(self, share: Share) -> None:
        """Count that somebody opened the page of a link."""
        now_ns = self._clock.now_ns()
        await self._metadata.write(lambda tx: tx.shares.note_opened(share.id, now_ns))


def _check_range(wanted: SharedRange) -> None:
    """Raise unless the range has one form, begins before it ends, and is not longer than any link may be."""
    if wanted.last:
        length = length_ns(wanted.last)
        if not length or wanted.from_ns or wanted.to_ns:
            raise InvalidRequest("range is a number of m, h or d, such as 24h, without from and to", param="range")
    else:
        length = wanted.to_ns - wanted.from_ns
        if length <= 0 or not wanted.from_ns:
            raise InvalidRequest("a dashboard is shared with a range, or from and to in their order", param="range")
    if length > MOST_RANGE_DAYS * DAY_NS:
        raise InvalidRequest(f"a link shows at most {MOST_RANGE_DAYS} days", param="range")


def _why(share: Share, *, allowed: bool) -> str:
    """Return why a link is over, in words for somebody who has nothing but the link."""
    if share.gone:
        return "What this link showed has been deleted."
    if share.revoked_at_ns is not None or not allowed:
        return "Whoever shared this has ended the link."
    return "This link has expired; ask whoever sent it for a new one."


def _change(actor: str, action: str, subject: str, detail: Mapping[str, object]) -> Change:
    return Change(actor, action, subject, detail, for_gateway=False)
