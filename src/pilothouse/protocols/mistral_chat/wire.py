"""What is the same on every way into Mistral's chat and out of it: names, words, ids of calls."""

import hashlib
import re
import string
from typing import Any

from pilothouse.domain.chat import Extra, StopReason

NAME = "mistral_chat"
VENDOR = "mistral"
_OUT = {
    StopReason.LENGTH: "length", StopReason.CONTEXT_FULL: "model_length", StopReason.TOOL_CALLS: "tool_calls",
    StopReason.FILTERED: "error", StopReason.BROKEN: "error",
}  # fmt: skip
_ID_LENGTH = 9
_ID = re.compile(f"[a-zA-Z0-9]{{{_ID_LENGTH}}}")
_LETTERS = string.ascii_letters + string.digits


def finish_reason(stop: StopReason) -> str:
    """Return Mistral's word for the end of an answer."""
    return _OUT.get(stop, "stop")


def call_id(identity: str) -> str:
    """Return an id of a call as Mistral takes it: nine letters or digits; equal ids stay equal."""
    if _ID.fullmatch(identity):
        return identity
    number = int.from_bytes(hashlib.sha256(identity.encode(errors="replace")).digest()[:8])
    return "".join(_LETTERS[number // len(_LETTERS) ** place % len(_LETTERS)] for place in range(_ID_LENGTH))


def extra(fields: dict[str, Any]) -> Extra | None:
    """Return fields as those of this dialect; None when there are none."""
    return Extra(NAME, fields) if fields else None


def own(found: Extra | None) -> dict[str, Any]:
    """Return the fields that only this dialect has a word for."""
    return found.fields if found is not None and found.dialect == NAME else {}


def thinking_chunk(said: str, mark: str = "") -> dict[str, Any]:
    """Return a thought as a part of the content."""
    pieces = [{"type": "text", "text": said}] if said else []
    return {"type": "thinking", "thinking": pieces, **({"signature": mark} if mark else {})}
