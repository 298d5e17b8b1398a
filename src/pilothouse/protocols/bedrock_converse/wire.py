"""Names, formats and identifiers of the Converse API, both ways."""

import base64
import binascii
import hashlib
import re
from typing import Any, cast

import msgspec

from pilothouse.domain.chat import Media, StopReason
from pilothouse.errors import InvalidRequest

NAME = "bedrock_converse"
VENDOR = "anthropic"
"""Whose opaque marks travel here: of the models on Bedrock only Claude signs its thoughts."""

ANY = msgspec.json.Decoder()
OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
LIST = msgspec.json.Decoder(list[msgspec.Raw])
ENCODER = msgspec.json.Encoder()

_FORMATS: dict[str, dict[str, str]] = {
    "image": {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"},
    "document": {
        "pdf": "application/pdf",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "html": "text/html",
        "txt": "text/plain",
        "md": "text/markdown",
    },
    "video": {
        "mkv": "video/x-matroska",
        "mov": "video/quicktime",
        "mp4": "video/mp4",
        "webm": "video/webm",
        "flv": "video/x-flv",
        "mpeg": "video/mpeg",
        "mpg": "video/mpg",
        "wmv": "video/x-ms-wmv",
        "three_gp": "video/3gpp",
    },
    "audio": {
        "mp3": "audio/mpeg",
        "opus": "audio/opus",
        "wav": "audio/wav",
        "aac": "audio/aac",
        "flac": "audio/flac",
        "mp4": "audio/mp4",
        "ogg": "audio/ogg",
        "mkv": "audio/x-matroska",
        "mka": "audio/mka",
        "x-aac": "audio/x-aac",
        "m4a": "audio/m4a",
        "mpeg": "audio/mpeg",
        "mpga": "audio/mpeg",
        "pcm": "audio/pcm",
        "webm": "audio/webm",
    },
}

_ALIASES = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "text/x-markdown": "text/markdown",
    "application/csv": "text/csv",
    "video/x-msvideo": "video/mpeg",
}
_ENDINGS = {"jpg": "jpeg", "htm": "html", "markdown": "md", "text": "txt", "3gp": "three_gp"}
_BEGINNINGS = (("iVBOR", "png"), ("/9j/", "jpeg"), ("R0lGOD", "gif"), ("UklGR", "webp"), ("JVBER", "pdf"))

_STOPS: dict[str, StopReason] = {
    "end_turn": StopReason.END,
    "tool_use": StopReason.TOOL_CALLS,
    "max_tokens": StopReason.LENGTH,
    "stop_sequence": StopReason.STOP_TEXT,
    "guardrail_intervened": StopReason.FILTERED,
    "content_filtered": StopReason.FILTERED,
    "refusal": StopReason.REFUSED,
    "malformed_model_output": StopReason.BROKEN,
    "malformed_tool_use": StopReason.BROKEN,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
    "pause_turn": StopReason.PAUSED,
}
_STOP_WORDS: dict[StopReason, str] = {
    StopReason.TOOL_CALLS: "tool_use",
    StopReason.LENGTH: "max_tokens",
    StopReason.STOP_TEXT: "stop_sequence",
    StopReason.FILTERED: "content_filtered",
    StopReason.REFUSED: "content_filtered",
    StopReason.BROKEN: "malformed_model_output",
    StopReason.CONTEXT_FULL: "model_context_window_exceeded",
}

_CALL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def stop_reason(word: str) -> StopReason:
    """Return what Bedrock's word for the end means; a word that is not known is `UNKNOWN`."""
    return _STOPS.get(word, StopReason.UNKNOWN)


def stop_word(stop: StopReason, raw: str) -> str:
    """Return Bedrock's word for an end; its own word stays when it means the same."""
    return raw if _STOPS.get(raw) is stop else _STOP_WORDS.get(stop, "end_turn")


def mime_type(kind: str, word: str) -> str:
    """Return the media type of a `format` word of an image, document, video or audio block."""
    return _FORMATS[kind].get(word, f"{kind}/{word}") if word else ""


