"""What redaction costs: texts of 1 MB of several kinds, and requests of OpenTelemetry, with every detector on.

`python -m bench.redaction [--quick]`.
"""

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Callable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.report import Figure, machine, median, show
from pilothouse.domain.redaction.detectors import DETECTORS
from pilothouse.domain.redaction.engine import Redactor
from pilothouse.domain.redaction.policy import DetectorRule, FieldRule, Policy
from pilothouse.otlp.answers import Signal
from pilothouse.otlp.decode import Encoding
from pilothouse.otlp.redacting import redacted

FULL = Policy(
    detectors=tuple(DetectorRule(name) for name in DETECTORS), fields=(FieldRule("password"), FieldRule("*secret*"))
)
SIZE = 1_000_000
SENTENCE = "The 12 customers of 2024 asked for a refund of 30 euros, and got it by Monday.\n"
BODIES = {
    "prose": (SENTENCE * (SIZE // len(SENTENCE))),
    "chat": json.dumps({"messages": [{"role": "user", "content": SENTENCE * 12}] * (SIZE // (12 * len(SENTENCE)))}),
    "picture": json.dumps({"url": "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA" * (SIZE // 24)}),
    "contacts": "".join(f"person {n}, person{n}@example.com, +49 170 55{n:05d}\n" for n in range(SIZE // 52)),
    "hostile": "a@1:" * (SIZE // 4),
}


def _milliseconds(work: Callable[[], object], rounds: int) -> float:
    took: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter_ns()
        work()
        took.append((time.perf_counter_ns() - started) / 1e6)
    return median(took)


def _spans(count: int) -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for _ in range(count):
        span = spans.add(trace_id=os.urandom(16), span_id=os.urandom(8), name="chat")
        for number in range(20):
            pair = span.attributes.add()
            pair.key, pair.value.string_value = f"gen_ai.attribute.{number}", SENTENCE
    return request.SerializeToString()


def main() -> None:
    """Print one figure a line."""
    parser = argparse.ArgumentParser(prog="bench.redaction")
    parser.add_argument("--quick", action="store_true")
    rounds = 3 if parser.parse_known_args()[0].quick else 11
    machine()
    redactor = Redactor(FULL, b"secret")
    for name, text in BODIES.items():
        took = _milliseconds(lambda text=text: redactor.text(text, Counter()), rounds)
        show(Figure("redaction", f"{name}_1mb_ms", round(took, 1), "ms", n=rounds, note="all detectors, 2 fields"))
    body = _spans(100)
    took = _milliseconds(lambda: redacted(Signal.TRACES, Encoding.PROTOBUF, body, redactor), rounds)
    show(Figure("redaction", "otlp_span_ms", round(took / 100, 3), "ms", n=rounds, note="20 attributes of 79 bytes"))


if __name__ == "__main__":
    main()
