"""Names and words of Anthropic's Messages API, and careful reading of its JSON."""

import hashlib
import re
from typing import Any

import msgspec

from pilothouse.domain.chat import CacheMark, Extra, StopReason
from pilothouse.protocols import marks, raw_json
from pilothouse.protocols.media_address import sniffed

NAME = "anthropic_messages"
VENDOR = "anthropic"
NO_INDEX = marks.PREFIX
"""Stands where Anthropic has a mark of its own on a page that was cited, when another vendor's model cited it."""


_STOPS: dict[str, StopReason] = {
    "end_turn": StopReason.END,
    "stop_sequence": StopReason.STOP_TEXT,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
    "tool_use": StopReason.TOOL_CALLS,
    "refusal": StopReason.REFUSED,
    "pause_turn": StopReason.PAUSED,
}
_STOP_WORDS: dict[StopReason, str] = {stop: word for word, stop in _STOPS.items()} | {
    StopReason.FILTERED: "refusal",
}
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,256}")


def stop_reason(word: str) -> StopReason:
    """Return what Anthropic's word for the end means; a word that is not known is `UNKNOWN`."""
    return _STOPS.get(word, StopReason.UNKNOWN)


def stop_word(stop: StopReason, raw: str, *, called: bool) -> str:
    """Return Anthropic's word for an end; its own word stays when it means the same."""
    if _STOPS.get(raw) is stop:
        return raw
    if called and stop in (StopReason.END, StopReason.UNKNOWN):
        return "tool_use"
    return _STOP_WORDS.get(stop, "end_turn")


def mime_type(told: str, data: str) -> str:
    """Return a media type as it is told, or else as the first bytes tell it; empty when nothing does."""
    mime = told.partition(";")[0].strip().lower()
    if mime == "image/jpg":
        return "image/jpeg"
    if mime and mime != "application/octet-stream":
        return mime
    return sniffed(data)


def call_id(identity: str) -> str:
    """Return the id of a tool call in the letters that Anthropic takes; equal ids stay equal, others stay apart."""
    if _CALL_ID.fullmatch(identity):
        return identity
    return "toolu_" + hashlib.sha256(identity.encode(errors="replace")).hexdigest()[:32]


def message_id(identity: str, own: str) -> str:
    """Return the id of an answer: the provider's when it has the form, else one made from what is known."""
    found = identity or own
    return found if found.startswith("msg_") else f"msg_{found}"


def cache(raw: msgspec.Raw | None, path: str) -> CacheMark | None:
    """Return the mark that a `cache_control` stands for."""
    if raw is None:
        return None
    return CacheMark(raw_json.text(raw_json.members(raw, path).get("ttl"), f"{path}.ttl"))


def extra(fields: dict[str, Any]) -> Extra | None:
    """Return the fields that the domain has no word for, None when there are none."""
    return Extra(NAME, fields) if fields else None


def fields_of(found: Extra | None) -> dict[str, Any]:
    """Return the fields of this dialect in an `extra`."""
    return found.fields if found is not None and found.dialect == NAME else {}
