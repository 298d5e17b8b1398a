"""The content parts of the dialect, read into the domain's."""

from typing import Any, cast

from pilothouse.domain.chat import Audio, CacheMark, Document, Image, Media, Native, Part, Refusal, Text
from pilothouse.domain.chat.parts import Extra
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.loose import mapping, objects, text
from pilothouse.protocols.openai_responses import wire
from pilothouse.protocols.openai_responses.wire import NAME, string

_BASE64 = ";base64,"
_TEXT = frozenset({"type", "text", "annotations", "logprobs", "extra_content"})
_IMAGE = frozenset({"type", "image_url", "file_id", "detail"})
_FILE = frozenset({"type", "file_data", "file_url", "file_id", "filename"})
_SOUND = frozenset({"type", "input_audio"})
_SUFFIXES = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def read_content(content: Any, where: str) -> tuple[Part, ...]:
    """Return the parts of a message's or an output's content; raises `InvalidRequest`."""
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, list):
        raise InvalidRequest(f"{where} must be a string or a list of parts", param=where)
    return tuple(_read(part, f"{where}.{place}") for place, part in enumerate(cast("list[Any]", content)))


def _read(value: Any, where: str) -> Part:
    if not isinstance(value, dict):
        raise InvalidRequest(f"{where} must be an object", param=where)
    part = cast("dict[str, Any]", value)
    kind = text(part.get("type"))
    if kind in ("input_text", "output_text", "text"):
        return read_text(part, where)
    if kind == "refusal":
        return Refusal(string(part, "refusal", where))
    if kind == "input_image":
        return _image(part, where)
    if kind == "input_file":
        return _file(part, where)
    if kind == "input_audio":
        return _sound(part, where)
    if not kind:
        raise InvalidRequest(f"{where}.type must be a string", param=f"{where}.type")
    return Native(NAME, part)


def read_text(part: dict[str, Any], where: str = "output") -> Text:
    """Return a text part with its annotations."""
    cited = tuple(objects(part.get("annotations")))
    extra = wire.rest(part, _TEXT)
    if cited and extra is None:
        extra = Extra(NAME, {})
    return Text(
        string(part, "text", where), cache=_cache(part), citations=cited, signature=thought_signature(part), extra=extra
    )


def thought_signature(value: dict[str, Any]) -> str:
    """Return the mark that Google's models want back on a part, in the place Google's own OpenAI form has for it."""
    return text(mapping(mapping(value.get("extra_content")).get("google")).get("thought_signature"))


def _image(part: dict[str, Any], where: str) -> Image:
    address = part.get("image_url")
    if isinstance(address, dict):
        # The form of chat completions, which many callers send here as well.
        address = cast("dict[str, Any]", address).get("url")
    media = _media(text(address), text(part.get("file_id")))
    if media is None:
        raise InvalidRequest(f"{where} needs an image_url or a file_id", param=where)
    return Image(media, text(part.get("detail")), _cache(part), wire.rest(part, _IMAGE))


def _file(part: dict[str, Any], where: str) -> Document:
    name = text(part.get("filename"))
    data = text(part.get("file_data"))
    guessed = _SUFFIXES.get(name.rpartition(".")[2].lower(), "")
    if data and not data.startswith("data:"):
        media: Media | None = Media(guessed, data=data)
    else:
        media = _media(data or text(part.get("file_url")), text(part.get("file_id")), guessed)
    if media is None:
        raise InvalidRequest(f"{where} needs file_data, a file_url or a file_id", param=where)
    return Document(media, name=name, cache=_cache(part), extra=wire.rest(part, _FILE))


def _sound(part: dict[str, Any], where: str) -> Audio:
    sound = mapping(part.get("input_audio"))
    data, kind = string(sound, "data", f"{where}.input_audio"), text(sound.get("format"))
    mime_type = {"": "", "mp3": "audio/mpeg"}.get(kind, f"audio/{kind}")
    return Audio(Media(mime_type, data=data), extra=wire.rest(part, _SOUND))


def _media(address: str, file_id: str, guessed: str = "") -> Media | None:
    if address.startswith("data:"):
        head, found, data = address.partition(_BASE64)
        return Media(head.removeprefix("data:") if found else "", data=data) if found else None
    if address:
        return Media(guessed, url=address)
    return Media(guessed, file_id=file_id) if file_id else None


def _cache(part: dict[str, Any]) -> CacheMark | None:
    """Callers keep the mark itself in `extra`; another dialect is told that there is one."""
    mark = part.get("prompt_cache_breakpoint")
    if not isinstance(mark, dict):
        return None
    return CacheMark("1h" if mapping(cast("Any", mark)).get("ttl") else "")
