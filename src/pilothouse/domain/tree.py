"""The spans of one trace as light rows, without what went in and out: what a tree of any size is drawn from."""

from decimal import Decimal

import msgspec

from pilothouse.domain.money import CostStatus
from pilothouse.domain.reading import ScoreDetail, TraceSummary
from pilothouse.domain.span import AttemptDetail, SpanKind, SpanStatus


class TreeSpan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One span of a tree; a field that is not there is empty, 0 or false."""

    span_id: str
    parent_span_id: str = ""
    name: str
    kind: SpanKind
    start_ms: float
    """From the start of the trace."""
    duration_ms: float
    ttft_ms: float | None = None
    status: SpanStatus = SpanStatus.OK
    error_code: str = ""
    level: str = ""
    model: str = ""
    """Served, else requested."""
    input_tokens: int = 0
    """All input buckets together."""
    output_tokens: int = 0
    """All output buckets together."""
    cost_usd: Decimal | None = None
    cost_status: CostStatus = CostStatus.UNMETERED
    running: bool = False
    abandoned: bool = False
    wrapper: bool = False
    """A model call below it carries the usage, which is counted there."""
    has_body: bool = False
    """Whether an input or an output is kept."""
    attempts: tuple[AttemptDetail, ...] = ()


class TreePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some spans of a trace by start time: a parent may come after its children, or never."""

    spans: list[TreeSpan]
    next_cursor: str | None
    summary: TraceSummary | None = None
    """On the first page only, as are the scores."""
    scores: list[ScoreDetail] = []


class SpanMatches(msgspec.Struct, frozen=True):
    """Which spans of a trace hold a text."""

    span_ids: list[str]
    """By start time."""
    more: bool
    """Whether there are more than are listed."""
