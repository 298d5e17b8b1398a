"""Saved views: a person's own and those of the whole project, and with which of them a list opens."""

import re
from collections.abc import Mapping

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.ids import new_id
from pilothouse.domain.query.parser import parse
from pilothouse.domain.saved_view import ListName, SavedView, ViewState
from pilothouse.errors import EditConflict, InvalidQuery, InvalidRequest, NotFound, PermissionMissing
from pilothouse.registry import naming
from pilothouse.registry.writer import Change, Outcome, Writer
from pilothouse.store.metadata.database import Metadata, Transaction

_MOST_VIEWS = 500
_MOST_TEXT_CHARS = 4_000
_MOST_COLUMNS = 100
_RANGE = re.compile(r"[1-9][0-9]{0,3}[mhd]")
_COLUMN = re.compile(r"[a-z0-9_.-]{1,64}")
_ACTIVITY_SORTS = frozenset({"", "last", "cost", "traces"})
_SORTS: Mapping[ListName, frozenset[str]] = {
    ListName.TRACES: frozenset({"", "started_at", "duration", "ttft", "tokens", "cost"}),
    ListName.SESSIONS: _ACTIVITY_SORTS,
    ListName.USERS: _ACTIVITY_SORTS,
}


class ViewDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What people choose of a view."""

    list: ListName
    name: str
    state: ViewState
    shared: bool
    """Whether it is the whole project's."""


class Viewer(msgspec.Struct, frozen=True):
    """Who asks."""

    actor: str
    """As the audit names them."""
    writes: bool
    """Whether they may make and change what is the whole project's."""


class ViewsSeen(msgspec.Struct, frozen=True):
    """What somebody may open."""

    views: list[SavedView]
    first: Mapping[ListName, str]
    """The id of the view with which each list opens for them; a list that is missing opens as it is."""


class SavedViews:
    """The views of all projects.

    Methods raise `InvalidRequest` or `InvalidQuery` with the place, `NotFound`, `Conflict` for a name that is taken,
    `PermissionMissing`, and what `Metadata` raises.
    """

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._writer = Writer(metadata, clock)

    async def seen_by(self, project_id: str, viewer: Viewer) -> ViewsSeen:
        """Return the project's views, then the viewer's own, each by name."""

        def work(tx: Transaction) -> ViewsSeen:
            views = tx.saved_views.seen_by(project_id, viewer.actor)
            return ViewsSeen(views, tx.saved_views.first_of(project_id, viewer.actor))

        return await self._metadata.read(work)

    async def get(self, project_id: str, view_id: str, viewer: Viewer) -> SavedView:
        """Return one view that the viewer may open."""
        return await self._metadata.read(lambda tx: _found(tx, project_id, view_id, viewer))

    async def opens_first(self, view: SavedView, viewer: Viewer) -> bool:
        """Return whether its list opens with a view for the viewer."""
        first = await self._metadata.read(lambda tx: tx.saved_views.first_of(view.project_id, viewer.actor))
        return first.get(view.list) == view.id

    async def create(self, project_id: str, draft: ViewDraft, viewer: Viewer) -> SavedView:
        """Make a view."""
        now_ns = self._clock.now_ns()
        made = SavedView(
            id=new_id(), project_id=project_id, list=draft.list, owner=_owner(draft, viewer),
            name=naming.name(draft.name), state=_checked(draft.list, draft.state), version=1,
            changed_by=viewer.actor, created_at_ns=now_ns, updated_at_ns=now_ns,
        )  # fmt: skip

        def work(tx: Transaction) -> Outcome[SavedView]:
            if len(tx.saved_views.seen_by(project_id, viewer.actor)) >= _MOST_VIEWS:
                raise InvalidRequest(f"there are {_MOST_VIEWS} views already; delete some that nobody needs")
            tx.saved_views.insert(made)
            return Outcome(made)

        return await self._writer.change(work, _change(viewer, "view.create", made.id, made.name))

    async def replace(self, project_id: str, view_id: str, draft: ViewDraft, version: int, viewer: Viewer) -> SavedView:
        """Write a view whole; raises `EditConflict` unless `version` is the one that it has."""
        name, state, owner = naming.name(draft.name), _checked(draft.list, draft.state), _owner(draft, viewer)
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> Outcome[SavedView]:
            before = _changeable(tx, project_id, view_id, viewer)
            if before.list is not draft.list:
                raise InvalidRequest("a view stays one of its list", param="list")
            if before.version != version:
                raise EditConflict("somebody else has changed the view meanwhile; load it again")
            after = msgspec.structs.replace(
                before, name=name, state=state, owner=owner, version=version + 1, changed_by=viewer.actor,
                updated_at_ns=now_ns,
            )  # fmt: skip
            tx.saved_views.replace(after)
            if owner and owner != before.owner:
                tx.saved_views.drop_first(view_id, owner)
            return Outcome(after)

        return await self._writer.change(work, _change(viewer, "view.replace", view_id, name))

    async def delete(self, project_id: str, view_id: str, viewer: Viewer) -> None:
        """Remove a view; a list that opened with it opens as it is again."""

        def work(tx: Transaction) -> Outcome[None]:
            tx.saved_views.delete(_changeable(tx, project_id, view_id, viewer).id)
            return Outcome(None)

        await self._writer.change(work, _change(viewer, "view.delete", view_id, ""))

    async def open_first(self, project_id: str, listed: ListName, view_id: str | None, viewer: Viewer) -> None:
        """Say with which view a list opens for the viewer; None for none."""

        def work(tx: Transaction) -> None:
            if view_id is not None and _found(tx, project_id, view_id, viewer).list is not listed:
                raise InvalidRequest(f"this is not a view of {listed}", param="view_id")
            tx.saved_views.set_first(project_id, viewer.actor, listed, view_id)

        await self._metadata.write(work)


