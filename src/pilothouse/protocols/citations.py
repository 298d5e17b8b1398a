"""Pages on the web that an answer rests on: what dialects have of the same thing, each in words of its own."""

from collections.abc import Callable
from typing import Any

import msgspec

from pilothouse.domain.chat import Text
from pilothouse.protocols.loose import integer, mapping, objects, text


class Page(msgspec.Struct, frozen=True):
    """A page, and which characters of the text rest on it."""

    url: str
    title: str = ""
    start: int = 0
    end: int | None = None
    """Behind the last of them; None where the dialect cites for a text as a whole."""
    quote: str = ""
    """What stands on the page."""

    def span(self, length: int, offset: int = 0) -> tuple[int, int]:
        """Return where the cited characters begin and end in a whole of which the text, so long, begins at `offset`."""
        end = length if self.end is None else self.end
        return offset + self.start, offset + end


def page(dialect: str, citation: dict[str, Any]) -> Page | None:
    """Return the page that a dialect's citation names; None when it names something else, such as a document."""
    read = _READERS.get(dialect)
    found = read(citation) if read is not None else None
    return found if found is not None and found.url else None


def pages(part: Text) -> list[Page]:
    """Return the pages that a text's citations name."""
    dialect = dialect_of(part)
    return [found for citation in part.citations if (found := page(dialect, citation)) is not None]


def dialect_of(part: Text) -> str:
    """Return the dialect in which a text's citations are written."""
    return part.extra.dialect if part.extra is not None else ""


def _openai(inner: dict[str, Any]) -> Page:
    start, end = integer(inner.get("start_index")), integer(inner.get("end_index"))
    return Page(text(inner.get("url")), text(inner.get("title")), start or 0, end)


def _chat(citation: dict[str, Any]) -> Page:
    return _openai(mapping(citation.get("url_citation")))


def _responses(citation: dict[str, Any]) -> Page | None:
    return _openai(citation) if citation.get("type") == "url_citation" else None


def _anthropic(citation: dict[str, Any]) -> Page | None:
    if citation.get("type") != "web_search_result_location":
        return None
    return Page(text(citation.get("url")), text(citation.get("title")), quote=text(citation.get("cited_text")))


def _bedrock(citation: dict[str, Any]) -> Page:
    web = mapping(mapping(citation.get("location")).get("web"))
    quote = "".join(text(piece.get("text")) for piece in objects(citation.get("sourceContent")))
    return Page(text(web.get("url")), text(citation.get("title")) or text(web.get("domain")), quote=quote)


def _gemini(citation: dict[str, Any]) -> Page:
    start, end = integer(citation.get("startIndex")), integer(citation.get("endIndex"))
    return Page(text(citation.get("uri")), text(citation.get("title")), start or 0, end)


def _cohere(citation: dict[str, Any]) -> Page | None:
    """Return the first page among what is cited: a document, or what a tool found, that has an address."""
    for source in objects(citation.get("sources")):
        shown = mapping(source.get("document")) or mapping(source.get("tool_output"))
        if text(shown.get("url")):
            start, end = integer(citation.get("start")), integer(citation.get("end"))
            return Page(text(shown.get("url")), text(shown.get("title")), start or 0, end, text(shown.get("snippet")))
    return None


_READERS: dict[str, Callable[[dict[str, Any]], Page | None]] = {
    "cohere_chat": _cohere,
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic_messages": _anthropic,
    "bedrock_converse": _bedrock,
    "gemini": _gemini,
}
