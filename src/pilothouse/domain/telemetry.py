"""What applications send besides spans: log records and the data points of metrics, as the store keeps them."""

from datetime import datetime

import msgspec

from pilothouse.domain.reading import Facet


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A log record; an event when it has a name."""

    project_id: str
    id: str
    """Follows from the request that it came in and its place there, so that a repeated request adds nothing."""
    key_id: str = ""
    surface: str
    trace_id: str = ""
    """Empty when it belongs to no span."""
    span_id: str = ""
    at_ns: int
    observed_at_ns: int
    name: str = ""
    severity: int = 0
    """OpenTelemetry's number: 1 to 24, 9 info, 17 error."""
    severity_text: str = ""
    body: str = ""
    """JSON text when it is no text."""
    attributes: dict[str, str] = {}
    resource: dict[str, str] = {}
    scope_name: str = ""
    scope_version: str = ""


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which log records to show: those that fit every given condition."""

    project_id: str
    from_at: datetime
    to_at: datetime
    text: str = ""
    """Case-insensitive substring of body, name or the value of an attribute."""
    min_severity: int = 0
    services: tuple[str, ...] = ()
    """Of the sending program, its `service.name`."""
    names: tuple[str, ...] = ()
    trace_id: str = ""
    limit: int = 50
    """1 to 200."""
    cursor: str = ""


class LogPage(msgspec.Struct, frozen=True):
    """Log records, newest first."""

    items: list[LogRecord]
    next_cursor: str | None


class LogFacets(msgspec.Struct, frozen=True):
    """What log records of a time range can be narrowed to, most frequent first."""

    services: list[Facet]
    names: list[Facet]
    severities: list[Facet]
    """The least number of each of OpenTelemetry's levels: 1 trace, 5 debug, 9 info, 13 warn, 17 error, 21 fatal."""


class Exemplar(msgspec.Struct, frozen=True):
    """One of the measurements behind a data point, and the span that it was made in."""

    at_ns: int
    value: float
    trace_id: str = ""
    """Empty when it was made in no span."""
    span_id: str = ""
    attributes: dict[str, str] = {}
    """Those that the data point has not."""


class MetricPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One data point of a metric."""

    project_id: str
    id: str
    """As of a log record."""
    key_id: str = ""
    surface: str
    name: str
    kind: str
    """`gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`."""
    unit: str = ""
    description: str = ""
    started_at_ns: int = 0
    at_ns: int
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
    """Upper ends of the buckets but the last."""
    counts: tuple[int, ...] = ()
    quantiles: dict[str, float] = {}
    """Of a summary."""
    attributes: dict[str, str] = {}
    resource: dict[str, str] = {}
    scope_name: str = ""
    scope_version: str = ""
    exemplars: tuple[Exemplar, ...] = ()
