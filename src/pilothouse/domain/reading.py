"""What people read back: filters, trace lists, traces and the overview. These types are the API's own answers.

Times are RFC 3339 UTC, durations milliseconds, money decimal strings.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from pilothouse.domain.money import CostStatus
from pilothouse.domain.query.nodes import Comparison, Node
from pilothouse.domain.score import ScoreType
from pilothouse.domain.span import AttemptDetail, SpanEvent, SpanKind, SpanLink, SpanStatus
from pilothouse.domain.usage import Usage

SortField = Literal["started_at", "duration", "ttft", "tokens", "cost"]


class TraceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which traces to show: those with at least one span that fits every given condition."""

    project_id: str
    from_at: datetime
    to_at: datetime
    models: tuple[str, ...] = ()
    """Requested or served names."""
    statuses: tuple[SpanStatus, ...] = ()
    key_ids: tuple[str, ...] = ()
    user_id: str = ""
    session_id: str = ""
    text: str = ""
    """Case-insensitive substring of what full text searches."""
    query: Node | None = None
    """Of the query language."""
    of_traces: tuple[Node, ...] = ()
    """Each of them some span of the trace has to fulfil, whichever it is."""
    min_duration_ms: float | None = None
    sort: SortField = "started_at"
    descending: bool = True
    limit: int = 50
    """1 to 200."""
    cursor: str = ""


class TraceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the trace list."""

    trace_id: str
    name: str
    """As the application calls the trace, else that of the root span, else of the earliest."""
    started_at: datetime
    duration_ms: float
    ttft_ms: float | None
    tokens_per_s: float | None
    status: SpanStatus
    """`error` when any span failed."""
    error_code: str
    http_status: int
    models: tuple[str, ...]
    providers: tuple[str, ...]
    key_ids: tuple[str, ...]
    user_id: str
    session_id: str
    span_count: int
    call_count: int
    """Model calls; one that both the application and the gateway report counts once, as do its tokens and cost."""
    streamed: bool
    usage: Usage
    cost_usd: Decimal | None
    """Sum over the priced calls; None when none is priced."""
    unpriced_count: int
    input_preview: str
    """At most 200 characters, from the root span: the last user message where the input is a conversation."""
    output_preview: str
    match: str = ""
    """In a search for text: where input or output holds it, at most 160 characters; empty when it is elsewhere."""
    running: bool = False
    """A span of it has no end yet."""


class TracePage(msgspec.Struct, frozen=True):
    """A page of the trace list."""

    items: list[TraceSummary]
    next_cursor: str | None


class SpanDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One span with all that is known of it."""

    span_id: str
    parent_span_id: str
    name: str
    kind: SpanKind
    source: str
    started_at: datetime
    start_ms: float
    """From the start of the trace."""
    duration_ms: float
    ttft_ms: float | None
    tokens_per_s: float | None
    overhead_ms: float | None
    status: SpanStatus
    outcome: str
    http_status: int
    error_code: str
    error_detail: str
    operation: str
    dialect: str
    streamed: bool
    model_requested: str
    model_served: str
    account: str
    provider: str
    alias: str
    finish_reason: str
    input: str
    output: str
    input_size_bytes: int
    output_size_bytes: int
    usage: Usage | None
    cost_usd: Decimal | None
    cost_status: CostStatus
    cost_detail: str
    price_version: str
    key_id: str
    user_id: str
    session_id: str
    environment: str
    request_id: str
    tags: tuple[str, ...]
    metadata: dict[str, str]
    attributes: dict[str, str]
    attempts: tuple[AttemptDetail, ...]
    request_headers: dict[str, str]
    response_headers: dict[str, str]
    running: bool
    """No end is known yet; the duration goes until the last word."""
    abandoned: bool
    """No end was ever said; closed because nothing came for long."""
    wrapper: bool
    """A model call below it carries the usage, which is counted there."""
    before_parent_ms: float
    """By how much it starts before its parent, by the clocks of whoever reported them; 0 when it does not."""
    level: str
    """`debug`, `default`, `warning`, `error`, or empty when nobody said."""
    release: str
    version: str
    prompt_name: str
    prompt_version: str
    trace_name: str
    native_id: str
    """The source's own id, where it is not of OpenTelemetry's form."""
    links: tuple[SpanLink, ...]
    """Further parents, and spans that it follows from."""
    events: tuple[SpanEvent, ...]
    resource: dict[str, str]


class ScoreDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One score of a trace or of a span in it."""

    id: str
    trace_id: str
    span_id: str
    """Empty when it is of the whole trace."""
    session_id: str
    name: str
    type: ScoreType
    number: float | None
    """The value of a numeric score; 1 or 0 of a boolean one."""
    text: str
    """The value of a categorical or textual score."""
    comment: str
    source: str
    """`api` for an application, `annotation` for a person, `eval` for an evaluator."""
    author: str
    at: datetime
    environment: str
    metadata: dict[str, str]
    run_id: str = ""
    """Of the experiment that it is of."""
    config_id: str = ""


class ScoreFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which scores to show, whatever they are of; all that is given must hold, and one of each list."""

    project_id: str
    from_at: datetime | None = None
    to_at: datetime | None = None
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    types: tuple[ScoreType, ...] = ()
    sources: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    config_ids: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    trace_ids: tuple[str, ...] = ()
    span_ids: tuple[str, ...] = ()
    session_ids: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    """Values of categorical and textual ones."""
    bounds: tuple[tuple[Comparison, float], ...] = ()
    """How the values of numeric and boolean ones compare."""
    numbers: tuple[float, ...] = ()
    metadata: dict[str, str] = {}
    of_traces: tuple[Node, ...] = ()
    """Each of them some span of the scored trace has to fulfil."""
    limit: int = 50
    cursor: str = ""


class ScorePage(msgspec.Struct, frozen=True):
    """A page of scores, the newest first."""

    items: list[ScoreDetail]
    next_cursor: str | None


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One trace: its summary and its spans, parents before children, by start time."""

    summary: TraceSummary
    spans: list[SpanDetail]
    scores: list[ScoreDetail] = []


class SpanFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which spans to show, whatever their traces; all that is given must hold."""

    project_id: str
    from_at: datetime | None = None
    to_at: datetime | None = None
    source: str = ""
    span_ids: tuple[str, ...] = ()
    trace_ids: tuple[str, ...] = ()
    parent_span_id: str | None = None
    """Empty text asks for roots."""
    below_root: bool = False
    """No roots."""
    names: tuple[str, ...] = ()
    kinds: tuple[SpanKind, ...] = ()
    statuses: tuple[SpanStatus, ...] = ()
    tags: tuple[str, ...] = ()
    """All of them."""
    attributes: dict[str, tuple[str, ...]] = {}
    """By name, the values of which one must be there."""
    query: Node | None = None
    """Of the query language."""
    of_traces: tuple[Node, ...] = ()
    """Each of them some span of the same trace has to fulfil, whichever it is."""
    limit: int = 50
    cursor: str = ""


class SpanPage(msgspec.Struct, frozen=True):
    """A page of spans, newest first; times within are from the start of each span itself."""

    items: list[SpanDetail]
    trace_ids: list[str]
    """Of each, in the same order."""
    next_cursor: str | None


class AttributeValue(msgspec.Struct, frozen=True):
    """A value that an attribute of root spans has."""

    value: str
    first_at: datetime
    last_at: datetime
    count: int


class Facet(msgspec.Struct, frozen=True):
    """One value that a filter may take, with its number of spans in the range."""

    value: str
    count: int


class Facets(msgspec.Struct, frozen=True):
    """The values that filters may take in a time range, most frequent first."""

    models: list[Facet]
    statuses: list[Facet]
    key_ids: list[Facet]
    users: list[Facet]


class OverviewFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls the overview counts."""

    project_id: str
    from_at: datetime
    to_at: datetime
    models: tuple[str, ...] = ()


class Quantiles(msgspec.Struct, frozen=True):
    """Quantiles in milliseconds; None where there is no sample."""

    p50: float | None
    p95: float | None
    p99: float | None


class CallStats(msgspec.Struct, frozen=True, kw_only=True):
    """Figures over a set of model calls."""

    requests: int
    errors: int
    cancelled: int
    latency_ms: Quantiles
    ttft_ms: Quantiles
    tokens_per_s: float | None
    """Median output tokens per second of streamed calls."""
    input_tokens: int
    """All input buckets together."""
    cache_read_tokens: int
    output_tokens: int
    """All output buckets together."""
    cost_usd: Decimal
    """Sum over the priced calls."""
    unpriced: int
    """Calls that used tokens and have no price."""


class OverviewPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the time series; steps without calls are present with zero requests."""

    at: datetime
    """Start of the step."""
    stats: CallStats


class ModelStats(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one served model, and its requests, cost and tokens per step of the series."""

    model: str
    stats: CallStats
    requests_series: list[int]
    cost_usd_series: list[Decimal]
    tokens_series: list[int]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The overview page's figures."""

    from_at: datetime
    to_at: datetime
    step_s: int
    totals: CallStats
    previous: CallStats
    """The same length of time just before, for comparison."""
    series: list[OverviewPoint]
    models: list[ModelStats]
    """Most requests first, at most 20."""
