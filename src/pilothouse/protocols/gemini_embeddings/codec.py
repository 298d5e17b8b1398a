"""An embeddings call into the domain and out of it: one text, or a batch of them, each a request of its own."""

from typing import Any

import msgspec

from pilothouse.domain.chat import Extra
from pilothouse.domain.embeddings import EmbeddingsReply, EmbeddingsRequest
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols import json_body, loose
from pilothouse.protocols.base import NO_ASK, Ask, Written
from pilothouse.protocols.gemini import usage
from pilothouse.protocols.gemini.wire import camel
from pilothouse.protocols.gemini_embeddings.head import resource

NAME = "gemini_embeddings"

_BATCH = "batch"
_KNOWN = frozenset({"model", "content", "taskType", "title", "outputDimensionality", "embedContentConfig"})


class _Vector(msgspec.Struct):
    values: tuple[float, ...]


class _Body(msgspec.Struct, rename="camel"):
    embedding: _Vector | None = None
    embeddings: tuple[_Vector, ...] | None = None
    usage_metadata: Any = None


_BODY = msgspec.json.Decoder(_Body)


def read_request(body: bytes, ask: Ask = NO_ASK) -> EmbeddingsRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where."""
    found = _camel(json_body.read_document(body))
    batched = ask.variant == _BATCH
    items = [_camel(item) for item in loose.objects(found.get("requests"))] if batched else [found]
    if not items:
        raise InvalidRequest("requests must be a list of requests", param="requests")
    settings = [_settings(item) for item in items]
    if len({fields.get("outputDimensionality") for fields in settings}) > 1:
        raise InvalidRequest("all requests must ask for the same outputDimensionality", param="requests")
    shared = {key: value for fields in reversed(settings) for key, value in fields.items()}
    rest = {key: value for key, value in shared.items() if key not in _KNOWN}
    return EmbeddingsRequest(
        dialect=NAME,
        model=ask.model,
        inputs=tuple(_text(item, f"requests.{place}" if batched else "") for place, item in enumerate(items)),
        batched=batched,
        dimensions=_dimensions(shared.get("outputDimensionality")),
        task=loose.text(shared.get("taskType")),
        title=loose.text(shared.get("title")),
        varied=tuple(key for key in ("taskType", "title", *rest) if _differs(key, settings)),
        extra=Extra(NAME, rest) if rest else None,
    )


def _camel(fields: dict[str, Any]) -> dict[str, Any]:
    return {camel(key): value for key, value in fields.items() if value is not None}


def _settings(item: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked for of a vector; Google takes it beside the content, or in an object of its own."""
    return {**item, **_camel(loose.mapping(item.get("embedContentConfig")))}


def _differs(key: str, settings: list[dict[str, Any]]) -> bool:
    return any(fields.get(key) != settings[0].get(key) for fields in settings)


def _dimensions(value: Any) -> int | None:
    if value is None:
        return None
    found = loose.integer(value)
    if found is None or found < 1:
        raise InvalidRequest("outputDimensionality must be a whole number above 0", param="outputDimensionality")
    return found


def _text(item: dict[str, Any], place: str) -> str:
    path = f"{place}.content" if place else "content"
    parts = loose.objects(loose.mapping(item.get("content")).get("parts"))
    if not parts or not all(isinstance(part.get("text"), str) for part in parts):
        raise InvalidRequest(f"{path}: must have parts of text; this model takes no other", param=path)
    return "\n".join(part["text"] for part in parts)


def write_request(request: EmbeddingsRequest, _facts: ModelFacts) -> Written:
    """Return the body: of one request, or of a batch, each of whose requests names the model."""
    losses: list[Loss] = []
    fields: dict[str, Any] = {
        "taskType": request.task,
        "title": request.title,
        "outputDimensionality": request.dimensions,
    }
    own = request.extra.fields if request.extra is not None and request.extra.dialect == NAME else {}
    shared = {**{key: value for key, value in fields.items() if value}, **own}
    texts: list[str] = []
    for place, given in enumerate(request.inputs):
        if not isinstance(given, str):
            losses.append(Loss(f"input.{place}", "Gemini takes texts, no token ids", essential=True))
        texts.append(loose.clean(given) if isinstance(given, str) else "")
    losses += [Loss(name, "it differs within the batch; all get the first one's") for name in request.varied]
    losses += _hints(request)
    items = [{"content": {"parts": [{"text": text}]}, **shared} for text in texts]
    if not request.batched and len(items) == 1:
        return Written(loose.ENCODER.encode(items[0]), tuple(losses))
    body = {"requests": [{"model": resource(request.model), **item} for item in items]}
    return Written(loose.ENCODER.encode(body), tuple(losses))


def _hints(request: EmbeddingsRequest) -> list[Loss]:
    lost = ["user"] if request.user_id else []
    if request.extra is not None and request.extra.dialect != NAME:
        lost += request.extra.fields
    return [Loss(name, "Gemini's embeddings have no such field") for name in lost]


def read_vectors(body: bytes) -> EmbeddingsReply:
    """Return the vectors in the order of the inputs; raises `UpstreamProtocol`."""
    try:
        found = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _no_vectors(body) from error
    listed = found.embeddings if found.embedding is None else (found.embedding,)
    if listed is None:
        raise _no_vectors(body)
    return EmbeddingsReply(vectors=tuple(item.values for item in listed), usage=usage.read(found.usage_metadata))


def _no_vectors(body: bytes) -> UpstreamProtocol:
    return UpstreamProtocol("the provider's answer holds no vectors", upstream_status=200, body=body[:65536])


def write_vectors(reply: EmbeddingsReply, request: EmbeddingsRequest) -> bytes:
    """Return the answer, to a batch as a list."""
    vectors = [{"values": vector} for vector in reply.vectors]
    out: dict[str, Any] = {"embeddings": vectors} if request.batched else {"embedding": vectors[0] if vectors else {}}
    if reply.usage is not None:
        out["usageMetadata"] = {
            "promptTokenCount": reply.usage.input_total,
            "totalTokenCount": reply.usage.total,
        }
    return loose.ENCODER.encode(out)
