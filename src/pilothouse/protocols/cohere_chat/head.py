"""The few fields of a request of Cohere's chat that the gateway reads."""

import msgspec

from pilothouse.protocols import json_body, marks
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.heads import StreamingHead

_DECODER = msgspec.json.Decoder(StreamingHead)


def read_head(body: bytes, _ask: Ask = NO_ASK) -> StreamingHead:
    """Return the head of a request; raises `InvalidJson`, or `InvalidRequest` naming the field."""
    return json_body.read(body, _DECODER)


def rewrite(body: bytes, *, model: str | None, ask_usage: bool = False) -> bytes:
    """Return the body with the model replaced; ids of calls that carry another vendor's mark lose it."""
    del ask_usage
    return marks.without_ids(json_body.rewrite(body, model=model, ask_usage=False))


def needs_canonical(body: bytes) -> bool:
    """Return whether the body could spell `model` twice, or holds the mark of another vendor."""
    return json_body.needs_canonical(body) or marks.in_ids(body)
