"""A patch: what one source says of a span at one time; a span is the fold of all its patches (`domain.fold`)."""

from decimal import Decimal

import msgspec

from pilothouse.domain.span import Level, SpanEvent, SpanKind, SpanLink, SpanStatus
from pilothouse.domain.usage import Usage


class SpanPatch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What one source says of one span at one time; None and empty maps leave a thing unsaid.

    Ids are OpenTelemetry's: 32 and 16 hexadecimal digits in lower case. A source with ids of another form keeps its own
    text in `native_id` and derives the hexadecimal one from it (`domain.ids`).
    """

    trace_id: str
    span_id: str
    project_id: str = ""
    """Filled in by the surface that took the patch, from the caller's key; never by the source."""
    key_id: str = ""
    source: str
    """The vocabulary that was spoken: `otel`, `openinference`, `langfuse`, `langsmith` …"""
    at_ns: int
    """When the source said it, by its own clock; of two statements about one field the later one holds."""
    whole: bool = False
    """The span has ended, and this source will say no more of it."""
    native_id: str | None = None
    parent_span_id: str | None = None
    """Empty text says that it is a root."""
    links: tuple[SpanLink, ...] = ()
    """Further parents, and spans that it follows from."""
    name: str | None = None
    trace_name: str | None = None
    kind: SpanKind | None = None
    started_at_ns: int | None = None
    ended_at_ns: int | None = None
    first_token_at_ns: int | None = None
    status: SpanStatus | None = None
    level: Level | None = None
    error_code: str | None = None
    """A word for the kind of error, such as `error.type`."""
    error_detail: str | None = None
    operation: str | None = None
    """As in OpenTelemetry's `gen_ai.operation.name`."""
    provider: str | None = None
    model_requested: str | None = None
    model_served: str | None = None
    finish_reason: str | None = None
    streamed: bool | None = None
    input: str | None = None
    """JSON text when the source gave JSON, else plain text."""
    output: str | None = None
    usage: Usage | None = None
    """Disjoint buckets, whatever the source's own convention is."""
    cost_usd: Decimal | None = None
    """As the source says; beats the computed one."""
    user_id: str | None = None
    session_id: str | None = None
    environment: str | None = None
    release: str | None = None
    version: str | None = None
    prompt_name: str | None = None
    prompt_version: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    """The application's own; a value that is not text is JSON."""
    attributes: dict[str, str] = {}
    """Everything that the source sent, as it was named there, so that a better mapping can be run over it later; a
    value that is not text is JSON."""
    resource: dict[str, str] = {}
    """OpenTelemetry's resource attributes, and `scope.name` and `scope.version`."""
    events: tuple[SpanEvent, ...] = ()
