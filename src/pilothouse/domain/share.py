"""Share links: one trace, readable by whoever has the link."""

import msgspec

from pilothouse.domain.keeping import DAY_NS

DEFAULT_DAYS = 7
MOST_DAYS = 365
"""No link is for ever."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A link to one trace, and what it shows."""

    id: str
    project_id: str
    digest: str
    """Hex SHA-256 of the token. The token has 238 random bits, so a fast hash is safe."""
    hint: str
    """The first characters of the token, enough to recognise it and useless without the rest."""
    trace_id: str
    """Empty once the trace was deleted."""
    near_ns: int
    """A time near the trace, which finds it faster; 0 when none is known."""
    name: str
    """What the trace was called when it was shared."""
    bodies: bool
    """Whether inputs and outputs are shown, or only what happened when and at what cost."""
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


class SharingPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a project lets anything be shared by link."""

    project_id: str
    allowed: bool = True
    changed_by: str = ""
    changed_at_ns: int = 0


def expires_at_ns(days: int, now_ns: int) -> int:
    """Return when a link of so many days ends."""
    return now_ns + days * DAY_NS