def _change(viewer: Viewer, action: str, subject: str, name: str) -> Change:
    return Change(viewer.actor, action, subject, {"name": name} if name else {}, for_gateway=False)


def _owner(draft: ViewDraft, viewer: Viewer) -> str:
    if draft.shared and not viewer.writes:
        raise PermissionMissing("Views of the whole project need the permission `write`; one of your own does not.")
    return "" if draft.shared else viewer.actor


def _found(tx: Transaction, project_id: str, view_id: str, viewer: Viewer) -> SavedView:
    found = tx.saved_views.get(project_id, view_id)
    if found is None or found.owner not in ("", viewer.actor):
        raise NotFound("there is no such view, or it is somebody else's own")
    return found


def _changeable(tx: Transaction, project_id: str, view_id: str, viewer: Viewer) -> SavedView:
    found = _found(tx, project_id, view_id, viewer)
    if not found.owner and not viewer.writes:
        raise PermissionMissing("Views of the whole project need the permission `write`.")
    return found


def _checked(listed: ListName, state: ViewState) -> ViewState:
    for name in ("q", "text", "user_id"):
        if len(getattr(state, name)) > _MOST_TEXT_CHARS:
            raise InvalidRequest(f"{name} has at most {_MOST_TEXT_CHARS} characters", param=f"state/{name}")
    try:
        parse(state.q)
    except InvalidQuery as error:
        error.param = "state/q"
        raise
    if state.sort not in _SORTS[listed]:
        raise InvalidRequest(f"{listed} are not sorted by {state.sort[:40]!r}", param="state/sort")
    _check_range(state)
    if state.columns is not None and (
        len(state.columns) > _MOST_COLUMNS or not all(_COLUMN.fullmatch(one) for one in state.columns)
    ):
        raise InvalidRequest("columns are named by their ids", param="state/columns")
    return state


def _check_range(state: ViewState) -> None:
    if state.range and not _RANGE.fullmatch(state.range):
        raise InvalidRequest("range is a number of m, h or d, such as 24h", param="state/range")
    ends = (state.from_at, state.to_at)
    if any(end is not None and end.tzinfo is None for end in ends):
        raise InvalidRequest("times have a zone, such as 2026-01-31T09:30:00Z", param="state/from_at")
    match ends:
        case (None, None):
            return
        case (None, _) | (_, None):
            raise InvalidRequest("a fixed range has both from_at and to_at", param="state/from_at")
        case (from_at, to_at):
            if state.range or from_at >= to_at:
                raise InvalidRequest("a fixed range begins before it ends, and has no range", param="state/from_at")
