"""What became of telemetry that was sent: counts by minute, sender and reason, so that nothing is lost in silence."""

from enum import StrEnum

import msgspec

MINUTE_NS = 60 * 10**9
REFUSED_BY_STORE = "refused_by_store"
"""The reason of what the store does not take, though it takes other things."""


class ReceiptOutcome(StrEnum):
    """What became of items, or of a whole request."""

    ACCEPTED = "accepted"
    """Safe in the spool; the sender was told so."""
    REJECTED = "rejected"
    """Single items that could not be used; the sender was told which."""
    REFUSED = "refused"
    """A whole request that was not taken; the sender was told why, and sends it again if that may help."""
    MERGED = "merged"
    """In the store, each span once."""
    SET_ASIDE = "set_aside"
    """Accepted, and then of no use to the store; kept beside the spool."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one minute, one way in and one outcome."""

    project_id: str
    minute_ns: int
    """Its start."""
    surface: str
    """The way in: `otlp_http`, `otlp_grpc`, `langfuse` …"""
    signal: str
    """`traces`, `logs`, `metrics` or `scores`."""
    sdk_name: str = ""
    sdk_version: str = ""
    outcome: ReceiptOutcome
    reason: str = ""
    """A stable word; empty when accepted or merged."""
    requests: int = 0
    items: int = 0
    sample: str = ""
    """Of the newest such item: its id and what was wrong."""
