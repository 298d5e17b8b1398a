"""Citations of documents that the caller gave, between the dialects that have words for them.

Unlike a page on the web, such a document is known by its place among those of the request. Anthropic and Bedrock say
which of its characters, pages or blocks are meant, Cohere which characters of the answer rest on it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pilothouse.domain.chat import ChatReply, ChatRequest, Choice, CitationAdded, Document, Event, Extra, Text
from pilothouse.protocols.base import StreamWriter
from pilothouse.protocols.loose import integer, mapping, objects, text

Documents = tuple[Document, ...]
Places = Mapping[str, int]
"""Of documents among those of the request, by the names that Cohere knows them by."""
_COHERE, _ANTHROPIC, _BEDROCK = "cohere_chat", "anthropic_messages", "bedrock_converse"
_UNITS = {"char_location": "char", "page_location": "page", "content_block_location": "block"}
_BEDROCK_UNITS = {"documentChar": "char", "documentPage": "page", "documentChunk": "block"}


class Passage(msgspec.Struct, frozen=True):
    """A part of a document on which an answer rests."""

    place: int
    """Of the document among those of the request."""
    title: str = ""
    quote: str = ""
    unit: str = ""
    """What `begin` and `end` count: `char`, `page` or `block`; empty where only the document is known."""
    begin: int = 0
    end: int = 0
    span: tuple[int, int] | None = None
    """Characters of the answer; None for a text as a whole."""


def documents(request: ChatRequest) -> Documents:
    """Return the documents of a request in their order, those in results of tools left out."""
    return tuple(part for message in request.messages for part in message.parts if isinstance(part, Document))


def document_id(document: Document, place: int) -> str:
    """Return the name by which Cohere knows a document."""
    own = document.extra.fields if document.extra is not None and document.extra.dialect == _COHERE else {}
    return text(own.get("id")) or f"doc:{place}"


class Translator:
    """Puts citations of documents that an upstream tells into the caller's words; others it leaves as they are."""

    def __init__(self, upstream: str, caller: str, request: ChatRequest) -> None:
        self._caller = caller
        self._read = _READERS.get(upstream)
        self._write = _WRITERS.get(caller)
        self._documents = documents(request) if self._read is not None and self._write is not None else ()
        self._places = {document_id(document, place): place for place, document in enumerate(self._documents)}

    @property
    def idle(self) -> bool:
        """Whether there is nothing that could be cited."""
        return not self._documents

    def event(self, event: Event) -> Event:
        """Return an event of a stream."""
        if not isinstance(event, CitationAdded):
            return event
        found = self._translated(event.citation)
        return event if found is None else CitationAdded(event.block, self._caller, found)

    def reply(self, reply: ChatReply) -> ChatReply:
        """Return a whole answer."""
        return msgspec.structs.replace(reply, choices=tuple(map(self._choice, reply.choices)))

    def _choice(self, choice: Choice) -> Choice:
        parts = tuple(self._text(part) if isinstance(part, Text) and part.citations else part for part in choice.parts)
        return msgspec.structs.replace(choice, parts=parts)

    def _text(self, part: Text) -> Text:
        found = [self._translated(citation) for citation in part.citations]
        if None in found:
            # Pages are among them, and a text's citations are in one dialect.
            return part
        cited = tuple(one for one in found if one is not None)
        return msgspec.structs.replace(part, citations=cited, extra=Extra(self._caller, {}))

    def _translated(self, citation: dict[str, Any]) -> dict[str, Any] | None:
        found = self._read(citation, self._places) if self._read is not None else None
        if found is None or self._write is None or not 0 <= found.place < len(self._documents):
            return None
        document = self._documents[found.place]
        if found.title and document.name and found.unit and not _same(found.title, document.name):
            return None
        return self._write(found, document)


class TranslatedWriter:
    """Writes a caller's stream with citations in its words."""

    def __init__(self, writer: StreamWriter, translator: Translator) -> None:
        self._writer, self._translator = writer, translator
        self.fail = writer.fail

    def write(self, event: Event) -> bytes:
        """Return what an event gives to send."""
        return self._writer.write(self._translator.event(event))


