"""Our own logs and metrics; every metric name stands in this one list.

A metric is a counter, a gauge or a histogram held in this process and rendered as Prometheus text by `render`.
Increments are plain dictionary writes, cheap enough for the hot path and safe from any thread that holds the
interpreter lock.
"""

import json
import logging
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import UTC, datetime


class Counter:
    """A count that only grows, one series for each tuple of label values."""

    kind = "counter"

    def __init__(self, name: str, help_text: str, labels: tuple[str, ...] = ()) -> None:
        self.name = name
        self.help_text = help_text
        self.labels = labels
        self.values: dict[tuple[str, ...], float] = {}

    def inc(self, *label_values: str, by: float = 1) -> None:
        """Add `by` to the series of `label_values`."""
        self.values[label_values] = self.values.get(label_values, 0) + by

    def lines(self) -> Iterator[str]:
        """Yield the samples in Prometheus text form."""
        for label_values, value in list(self.values.items()):
            yield f"{self.name}{_braces(self.labels, label_values)} {value:g}"


class Gauge(Counter):
    """A value that goes up and down."""

    kind = "gauge"

    def set(self, value: float, *label_values: str) -> None:
        """Set the series of `label_values`."""
        self.values[label_values] = value


class Histogram:
    """A distribution over fixed bucket bounds, one series for each tuple of label values."""

    kind = "histogram"

    def __init__(self, name: str, help_text: str, bounds: tuple[float, ...], labels: tuple[str, ...] = ()) -> None:
        self.name = name
        self.help_text = help_text
        self.bounds = bounds
        self.labels = labels
        self.values: dict[tuple[str, ...], list[float]] = {}

    def observe(self, value: float, *label_values: str) -> None:
        """Count `value` in its bucket."""
        series = self.values.get(label_values)
        if series is None:
            series = self.values[label_values] = [0.0] * (len(self.bounds) + 2)
        series[bisect_left(self.bounds, value)] += 1
        series[-1] += value

    def lines(self) -> Iterator[str]:
        """Yield the samples in Prometheus text form, buckets cumulative."""
        for label_values, series in list(self.values.items()):
            total = 0.0
            for bound, count in zip((*self.bounds, float("inf")), series[:-1], strict=True):
                total += count
                upper = "+Inf" if bound == float("inf") else f"{bound:g}"
                yield f"{self.name}_bucket{_braces((*self.labels, 'le'), (*label_values, upper))} {total:g}"
            yield f"{self.name}_sum{_braces(self.labels, label_values)} {series[-1]:g}"
            yield f"{self.name}_count{_braces(self.labels, label_values)} {total:g}"


_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

GATEWAY_CALLS = Counter("pilothouse_gateway_calls_total", "Calls that ended, by outcome.", ("outcome",))
GATEWAY_OPEN_CALLS = Gauge("pilothouse_gateway_open_calls", "Calls under way.")
GATEWAY_OVERHEAD = Histogram("pilothouse_gateway_overhead_seconds", "Time spent in the gateway itself.", _SECONDS)
SNAPSHOT_VERSION = Gauge("pilothouse_gateway_snapshot_version", "Version of the snapshot in use.")
TRANSPORT_CONNECTS = Counter("pilothouse_transport_connects_total", "Connections opened, by outcome.", ("outcome",))
TRANSPORT_OPEN = Gauge("pilothouse_transport_open_connections", "Upstream connections open.")
SPOOL_APPENDED = Counter("pilothouse_spool_appended_total", "Records made durable.", ("kind",))
SPOOL_DROPPED = Counter("pilothouse_spool_dropped_total", "Records dropped because the spool was full.", ("kind",))
SPOOL_COMMIT = Histogram("pilothouse_spool_commit_seconds", "Time of one group commit.", _SECONDS)
SPOOL_SYNC = Histogram("pilothouse_spool_sync_seconds", "Time of one sync of the spool's log to the disk.", _SECONDS)
SPOOL_BYTES = Gauge("pilothouse_spool_bytes", "Bytes of undrained records on disk.", ("writer",))
INGEST_SPANS = Counter("pilothouse_ingest_spans_total", "Spans written to the store.")
INGEST_REJECTED = Counter("pilothouse_ingest_rejected_total", "Records that could not become spans.", ("reason",))
INGEST_LAG = Gauge("pilothouse_ingest_lag_seconds", "Age of the oldest undrained record.")
STORE_QUERIES = Histogram("pilothouse_store_query_seconds", "Time of one telemetry query.", _SECONDS, ("query",))
STORE_ERRORS = Counter("pilothouse_store_errors_total", "Telemetry queries that failed.", ("code",))
API_REQUESTS = Counter("pilothouse_api_requests_total", "Platform API requests.", ("route", "status"))
LOOP_FAILURES = Counter("pilothouse_loop_failures_total", "Ticks of a background loop that failed.", ("loop",))

METRICS: tuple[Counter | Histogram, ...] = (
    GATEWAY_CALLS, GATEWAY_OPEN_CALLS, GATEWAY_OVERHEAD, SNAPSHOT_VERSION, TRANSPORT_CONNECTS, TRANSPORT_OPEN,
    SPOOL_APPENDED, SPOOL_DROPPED, SPOOL_COMMIT, SPOOL_SYNC, SPOOL_BYTES, INGEST_SPANS, INGEST_REJECTED, INGEST_LAG,
    STORE_QUERIES, STORE_ERRORS, API_REQUESTS, LOOP_FAILURES,
)  # fmt: skip


def render() -> str:
    """Return all metrics of this process in Prometheus text exposition format 0.0.4."""
    out: list[str] = []
    for metric in METRICS:
        out.append(f"# HELP {metric.name} {metric.help_text}")
        out.append(f"# TYPE {metric.name} {metric.kind}")
        out.extend(metric.lines())
    return "\n".join(out) + "\n"


def _braces(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    pairs = ",".join(f"{name}={json.dumps(value)}" for name, value in zip(names, values, strict=False))
    return f"{{{pairs}}}" if pairs else ""


class JsonLines(logging.Formatter):
    """One JSON object a line; secrets are kept out by the code that logs, and scrubbed again here."""

    def __init__(self, scrub: Callable[[str], str]) -> None:
        super().__init__()
        self._scrub = scrub

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return self._scrub(json.dumps(line, ensure_ascii=False))


def start_logging(level: str, scrub: Callable[[str], str]) -> None:
    """Send all logs of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(scrub))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
