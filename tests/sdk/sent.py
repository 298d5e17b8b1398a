"""What an app has sent, as the platform keeps it."""

from pathlib import Path

import msgspec

from pilothouse.domain.envelope import OTLP_TRACES, decode_otlp
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.score import SCORES, Score, decode
from pilothouse.otlp import decode as otlp
from pilothouse.otlp.decode import Received, encoding_of
from pilothouse.otlp.mapping import mapped
from pilothouse.spool import SpoolReader


class Sent(msgspec.Struct):
    """The contents of a spool since the last look."""

    spans: list[SpanPatch] = []
    scores: list[Score] = []

    def named(self, name: str) -> SpanPatch:
        """Return the one span of that name."""
        (found,) = (span for span in self.spans if span.name == name)
        return found


def sent(folder: Path) -> Sent:
    """Take what is in the platform's spool below a test's folder."""
    found = Sent()
    reader = SpoolReader(folder / "spool" / "platform")
    try:
        while batch := reader.read(64 * 1024**2, 10_000, 0.0):
            for item in batch.items:
                if item.kind == OTLP_TRACES:
                    request = decode_otlp(item.payload)
                    received = Received(request.body, encoding_of(request.content_type), request.received_at_ns)
                    found.spans += mapped(otlp.spans(received)).items
                elif item.kind == SCORES:
                    found.scores += decode(item.payload)
            reader.ack(batch)
    finally:
        reader.close()
    return found
