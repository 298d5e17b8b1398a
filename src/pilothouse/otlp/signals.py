"""What OTLP carries, as plain values: the same whether it came as protobuf or as JSON.

Attribute values are text, numbers, truth values, bytes, None, lists and objects of these. Times are nanoseconds since
1970, ids lower-case hexadecimal digits.
"""

from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")
Attributes = dict[str, Any]


class Bounds(msgspec.Struct, frozen=True):
    """How much of one request is taken; what goes beyond is cut or rejected, and said so."""

    items: int = 200_000
    """Spans, log records or data points."""
    attributes: int = 4_096
    """Of one item, one event, one resource."""
    text_chars: int = 16_000_000
    """Of one text; pictures come as long ones."""
    depth: int = 48
    """Of lists and objects inside one another."""
    events: int = 10_000
    """Of one span; links too."""
    exemplars: int = 100
    """Of one data point; SDKs keep one for each bucket of a histogram."""


BOUNDS = Bounds()


class Sender(msgspec.Struct, frozen=True):
    """The SDK that sent the request, as its own headers name it."""

    name: str = ""
    version: str = ""


NOBODY = Sender()


class OtelScope(msgspec.Struct, frozen=True, gc=False):
    """The instrumentation that made an item."""

    name: str = ""
    version: str = ""
    attributes: Attributes = {}


class OtelEvent(msgspec.Struct, frozen=True):
    """An event of a span."""

    at_ns: int
    name: str
    attributes: Attributes = {}


class OtelLink(msgspec.Struct, frozen=True):
    """A link of a span to another."""

    trace_id: str
    span_id: str
    attributes: Attributes = {}


class OtelSpan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A span as it was sent."""

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    name: str = ""
    kind: int = 0
    """OpenTelemetry's number: 1 internal, 2 server, 3 client, 4 producer, 5 consumer."""
    started_at_ns: int = 0
    ended_at_ns: int = 0
    """0 when the span has not ended."""
    attributes: Attributes = {}
    events: tuple[OtelEvent, ...] = ()
    links: tuple[OtelLink, ...] = ()
    status_code: int = 0
    """0 unset, 1 ok, 2 error."""
    status_message: str = ""
    trace_state: str = ""
    resource: Attributes = {}
    scope: OtelScope = OtelScope()
    sender: Sender = NOBODY
    notes: tuple[str, ...] = ()
    """What was wrong with it and had to be mended."""


class OtelLog(msgspec.Struct, frozen=True, kw_only=True):
    """A log record; an event when it has a name."""

    trace_id: str = ""
    """Empty when it belongs to no span."""
    span_id: str = ""
    at_ns: int
    observed_at_ns: int = 0
    name: str = ""
    severity: int = 0
    severity_text: str = ""
    body: Any = None
    attributes: Attributes = {}
    resource: Attributes = {}
    scope: OtelScope = OtelScope()
    notes: tuple[str, ...] = ()


class PointKind(StrEnum):
    """The kinds of metrics."""

    GAUGE = "gauge"
    SUM = "sum"
    HISTOGRAM = "histogram"
    EXPONENTIAL = "exponential_histogram"
    SUMMARY = "summary"


class OtelExemplar(msgspec.Struct, frozen=True):
    """One of the measurements behind a data point, and the span that it was made in."""

    at_ns: int
    value: float
    trace_id: str = ""
    """Empty when it was made in no span."""
    span_id: str = ""
    attributes: Attributes = {}
    """Those that the data point has not."""


class OtelPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One data point of a metric."""

    name: str
    kind: PointKind
    unit: str = ""
    description: str = ""
    started_at_ns: int = 0
    at_ns: int
    attributes: Attributes = {}
    cumulative: bool = False
    """Whether it counts from `started_at_ns` on, and not since the point before."""
    monotonic: bool = False
    value: float | None = None
    """Of gauges and sums."""
    count: int = 0
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    bounds: tuple[float, ...] = ()
    """Upper ends of the buckets but the last; of an exponential histogram too, where they are computed."""
    counts: tuple[int, ...] = ()
    quantiles: dict[str, float] = {}
    """Of a summary."""
    exemplars: tuple[OtelExemplar, ...] = ()
    resource: Attributes = {}
    scope: OtelScope = OtelScope()


class Reason(StrEnum):
    """Why an item was not taken."""

    TRACE_ID = "trace_id_invalid"
    SPAN_ID = "span_id_invalid"
    UNREADABLE = "unreadable"
    TOO_MANY = "too_many"
    PENDING = "pending_copy"
    """A copy of a span that is sent while it runs; the span itself follows."""


class Rejected(msgspec.Struct, frozen=True):
    """An item that was not taken."""

    index: int
    """Its place in the request, from 0."""
    reason: Reason
    span_id: str = ""
    """As far as it could be read."""
    detail: str = ""


class Decoded(msgspec.Struct, Generic[T], frozen=True):
    """All that was in a request."""

    items: tuple[T, ...]
    rejected: tuple[Rejected, ...] = ()
