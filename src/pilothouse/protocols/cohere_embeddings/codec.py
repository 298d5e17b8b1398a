"""A call for Cohere's embeddings into the domain and out of it."""

from typing import Any

import msgspec

from pilothouse.domain.chat import Extra
from pilothouse.domain.embeddings import EmbeddingsReply, EmbeddingsRequest
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols import json_body, loose
from pilothouse.protocols.answer_body import SHOWN_BYTES
from pilothouse.protocols.base import NO_ASK, Ask, Written
from pilothouse.protocols.cohere_embeddings.head import read_head, usage
from pilothouse.protocols.packed_floats import pack, unpack

NAME = "cohere_embeddings"

_KNOWN = frozenset({"model", "texts", "images", "inputs", "input_type", "embedding_types", "output_dimension"})
_TASKS = {
    "search_document": "RETRIEVAL_DOCUMENT", "search_query": "RETRIEVAL_QUERY", "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}  # fmt: skip
"""Cohere's words for what vectors are for, and Gemini's."""
_TYPES = {task: word for word, task in _TASKS.items()}
_USUAL = "search_document"
_FLOAT, _BASE64 = "float", "base64"


class _Vectors(msgspec.Struct, rename={"floats": _FLOAT, "packed": _BASE64}):
    floats: tuple[tuple[float, ...], ...] | None = None
    packed: tuple[str, ...] | None = None


class _Body(msgspec.Struct):
    embeddings: _Vectors
    meta: Any = None


_BODY = msgspec.json.Decoder(_Body)


def read_request(body: bytes, _ask: Ask = NO_ASK) -> EmbeddingsRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where.

    It is read only for another vendor's model, so pictures and small numbers in place of floats are refused.
    """
    head, found = read_head(body), json_body.read_document(body)
    rest = {key: value for key, value in found.items() if key not in _KNOWN and value is not None}
    word = loose.text(found.get("input_type"))
    task = _TASKS.get(word, "")
    if word and not task:
        rest["input_type"] = word
    return EmbeddingsRequest(
        dialect=NAME,
        model=head.model_name,
        inputs=_inputs(found),
        dimensions=_dimensions(found.get("output_dimension")),
        base64=_form(found.get("embedding_types")) == _BASE64,
        task=task,
        extra=Extra(NAME, rest) if rest else None,
    )


def _inputs(found: dict[str, Any]) -> tuple[str, ...]:
    if found.get("images"):
        raise InvalidRequest("images: another vendor's model takes texts only", param="images")
    texts: list[Any] = loose.listing(found.get("texts"))
    if found.get("inputs") is not None:
        items = json_body.objects_of(found.get("inputs"), "inputs")
        texts = [*texts, *(_joined(item, f"inputs.{place}") for place, item in enumerate(items))]
    wrong = next((place for place, item in enumerate(texts) if not isinstance(item, str)), None)
    if wrong is not None or not texts:
        raise InvalidRequest("texts must be a list of texts", param="texts" if wrong is None else f"texts.{wrong}")
    return tuple(texts)


def _joined(item: dict[str, Any], where: str) -> str:
    parts = json_body.objects_of(item.get("content"), f"{where}.content")
    if any(part.get("type") != "text" for part in parts):
        raise InvalidRequest(f"{where}: another vendor's model takes texts only", param=where)
    return "\n".join(loose.text(part.get("text")) for part in parts)


def _dimensions(value: Any) -> int | None:
    if value is None:
        return None
    found = loose.integer(value)
    if found is None or found < 1:
        raise InvalidRequest("output_dimension must be a whole number above 0", param="output_dimension")
    return found


def _form(value: Any) -> str:
    forms = loose.listing(value) or [_FLOAT]
    if len(forms) != 1 or forms[0] not in (_FLOAT, _BASE64):
        raise InvalidRequest(
            "embedding_types: of another vendor's model there is float or base64, one of the two",
            param="embedding_types",
        )
    return forms[0]


def write_request(request: EmbeddingsRequest, _facts: ModelFacts) -> Written:
    """Return the body; vectors are for documents that are searched unless the caller says what for."""
    lost: list[Loss] = []
    texts: list[str] = []
    for place, given in enumerate(request.inputs):
        if not isinstance(given, str):
            lost.append(Loss(f"input.{place}", "Cohere takes texts, no token ids", essential=True))
        texts.append(loose.clean(given) if isinstance(given, str) else "")
    if request.task and request.task not in _TYPES:
        lost.append(Loss("taskType", "Cohere makes no vectors for that"))
    lost += _hints(request)
    body: dict[str, Any] = {
        "model": request.model,
        "texts": texts,
        "input_type": _TYPES.get(request.task, _USUAL),
        "embedding_types": [_BASE64 if request.base64 else _FLOAT],
    }
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    own = request.extra.fields if request.extra is not None and request.extra.dialect == NAME else {}
    return Written(loose.ENCODER.encode({**body, **own}), tuple(lost))


def _hints(request: EmbeddingsRequest) -> list[Loss]:
    lost = [name for name, value in (("user", request.user_id), ("title", request.title)) if value]
    if request.extra is not None and request.extra.dialect != NAME:
        lost += request.extra.fields
    varied = [Loss(name, "it differs within the batch; all get the first one's") for name in request.varied]
    return varied + [Loss(name, "Cohere's embeddings have no such field") for name in lost]


def read_vectors(body: bytes) -> EmbeddingsReply:
    """Return the vectors in the order of the texts, whichever way they are written; raises `UpstreamProtocol`."""
    try:
        found = _BODY.decode(body)
        vectors = found.embeddings.floats
        if vectors is None:
            vectors = tuple(map(unpack, found.embeddings.packed or ()))
    except (ValueError, RecursionError) as error:
        raise UpstreamProtocol(
            "the provider's answer holds no vectors", upstream_status=200, body=body[:SHOWN_BYTES]
        ) from error
    return EmbeddingsReply(vectors=vectors, usage=usage(found.meta))


def write_vectors(reply: EmbeddingsReply, request: EmbeddingsRequest) -> bytes:
    """Return the answer, its vectors as numbers or as base64, as the caller wants them."""
    vectors = {_BASE64: [pack(vector) for vector in reply.vectors]} if request.base64 else {_FLOAT: reply.vectors}
    counted = {"billed_units": {"input_tokens": reply.usage.input_total}} if reply.usage is not None else {}
    document = {
        "id": "",
        "embeddings": vectors,
        "texts": list(request.inputs),
        "meta": {"api_version": {"version": "2"}, **counted},
        "response_type": "embeddings_by_type",
    }
    return loose.ENCODER.encode(document)