def _same(one: str, other: str) -> bool:
    """Return whether two titles are of one document; Bedrock knows fewer characters."""
    return other.startswith(one) or list(filter(str.isalnum, one)) == list(filter(str.isalnum, other))


def _anthropic(citation: dict[str, Any], _places: Places) -> Passage | None:
    unit, place = _UNITS.get(text(citation.get("type"))), integer(citation.get("document_index"))
    if unit is None or place is None:
        return None
    kind = "page_number" if unit == "page" else f"{unit}_index"
    begin, end = integer(citation.get(f"start_{kind}")), integer(citation.get(f"end_{kind}"))
    title, quote = text(citation.get("document_title")), text(citation.get("cited_text"))
    return Passage(place, title, quote, unit, begin or 0, end or 0)


def _bedrock(citation: dict[str, Any], _places: Places) -> Passage | None:
    location = mapping(citation.get("location"))
    for name, unit in _BEDROCK_UNITS.items():
        inner = mapping(location.get(name))
        place = integer(inner.get("documentIndex"))
        if place is not None:
            quote = "".join(text(piece.get("text")) for piece in objects(citation.get("sourceContent")))
            begin, end = integer(inner.get("start")) or 0, integer(inner.get("end")) or 0
            return Passage(place, text(citation.get("title")), quote, unit, begin, end)
    return None


def _cohere(citation: dict[str, Any], places: Places) -> Passage | None:
    start, end = integer(citation.get("start")), integer(citation.get("end"))
    for source in objects(citation.get("sources")):
        shown = mapping(source.get("document"))
        place = places.get(text(source.get("id")) or text(shown.get("id")))
        if place is not None and not text(shown.get("url")):
            span = (start or 0, end) if end is not None else None
            return Passage(place, text(shown.get("title")), text(shown.get("snippet")), span=span)
    return None


def _placed(found: Passage, document: Document) -> Passage:
    """Return a passage with its place in the document: where the quote stands, else all of it."""
    if found.unit:
        return found
    quote = found.quote or document.text
    begin = max(0, document.text.find(quote))
    return msgspec.structs.replace(found, quote=quote, unit="char", begin=begin, end=begin + len(quote))


def _to_anthropic(found: Passage, document: Document) -> dict[str, Any]:
    placed = _placed(found, document)
    kind = next(name for name, unit in _UNITS.items() if unit == placed.unit)
    counted = "page_number" if placed.unit == "page" else f"{placed.unit}_index"
    return {
        "type": kind, "cited_text": placed.quote, "document_index": placed.place,
        "document_title": document.name or placed.title or None, "file_id": None,
        f"start_{counted}": placed.begin, f"end_{counted}": placed.end,
    }  # fmt: skip


def _to_bedrock(found: Passage, document: Document) -> dict[str, Any]:
    placed = _placed(found, document)
    kind = next(name for name, unit in _BEDROCK_UNITS.items() if unit == placed.unit)
    quote = {"sourceContent": [{"text": placed.quote}]} if placed.quote else {}
    place = {"documentIndex": placed.place, "start": placed.begin, "end": placed.end}
    return {"title": placed.title or document.name, **quote, "location": {kind: place}}


def _to_cohere(found: Passage, document: Document) -> dict[str, Any]:
    identity = document_id(document, found.place)
    shown = {"id": identity, "title": found.title or document.name, "snippet": found.quote}
    source = {"type": "document", "id": identity, "document": {key: value for key, value in shown.items() if value}}
    span = {"start": found.span[0], "end": found.span[1]} if found.span is not None else {}
    return {**span, "sources": [source]}


_READERS: Mapping[str, Callable[[dict[str, Any], Places], Passage | None]] = {
    _COHERE: _cohere, _ANTHROPIC: _anthropic, _BEDROCK: _bedrock,
}  # fmt: skip
_WRITERS: Mapping[str, Callable[[Passage, Document], dict[str, Any]]] = {
    _COHERE: _to_cohere, _ANTHROPIC: _to_anthropic, _BEDROCK: _to_bedrock,
}  # fmt: skip
