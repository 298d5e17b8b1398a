"""What a share link shows of a trace: field by field, so that a field nobody has thought of is left out.

Never shown is who it was for, who paid, through which account, and what only the network needed. Inputs, outputs and
all free text come with bodies only; what happened when, how it ended and what it cost is always shown.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from pilothouse.domain.reading import ScoreDetail, SpanDetail, TraceSummary
from pilothouse.domain.span import AttemptDetail, SpanEvent, SpanLink
from pilothouse.domain.telemetry import LogRecord
from pilothouse.domain.tree import TreePage, TreeSpan

T = TypeVar("T", bound=msgspec.Struct)

ALWAYS: Mapping[type[msgspec.Struct], frozenset[str]] = {
    TraceSummary: frozenset({
        "trace_id", "name", "started_at", "duration_ms", "ttft_ms", "tokens_per_s", "status", "error_code",
        "http_status", "models", "providers", "span_count", "call_count", "streamed", "usage", "cost_usd",
        "unpriced_count", "running",
    }),
    SpanDetail: frozenset({
        "span_id", "parent_span_id", "name", "kind", "source", "started_at", "start_ms", "duration_ms", "ttft_ms",
        "tokens_per_s", "overhead_ms", "status", "outcome", "http_status", "error_code", "operation", "dialect",
        "streamed", "model_requested", "model_served", "provider", "finish_reason", "input_size_bytes",
        "output_size_bytes", "usage", "cost_usd", "cost_status", "cost_detail", "price_version", "environment",
        "attempts", "running", "abandoned", "wrapper", "before_parent_ms", "level", "release", "version",
        "prompt_name", "prompt_version", "trace_name",
    }),
    TreeSpan: frozenset(TreeSpan.__struct_fields__),
    AttemptDetail: frozenset({
        "provider", "model", "start_ms", "first_byte_ms", "end_ms", "status", "error_code",
    }),
    ScoreDetail: frozenset({"id", "trace_id", "span_id", "name", "type", "number", "source", "at", "environment"}),
    LogRecord: frozenset(),
}  # fmt: skip
WITH_BODIES: Mapping[type[msgspec.Struct], frozenset[str]] = {
    TraceSummary: frozenset({"input_preview", "output_preview", "match"}),
    SpanDetail: frozenset({
        "input", "output", "error_detail", "tags", "metadata", "attributes", "native_id", "links", "events",
    }),
    TreeSpan: frozenset(),
    AttemptDetail: frozenset({"error_detail"}),
    ScoreDetail: frozenset({"text", "comment", "metadata"}),
    LogRecord: frozenset({
        "id", "span_id", "at_ns", "name", "severity", "severity_text", "body", "attributes", "scope_name",
        "trace_id", "surface", "observed_at_ns",
    }),
}  # fmt: skip
NEVER: Mapping[type[msgspec.Struct], frozenset[str]] = {
    TraceSummary: frozenset({"key_ids", "user_id", "session_id"}),
    SpanDetail: frozenset({
        "account", "alias", "key_id", "user_id", "session_id", "request_id", "request_headers", "response_headers",
        "resource",
    }),
    TreeSpan: frozenset(),
    AttemptDetail: frozenset({"account", "upstream_request_id"}),
    ScoreDetail: frozenset({"session_id", "author", "run_id", "config_id"}),
    LogRecord: frozenset({"project_id", "key_id", "resource", "scope_version"}),
}  # fmt: skip
_WHO = ("user.id", "enduser.id", "user_id", "user.email", "user.name", "session.id", "session_id", "conversation.id")
"""Ends of the names of attributes that say whom something was for."""


def tree(page: TreePage, *, bodies: bool) -> TreePage:
    """Return a page of a tree as a link shows it."""
    return TreePage(
        spans=[_only(span, bodies=bodies, attempts=_attempts(span.attempts, bodies=bodies)) for span in page.spans],
        next_cursor=page.next_cursor,
        summary=None if page.summary is None else _only(page.summary, bodies=bodies),
        scores=[_scored(score, bodies=bodies) for score in page.scores],
    )


def span(detail: SpanDetail, *, bodies: bool) -> SpanDetail:
    """Return a span as a link shows it."""
    more: dict[str, Any] = {"attempts": _attempts(detail.attempts, bodies=bodies)}
    if bodies:
        more["attributes"] = nobody(detail.attributes)
        more["metadata"] = nobody(detail.metadata)
        more["events"] = tuple(SpanEvent(one.at_ns, one.name, nobody(one.attributes)) for one in detail.events)
        more["links"] = tuple(SpanLink(one.trace_id, one.span_id) for one in detail.links)
    return _only(detail, bodies=bodies, **more)


def log(record: LogRecord) -> LogRecord:
    """Return a log record as a link with bodies shows it; without bodies none is shown."""
    return _only(record, bodies=True, attributes=nobody(record.attributes))


def nobody(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return attributes without those that say whom something was for."""
    return {name: value for name, value in attributes.items() if not says_who(name)}


def says_who(name: str) -> bool:
    """Return whether an attribute of that name says whom something was for."""
    return name.lower().endswith(_WHO)


def _scored(score: ScoreDetail, *, bodies: bool) -> ScoreDetail:
    return _only(score, bodies=bodies, **({"metadata": nobody(score.metadata)} if bodies else {}))


def _attempts(attempts: tuple[AttemptDetail, ...], *, bodies: bool) -> tuple[AttemptDetail, ...]:
    return tuple(_only(one, bodies=bodies) for one in attempts)


def _only(value: T, *, bodies: bool, **more: Any) -> T:
    kept = ALWAYS[type(value)] | WITH_BODIES[type(value)] if bodies else ALWAYS[type(value)]
    hidden = {name: _blank(getattr(value, name)) for name in value.__struct_fields__ if name not in kept}
    return msgspec.structs.replace(value, **{**hidden, **more})


def _blank(value: Any) -> Any:
    """Return what stands for nothing in a field that holds such a value."""
    if value is None or isinstance(value, (datetime, Decimal)):
        return None
    return type(value)()
