"""What people read back: filters, trace lists, traces and the overview. These types are the API's own answers.

Times are RFC 3339 UTC, durations milliseconds, money decimal strings.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from pilothouse.domain.money import CostStatus
from pilothouse.domain.span import AttemptDetail, SpanKind, SpanStatus
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
    """Case-insensitive substring of input, output, error, trace id, request id, model or name."""
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
    """Of the root span, else of the earliest."""
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
    streamed: bool
    usage: Usage
    cost_usd: Decimal | None
    """Sum over the priced calls; None when none is priced."""
    unpriced_count: int
    input_preview: str
    """At most 200 characters, from the root span: the last user message where the input is a conversation."""
    output_preview: str


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


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One trace: its summary and its spans, parents before children, by start time."""

    summary: TraceSummary
    spans: list[SpanDetail]


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
