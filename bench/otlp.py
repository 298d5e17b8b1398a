"""OpenTelemetry requests into span patches: what a span costs, by SDK and encoding.

`python -m bench.otlp [--quick]`. The spans are those that real SDKs sent, as the tests keep them;
the time is the processor's, of one thread.
"""

import argparse
import base64
import json
import time
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.report import Figure, machine, median, show
from pilothouse.otlp import decode
from pilothouse.otlp.decode import Encoding, Received
from pilothouse.otlp.mapping import mapped

GOLDEN = Path(__file__).parents[1] / "tests" / "otlp" / "golden"
SPANS = 100
"""In one request."""
IDS = {"traceId", "spanId", "parentSpanId"}
NOW = 1_790_000_000_000_000_000


def requests() -> dict[str, dict[str, Any]]:
    """Return a request of `SPANS` spans for each SDK, and one of all SDKs in turn."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(GOLDEN.rglob("*.json")):
        groups = json.loads(path.read_text())["request"].get("resourceSpans", [])
        spans = [
            (group["resource"], scoped.get("scope", {}), span)
            for group in groups
            for scoped in group["scopeSpans"]
            for span in scoped["spans"]
        ]
        if spans:
            found[f"{path.parent.name}/{path.stem}"] = spans
    mixed = [span for spans in found.values() for span in spans]
    return {name: _request(spans) for name, spans in {**found, "mixed": mixed}.items()}


def _request(spans: list[Any]) -> dict[str, Any]:
    resource = spans[0][0]
    scoped: dict[str, dict[str, Any]] = {}
    for place in range(SPANS):
        _resource, scope, span = spans[place % len(spans)]
        group = scoped.setdefault(json.dumps(scope), {"scope": scope, "spans": []})
        group["spans"].append(span)
    return {"resourceSpans": [{"resource": resource, "scopeSpans": list(scoped.values())}]}


def _in_base64(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in IDS else _in_base64(item)
            for key, item in value.items()
        }
    return [_in_base64(item) for item in value] if isinstance(value, list) else value


def bodies(request: dict[str, Any]) -> dict[Encoding, bytes]:
    """Return a request in both encodings."""
    message = json_format.ParseDict(_in_base64(request), ExportTraceServiceRequest(), ignore_unknown_fields=True)
    return {Encoding.PROTOBUF: message.SerializeToString(), Encoding.JSON: json.dumps(request).encode()}


def measure(name: str, request: dict[str, Any], rounds: int) -> None:
    """Print the cost of a span: decoding alone, and with the mapping."""
    for encoding, body in bodies(request).items():
        received = Received(body, encoding, NOW)
        decoding: list[float] = []
        whole: list[float] = []
        for _ in range(rounds):
            started = time.thread_time_ns()
            decoded = decode.spans(received)
            between = time.thread_time_ns()
            mapped(decoded)
            ended = time.thread_time_ns()
            decoding.append((between - started) / 1e3 / SPANS)
            whole.append((ended - started) / 1e3 / SPANS)
        form = encoding.name.lower()
        note = f"{len(body) / SPANS / 1000:.1f} kB a span, decoding {median(decoding):.1f}"
        show(Figure("otlp", f"span_us_{form}_{name}", round(median(whole), 1), "us", n=rounds * SPANS, note=note))


def main() -> None:
    """Measure every SDK's spans in both encodings."""
    parser = argparse.ArgumentParser(prog="python -m bench.otlp", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    chosen = parser.parse_args()
    show(Figure("otlp", "machine", 0, "", note=machine()))
    for name, request in requests().items():
        measure(name, request, 20 if chosen.quick else 200)


if __name__ == "__main__":
    main()