def format_word(kind: str, media: Media, name: str = "") -> str:
    """Return the `format` word for a piece of media, by its type, its first bytes or its name; empty when none fits."""
    formats = _FORMATS[kind]
    told = media.mime_type.partition(";")[0].strip().lower()
    told = _ALIASES.get(told, told)
    for word, known in formats.items():
        if known == told:
            return word
    if told and told != "application/octet-stream":
        return ""
    for beginning, word in _BEGINNINGS:
        if word in formats and media.data.startswith(beginning):
            return word
    ending = (name or media.url).rpartition(".")[2].lower()
    ending = _ENDINGS.get(ending, ending)
    return ending if ending in formats else ""


def call_id(identity: str) -> str:
    """Return the id of a tool call in the letters that Bedrock takes; equal ids stay equal, others stay apart."""
    if _CALL_ID.fullmatch(identity):
        return identity
    return "call-" + hashlib.sha256(identity.encode(errors="replace")).hexdigest()[:32]


def tool_name(name: str, taken: set[str]) -> str:
    """Return a name that Bedrock takes and that is not in `taken`."""
    if _TOOL_NAME.fullmatch(name):
        return name
    clean = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:56] or "tool"
    found, count = clean, 1
    while found in taken:
        count += 1
        found = f"{clean}_{count}"
    return found


def is_claude(model: str) -> bool:
    """Return whether a model id, profile or ARN names one of Anthropic's models."""
    lowered = model.lower()
    return "claude" in lowered or "anthropic." in lowered


def members(raw: msgspec.Raw | bytes, path: str) -> dict[str, msgspec.Raw]:
    """Return an object's members without its nulls; raises `InvalidRequest` naming the path when it is none."""
    try:
        found = OBJECT.decode(raw)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"{path}: must be an object", param=path) from error
    return {key: value for key, value in found.items() if bytes(value) != b"null"}


def items(raw: msgspec.Raw | None, path: str) -> list[msgspec.Raw]:
    """Return a list's items, none when there is no list; raises `InvalidRequest` naming the path."""
    if raw is None or bytes(raw) == b"null":
        return []
    try:
        return LIST.decode(raw)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"{path}: must be a list", param=path) from error


def value(raw: msgspec.Raw) -> Any:
    """Return a decoded value."""
    return ANY.decode(raw)


def text(raw: msgspec.Raw | None, path: str) -> str:
    """Return a string, empty when it is missing; raises `InvalidRequest` naming the path for anything else."""
    found = "" if raw is None else ANY.decode(raw)
    if not isinstance(found, str):
        raise InvalidRequest(f"{path}: must be a string", param=path)
    return found


def rest(found: dict[str, msgspec.Raw], *known: str) -> dict[str, Any]:
    """Return the decoded members that are not in `known`."""
    return {key: ANY.decode(raw) for key, raw in found.items() if key not in known}


def object_text(arguments: str) -> msgspec.Raw | None:
    """Return a tool's arguments when they are the text of a JSON object, which no argument at all is too; else None."""
    if not arguments.strip():
        return msgspec.Raw(b"{}")
    raw = arguments.encode(errors="surrogatepass")
    try:
        ANY.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return msgspec.Raw(raw.strip()) if raw.lstrip()[:1] == b"{" else None


def input_object(arguments: str) -> msgspec.Raw:
    """Return a tool's arguments as an object; text that is none stands in it under `arguments`."""
    found = object_text(arguments)
    return found if found is not None else msgspec.Raw(ENCODER.encode({"arguments": clean(arguments)}))


def clean(said: str) -> str:
    """Return the text without halves of surrogate pairs, which UTF-8 cannot hold."""
    return said.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if not said.isascii() else said


def joined_base64(pieces: list[str]) -> str:
    """Return one base64 text for several that each decode on their own."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)


def mapping(found: Any) -> dict[str, Any]:
    """Return the value when it is an object, else an empty one."""
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
