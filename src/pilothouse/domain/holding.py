"""What the telemetry store holds of spans, as far as whoever adds to it has to know."""

import msgspec

from pilothouse.domain.span import Span

BUCKET_NS = 300 * 10**9
"""Rows of a span whose starts are in the same five minutes replace one another in the store; others do not."""


class Held(msgspec.Struct, frozen=True):
    """One row of a span; of several, the one with the highest version counts."""

    span: Span
    version: int


class Place(msgspec.Struct, frozen=True):
    """Where a span's rows are."""

    project_id: str
    trace_id: str
    span_id: str
    started_at_ns: int
    heard_at_ns: int = 0
    """When something last came of it, by our clock."""


class Node(msgspec.Struct, frozen=True, gc=False):
    """A span as a part of its trace."""

    parent_span_id: str
    is_call: bool
    """A model call."""
    metered: bool
    """It carries a usage."""
    wrapper: bool
    started_at_ns: int
    other_starts_ns: tuple[int, ...] = ()
    """Where further rows of it count, because an insert was cut short."""
    by_gateway: bool = False
    """The gateway itself reported it."""
    ended_at_ns: int = 0
    """0 while it has no end."""
    tokens: int = 0
    """Of input and output together."""


Shape = dict[str, Node]
"""The spans of a trace by id."""
