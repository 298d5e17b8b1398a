"""Names, formats and identifiers of the Converse API, both ways."""

import base64
import binascii
import hashlib
import re

from pilothouse.domain.chat import Media, StopReason
from pilothouse.protocols.media_address import sniffed

NAME = "bedrock_converse"
VENDOR = "anthropic"
"""Whose opaque marks travel here: of the models on Bedrock only Claude signs its thoughts."""


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
    given = bool(told) and told != "application/octet-stream"
    kind_of_data = told if given else sniffed(media.data)
    word = next((word for word, known in formats.items() if known == kind_of_data), "")
    if word or given:
        return word
    ending = (name or media.url).rpartition(".")[2].lower()
    ending = _ENDINGS.get(ending, ending)
    return ending if ending in formats else ""


def call_id(identity: str) -> str:
    """Return the id of a tool call in the letters that Bedrock takes; equal ids stay equal, others stay apart."""
    if _CALL_ID.fullmatch(identity):
        return identity
    return "call-" + hashlib.sha256(identity.encode(errors="replace")).hexdigest()[:32]


def is_claude(model: str) -> bool:
    """Return whether a model id, profile or ARN names one of Anthropic's models."""
    lowered = model.lower()
    return "claude" in lowered or "anthropic." in lowered


def joined_base64(pieces: list[str]) -> str:
    """Return one base64 text for several that each decode on their own."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)
