"""A span: one timed step of a trace, as the telemetry store keeps it."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from pilothouse.domain.money import CostStatus
from pilothouse.domain.usage import Usage


class SpanKind(StrEnum):
    """What a span stands for."""

    LLM = "llm"
    EMBEDDING = "embedding"
    CHAIN = "chain"
    AGENT = "agent"
    TOOL = "tool"
    RETRIEVER = "retriever"
    GUARD = "guard"
    OTHER = "other"


class SpanStatus(StrEnum):
    """Whether the step did what it was for."""

    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"


class AttemptDetail(msgspec.Struct, frozen=True):
    """One upstream try inside a gateway span; times in milliseconds from the start of the span."""

    account: str
    provider: str
    model: str
    start_ms: float
    first_byte_ms: float | None
    end_ms: float
    status: int
    error_code: str = ""
    error_detail: str = ""
    upstream_request_id: str = ""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the store's span table."""

    project_id: str
    trace_id: str
    span_id: str
    parent_span_id: str = ""
    name: str
    kind: SpanKind
    source: str
    """The way it came in: `gateway`, later also `otlp`, `langfuse` …"""
    started_at_ns: int
    duration_ns: int
    first_token_ns: int | None = None
    last_token_ns: int | None = None
    overhead_ns: int | None = None
    status: SpanStatus
    outcome: str = ""
    http_status: int = 0
    error_code: str = ""
    error_detail: str = ""
    operation: str = ""
    dialect: str = ""
    streamed: bool = False
    model_requested: str = ""
    model_served: str = ""
    account: str = ""
    provider: str = ""
    alias: str = ""
    finish_reason: str = ""
    input: str = ""
    """JSON text when the source gave JSON, else plain text."""
    output: str = ""
    input_size_bytes: int = 0
    output_size_bytes: int = 0
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    cost_status: CostStatus = CostStatus.UNMETERED
    cost_detail: str = ""
    price_version: str = ""
    key_id: str = ""
    user_id: str = ""
    session_id: str = ""
    environment: str = ""
    request_id: str = ""
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    attributes: dict[str, str] = {}
    attempts: tuple[AttemptDetail, ...] = ()
    request_headers: dict[str, str] = {}
    response_headers: dict[str, str] = {}
