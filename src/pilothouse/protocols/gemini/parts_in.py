"""Parts of Gemini's contents as parts of the domain."""

import base64
import binascii
from typing import Any, TypeAlias

import msgspec

from pilothouse.domain.chat import (
    Audio,
    Document,
    Image,
    Media,
    Native,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import marks, raw_json
from pilothouse.protocols.gemini import wire

_Fields: TypeAlias = dict[str, msgspec.Raw]
_MARK = "thoughtSignature"
_DATA = ("inlineData", "fileData")
_UPLOADED = "https://generativelanguage.googleapis.com/"
_RESULT_KEYS = ("output", "result", "error")


def read_part(raw: msgspec.Raw, path: str) -> Part:
    """Return one part; raises `InvalidRequest` naming it. A call or a result may lack its id."""
    fields = wire.members(raw, path)
    signature = raw_json.text(fields.get(_MARK), f"{path}.{_MARK}")
    if "functionCall" in fields:
        return read_call(fields["functionCall"], f"{path}.functionCall", signature)
    if "functionResponse" in fields:
        return _result(fields["functionResponse"], f"{path}.functionResponse")
    for kind in _DATA:
        if kind in fields:
            return _media(fields, kind, f"{path}.{kind}")
    more = wire.extra(raw_json.rest(fields, "text", "thought", _MARK))
    if "thought" in fields and raw_json.flag(fields["thought"], f"{path}.thought"):
        return _thought(raw_json.text(fields.get("text"), f"{path}.text"), signature)
    if "text" in fields or not fields.keys() - {_MARK, "thought"}:
        return Text(raw_json.text(fields.get("text"), f"{path}.text"), signature=signature, extra=more)
    return Native(wire.NAME, raw_json.rest(fields))


def read_call(raw: msgspec.Raw, path: str, signature: str) -> ToolCall:
    """Return a call, its arguments as they came; raises `InvalidRequest`."""
    fields = wire.members(raw, path)
    return ToolCall(
        raw_json.text(fields.get("id"), f"{path}.id"),
        raw_json.text(fields.get("name"), f"{path}.name"),
        bytes(fields["args"]).decode() if "args" in fields else "",
        signature=signature,
        extra=wire.extra(raw_json.rest(fields, "id", "name", "args")),
    )


def packed_mark(part: Reasoning) -> str:
    """Return what stands in `thoughtSignature`, which is base64: the mark of another vendor with its name."""
    if part.vendor == wire.VENDOR:
        return part.signature
    packed = marks.pack(part)
    return base64.b64encode(packed.encode()).decode() if packed else ""


def joined(parts: list[Part]) -> list[Part]:
    """Return the parts with pieces of a thought put together that another vendor has signed: its mark is over all."""
    out: list[Part] = []
    for part in parts:
        foreign = isinstance(part, Reasoning) and part.vendor not in ("", wire.VENDOR)
        if foreign and isinstance(part, Reasoning) and not part.redacted:
            said = [part.text]
            while out and isinstance(out[-1], Reasoning) and not out[-1].vendor:
                said.insert(0, out[-1].text)
                out.pop()
            out.append(msgspec.structs.replace(part, text="".join(said)))
        else:
            out.append(part)
    return out


def _thought(said: str, signature: str) -> Reasoning:
    if not signature:
        return Reasoning(said)
    try:
        content = base64.b64decode(wire.base64_text(signature)).decode()
    except (binascii.Error, ValueError):
        content = ""
    if marks.is_packed(content):
        return marks.unpack(Reasoning(said), content)
    return Reasoning(said, signature, vendor=wire.VENDOR)


def _media(fields: _Fields, kind: str, path: str) -> Part:
    inner = wire.members(fields[kind], path)
    mime = raw_json.text(inner.get("mimeType"), f"{path}.mimeType")
    name = raw_json.text(inner.get("displayName"), f"{path}.displayName")
    if kind == "inlineData":
        media = Media(mime, wire.base64_text(raw_json.text(inner.get("data"), f"{path}.data")))
    else:
        place = raw_json.text(inner.get("fileUri"), f"{path}.fileUri")
        uploaded = place.startswith((_UPLOADED, "files/"))
        media = Media(mime, url="" if uploaded else place, file_id=place if uploaded else "")
    if not media.data and not media.url and not media.file_id:
        raise InvalidRequest(f"{path}: holds nothing", param=path)
    more = wire.extra(raw_json.rest(fields, kind))
    family = wire.mime_type(media, "document", name).partition("/")[0]
    if family == "image":
        return Image(media, extra=more)
    if family == "audio":
        return Audio(media, extra=more)
    if family == "video":
        return Video(media, more)
    return Document(media, name=name, extra=more)


def _result(raw: msgspec.Raw, path: str) -> ToolResult:
    fields = wire.members(raw, path)
    said, key = _words(fields.get("response"), f"{path}.response")
    more: dict[str, Any] = raw_json.rest(fields, "id", "name", "response", "parts")
    parts: list[Part] = [Text(said)] if said else []
    for place, item in enumerate(raw_json.items(fields.get("parts"), f"{path}.parts")):
        parts.append(read_part(item, f"{path}.parts.{place}"))
    return ToolResult(
        raw_json.text(fields.get("id"), f"{path}.id"),
        raw_json.text(fields.get("name"), f"{path}.name"),
        tuple(parts),
        is_error=key == "error",
        extra=wire.extra(more | ({"key": key} if key else {})),
    )


def _words(raw: msgspec.Raw | None, path: str) -> tuple[str, str]:
    """Return what a tool said, and the key it stood under when that was all; else the exact text of the object."""
    if raw is None:
        return "", ""
    found = raw_json.members(raw, path)
    if len(found) == 1:
        ((key, inner),) = found.items()
        if key in _RESULT_KEYS:
            said = raw_json.value(inner)
            if isinstance(said, str):
                return said, key
            if key == "error":
                return bytes(inner).decode(), key
    return bytes(raw).decode(), ""
