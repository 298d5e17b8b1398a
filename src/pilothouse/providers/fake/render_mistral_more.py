"""Mistral's endpoints beside its chat: text in the middle of code, agents, and the pages of a document."""

from typing import Any

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import plan, render_mistral, said
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer


class _Fim(msgspec.Struct):
    model: str
    prompt: str
    suffix: str | None = None
    stream: bool = False


class _Agent(msgspec.Struct):
    agent_id: str
    messages: list[dict[str, Any]]
    stream: bool = False


class _Ocr(msgspec.Struct):
    model: str
    document: dict[str, Any]
    pages: list[int] | None = None
    document_annotation_format: dict[str, Any] | None = None


_FIM = msgspec.json.Decoder(_Fim)
_AGENT = msgspec.json.Decoder(_Agent)
_OCR = msgspec.json.Decoder(_Ocr)
_AGENTS_MODEL = "fake-agents-model"
"""What serves an agent; the request does not say it."""
_ANNOTATED = "annotated"


def read_fim(request: Request) -> Asked:
    """Return what is to be filled in."""
    body = _FIM.decode(request.body)
    return Asked(model=body.model, streamed=body.stream, last_message=body.prompt)


def read_agent(request: Request) -> Asked:
    """Return what an agent is asked; raises `SettingsInvalid`."""
    body = _AGENT.decode(request.body)
    if not body.messages:
        raise SettingsInvalid("Conversation must have at least one message")
    message = said.last_text(body.messages[-1].get("content") or "")
    return Asked(model=_AGENTS_MODEL, streamed=body.stream, last_message=message)


def read_document(request: Request) -> Asked:
    """Return how many pages are to be read; raises `SettingsInvalid`."""
    body = _OCR.decode(request.body)
    if body.document.get("type") not in ("document_url", "image_url", "file"):
        raise SettingsInvalid("document: Input tag does not match any of the expected tags")
    variant = _ANNOTATED if body.document_annotation_format else ""
    return Asked(model=body.model, size=len(body.pages or (0,)), variant=variant)


def pages(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of an answer with one text for each page, and of its errors."""
    if said.failed(scripted):
        return render_mistral.answer(scripted, asked)
    size = {"dpi": 200, "height": 2200, "width": 1700}
    texts: list[dict[str, Any]] = [
        {"index": place, "markdown": said.text(scripted, asked), "images": [], "dimensions": size}
        for place in range(asked.size)
    ]
    whole: dict[str, Any] = {"pages": texts, "model": scripted.model or asked.model}
    whole["document_annotation"] = "{}" if asked.variant else None
    if scripted.usage != "missing":
        whole["usage_info"] = {"pages_processed": asked.size, "doc_size_bytes": 2048}
    return plan.whole(scripted, plan.ENCODER.encode(whole))
