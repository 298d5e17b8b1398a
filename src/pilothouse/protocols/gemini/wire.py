"""Names, words and loosely typed values of Gemini's API, both ways; keys may come as camelCase or snake_case."""

import re
from typing import Any, TypeVar, cast

import msgspec

from pilothouse.domain.chat import Extra, Media, StopReason
from pilothouse.errors import InvalidRequest

NAME = "gemini"
VENDOR = "google"
MINTED = "gemini-call-"
"""Begins the ids that were made here for calls that came without one; they are not sent to Gemini."""

ANY = msgspec.json.Decoder()
OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
LIST = msgspec.json.Decoder(list[msgspec.Raw])
ENCODER = msgspec.json.Encoder()
EMPTY = msgspec.Raw(b"{}")

_T = TypeVar("_T")
_SNAKE = re.compile(r"_([a-z0-9])")
_BEGINNINGS = (
    ("iVBOR", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"),
    ("JVBER", "application/pdf"),
)  # fmt: skip
_ENDINGS = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "pdf": "application/pdf", "mp3": "audio/mpeg", "wav": "audio/wav", "mp4": "video/mp4", "webm": "video/webm",
    "mov": "video/quicktime", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv", "html": "text/html",
}  # fmt: skip
_TOOL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")

_STOPS: dict[str, StopReason] = {
    "STOP": StopReason.END,
    "MAX_TOKENS": StopReason.LENGTH,
    "SAFETY": StopReason.FILTERED,
    "RECITATION": StopReason.FILTERED,
    "LANGUAGE": StopReason.FILTERED,
    "BLOCKLIST": StopReason.FILTERED,
    "PROHIBITED_CONTENT": StopReason.FILTERED,
    "SPII": StopReason.FILTERED,
    "MODEL_ARMOR": StopReason.FILTERED,
    "MALFORMED_FUNCTION_CALL": StopReason.BROKEN,
    "UNEXPECTED_TOOL_CALL": StopReason.BROKEN,
    "TOO_MANY_TOOL_CALLS": StopReason.BROKEN,
    "MISSING_THOUGHT_SIGNATURE": StopReason.BROKEN,
    "MALFORMED_RESPONSE": StopReason.BROKEN,
    "CONTINUATION": StopReason.PAUSED,
}
_STOP_WORDS: dict[StopReason, str] = {
    StopReason.LENGTH: "MAX_TOKENS",
    StopReason.CONTEXT_FULL: "MAX_TOKENS",
    StopReason.FILTERED: "SAFETY",
    StopReason.REFUSED: "SAFETY",
    StopReason.BROKEN: "MALFORMED_RESPONSE",
}


def stop_reason(word: str, *, called: bool) -> StopReason:
    """Return what a finish reason means; Gemini says STOP also when it calls tools, which `called` tells."""
    stop = _STOPS.get(word, StopReason.FILTERED if word.startswith("IMAGE_") else StopReason.UNKNOWN)
    return StopReason.TOOL_CALLS if called and stop is StopReason.END else stop


def stop_word(stop: StopReason, raw: str) -> str:
    """Return Gemini's word for an end; its own word stays when it means the same."""
    own = raw in _STOPS or raw.startswith("IMAGE_")
    return raw if own and stop_reason(raw, called=False) is stop else _STOP_WORDS.get(stop, "STOP")


def camel(key: str) -> str:
    """Return a key in camelCase."""
    return _SNAKE.sub(lambda found: found[1].upper(), key) if "_" in key else key


def members(raw: msgspec.Raw | bytes | None, path: str) -> dict[str, msgspec.Raw]:
    """Return an object's members under camelCase keys, without nulls; raises `InvalidRequest` naming the path."""
    if raw is None:
        return {}
    try:
        found = OBJECT.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{path}: must be an object", param=path) from error
    return {camel(key): value for key, value in found.items() if bytes(value) != b"null"}


def items(raw: msgspec.Raw | None, path: str) -> list[msgspec.Raw]:
    """Return a list's items, none when there is no list; raises `InvalidRequest` naming the path."""
    if raw is None:
        return []
    try:
        return LIST.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{path}: must be a list", param=path) from error


def typed(raw: msgspec.Raw | None, kind: type[_T], path: str) -> _T | None:
    """Return a value of the type, numbers also from their text; raises `InvalidRequest` naming the path."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{path}: {error}", param=path) from error


def text(raw: msgspec.Raw | None, path: str) -> str:
    """Return a string, empty when it is missing; raises `InvalidRequest` naming the path for anything else."""
    found = "" if raw is None else ANY.decode(raw)
    if not isinstance(found, str):
        raise InvalidRequest(f"{path}: must be a string", param=path)
    return found


def rest(found: dict[str, msgspec.Raw], *known: str) -> dict[str, Any]:
    """Return the decoded members that are not in `known`."""
    return {key: ANY.decode(raw) for key, raw in found.items() if key not in known}


def mapping(found: Any) -> dict[str, Any]:
    """Return the value when it is an object, else an empty one."""
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def listed(found: Any) -> list[Any]:
    """Return the value when it is a list, else an empty one."""
    return cast("list[Any]", found) if isinstance(found, list) else []


def said(found: Any) -> str:
    """Return the value when it is a string, else an empty one."""
    return found if isinstance(found, str) else ""


def extra(fields: dict[str, Any]) -> Extra | None:
    """Return the fields that the domain has no word for, None when there are none."""
    return Extra(NAME, fields) if fields else None


def fields_of(found: Extra | None) -> dict[str, Any]:
    """Return the fields of this dialect in an `extra`."""
    return found.fields if found is not None and found.dialect == NAME else {}


def object_text(arguments: str) -> msgspec.Raw | None:
    """Return text that is a JSON object, which no text at all is too; else None."""
    if not arguments.strip():
        return EMPTY
    try:
        raw = arguments.strip().encode()
        ANY.decode(raw)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return msgspec.Raw(raw) if raw[:1] == b"{" else None


def clean(words: str) -> str:
    """Return the text without halves of surrogate pairs, which UTF-8 cannot hold."""
    return words if words.isascii() else words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mime_type(media: Media, name: str = "", *, kind: str = "") -> str:
    """Return the media type as told, or by the first bytes or the name's ending; empty when nothing tells."""
    told = media.mime_type.partition(";")[0].strip().lower()
    if told and told != "application/octet-stream":
        return {"image/jpg": "image/jpeg", "audio/mp3": "audio/mpeg"}.get(told, media.mime_type)
    for beginning, found in _BEGINNINGS:
        if media.data.startswith(beginning) and (not kind or kind in found):
            return found
    return _ENDINGS.get((name or media.url).rpartition(".")[2].lower(), "")


def tool_name(name: str, taken: set[str]) -> str:
    """Return a name that Gemini takes and that is not in `taken`."""
    if _TOOL_NAME.fullmatch(name) and name not in taken:
        return name
    plain = re.sub(r"[^a-zA-Z0-9_.:-]", "_", name)[:56] or "tool"
    plain = plain if re.match(r"[a-zA-Z_]", plain) else f"_{plain}"
    found, count = plain, 1
    while found in taken:
        count += 1
        found = f"{plain}_{count}"
    return found
