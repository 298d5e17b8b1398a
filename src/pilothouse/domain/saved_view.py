"""Saved views: what a list shows, kept under a name."""

from datetime import datetime
from enum import StrEnum

import msgspec


class ListName(StrEnum):
    """A list of telemetry that can be kept as a view."""

    TRACES = "traces"
    SESSIONS = "sessions"
    USERS = "users"


class ViewState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a list shows: conditions, time range, order and columns."""

    q: str = ""
    """A query; empty for everything."""
    text: str = ""
    """What sessions or users are searched by; traces are searched by their query."""
    user_id: str = ""
    """Whose sessions are listed."""
    range: str = ""
    """A length of time that ends now, such as `24h`; empty where the view leaves the range as it is, or fixes it."""
    from_at: datetime | None = None
    """Start of a fixed range, which needs both ends."""
    to_at: datetime | None = None
    sort: str = ""
    """Empty for the list's own order."""
    descending: bool = True
    columns: tuple[str, ...] | None = None
    """Those that are shown, by their ids; None for the list's own choice."""


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """A state of a list under a name."""

    id: str
    project_id: str
    list: ListName
    owner: str
    """Whose it is, as the audit names them; empty for one of the whole project."""
    name: str
    """Unique among its owner's views of the list."""
    state: ViewState
    version: int
    """Rises with each change."""
    changed_by: str
    created_at_ns: int
    updated_at_ns: int
