"""Names, words and identifiers of Gemini's API, both ways; keys may come as camelCase or snake_case."""

import hashlib
import re
from typing import Any

import msgspec

from pilothouse.domain.chat import Extra, Media, StopReason
from pilothouse.protocols import raw_json
from pilothouse.protocols.media_address import sniffed

NAME = "gemini"
VENDOR = "google"
MINTED = "gemini-call-"
"""Begins the ids that were made here for calls that came without one; they are not sent to Gemini."""
NO_SIGNATURE = "skip_thought_signature_validator"
"""Google's own word for a call in the history that its model did not make, or whose mark is lost."""

_SNAKE = re.compile(r"_([a-z0-9])")
_ENDINGS = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "pdf": "application/pdf", "mp3": "audio/mpeg", "wav": "audio/wav", "mp4": "video/mp4", "webm": "video/webm",
    "mov": "video/quicktime", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv", "html": "text/html",
}  # fmt: skip
_ALIASES = {"image/jpg": "image/jpeg"}
_USUAL = {"image": "image/jpeg", "document": "application/pdf", "audio": "audio/mpeg", "video": "video/mp4"}

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
    "NO_IMAGE": StopReason.FILTERED,
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
    return {camel(key): value for key, value in raw_json.members(raw, path).items()}


def listed(raw: msgspec.Raw | None, path: str, single: bytes = b"{") -> list[msgspec.Raw]:
    """Return a list's items; Google takes a single thing, which begins with `single`, for a list of one.

    Raises `InvalidRequest` for anything else.
    """
    if raw is not None and bytes(raw).lstrip()[:1] == single:
        return [raw]
    return raw_json.items(raw, path)


def extra(fields: dict[str, Any]) -> Extra | None:
    """Return the fields that the domain has no word for, None when there are none."""
    return Extra(NAME, fields) if fields else None


def fields_of(found: Extra | None) -> dict[str, Any]:
    """Return the fields of this dialect in an `extra`."""
    return found.fields if found is not None and found.dialect == NAME else {}


def base64_text(data: str) -> str:
    """Return base64 in the usual alphabet with its padding; Google takes and sends the one for URLs as well."""
    plain = data.replace("-", "+").replace("_", "/") if "-" in data or "_" in data else data
    return plain + "=" * (-len(plain) % 4)


def mime_type(media: Media, kind: str, name: str = "") -> str:
    """Return the media type as told, by the first bytes, or by the ending of a name; the usual one of the kind else."""
    told = media.mime_type.partition(";")[0].strip().lower()
    if told and told != "application/octet-stream":
        return _ALIASES.get(told, media.mime_type)
    found = sniffed(media.data)
    if found:
        return found
    path = (name or media.url).partition("?")[0]
    return _ENDINGS.get(path.rpartition(".")[2].lower(), _USUAL[kind])


def minted_id(*about: object) -> str:
    """Return an id for a call that came without one, made of what tells the call from others."""
    digest = hashlib.sha256("\n".join(map(str, about)).encode(errors="replace")).hexdigest()
    return MINTED + digest[:24]
