"""A call for Mistral's embeddings into the domain and out of it."""

from typing import Any

import msgspec

from pilothouse.domain.chat import Extra
from pilothouse.domain.embeddings import EmbeddingsReply, EmbeddingsRequest
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import json_body, loose
from pilothouse.protocols.base import NO_ASK, Ask, Written
from pilothouse.protocols.openai_embeddings import codec as openai

NAME = "mistral_embeddings"
_FLOAT = "float"


def read_request(body: bytes, _ask: Ask = NO_ASK) -> EmbeddingsRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where.

    It is read only for another vendor's model, so small numbers in place of floats are refused.
    """
    found = json_body.read_document(body)
    if found.pop("output_dtype", None) not in (None, _FLOAT):
        raise InvalidRequest("output_dtype: of another vendor's model there are floats only", param="output_dtype")
    dimensions = _dimensions(found.pop("output_dimension", None))
    request = openai.read_request(loose.ENCODER.encode(found))
    rest: dict[str, Any] = request.extra.fields if request.extra is not None else {}
    return msgspec.structs.replace(
        request, dialect=NAME, dimensions=dimensions, extra=Extra(NAME, rest) if rest else None
    )


def _dimensions(value: Any) -> int | None:
    found = loose.integer(value)
    if value is not None and (found is None or found < 1):
        raise InvalidRequest("output_dimension must be a whole number above 0", param="output_dimension")
    return found


def write_request(request: EmbeddingsRequest, _facts: ModelFacts) -> Written:
    """Return the body; what a text is for and who asks has no place in it."""
    lost = [
        Loss(f"input.{place}", "Mistral takes texts, no token ids", essential=True)
        for place, given in enumerate(request.inputs)
        if not isinstance(given, str)
    ]
    given = {"taskType": request.task, "title": request.title, "user": request.user_id}
    names = [name for name, value in given.items() if value]
    if request.extra is not None and request.extra.dialect != NAME:
        names += request.extra.fields
    lost += [Loss(name, "Mistral's embeddings have no such field") for name in names]
    body: dict[str, Any] = {
        "model": request.model,
        "input": [item if isinstance(item, str) else "" for item in request.inputs],
    }
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    if request.base64:
        body["encoding_format"] = "base64"
    own = request.extra.fields if request.extra is not None and request.extra.dialect == NAME else {}
    return Written(loose.ENCODER.encode({**body, **own}), tuple(lost))


def write_vectors(reply: EmbeddingsReply, request: EmbeddingsRequest) -> bytes:
    """Return the answer, which callers want with an id and a count of what was made."""
    document = loose.mapping(loose.ANY.decode(openai.write_vectors(reply, request)))
    usage = {**loose.mapping(document.get("usage")), "completion_tokens": 0}
    return loose.ENCODER.encode({"id": "", **document, "usage": usage})
