"""Rerank in the two shapes that others copy: Cohere's and Jina's."""

from typing import Any

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import plan, said
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer


class _Rerank(msgspec.Struct):
    model: str
    query: str
    documents: list[str | dict[str, Any]]
    top_n: int | None = None
    return_documents: bool | None = None


_DECODER = msgspec.json.Decoder(_Rerank)


def read(request: Request) -> Asked:
    """Return what is to be ranked; raises `SettingsInvalid` or `msgspec.DecodeError`."""
    body = _DECODER.decode(request.body)
    texts = [item if isinstance(item, str) else str(item.get("text", "")) for item in body.documents]
    if not texts:
        raise SettingsInvalid("list of documents must not be empty")
    return Asked(
        model=body.model,
        texts=(body.query, *texts),
        size=body.top_n or len(texts),
        variant="bare" if body.return_documents is False else "",
    )


def cohere(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of Cohere's answer, which has no texts, and of its errors."""
    if said.failed(scripted):
        return _failed(scripted, {"message": said.message(scripted)})
    results = [{"index": index, "relevance_score": score} for index, score in _ranked(asked)]
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    return plan.whole(scripted, plan.ENCODER.encode({"id": "fake-rerank", "results": results, "meta": meta}))


def jina(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of Jina's answer and of its errors."""
    if said.failed(scripted):
        return _failed(scripted, {"detail": said.message(scripted)})
    results: list[dict[str, Any]] = []
    for index, score in _ranked(asked):
        document = {} if asked.variant == "bare" else {"document": {"text": asked.texts[index + 1]}}
        results.append({"index": index, "relevance_score": score, **document})
    model = scripted.model or asked.model
    whole = {"model": model, "object": "list", "usage": {"total_tokens": scripted.prompt_tokens}, "results": results}
    return plan.whole(scripted, plan.ENCODER.encode(whole))


def _failed(scripted: Answer, error: dict[str, str]) -> Plan:
    return plan.whole(scripted, plan.ENCODER.encode(error) if scripted.body is None else scripted.body.encode())


def _ranked(asked: Asked) -> list[tuple[int, float]]:
    """Return the places of the best documents and their scores: how many of the query's words each one has."""
    words = set(asked.texts[0].lower().split())
    scores = [len(words & set(text.lower().split())) / (len(words) or 1) for text in asked.texts[1:]]
    return sorted(enumerate(scores), key=lambda item: (-item[1], item[0]))[: asked.size]
