"""Cohere's embeddings as their documentation tells them, written without our own codec."""

import base64
import struct
from typing import Any

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import plan, render, said
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer

_USES = ("search_document", "search_query", "classification", "clustering", "image")
_USUAL_SIZE = 8


class _Embed(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    input_type: str
    texts: list[str] = []
    embedding_types: list[str] = []
    output_dimension: int | None = None
    truncate: str = "END"
    max_tokens: int | None = None
    priority: int = 0


_DECODER = msgspec.json.Decoder(_Embed)


def read(request: Request) -> Asked:
    """Return what is to be embedded; raises `SettingsInvalid` or `msgspec.DecodeError`."""
    body = _DECODER.decode(request.body)
    if body.input_type not in _USES:
        raise SettingsInvalid(f"invalid request: input_type must be one of {', '.join(_USES)}")
    if not body.texts:
        raise SettingsInvalid("invalid request: at least one text is required")
    return Asked(
        model=body.model,
        texts=tuple(body.texts),
        size=body.output_dimension or _USUAL_SIZE,
        variant=",".join(body.embedding_types or ["float"]),
    )


def answer(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of an answer and of its errors."""
    if said.failed(scripted):
        text = scripted.body if scripted.body is not None else plan.ENCODER.encode({"message": said.message(scripted)})
        return plan.whole(scripted, text if isinstance(text, bytes) else text.encode())
    vectors = [render.vector(text, asked.size) for text in asked.texts]
    found: dict[str, Any] = {}
    for form in asked.variant.split(","):
        found[form] = [_packed(vector) for vector in vectors] if form == "base64" else vectors
    tokens = sum(max(1, len(text) // 4) for text in asked.texts)
    whole = {
        "id": "embed-fake",
        "embeddings": found,
        "texts": list(asked.texts),
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}},
        "response_type": "embeddings_by_type",
    }
    return plan.whole(scripted, plan.ENCODER.encode(whole))


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
