"""The parts of a message's content, both ways."""

from typing import Any

import msgspec

from pilothouse.domain.chat import (
    Audio,
    CacheMark,
    Document,
    Extra,
    Image,
    Media,
    Native,
    Part,
    Reasoning,
    Refusal,
    Text,
)
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.documents import as_text
from pilothouse.protocols.loose import mapping, objects, text
from pilothouse.protocols.media_address import address_of, media_of
from pilothouse.protocols.openai_chat.wire import NAME

_MESSAGES = "messages"
_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_AUDIO_FORMATS = {mime: word for word, mime in _AUDIO_TYPES.items()} | {"audio/mp3": "mp3", "audio/x-wav": "wav"}


def read_content(content: Any, where: str) -> tuple[Part, ...]:
    """Return the parts of a `content` value; raises `InvalidRequest` for one of no known form."""
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),) if content else ()
    if not isinstance(content, list):
        raise InvalidRequest(f"{where}.content must be text or a list of parts", param=f"{where}.content")
    return tuple(_read_part(part, f"{where}.content.{number}") for number, part in enumerate(objects(content)))


def _read_part(part: dict[str, Any], where: str) -> Part:
    kind = text(part.get("type"))
    if kind == "text":
        return Text(text(part.get("text")), cache_mark(part), extra=_rest(part, "text"))
    if kind == "image_url":
        image = part.get("image_url")
        inner = mapping(image)
        address = text(inner.get("url")) or text(image)
        if not address:
            raise InvalidRequest(f"{where}.image_url names no url", param=where)
        return Image(
            media_of(address, _MESSAGES), text(inner.get("detail")), cache_mark(part), _rest(part, "image_url")
        )
    if kind == "input_audio":
        audio = mapping(part.get("input_audio"))
        word = text(audio.get("format"))
        media = Media(_AUDIO_TYPES.get(word, f"audio/{word}"), data=text(audio.get("data")))
        return Audio(media, extra=_rest(part, "input_audio"))
    if kind == "file":
        found = _read_file(mapping(part.get("file")))
        return msgspec.structs.replace(found, cache=cache_mark(part), extra=_rest(part, "file"))
    if kind == "refusal":
        return Refusal(text(part.get("refusal")))
    if kind == "thinking":
        return Reasoning(_thought(part.get("thinking")), text(part.get("signature")), vendor="mistral")
    return Native(NAME, part)


def cache_mark(fields: dict[str, Any]) -> CacheMark | None:
    """Return the mark that chat callers borrow from Anthropic's Messages API."""
    mark = mapping(fields.get("cache_control"))
    return CacheMark(text(mark.get("ttl"))) if mark.get("type") == "ephemeral" else None


def _rest(part: dict[str, Any], known: str) -> Extra | None:
    rest = {key: value for key, value in part.items() if key not in ("type", known)}
    return Extra(NAME, rest) if rest else None


def _own(extra: Extra | None) -> dict[str, Any]:
    return extra.fields if extra is not None and extra.dialect == NAME else {}


def _thought(value: Any) -> str:
    """Return the thoughts of Mistral's models, which stand among the parts of the content."""
    return text(value) or "".join(text(item.get("text")) for item in objects(value))


def _read_file(file: dict[str, Any]) -> Document:
    data, name = text(file.get("file_data")), text(file.get("filename"))
    if data:
        media = media_of(data, _MESSAGES) if data.startswith("data:") else Media("application/pdf", data=data)
        return Document(media, name=name)
    return Document(Media(file_id=text(file.get("file_id"))), name=name)


def write_part(part: Part) -> dict[str, Any] | None:
    """Return a part of a user's content; None when chat has no such part."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text, **_own(part.extra)}
    if isinstance(part, Image) and not part.media.file_id:
        image = {"url": address_of(part.media)}
        image |= {"detail": part.detail} if part.detail else {}
        return {"type": "image_url", "image_url": image, **_own(part.extra)}
    if isinstance(part, Audio) and part.media.data:
        word = _AUDIO_FORMATS.get(part.media.mime_type, part.media.mime_type.rpartition("/")[2])
        return {"type": "input_audio", "input_audio": {"data": part.media.data, "format": word}, **_own(part.extra)}
    if isinstance(part, Document):
        return _write_file(part)
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return part.value if isinstance(part, Native) and part.dialect == NAME else None


def _write_file(part: Document) -> dict[str, Any] | None:
    if part.text:
        return {"type": "text", "text": as_text(part)}
    if part.media.file_id:
        named = {"filename": part.name} if part.name else {}
        return {"type": "file", "file": {"file_id": part.media.file_id, **named}, **_own(part.extra)}
    if not part.media.data:
        return None
    file = {"filename": part.name or "document", "file_data": address_of(part.media)}
    return {"type": "file", "file": file, **_own(part.extra)}
