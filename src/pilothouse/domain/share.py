"""Share links: one trace or one dashboard, readable by whoever has the link."""

import re
from enum import StrEnum

import msgspec

from pilothouse.domain.dashboard import Chart
from pilothouse.domain.keeping import DAY_NS
from pilothouse.domain.shown import says_who

DEFAULT_DAYS = 7
MOST_DAYS = 365
"""No link is for ever."""
MOST_RANGE_DAYS = 366
"""No link has the store read more than that."""
_LAST = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNITS_NS = {"m": DAY_NS // 1440, "h": DAY_NS // 24, "d": DAY_NS}
KEYS = frozenset({"key", "key_id"})
"""How a chart by virtual keys names them."""


class ShareKind(StrEnum):
    """What a link leads to."""

    TRACE = "trace"
    DASHBOARD = "dashboard"


class SharedRange(msgspec.Struct, frozen=True, kw_only=True):
    """The time that a shared dashboard shows: the last so long, whenever it is read, or always the same."""

    last: str = ""
    """A length of time that ends now, such as `24h`; empty for a fixed range."""
    from_ns: int = 0
    to_ns: int = 0

    def at(self, now_ns: int) -> tuple[int, int]:
        """Return start and end as they are at a time."""
        return (now_ns - length_ns(self.last), now_ns) if self.last else (self.from_ns, self.to_ns)


class SharedBoard(msgspec.Struct, frozen=True, kw_only=True):
    """What a link shows of a dashboard: its charts as they were when it was shared.

    Whoever changes the dashboard later does not thereby decide what leaves the house.
    """

    description: str
    charts: tuple[Chart, ...]
    range: SharedRange


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A link, and what it shows."""

    id: str
    project_id: str
    digest: str
    """Hex SHA-256 of the token. The token has 238 random bits, so a fast hash is safe."""
    hint: str
    """The first characters of the token, enough to recognise it and useless without the rest."""
    kind: ShareKind = ShareKind.TRACE
    trace_id: str = ""
    """Empty once the trace was deleted, and for a dashboard."""
    dashboard_id: str = ""
    """Empty once the dashboard was deleted, and for a trace."""
    near_ns: int = 0
    """A time near the trace, which finds it faster; 0 when none is known."""
    name: str
    """What the trace or dashboard was called when it was shared."""
    bodies: bool = False
    """Whether inputs and outputs are shown, or only what happened when and at what cost."""
    board: SharedBoard | None = None
    """Of a dashboard; None once it was deleted."""
    created_by: str
    """As the audit names them."""
    created_at_ns: int
    expires_at_ns: int
    revoked_at_ns: int | None = None
    opened: int = 0
    """How often the page was opened."""
    opened_at_ns: int | None = None
    """When it was opened last."""

    def over(self, now_ns: int) -> bool:
        """Return whether it shows nothing any more."""
        return self.revoked_at_ns is not None or now_ns >= self.expires_at_ns

    @property
    def gone(self) -> bool:
        """Whether what it showed was deleted."""
        return not self.trace_id if self.kind is ShareKind.TRACE else self.board is None


class SharingPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a project lets anything be shared by link."""

    project_id: str
    allowed: bool = True
    changed_by: str = ""
    changed_at_ns: int = 0


def expires_at_ns(days: int, now_ns: int) -> int:
    """Return when a link of so many days ends."""
    return now_ns + days * DAY_NS


def length_ns(last: str) -> int:
    """Return how long `24h` or the like is, 0 for what is no length of time."""
    found = _LAST.fullmatch(last)
    return int(found.group(1)) * _UNITS_NS[found.group(2)] if found else 0


def names_somebody(chart: Chart) -> bool:
    """Return whether a chart shows the names of keys, users or sessions."""
    return chart.group_by in KEYS or chart.group_by in {"user", "session"} or says_who(chart.group_by)
