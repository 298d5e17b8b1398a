"""Documents that a request gives beside its messages, for the answer to rest on and to cite."""

from typing import Any

import msgspec

from pilothouse.domain.chat import Document, Extra, Message, Part, Role
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.cited_documents import document_id
from pilothouse.protocols.cohere_chat.wire import NAME, own
from pilothouse.protocols.loose import clean, json_text, listing, mapping, text

_DATA = "data"
_TEXTS = ("snippet", "text", "content")
"""Fields of a document's data in which its text stands."""


def with_documents(messages: tuple[Message, ...], value: Any, options: Any) -> tuple[Message, ...]:
    """Return the turns with the documents at the end of what the user said last; raises `InvalidRequest`."""
    if value is None or value == []:
        return messages
    if not isinstance(value, list):
        raise InvalidRequest("documents must be a list", param="documents")
    cited = text(mapping(options).get("mode")).upper() != "OFF"
    found = tuple(_read(item, place, cited=cited) for place, item in enumerate(listing(value)))
    last = next((at for at in reversed(range(len(messages))) if messages[at].role is Role.USER), None)
    if last is None:
        return (*messages, Message(Role.USER, found))
    turn = messages[last]
    return (*messages[:last], msgspec.structs.replace(turn, parts=turn.parts + found), *messages[last + 1 :])


def _read(item: Any, place: int, *, cited: bool) -> Document:
    if isinstance(item, str):
        return Document(text=item, cited=cited, extra=Extra(NAME, {"id": f"doc:{place}", _DATA: item}))
    if not isinstance(item, dict):
        raise InvalidRequest(f"documents.{place} must be text or an object", param=f"documents.{place}")
    fields = mapping(item)
    data: Any = fields.get(_DATA)
    kept = {**fields, "id": text(fields.get("id")) or f"doc:{place}"}
    shown = mapping(data)
    names = [key for key in shown if key != "title"]
    if len(names) == 1 and names[0] in _TEXTS and isinstance(shown[names[0]], str):
        return Document(text=shown[names[0]], name=text(shown.get("title")), cited=cited, extra=Extra(NAME, kept))
    return Document(text=json_text(data), cited=cited, extra=Extra(NAME, kept))


def is_given(part: Part) -> bool:
    """Return whether a part goes beside the messages: a document of text that is to be cited, or was given so."""
    return isinstance(part, Document) and bool(part.text) and (part.cited or _DATA in own(part.extra))


def written(part: Document, place: int) -> dict[str, Any]:
    """Return a document as it is given; `place` counts the documents of the request."""
    fields = own(part.extra)
    if _DATA in fields:
        return fields
    title = {"title": clean(part.name)} if part.name else {}
    return {"id": document_id(part, place), _DATA: {**title, "text": clean(part.text)}}
