"""What the gateway and the record need of an embeddings call: the path says all of it but the texts."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import json_body, loose, raw_json
from pilothouse.protocols.base import NO_ASK, Ask, Reply
from pilothouse.protocols.gemini import errors, usage
from pilothouse.protocols.heads import PathHead

_COLLECTIONS = ("models/", "tunedModels/")


class _Request(msgspec.Struct):
    pass


class _Body(msgspec.Struct, rename="camel"):
    embedding: msgspec.Raw | UnsetType = UNSET
    embeddings: msgspec.Raw | UnsetType = UNSET
    usage_metadata: Any = None


_REQUEST = msgspec.json.Decoder(_Request)
_BODY = msgspec.json.Decoder(_Body)


def read_head(body: bytes, ask: Ask = NO_ASK) -> PathHead:
    """Return the head of a request; raises `InvalidJson`, or `InvalidRequest` for what is no object."""
    json_body.read(body, _REQUEST)
    return PathHead(ask.model)


def rewrite(body: bytes, *, model: str | None, ask_usage: bool = False) -> bytes:
    """Return the body with the model replaced where it repeats the path's, and every other value as it was.

    Raises `InvalidJson`, or `InvalidRequest` naming the request of a batch that is none.
    """
    del ask_usage
    top = json_body.read_object(body)
    if model is None:
        return body
    if "requests" in top:
        items = [
            raw_json.members(item, f"requests.{place}")
            for place, item in enumerate(raw_json.items(top["requests"], "requests"))
        ]
        top["requests"] = msgspec.Raw(loose.ENCODER.encode([_named(item, model) for item in items]))
    return loose.ENCODER.encode(_named(top, model))


def _named(fields: dict[str, msgspec.Raw], model: str) -> dict[str, msgspec.Raw]:
    return fields | {"model": msgspec.Raw(loose.ENCODER.encode(resource(model)))} if "model" in fields else fields


def resource(model: str) -> str:
    """Return a model's resource name; a plain name is one of `models`."""
    return model if model.startswith(_COLLECTIONS) else f"models/{model}"


def read_reply(body: bytes) -> Reply:
    """Return what the record needs of an answer; the vectors are not decoded.

    Raises `UpstreamProtocol` when the bytes are neither an answer nor an error object.
    """
    try:
        found = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _Body()
    if found.embedding is UNSET and found.embeddings is UNSET:
        problem = errors.read_error(body)
        if problem is not None:
            return Reply(error=problem)
        raise UpstreamProtocol("the provider's answer has no embedding", upstream_status=200, body=body[:65536])
    return Reply(usage=usage.read(found.usage_metadata))
