"""Paths to dialects: which dialect a path speaks, and what it says of the call."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qs

import msgspec

from pilothouse.protocols.base import NO_ASK, Ask, Dialect

_PREFIXES = ("/openai", "/anthropic", "/gemini", "/genai", "/bedrock", "/cohere", "/mistral")
"""Base URLs that people set when several kinds of API share one host; what follows is the API's own path."""
_GEMINI = re.compile(
    r"/(?:v1|v1beta|v1beta1|v1alpha)/(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/)?"
    r"(?:models/)?((?!models/).+):(\w+)"
)
"""The AI SDK leaves `models/` out before a name with a slash."""
_BEDROCK = re.compile(r"/model/(.+)/(converse|converse-stream)")
_AZURE = re.compile(r"/openai/deployments/([^/]+)(/.+)")


def bare(path: str) -> str:
    """Return the path below the API's own root, without a prefix that tells kinds of API apart on one host."""
    for prefix in _PREFIXES:
        if path.startswith(f"{prefix}/"):
            return path[len(prefix) :]
    return path


class Verb(msgspec.Struct, frozen=True):
    """What the last part of a path asks for."""

    dialect: str
    streamed: bool | None = None
    variant: str = ""


_VERBS = {
    "generateContent": Verb("gemini", False),
    "streamGenerateContent": Verb("gemini", True),
    "countTokens": Verb("gemini_count_tokens", False),
    "embedContent": Verb("gemini_embeddings", False),
    "batchEmbedContents": Verb("gemini_embeddings", False, "batch"),
    "converse": Verb("bedrock_converse", False),
    "converse-stream": Verb("bedrock_converse", True),
}


class Router:
    """Finds the dialect of a path; the common paths cost one look-up."""

    def __init__(self, dialects: Iterable[Dialect]) -> None:
        self._by_name = {item.name: item for item in dialects}
        self.exact = {item.path: item for item in self._by_name.values() if "{" not in item.path}
        """By path, of those that need nothing but the body."""

    def find(self, path: str, query: bytes, content_type: bytes) -> tuple[Dialect, Ask] | None:
        """Return the dialect of a path and what the request says outside its body; None when nothing serves it."""
        found = self.exact.get(path)
        if found is not None:
            return found, Ask(content_type=content_type) if content_type else NO_ASK
        azure = _AZURE.fullmatch(path)
        if azure is not None:
            found = self.exact.get(f"/v1{azure[2]}")
            return None if found is None else (found, Ask(model=azure[1], content_type=content_type))
        below = bare(path)
        return self._named_in_path(path, query) if below is path else self.find(below, query, content_type)

    def _named_in_path(self, path: str, query: bytes) -> tuple[Dialect, Ask] | None:
        named = _GEMINI.fullmatch(path) or _BEDROCK.fullmatch(path)
        if named is None:
            return None
        verb = _VERBS.get(named[2])
        found = self._by_name.get(verb.dialect) if verb is not None else None
        if verb is None or found is None:
            return None
        variant = verb.variant
        if verb.dialect == "gemini" and verb.streamed:
            variant = "" if parse_qs(query).get(b"alt") == [b"sse"] else "array"
        return found, Ask(named[1], verb.streamed, variant)
