"""Saved views: what a list shows, kept under a name, and with which of them it opens."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.params import FromPath, JSONBody

from pilothouse.domain.access import Permission
from pilothouse.domain.saved_view import ListName, SavedView, ViewState
from pilothouse.registry.saved_views import ViewDraft, Viewer
from pilothouse.server.callers import Caller, CallerDep, ProjectDep
from pilothouse.server.parts import Parts
from pilothouse.server.permits import Reach
from pilothouse.server.queries import one_of
from pilothouse.server.replies import OnceDep
from pilothouse.server.views import at


class SavedViewView(msgspec.Struct, frozen=True, kw_only=True):
    """A saved view."""

    id: str
    list: ListName
    name: str
    shared: bool
    """Whether it is the whole project's; else it is the caller's own, and nobody else sees it."""
    state: ViewState
    opens_first: bool
    """Whether the list opens with it for the caller."""
    version: int
    changed_by: str
    """`person:<id>`, `key:<id>` or `local`."""
    created_at: datetime
    updated_at: datetime


class SavedViewList(msgspec.Struct, frozen=True):
    """The views that the caller may open: the project's by name, then their own."""

    items: list[SavedViewView]


class SavedViewBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new view."""

    list: ListName
    name: str
    state: ViewState
    shared: bool = False
    """For the whole project, which needs the permission `write`."""


class SavedViewChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A view as it is to be, whole."""

    list: ListName
    name: str
    state: ViewState
    shared: bool
    version: int
    """The one that it replaces; another one is refused with 412."""


class FirstView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With which view a list opens for the caller."""

    view_id: str | None
    """Null for none."""


@get("/views", operation_id="listViews", summary="List saved views")
async def list_all(parts: Parts, caller: CallerDep, project: ProjectDep) -> SavedViewList:
    """Return the views that the caller may open."""
    seen = await parts.library.views.seen_by(project, _viewer(caller, project))
    first = frozenset(seen.first.values())
    return SavedViewList([_view(one, opens_first=one.id in first) for one in seen.views])


@post("/views", operation_id="createView", summary="Save a view")
async def create(
    parts: Parts,
    caller: CallerDep,
    project: ProjectDep,
    data: JSONBody[SavedViewBody],
    once: OnceDep,
    request: Request[Any, Any, Any],
) -> SavedViewView:
    """Keep what a list shows; the name must be free among the project's or the caller's own views of the list."""
    draft = ViewDraft(list=data.list, name=data.name, state=data.state, shared=data.shared)

    async def make() -> SavedViewView:
        return _view(await parts.library.views.create(project, draft, _viewer(caller, project)), opens_first=False)

    return await once(request, SavedViewView, make)


@get("/views/{view_id:str}", operation_id="getView", summary="One saved view")
async def show(parts: Parts, caller: CallerDep, project: ProjectDep, view_id: FromPath[str]) -> SavedViewView:
    """Return one view."""
    viewer = _viewer(caller, project)
    found = await parts.library.views.get(project, view_id, viewer)
    return _view(found, opens_first=await parts.library.views.opens_first(found, viewer))


@put("/views/{view_id:str}", operation_id="putView", summary="Change a saved view")
async def change(
    parts: Parts, caller: CallerDep, project: ProjectDep, view_id: FromPath[str], data: JSONBody[SavedViewChange]
) -> SavedViewView:
    """Write a view whole; one's own may become the project's, and the other way round."""
    draft = ViewDraft(list=data.list, name=data.name, state=data.state, shared=data.shared)
    viewer = _viewer(caller, project)
    after = await parts.library.views.replace(project, view_id, draft, data.version, viewer)
    return _view(after, opens_first=await parts.library.views.opens_first(after, viewer))


@delete("/views/{view_id:str}", operation_id="deleteView", summary="Delete a saved view", status_code=204)
async def remove(parts: Parts, caller: CallerDep, project: ProjectDep, view_id: FromPath[str]) -> None:
    """Remove a view; what it showed stays."""
    await parts.library.views.delete(project, view_id, _viewer(caller, project))


@put("/views/first/{name:str}", operation_id="putFirstView", summary="Open a list with a view", status_code=204)
async def open_first(
    parts: Parts, caller: CallerDep, project: ProjectDep, name: FromPath[str], data: JSONBody[FirstView]
) -> None:
    """Say with which view a list (`traces`, `sessions`, `users`) opens for the caller."""
    listed = one_of(ListName, name, "name")
    await parts.library.views.open_first(project, listed, data.view_id, _viewer(caller, project))


HANDLERS = (list_all, create, show, change, remove, open_first)


def _viewer(caller: Caller, project: str) -> Viewer:
    return Viewer(caller.actor, caller.may(Permission.WRITE, Reach.PROJECT, project))


def _view(view: SavedView, *, opens_first: bool) -> SavedViewView:
    return SavedViewView(
        id=view.id,
        list=view.list,
        name=view.name,
        shared=not view.owner,
        state=view.state,
        opens_first=opens_first,
        version=view.version,
        changed_by=view.changed_by,
        created_at=at(view.created_at_ns),
        updated_at=at(view.updated_at_ns),
    )
