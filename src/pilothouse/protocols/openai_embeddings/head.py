"""What the gateway and the record need of an embeddings call."""

from typing import Any

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import json_body, openai_error, openai_usage
from pilothouse.protocols.base import NO_ASK, Ask, Reply
from pilothouse.protocols.heads import BodyHead


class EmbeddingsHead(BodyHead, frozen=True):
    """What the gateway reads of an embeddings request."""

    user: Any = None

    @property
    def user_id(self) -> str:
        """The caller's own name for its end user; empty when not given."""
        return self.user if isinstance(self.user, str) else ""


class _Body(msgspec.Struct):
    model: Any = None
    data: list[msgspec.Raw] | None = None
    usage: Any = None
    error: Any = None


_HEAD = msgspec.json.Decoder(EmbeddingsHead)
_BODY = msgspec.json.Decoder(_Body)


def read_head(body: bytes, _ask: Ask = NO_ASK) -> EmbeddingsHead:
    """Return the head of an embeddings request; raises `InvalidJson`, or `InvalidRequest` naming the field."""
    return json_body.read(body, _HEAD)


def rewrite(body: bytes, *, model: str | None, ask_usage: bool = False) -> bytes:
    """Return the body with exactly one canonical `model` key; usage need not be asked for."""
    del ask_usage
    return json_body.rewrite(body, model=model, ask_usage=False)


def read_reply(body: bytes) -> Reply:
    """Return what the record needs of an embeddings answer; the vectors are not decoded.

    Raises `UpstreamProtocol` when the bytes are neither an answer nor an error object.
    """
    try:
        found = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocol(
            "the provider's answer is not an embeddings object", upstream_status=200, body=body[:65536]
        ) from error
    if found.error or found.data is None:
        problem = openai_error.read_error(body)
        if problem is not None:
            return Reply(error=problem)
        raise UpstreamProtocol("the provider's answer has no data", upstream_status=200, body=body[:65536])
    model = found.model if isinstance(found.model, str) else ""
    return Reply(model=model, usage=openai_usage.read(found.usage))
