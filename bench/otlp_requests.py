"""The requests that the benches of OpenTelemetry send: a model call a span, about 3 kB each."""

import os
import re
import struct
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SPANS = 100
TRACES = 10
_FORMS = 20
_WORDS = "the spool keeps every span until the store has it and frees its disk "


def request(number: int) -> bytes:
    """Return a request of 100 spans in ten traces, about 3 kB each."""
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    scoped = group.scope_spans.add()
    scoped.scope.name = "opentelemetry.instrumentation.openai_v2"
    now_ns = time.time_ns()
    trace_id, root = b"", b""
    for index in range(SPANS):
        span = scoped.spans.add()
        if index % (SPANS // TRACES) == 0:
            trace_id, root = os.urandom(16), b""
        span.trace_id, span.span_id, span.parent_span_id = trace_id, os.urandom(8), root
        root = root or span.span_id
        span.name = "chat gpt-4o-mini"
        span.start_time_unix_nano, span.end_time_unix_nano = now_ns - 10**9, now_ns
        words = _WORDS * 18
        for key, text in {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.model": "gpt-4o-mini-2024-07-18", "session.id": _session(number),
            "gen_ai.input.messages": f'[{{"role":"user","parts":[{{"type":"text","content":"{words}"}}]}}]',
            "gen_ai.output.messages": f'[{{"role":"assistant","parts":[{{"type":"text","content":"{words}"}}]}}]',
        }.items():  # fmt: skip
            span.attributes.add(key=key).value.string_value = text
        for key, count in {"gen_ai.usage.input_tokens": 400, "gen_ai.usage.output_tokens": index}.items():
            span.attributes.add(key=key).value.int_value = count
    return made.SerializeToString()


def _session(number: int) -> str:
    return f"session {number:09}"


class Requests:
    """Makes such requests fast, so that a sender takes little of the processor.

    Traces, times and the session are new in each.
    """

    def __init__(self) -> None:
        self._forms = [_Form(request(number)) for number in range(_FORMS)]
        self._made = 0

    def next(self) -> bytes:
        """Return a request of which all spans began a second ago."""
        self._made += 1
        return self._forms[self._made % _FORMS].filled(self._made)


class _Form:
    """A request in pieces, between which traces and times stand."""

    def __init__(self, body: bytes) -> None:
        made = ExportTraceServiceRequest.FromString(body)
        spans = made.resource_spans[0].scope_spans[0].spans
        self._traces = sorted({span.trace_id for span in spans})
        self._times = [
            struct.pack("<Q", at_ns) for at_ns in (spans[0].start_time_unix_nano, spans[0].end_time_unix_nano)
        ]
        self._session = next(one.value.string_value for one in spans[0].attributes if one.key == "session.id").encode()
        changing = [*self._traces, *self._times, self._session]
        self._pieces = re.split(b"(" + b"|".join(map(re.escape, changing)) + b")", body)

    def filled(self, number: int) -> bytes:
        now_ns = time.time_ns()
        new = {trace_id: os.urandom(16) for trace_id in self._traces}
        new |= {old: struct.pack("<Q", at_ns) for old, at_ns in zip(self._times, (now_ns - 10**9, now_ns), strict=True)}
        new[self._session] = _session(number).encode()
        return b"".join([new.get(piece, piece) for piece in self._pieces])
