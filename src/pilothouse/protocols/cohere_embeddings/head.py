"""What the gateway and the record need of a call for Cohere's embeddings."""

from typing import Any

import msgspec

from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import json_body, loose, openai_error
from pilothouse.protocols.answer_body import SHOWN_BYTES
from pilothouse.protocols.base import NO_ASK, Ask, Reply
from pilothouse.protocols.heads import BodyHead


class _Body(msgspec.Struct):
    embeddings: msgspec.Raw = msgspec.Raw(b"")
    meta: Any = None


_HEAD = msgspec.json.Decoder(BodyHead)
_BODY = msgspec.json.Decoder(_Body)


def read_head(body: bytes, _ask: Ask = NO_ASK) -> BodyHead:
    """Return the head of a request; raises `InvalidJson`, or `InvalidRequest` naming the field."""
    return json_body.read(body, _HEAD)


def read_reply(body: bytes) -> Reply:
    """Return what the record needs of an answer; the vectors are not decoded.

    Raises `UpstreamProtocol` when the bytes are neither an answer nor an error.
    """
    try:
        found = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocol(
            "the provider's answer is not an object with vectors", upstream_status=200, body=body[:SHOWN_BYTES]
        ) from error
    if bytes(found.embeddings) in (b"", b"null"):
        problem = openai_error.read_error(body)
        if problem is not None:
            return Reply(error=problem)
        raise UpstreamProtocol("the provider's answer has no vectors", upstream_status=200, body=body[:SHOWN_BYTES])
    return Reply(usage=usage(found.meta))


def usage(meta: Any) -> Usage | None:
    """Return the tokens that were billed, those of pictures apart; None when the answer tells none."""
    found = loose.mapping(meta)
    billed = loose.mapping(found.get("billed_units"))
    if "input_tokens" not in billed and "image_tokens" not in billed:
        billed = loose.mapping(found.get("tokens"))
    texts, pictures = (loose.number(billed.get(name)) for name in ("input_tokens", "image_tokens"))
    if texts is None and pictures is None:
        return None
    return Usage(int(texts or 0), input_image_tokens=int(pictures or 0))
