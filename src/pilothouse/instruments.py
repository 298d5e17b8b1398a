"""Our own logs and metrics; every metric name stands in this one list.

A metric is a counter, a gauge or a histogram held in this process and rendered as Prometheus text by `render`.
Increments are plain dictionary writes, cheap enough for the hot path and safe from any thread that holds the
interpreter lock.
"""

import json
import logging
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType


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
RESPONSES_NOT_KEPT = Counter(
    "pilothouse_gateway_responses_not_kept_total", "Responses answered that could not be kept, by reason.", ("reason",)
)
RESPONSES_IN_BACKGROUND = Gauge("pilothouse_gateway_responses_in_background", "Background responses being made.")
BATCH_LINES = Counter(
    "pilothouse_gateway_batch_lines_total", "Lines of batches that got an answer, natively or one by one.", ("way",)
)
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
TELEMETRY_REQUESTS = Counter(
    "pilothouse_telemetry_requests_total", "Telemetry requests of SDKs, by what came of them.",
    ("surface", "signal", "outcome"),
)  # fmt: skip
TELEMETRY_ITEMS = Counter(
    "pilothouse_telemetry_items_total", "Spans, log records and data points that SDKs sent, by what came of them.",
    ("signal", "outcome"),
)  # fmt: skip
TELEMETRY_BYTES = Counter("pilothouse_telemetry_bytes_total", "Bytes of telemetry taken, decompressed.", ("signal",))
REDACTIONS = Counter(
    "pilothouse_redactions_total", "Places where a project's redaction policy took something out.", ("rule",)
)
REDACTION_FAILURES = Counter(
    "pilothouse_redaction_failures_total", "Texts that could not be redacted and were therefore not kept."
)
VOCABULARY_FAILURES = Counter(
    "pilothouse_otlp_vocabulary_failures_total",
    "Spans that a vocabulary of attributes failed to read.",
    ("vocabulary",),
)
STORE_QUERIES = Histogram("pilothouse_store_query_seconds", "Time of one telemetry query.", _SECONDS, ("query",))
ROWS_REMOVED = Counter(
    "pilothouse_rows_removed_total",
    "Rows of telemetry removed, and what stood beside it; `bodies` emptied, `shares` ended.",
    ("why", "table"),
)
SPANS_REVISED = Counter("pilothouse_spans_revised_total", "Kept spans priced or mapped anew and written.", ("kind",))
EXPORT_ROWS = Counter("pilothouse_export_rows_total", "Rows written out.", ("what",))
EXPORT_FAILURES = Counter("pilothouse_export_failures_total", "Tries to write an export that failed.")
STORE_ERRORS = Counter("pilothouse_store_errors_total", "Telemetry queries that failed.", ("code",))
API_REQUESTS = Counter("pilothouse_api_requests_total", "Platform API requests.", ("route", "status"))
LOOP_FAILURES = Counter("pilothouse_loop_failures_total", "Ticks of a background loop that failed.", ("loop",))

METRICS: tuple[Counter | Histogram, ...] = (
    GATEWAY_CALLS, GATEWAY_OPEN_CALLS, GATEWAY_OVERHEAD, RESPONSES_NOT_KEPT, RESPONSES_IN_BACKGROUND,
    BATCH_LINES, SNAPSHOT_VERSION, TRANSPORT_CONNECTS, TRANSPORT_OPEN,
    SPOOL_APPENDED, SPOOL_DROPPED, SPOOL_COMMIT, SPOOL_SYNC, SPOOL_BYTES, INGEST_SPANS, INGEST_REJECTED, INGEST_LAG,
    TELEMETRY_REQUESTS, TELEMETRY_ITEMS, TELEMETRY_BYTES, VOCABULARY_FAILURES,
    REDACTIONS, REDACTION_FAILURES,
    STORE_QUERIES, ROWS_REMOVED, SPANS_REVISED, EXPORT_ROWS, EXPORT_FAILURES, STORE_ERRORS, API_REQUESTS, LOOP_FAILURES,
)  # fmt: skip


def render(others: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return all metrics of this process in Prometheus text exposition format 0.0.4.

    `others` is the same text of other processes by name; their samples follow with the label `process`, since a count
    that two processes share would seem to fall whenever one of them begins anew.
    """
    theirs = {name: _samples(text) for name, text in others.items()}
    out: list[str] = []
    for metric in METRICS:
        out.append(f"# HELP {metric.name} {metric.help_text}")
        out.append(f"# TYPE {metric.name} {metric.kind}")
        out.extend(metric.lines())
        for process, samples in theirs.items():
            out.extend(_labelled(line, process) for line in samples.get(metric.name, ()))
    return "\n".join(out) + "\n"


def _samples(text: str) -> dict[str, list[str]]:
    """Return the lines of samples by the metric that they stand under."""
    found: dict[str, list[str]] = {}
    metric = ""
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            metric = line.split(" ")[2]
        elif line and not line.startswith("#"):
            found.setdefault(metric, []).append(line)
    return found


def _labelled(line: str, process: str) -> str:
    name, brace, rest = line.partition("{")
    label = f'process="{process}"'
    if brace:
        return f"{name}{{{label},{rest}"
    name, _, value = line.partition(" ")
    return f"{name}{{{label}}} {value}"


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
