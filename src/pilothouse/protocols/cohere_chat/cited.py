"""Citations of an answer, which Cohere tells beside the content they stand in."""

from collections.abc import Iterator
from typing import Any

import msgspec

from pilothouse.domain.chat import Extra, Part, Text
from pilothouse.protocols.citations import Page, dialect_of, page
from pilothouse.protocols.cohere_chat.wire import NAME
from pilothouse.protocols.loose import count, integer, objects

_PLAN, _THOUGHT = "PLAN", "THINKING_CONTENT"


def with_citations(content: tuple[Part, ...], value: Any) -> tuple[Part, ...]:
    """Return the parts of a content with the message's citations on the texts that they stand in."""
    found = [citation for citation in objects(value) if citation.get("type") not in (_PLAN, _THOUGHT)]
    return tuple(_cited(part, place, found) for place, part in enumerate(content)) if found else content


def _cited(part: Part, place: int, found: list[dict[str, Any]]) -> Part:
    own = tuple(citation for citation in found if count(citation.get("content_index")) == place)
    if not own or not isinstance(part, Text):
        return part
    return msgspec.structs.replace(part, citations=own, extra=Extra(NAME, {}))


def citations(part: Text, place: int) -> Iterator[dict[str, Any]]:
    """Yield the citations of an answer's text, which is the content of that place."""
    for raw in part.citations:
        found = citation(dialect_of(part), raw, part.text, place)
        if found is not None:
            yield found


def citation(dialect: str, raw: dict[str, Any], said: str, place: int) -> dict[str, Any] | None:
    """Return a citation of a text that has come so far; None when it cites neither a page nor a given document."""
    found = page(dialect, raw)
    if found is not None:
        return written(found, said, place)
    if dialect != NAME:
        return None
    start, end = count(raw.get("start")), integer(raw.get("end"))
    end = len(said) if end is None else end
    return {**raw, "start": start, "end": end, "text": said[start:end], "content_index": place, "type": "TEXT_CONTENT"}


def written(found: Page, said: str, place: int) -> dict[str, Any]:
    """Return a page as a document that the text rests on."""
    start, end = found.span(len(said))
    document = {"id": found.url, "url": found.url, "title": found.title, "snippet": found.quote}
    return {
        "start": start,
        "end": end,
        "text": said[start:end],
        "sources": [
            {"type": "document", "id": found.url, "document": {key: value for key, value in document.items() if value}}
        ],
        "content_index": place,
        "type": "TEXT_CONTENT",
    }
