"""Names and words of Anthropic's Messages API, and careful reading of its JSON."""

import hashlib
import re
from typing import Any, cast

import msgspec

from pilothouse.domain.chat import CacheMark, Extra, StopReason
from pilothouse.errors import InvalidRequest

NAME = "anthropic_messages"
VENDOR = "anthropic"

ANY = msgspec.json.Decoder()
OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
LIST = msgspec.json.Decoder(list[msgspec.Raw])
ENCODER = msgspec.json.Encoder()

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
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_BEGINNINGS = (
    ("iVBOR", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBER", "application/pdf"),
)


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
    return next((found for beginning, found in _BEGINNINGS if data.startswith(beginning)), "")


def call_id(identity: str) -> str:
    """Return the id of a tool call in the letters that Anthropic takes; equal ids stay equal, others stay apart."""
    if _CALL_ID.fullmatch(identity):
        return identity
    return "toolu_" + hashlib.sha256(identity.encode(errors="replace")).hexdigest()[:32]


def message_id(identity: str, own: str) -> str:
    """Return the id of an answer: the provider's when it has the form, else one made from what is known."""
    found = identity or own
    return found if found.startswith("msg_") else f"msg_{found}"


def tool_name(name: str, taken: set[str]) -> str:
    """Return a name that Anthropic takes and that is not in `taken`."""
    if _TOOL_NAME.fullmatch(name):
        return name
    clean = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:56] or "tool"
    found, count = clean, 1
    while found in taken:
        count += 1
        found = f"{clean}_{count}"
    return found


def members(raw: msgspec.Raw | bytes, path: str) -> dict[str, msgspec.Raw]:
    """Return an object's members without its nulls; raises `InvalidRequest` naming the path when it is none."""
    try:
        found = OBJECT.decode(raw)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"{path}: must be an object", param=path) from error
    return {key: value for key, value in found.items() if bytes(value) != b"null"}


def items(raw: msgspec.Raw | None, path: str) -> list[msgspec.Raw]:
    """Return a list's items, none when there is no list; raises `InvalidRequest` naming the path."""
    if raw is None:
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


def flag(raw: msgspec.Raw | None, path: str) -> bool | None:
    """Return a boolean, None when it is missing; raises `InvalidRequest` naming the path for anything else."""
    found = None if raw is None else ANY.decode(raw)
    if found is not None and not isinstance(found, bool):
        raise InvalidRequest(f"{path}: must be true or false", param=path)
    return found


def whole(raw: msgspec.Raw | None, path: str) -> int | None:
    """Return a whole number, None when it is missing; raises `InvalidRequest` naming the path for anything else."""
    found = None if raw is None else ANY.decode(raw)
    if found is not None and (not isinstance(found, int) or isinstance(found, bool)):
        raise InvalidRequest(f"{path}: must be a whole number", param=path)
    return found


def number(raw: msgspec.Raw | None, path: str) -> float | None:
    """Return a number, None when it is missing; raises `InvalidRequest` naming the path for anything else."""
    found = None if raw is None else ANY.decode(raw)
    if found is not None and (not isinstance(found, int | float) or isinstance(found, bool)):
        raise InvalidRequest(f"{path}: must be a number", param=path)
    return found


def rest(found: dict[str, msgspec.Raw], *known: str) -> dict[str, Any]:
    """Return the decoded members that are not in `known`."""
    return {key: ANY.decode(raw) for key, raw in found.items() if key not in known}


def cache(raw: msgspec.Raw | None, path: str) -> CacheMark | None:
    """Return the mark that a `cache_control` stands for."""
    if raw is None:
        return None
    return CacheMark(text(members(raw, path).get("ttl"), f"{path}.ttl"))


def extra(fields: dict[str, Any]) -> Extra | None:
    """Return the fields that the domain has no word for, None when there are none."""
    return Extra(NAME, fields) if fields else None


def fields_of(found: Extra | None) -> dict[str, Any]:
    """Return the fields of this dialect in an `extra`."""
    return found.fields if found is not None and found.dialect == NAME else {}


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


def mapping(found: Any) -> dict[str, Any]:
    """Return the value when it is an object, else an empty one."""
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def listing(found: Any) -> list[Any]:
    """Return the value when it is a list, else an empty one."""
    return cast("list[Any]", found) if isinstance(found, list) else []


def said(found: Any) -> str:
    """Return the value when it is a string, else an empty one."""
    return found if isinstance(found, str) else ""
