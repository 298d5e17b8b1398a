"""Rows of saved views, and of the views with which lists open."""

from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from pilothouse.domain.saved_view import ListName, SavedView, ViewState
from pilothouse.store.metadata.team_tables import first_views as _first
from pilothouse.store.metadata.team_tables import saved_views as _views

_states = msgspec.json.Decoder(ViewState)


class SavedViews:
    """The saved views, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def seen_by(self, project_id: str, person: str) -> list[SavedView]:
        """Return what somebody may open: the project's views, then their own, each by name."""
        mine = (_views.c.project_id == project_id, _views.c.owner.in_(("", person)))
        found = select(_views).where(*mine).order_by(_views.c.owner, _views.c.name)
        return [_view(row) for row in self._connection.execute(found).mappings()]

    def get(self, project_id: str, view_id: str) -> SavedView | None:
        """Return one view."""
        found = select(_views).where(_views.c.project_id == project_id, _views.c.id == view_id)
        row = self._connection.execute(found).mappings().one_or_none()
        return _view(row) if row else None

    def insert(self, view: SavedView) -> None:
        """Add a view; raises `Conflict` when its name is taken."""
        self._connection.execute(insert(_views).values(_values(view)))

    def replace(self, view: SavedView) -> None:
        """Write every field of a view that exists; raises `Conflict` when its new name is taken."""
        self._connection.execute(update(_views).where(_views.c.id == view.id).values(_values(view)))

    def delete(self, view_id: str) -> None:
        """Remove a view; nobody's list opens with it any more."""
        self._connection.execute(delete(_views).where(_views.c.id == view_id))

    def first_of(self, project_id: str, person: str) -> dict[ListName, str]:
        """Return the id of the view with which each list opens for somebody."""
        mine = (_first.c.project_id == project_id, _first.c.person == person)
        rows = self._connection.execute(select(_first.c.list, _first.c.view_id).where(*mine))
        return {ListName(row.list): row.view_id for row in rows}

    def set_first(self, project_id: str, person: str, listed: ListName, view_id: str | None) -> None:
        """Say with which view a list opens for somebody; None for none."""
        place = {"project_id": project_id, "person": person, "list": listed.value}
        self._connection.execute(delete(_first).where(*(_first.c[name] == value for name, value in place.items())))
        if view_id is not None:
            self._connection.execute(insert(_first).values(**place, view_id=view_id))

    def drop_first(self, view_id: str, but: str) -> None:
        """Have a view open first for nobody but one person."""
        self._connection.execute(delete(_first).where(_first.c.view_id == view_id, _first.c.person != but))


def _values(view: SavedView) -> dict[str, object]:
    return {**msgspec.structs.asdict(view), "list": view.list.value, "state": msgspec.json.encode(view.state).decode()}


def _view(row: RowMapping) -> SavedView:
    values: dict[str, Any] = {**row, "list": ListName(row["list"]), "state": _states.decode(row["state"])}
    return SavedView(**values)
