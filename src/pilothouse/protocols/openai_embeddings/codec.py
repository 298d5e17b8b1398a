"""An embeddings call into the domain and out of it."""

from typing import Any, cast

import msgspec

from pilothouse.domain.chat import Extra
from pilothouse.domain.embeddings import EmbeddingsReply, EmbeddingsRequest
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols import json_body, openai_usage
from pilothouse.protocols.base import NO_ASK, Ask, Written
from pilothouse.protocols.openai_embeddings.head import read_head
from pilothouse.protocols.packed_floats import pack, unpack

NAME = "openai_embeddings"

_KNOWN = frozenset({"model", "input", "dimensions", "encoding_format", "user"})
_ENCODER = msgspec.json.Encoder()

_Input = str | tuple[int, ...]


class _Vector(msgspec.Struct):
    embedding: str | tuple[float, ...]
    index: int = 0


class _Body(msgspec.Struct):
    data: list[_Vector]
    model: Any = None
    usage: Any = None


_BODY = msgspec.json.Decoder(_Body)


def read_request(body: bytes, _ask: Ask = NO_ASK) -> EmbeddingsRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where."""
    head = read_head(body)
    found = json_body.read_document(body)
    form = found.get("encoding_format")
    if form not in (None, "float", "base64"):
        raise InvalidRequest("encoding_format must be float or base64", param="encoding_format")
    inputs, batched = _read_input(found.get("input"))
    rest = {key: value for key, value in found.items() if key not in _KNOWN and value is not None}
    return EmbeddingsRequest(
        dialect=NAME,
        model=head.model_name,
        inputs=inputs,
        batched=batched,
        dimensions=_read_dimensions(found.get("dimensions")),
        base64=form == "base64",
        user_id=head.user_id,
        extra=Extra(NAME, rest) if rest else None,
    )


def _read_dimensions(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidRequest("dimensions must be a whole number above 0", param="dimensions")
    return value


def _read_input(value: Any) -> tuple[tuple[_Input, ...], bool]:
    """Return the inputs, and whether they came as a list: one text or one list of token ids stands alone."""
    if isinstance(value, str):
        return (value,), False
    items = cast("list[Any]", value) if isinstance(value, list) else []
    if not items:
        raise InvalidRequest("input must be a text, a list of texts, or token ids", param="input")
    if _is_tokens(items):
        return (tuple(items),), False
    return tuple(_read_item(item, number) for number, item in enumerate(items)), True


def _read_item(item: Any, number: int) -> _Input:
    if isinstance(item, str):
        return item
    if isinstance(item, list) and _is_tokens(cast("list[Any]", item)):
        return tuple(cast("list[int]", item))
    raise InvalidRequest(f"input.{number} must be a text or a list of token ids", param=f"input.{number}")


def _is_tokens(items: list[Any]) -> bool:
    return bool(items) and all(isinstance(item, int) and not isinstance(item, bool) for item in items)


def write_request(request: EmbeddingsRequest, _facts: ModelFacts) -> Written:
    """Return the body; what a text is for has no place in it."""
    extra = request.extra.fields if request.extra is not None and request.extra.dialect == NAME else {}
    found: dict[str, Any] = {
        "model": request.model,
        "input": list(request.inputs) if request.batched or len(request.inputs) != 1 else request.inputs[0],
        "dimensions": request.dimensions,
        "encoding_format": "base64" if request.base64 else None,
        "user": request.user_id or None,
    }
    body = {**{key: value for key, value in found.items() if value is not None}, **extra}
    return Written(_ENCODER.encode(body), tuple(_losses(request)))


def _losses(request: EmbeddingsRequest) -> list[Loss]:
    lost = [name for name, value in (("taskType", request.task), ("title", request.title)) if value]
    if request.extra is not None and request.extra.dialect != NAME:
        lost += request.extra.fields
    return [Loss(name, "OpenAI's embeddings have no such field") for name in lost]


def read_vectors(body: bytes) -> EmbeddingsReply:
    """Return the vectors in the order of the inputs, whichever way they are written; raises `UpstreamProtocol`."""
    try:
        found = _BODY.decode(body)
        vectors = tuple(_floats(item.embedding) for item in sorted(found.data, key=lambda item: item.index))
    except (ValueError, RecursionError) as error:
        raise UpstreamProtocol(
            "the provider's answer holds no vectors", upstream_status=200, body=body[:65536]
        ) from error
    model = found.model if isinstance(found.model, str) else ""
    return EmbeddingsReply(model=model, vectors=vectors, usage=openai_usage.read(found.usage))


def _floats(value: str | tuple[float, ...]) -> tuple[float, ...]:
    return unpack(value) if isinstance(value, str) else value


def write_vectors(reply: EmbeddingsReply, request: EmbeddingsRequest) -> bytes:
    """Return the answer, its vectors as numbers or as base64, as the caller wants them."""
    vectors = [pack(vector) if request.base64 else vector for vector in reply.vectors]
    usage = reply.usage
    return _ENCODER.encode(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": number, "embedding": vector} for number, vector in enumerate(vectors)
            ],
            "model": reply.model or request.model,
            "usage": {"prompt_tokens": usage.input_total if usage else 0, "total_tokens": usage.total if usage else 0},
        }
    )
