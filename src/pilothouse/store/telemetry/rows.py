"""What every reader of whole spans gets of a row, and how its lists, which the store keeps as JSON, are read."""

from decimal import Decimal
from typing import Any

import msgspec

from pilothouse.domain.money import CostStatus
from pilothouse.domain.span import AttemptDetail, SpanEvent, SpanKind, SpanLink, SpanStatus
from pilothouse.store.telemetry.summaries import usage

PACKED = frozenset({"attempts", "links", "events"})
"""Columns that hold a list as JSON."""

_attempts = msgspec.json.Decoder(tuple[AttemptDetail, ...])
_links = msgspec.json.Decoder(tuple[SpanLink, ...])
_events = msgspec.json.Decoder(tuple[SpanEvent, ...])


class SpanRow(msgspec.Struct, kw_only=True):
    """The columns that are read of a span whatever for; a reader adds its own."""

    span_id: str
    parent_span_id: str
    name: str
    kind: SpanKind
    source: str
    duration_ns: int
    first_token_ns: int | None
    overhead_ns: int | None
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
    metered: bool
    tokens: list[int]
    usage_inconsistent: bool
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
    attempts: str
    request_headers: dict[str, str]
    response_headers: dict[str, str]
    running: bool
    abandoned: bool
    wrapper: bool
    level: str
    release: str
    version: str
    prompt_name: str
    prompt_version: str
    trace_name: str
    native_id: str
    links: str
    events: str
    resource: dict[str, str]


def unpacked(row: SpanRow) -> dict[str, Any]:
    """Return the fields of a span that are not in its row as they stand: the usage, and the lists."""
    return {
        "usage": usage(row.tokens, inconsistent=row.usage_inconsistent) if row.metered else None,
        "attempts": _attempts.decode(row.attempts) if row.attempts else (),
        "links": _links.decode(row.links) if row.links else (),
        "events": _events.decode(row.events) if row.events else (),
    }
