"""Which dialect a path speaks."""

import re
from collections.abc import Callable
from typing import NamedTuple

from pilothouse.providers.fake import render_anthropic, render_bedrock, render_gemini
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
