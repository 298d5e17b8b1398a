"""From the spool to the telemetry store: decode, fold, price, insert, acknowledge; at least once, the same batch under
the same token."""

from pilothouse.ingest.delivery import SpanSink
from pilothouse.ingest.loop import IngestLoop, IngestOptions
from pilothouse.ingest.spans import record_to_span

__all__ = ["IngestLoop", "IngestOptions", "SpanSink", "record_to_span"]
