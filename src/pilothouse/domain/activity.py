"""Sessions and users: whose traces there were, and how many. These types are the API's own answers.

A trace belongs to one session and one user: those of its earliest span that names one. So sums over all sessions, or
over all users, count nothing twice.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from pilothouse.domain.query.nodes import Node
from pilothouse.domain.reading import TraceSummary
from pilothouse.domain.usage import Usage

ActivityOrder = Literal["last", "cost", "traces"]


class ActivityFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions or users to show, by what they did in a time range that excludes its end."""

    project_id: str
    from_at: datetime
    to_at: datetime
    text: str = ""
    """Case-insensitive substring of the user, or of the session where sessions are listed."""
    user_id: str = ""
    """Only sessions of exactly this user."""
    query: Node | None = None
    """Of the query language: at least one span must fit."""
    sort: ActivityOrder = "last"
    descending: bool = True
    limit: int = 50
    """1 to 200."""
    cursor: str = ""


class SessionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One session: traces that an application says belong together, such as the turns of a conversation."""

    session_id: str
    first_at: datetime
    """The start of its first trace."""
    last_at: datetime
    """The latest start of a span that names the session."""
    trace_count: int
    call_count: int
    """Model calls, each once."""
    users: tuple[str, ...]
    models: tuple[str, ...]
    usage: Usage
    cost_usd: Decimal | None
    """Sum over the priced calls; None when none is priced."""
    unpriced_count: int
    """Calls that used tokens and have no price."""
    error_count: int
    """Traces in which a span failed."""
    input_preview: str
    """Of the last trace."""
    output_preview: str


class SessionPage(msgspec.Struct, frozen=True):
    """A page of the list of sessions."""

    items: list[SessionSummary]
    next_cursor: str | None


class SessionDetail(msgspec.Struct, frozen=True):
    """One session over all time, and a page of its traces, the earliest first."""

    session: SessionSummary
    traces: list[TraceSummary]
    next_cursor: str | None


class UserSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One user of an application, as the application names them."""

    user_id: str
    first_at: datetime
    """The start of the user's first trace in the time range."""
    last_at: datetime
    """The latest start of a span that names the user."""
    session_count: int
    trace_count: int
    call_count: int
    """Model calls, each once."""
    models: tuple[str, ...]
    usage: Usage
    cost_usd: Decimal | None
    """Sum over the priced calls; None when none is priced."""
    unpriced_count: int
    """Calls that used tokens and have no price."""
    error_count: int
    """Traces in which a span failed."""


class UserPage(msgspec.Struct, frozen=True):
    """A page of the list of users."""

    items: list[UserSummary]
    next_cursor: str | None


class UserPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What a user did in one step of time."""

    at: datetime
    """Start of the step."""
    trace_count: int
    error_count: int
    cost_usd: Decimal


class UserDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One user over a time range, step by step; steps without traces are present with zeros."""

    user: UserSummary
    step_s: int
    series: list[UserPoint]
