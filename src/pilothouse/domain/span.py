"""A span: one timed step of a trace, as the telemetry store keeps it."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from pilothouse.domain.money import CostStatus
from pilothouse.domain.usage import Usage

GATEWAY = "gateway"
"""The source of spans that the gateway itself reports."""


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


class Level(StrEnum):
    """How much a span matters to whoever reads logs; in Langfuse's words."""

    DEBUG = "debug"
    DEFAULT = "default"
    WARNING = "warning"
    ERROR = "error"


class SpanEvent(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Something that happened at one moment inside a span."""

    at_ns: int
    name: str
    attributes: dict[str, str] = {}


class SpanLink(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Another span that this one follows from, or a further parent."""

    trace_id: str
    span_id: str
    attributes: dict[str, str] = {}


class AttemptDetail(msgspec.Struct, frozen=True, gc=False):
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


SAID_IN_EVENTS = "langfuse"
"""The source of which any later event may say more of a span, also after its end; such spans have a native id."""


class Span(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of the store's span table."""

    project_id: str
    trace_id: str
    span_id: str
    parent_span_id: str = ""
    name: str
    kind: SpanKind
    source: str
    """`gateway`, or the vocabulary that its source spoke: `otel`, `langfuse` …"""
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
    running: bool = False
    """No end is known, and patches may still come; the duration goes until the last word."""
    abandoned: bool = False
    """No end was ever said; closed here because nothing came for long."""
    wrapper: bool = False
    """A model call below it in the same trace carries the usage: tokens, cost and call are counted there, not here."""
    level: str = ""
    """A `Level`, empty when nobody said."""
    release: str = ""
    version: str = ""
    prompt_name: str = ""
    prompt_version: str = ""
    trace_name: str = ""
    """What the application calls the whole trace."""
    native_id: str = ""
    """The source's own id, where it is not of OpenTelemetry's form."""
    links: tuple[SpanLink, ...] = ()
    """Further parents, and spans that it follows from."""
    events: tuple[SpanEvent, ...] = ()
    resource: dict[str, str] = {}
    stated_at_ns: int = 0
    """When the last patch of it was said, by its source's clock; 0 of a gateway call."""
    fold: bytes = b""
    """What the other fields do not tell of the patches it was made of; empty of a gateway call."""
    deleted: bool = False
    """Marks that the span is no longer at this start, but at another that was said later."""

    @property
    def is_open(self) -> bool:
        """Whether more is to be expected of it: it has not ended, or is said in events."""
        return self.running or (self.source == SAID_IN_EVENTS and self.native_id != "")
