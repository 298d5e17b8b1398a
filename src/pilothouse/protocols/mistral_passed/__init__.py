"""Mistral's endpoints beside its chat, passed through: text in the middle of code, agents, and documents read."""

import msgspec

from pilothouse.domain.call import Operation
from pilothouse.protocols import json_body
from pilothouse.protocols.base import Ask, Dialect
from pilothouse.protocols.heads import BodyHead, StreamingHead
from pilothouse.protocols.mistral_chat.errors import render_error, render_stream_error
from pilothouse.protocols.mistral_passed import agents
from pilothouse.protocols.mistral_passed.ocr import read_reply as read_pages
from pilothouse.protocols.openai_chat.fold import fold
from pilothouse.protocols.openai_chat.reply import read_reply
from pilothouse.protocols.openai_chat.scan import StreamScan

__all__ = ["AGENTS", "FIM", "OCR"]

_STREAMING = msgspec.json.Decoder(StreamingHead)
_WHOLE = msgspec.json.Decoder(BodyHead)


def _read_fim(body: bytes, _ask: Ask) -> StreamingHead:
    return json_body.read(body, _STREAMING)


def _read_ocr(body: bytes, _ask: Ask) -> BodyHead:
    return json_body.read(body, _WHOLE)


FIM = Dialect(
    name="mistral_fim",
    operation=Operation.COMPLETION,
    path="/v1/fim/completions",
    read_head=_read_fim,
    needs_canonical=json_body.needs_canonical,
    rewrite=json_body.rewrite,
    read_reply=read_reply,
    render_error=render_error,
    render_stream_error=render_stream_error,
    scan=StreamScan,
    fold=fold,
)

AGENTS = msgspec.structs.replace(
    FIM,
    name="mistral_agents",
    operation=Operation.CHAT,
    path="/v1/agents/completions",
    read_head=agents.read_head,
    needs_canonical=agents.needs_canonical,
    rewrite=agents.rewrite,
    model_field=agents.AGENT,
)

OCR = Dialect(
    name="mistral_ocr",
    operation=Operation.OCR,
    path="/v1/ocr",
    read_head=_read_ocr,
    needs_canonical=json_body.needs_canonical,
    rewrite=json_body.rewrite,
    read_reply=read_pages,
    render_error=render_error,
    render_stream_error=render_stream_error,
)
