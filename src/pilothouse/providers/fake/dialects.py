"""Which dialect a path speaks."""

import re
from collections.abc import Callable
from typing import NamedTuple

from pilothouse.providers.fake import (
    render_anthropic,
    render_bedrock,
    render_cohere,
    render_completions,
    render_embed,
    render_gemini,
    render_media,
    render_mistral,
    render_mistral_more,
    render_rerank,
    render_responses,
)
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer


class Dialect(NamedTuple):
    """How requests are read and answers are rendered."""

    read: Callable[[Request], Asked]
    """Raises `SettingsInvalid` or `msgspec.DecodeError` for what the vendor would refuse."""
    answer: Callable[[Answer, Asked], Plan]
    """Errors included, each in the vendor's form."""


_EXACT: dict[str, Dialect] = {
    "/v1/messages": Dialect(render_anthropic.read, render_anthropic.answer),
    "/v1/messages/count_tokens": Dialect(render_anthropic.read_count, render_anthropic.count),
    "/v1/responses": Dialect(render_responses.read, render_responses.answer),
    "/v1/completions": Dialect(render_completions.read, render_completions.answer),
    "/v1/images/generations": Dialect(render_media.read_image, render_media.images),
    "/v1/images/edits": Dialect(render_media.read_edit, render_media.images),
    "/v1/audio/speech": Dialect(render_media.read_speech, render_media.speech),
    "/v1/audio/transcriptions": Dialect(render_media.read_transcription, render_media.transcriptions),
    "/v1/audio/translations": Dialect(render_media.read_transcription, render_media.transcriptions),
    "/v1/moderations": Dialect(render_media.read_moderation, render_media.moderations),
    "/v1/rerank": Dialect(render_rerank.read, render_rerank.jina),
    "/mistral/v1/chat/completions": Dialect(render_mistral.read, render_mistral.answer),
    "/mistral/v1/fim/completions": Dialect(render_mistral_more.read_fim, render_mistral.answer),
    "/mistral/v1/agents/completions": Dialect(render_mistral_more.read_agent, render_mistral.answer),
    "/mistral/v1/ocr": Dialect(render_mistral_more.read_document, render_mistral_more.pages),
    "/v2/chat": Dialect(render_cohere.read, render_cohere.answer),
    "/v2/embed": Dialect(render_embed.read, render_embed.answer),
    "/v2/rerank": Dialect(render_rerank.read, render_rerank.cohere),
}
_CONTENT = Dialect(render_gemini.read, render_gemini.answer)


def _google(verb: str) -> re.Pattern[str]:
    return re.compile(render_gemini.PATH.format(f"({verb})"))


_NAMED: tuple[tuple[re.Pattern[str], Dialect], ...] = (
    (_google("generateContent|streamGenerateContent"), _CONTENT),
    (_google("countTokens"), Dialect(render_gemini.read_count, render_gemini.count)),
    (_google("embedContent"), Dialect(render_gemini.read_embedded, render_gemini.embeddings)),
    (_google("batchEmbedContents"), Dialect(render_gemini.read_batch, render_gemini.embeddings)),
    (render_bedrock.PATH, Dialect(render_bedrock.read, render_bedrock.answer)),
)
"""Dialects that name the model in the path."""


def find(method: str, path: str) -> Dialect | None:
    """Return the dialect of a path; None for what the server does itself."""
    if method != "POST":
        return None
    found = _EXACT.get(path)
    if found is not None:
        return found
    return next((dialect for pattern, dialect in _NAMED if pattern.fullmatch(path)), None)
