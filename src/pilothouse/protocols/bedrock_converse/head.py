"""The few things of a Converse request that the gateway reads."""

import msgspec

from pilothouse.protocols import json_body, marks
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.heads import PathHead, rewrite_named_in_path


class _Body(msgspec.Struct):
    requestMetadata: dict[str, str] | None = None  # noqa: N815


_DECODER = msgspec.json.Decoder(_Body)


def read_head(body: bytes, ask: Ask = NO_ASK) -> PathHead:
    """Return the head of a Converse request; raises `InvalidJson`, or `InvalidRequest` naming the field."""
    found = json_body.read(body, _DECODER)
    return PathHead(ask.model, ask.streamed is True, found.requestMetadata or {})


def rewrite(body: bytes, *, model: str | None, ask_usage: bool = False) -> bytes:
    """Return the body as it is, but ids of calls without another vendor's mark, with which Bedrock refuses them."""
    return marks.without_ids(rewrite_named_in_path(body, model=model, ask_usage=ask_usage))
