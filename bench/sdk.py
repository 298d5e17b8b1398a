"""Measure what the SDK costs an app, span by span; prints one JSON object a line.

Run: python -m bench.sdk [--spans N]
"""

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from pilothouse import sdk

ROUNDS = 5
TEXT = "the harbour is older than the town, and the town is older than its name. " * 14


class Nowhere(SpanExporter):
    """OpenTelemetry's own processor with nothing behind it: what any tracing costs."""

    def export(self, spans: object) -> SpanExportResult:
        """Take everything."""
        return SpanExportResult.SUCCESS


def plain(question: str, depth: int = 1) -> str:
    """Return an answer of about 1 kB."""
    return TEXT if depth else question


traced = sdk.trace(plain)


def with_span() -> None:
    """Open a span and say two things."""
    with sdk.span("step", kind="tool") as span:
        span.set(input="how old is it?", output=TEXT)


class Taker(BaseHTTPRequestHandler):
    """Takes everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read a request and answer it."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Cost(NamedTuple):
    """Microseconds of one action, of the clock and of the app's own thread."""

    wall_us: float
    thread_us: float


def cost(action: Callable[[], object], spans: int) -> list[Cost]:
    """Return what one action costs, in rounds with pauses for the sender in between."""
    found: list[Cost] = []
    for _ in range(ROUNDS):
        began, busy = time.perf_counter(), time.thread_time()
        for _ in range(spans):
            action()
        found.append(Cost((time.perf_counter() - began) / spans * 1e6, (time.thread_time() - busy) / spans * 1e6))
        sdk.flush()
    return found


def report(name: str, costs: list[Cost]) -> None:
    """Print a measurement."""
    figures = {
        "wall_us": round(statistics.median(one.wall_us for one in costs), 1),
        "thread_us": round(statistics.median(one.thread_us for one in costs), 1),
    }
    print(json.dumps({"area": "sdk", "name": name, **figures}))


def main() -> None:
    """Measure off, OpenTelemetry alone, and on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=4000)
    spans = parser.parse_args().spans
    report("untraced", cost(lambda: plain("why"), spans))
    report("traced, off", cost(lambda: traced("why"), spans))
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    tracer = provider.get_tracer("bench")

    def bare() -> None:
        with tracer.start_as_current_span("step", attributes={"input.value": "why", "output.value": TEXT}):
            pass

    report("a span of OpenTelemetry alone", cost(bare, spans))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sdk.init(f"http://127.0.0.1:{server.server_port}", "ph_bench")
    report("traced, on", cost(lambda: traced("why"), spans))
    report("span(), on", cost(with_span, spans))
    with sdk.session("s"), sdk.user("u"), sdk.tags("a", "b"), sdk.metadata(plan="pro"):
        report("traced, on, in a session with tags", cost(lambda: traced("why"), spans))
    sdk.shutdown()
    print(json.dumps({"area": "sdk", "name": "dropped", "count": sdk.dropped()}))
    server.shutdown()
    server.server_close()
    provider.shutdown()


if __name__ == "__main__":
    main()
