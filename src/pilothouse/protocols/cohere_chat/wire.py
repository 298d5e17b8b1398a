"""What is the same on every way into Cohere's chat and out of it: names, words, events as bytes."""

from typing import Any

import msgspec

from pilothouse.domain.chat import Extra, StopReason
from pilothouse.protocols import loose, sse

NAME = "cohere_chat"
VENDOR = "cohere"
MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Above the largest event any provider sends; a stream without breaks cannot fill memory."""

FAILED = frozenset({"ERROR", "TIMEOUT", "ERROR_TOXIC", "ERROR_LIMIT"})
"""Ends of a stream that is no whole answer."""
_IN = {
    "COMPLETE": StopReason.END, "STOP_SEQUENCE": StopReason.STOP_TEXT, "MAX_TOKENS": StopReason.LENGTH,
    "TOOL_CALL": StopReason.TOOL_CALLS, "ERROR": StopReason.BROKEN, "TIMEOUT": StopReason.BROKEN,
}  # fmt: skip
_OUT = {
    StopReason.STOP_TEXT: "STOP_SEQUENCE", StopReason.LENGTH: "MAX_TOKENS", StopReason.CONTEXT_FULL: "MAX_TOKENS",
    StopReason.TOOL_CALLS: "TOOL_CALL", StopReason.FILTERED: "ERROR", StopReason.BROKEN: "ERROR",
}  # fmt: skip


def stop_reason(word: str) -> StopReason:
    """Return what a finish reason means; a word that is not known is `UNKNOWN`."""
    return _IN.get(word, StopReason.UNKNOWN)


def finish_reason(stop: StopReason) -> str:
    """Return Cohere's word for the end of an answer."""
    return _OUT.get(stop, "COMPLETE")


def own(extra: Extra | None) -> dict[str, Any]:
    """Return the fields that only this dialect has a word for."""
    return extra.fields if extra is not None and extra.dialect == NAME else {}


def extra(fields: dict[str, Any]) -> Extra | None:
    """Return fields as those of this dialect; None when there are none."""
    return Extra(NAME, fields) if fields else None


def decode(frame: bytes) -> tuple[str, dict[str, Any] | None, bytes]:
    """Return an event's type, its decoded data (None when that is no JSON object) and the data itself."""
    name, data = sse.parse(frame)
    try:
        document: Any = loose.ANY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return name.decode(errors="replace"), None, data
    if not isinstance(document, dict):
        return name.decode(errors="replace"), None, data
    fields = loose.mapping(document)
    return loose.text(fields.get("type")) or name.decode(errors="replace"), fields, data


def encode(kind: str, fields: dict[str, Any]) -> bytes:
    """Return an event with its name."""
    return b"event: " + kind.encode() + b"\ndata: " + loose.ENCODER.encode({"type": kind, **fields}) + b"\n\n"


def delta(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what an event adds to the message."""
    return loose.mapping(loose.mapping(fields.get("delta")).get("message"))
