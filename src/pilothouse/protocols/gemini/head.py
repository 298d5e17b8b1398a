"""The few things of a Gemini request that the gateway reads: the path says most of it."""

from typing import Any

import msgspec

from pilothouse.protocols import json_body, loose
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.heads import PathHead


class _Body(msgspec.Struct):
    labels: Any = None


_DECODER = msgspec.json.Decoder(_Body)


def read_head(body: bytes, ask: Ask = NO_ASK) -> PathHead:
    """Return the head of a request; raises `InvalidJson`, or `InvalidRequest` naming the field."""
    labels = loose.mapping(json_body.read(body, _DECODER).labels)
    told = {key: found for key, found in labels.items() if isinstance(found, str)}
    return PathHead(ask.model, ask.streamed is True, told)
