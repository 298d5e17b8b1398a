"""The domain's parts as content of this dialect's messages and outputs."""

from typing import Any

import msgspec

from pilothouse.domain.chat import Audio, Document, Image, Media, Native, Part, Refusal, Text, Video
from pilothouse.domain.facts import Loss
from pilothouse.protocols.citations import dialect_of, page
from pilothouse.protocols.documents import as_text, openai_has
from pilothouse.protocols.openai_responses import wire
from pilothouse.protocols.openai_responses.wire import NAME

_SOUNDS = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav"}
_PICTURES = (("iVBOR", "image/png"), ("/9j/", "image/jpeg"), ("R0lG", "image/gif"), ("UklGR", "image/webp"))
_ADDRESSES = ("http://", "https://")
_UPLOADED = "the Responses API cannot read a file of another provider's"


class Place(msgspec.Struct, frozen=True):
    """Where in the caller's request something stands, and where losses are noted."""

    path: str
    losses: list[Loss]
    dialect: str = NAME
    """The caller's, which tells whose ids of files it names."""

    def at(self, name: str | int) -> "Place":
        """Return the place one step down."""
        return Place(f"{self.path}.{name}", self.losses, self.dialect)

    def lose(self, reason: str, *, essential: bool = False) -> None:
        """Note that what stands here is left out."""
        self.losses.append(Loss(self.path, reason, essential))


def asked(part: Part, place: Place) -> dict[str, Any] | None:
    """Return a part of what a user, a system or a tool says; None when it has no place here."""
    if isinstance(part, Text):
        return {"type": "input_text", **_text(part, place)}
    if isinstance(part, Image):
        return _image(part, place)
    if isinstance(part, Document):
        return _file(part, place)
    if isinstance(part, Audio):
        return _sound(part, place)
    if isinstance(part, Refusal):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, Native) and part.dialect == NAME:
        return part.value
    what = "a film" if isinstance(part, Video) else "a part of another API's own"
    place.lose(f"{what} cannot be sent to the Responses API", essential=True)
    return None


def said(part: Part, place: Place) -> dict[str, Any] | None:
    """Return a part of what the assistant said earlier; None when it has no place here."""
    if isinstance(part, Text):
        cited = annotations(part)
        if len(cited) < len(part.citations):
            place.lose("citations that name no page on the web")
        return {"type": "output_text", "annotations": cited, **_text(part, place)}
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    if isinstance(part, Audio) and part.transcript:
        place.lose("what the assistant said aloud is sent as its transcript")
        return {"type": "output_text", "annotations": [], "text": part.transcript}
    if isinstance(part, Native) and part.dialect == NAME:
        return part.value
    place.lose("the assistant's earlier turns can hold only text here", essential=True)
    return None


def annotations(part: Text) -> list[dict[str, Any]]:
    """Return a text's citations as annotations; those of other APIs that name no page on the web are left out."""
    found = [annotation(dialect_of(part), citation, len(part.text)) for citation in part.citations]
    return [one for one in found if one is not None]


def annotation(dialect: str, citation: dict[str, Any], length: int) -> dict[str, Any] | None:
    """Return a citation of a text that is so long until now; None for one that names no page on the web."""
    if dialect == NAME:
        return dict(citation)
    found = page(dialect, citation)
    if found is None:
        return None
    start, end = found.span(length)
    return {"type": "url_citation", "url": found.url, "title": found.title, "start_index": start, "end_index": end}


def _text(part: Text, place: Place) -> dict[str, Any]:
    if part.signature:
        place.lose("the mark of another vendor's model")
    fields = _marked(part.cache, wire.own(part.extra), place)
    return {"text": part.text, **{key: value for key, value in fields.items() if key != "item"}}


def _image(part: Image, place: Place) -> dict[str, Any] | None:
    media = part.media
    out: dict[str, Any] = {"type": "input_image", "detail": part.detail or "auto"}
    if openai_has(media.file_id, place.dialect):
        out["file_id"] = media.file_id
    elif media.data:
        mime_type = media.mime_type or next((name for begin, name in _PICTURES if media.data.startswith(begin)), "")
        out["image_url"] = f"data:{mime_type or 'image/png'};base64,{media.data}"
    elif media.url.startswith(_ADDRESSES):
        out["image_url"] = media.url
    else:
        place.lose(
            _UPLOADED if media.file_id else "the Responses API can fetch images from http addresses only",
            essential=True,
        )
        return None
    if not part.detail:
        del out["detail"]
    return {**out, **_marked(part.cache, wire.own(part.extra), place)}


def _file(part: Document, place: Place) -> dict[str, Any] | None:
    if part.cited:
        place.lose("answers here do not cite documents by place")
    if part.text:
        return {"type": "input_text", "text": as_text(part)}
    if part.context:
        place.lose("a document's context")
    out = _file_source(part.media, part.name, place.dialect)
    if out is None:
        place.lose(
            _UPLOADED if part.media.file_id else "the Responses API can fetch files from http addresses only",
            essential=True,
        )
        return None
    if part.name:
        out["filename"] = part.name
    return {"type": "input_file", **out, **_marked(part.cache, wire.own(part.extra), place)}


def _file_source(media: Media, name: str, dialect: str) -> dict[str, Any] | None:
    if openai_has(media.file_id, dialect):
        return {"file_id": media.file_id}
    if media.data:
        mime_type = media.mime_type or "application/pdf"
        named = {} if name else {"filename": "document.pdf" if mime_type == "application/pdf" else "document"}
        return {**named, "file_data": f"data:{mime_type};base64,{media.data}"}
    return {"file_url": media.url} if media.url.startswith(_ADDRESSES) else None


def _sound(part: Audio, place: Place) -> dict[str, Any] | None:
    kind = _SOUNDS.get(part.media.mime_type.partition(";")[0].lower())
    if kind is None or not part.media.data:
        place.lose("the Responses API takes sound only as wav or mp3 data", essential=True)
        return None
    return {"type": "input_audio", "input_audio": {"data": part.media.data, "format": kind}, **wire.own(part.extra)}


def _marked(cache: Any, fields: dict[str, Any], place: Place) -> dict[str, Any]:
    if cache is not None and "prompt_cache_breakpoint" not in fields:
        place.at("cache_control").lose("OpenAI caches prompts by itself")
    return fields
