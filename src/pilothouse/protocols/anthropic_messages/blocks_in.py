"""Content blocks of Messages as parts of the domain."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from pilothouse.domain.chat import (
    Document,
    Extra,
    Image,
    Media,
    Native,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import loose, marks, raw_json
from pilothouse.protocols.anthropic_messages import wire

_Fields: TypeAlias = dict[str, msgspec.Raw]


def read_content(raw: msgspec.Raw | None, path: str) -> list[Part]:
    """Return the parts of a `content`, which may be a bare string; raises `InvalidRequest` naming the block."""
    if raw is None:
        return []
    if bytes(raw)[:1] == b'"':
        return [Text(raw_json.text(raw, path))]
    return [read_block(item, f"{path}.{place}") for place, item in enumerate(raw_json.items(raw, path))]


def read_block(raw: msgspec.Raw, path: str) -> Part:
    """Return the part that a block is; one that the domain has no word for is `Native`."""
    fields = raw_json.members(raw, path)
    kind = raw_json.text(fields.get("type"), f"{path}.type")
    if not kind:
        raise InvalidRequest(f"{path}.type: must be given", param=f"{path}.type")
    read = _KINDS.get(kind)
    part = None if read is None else read(fields, path)
    return part if part is not None else Native(wire.NAME, raw_json.rest(fields))


def _text(fields: _Fields, path: str) -> Part:
    citations = tuple(
        loose.mapping(raw_json.value(item)) for item in raw_json.items(fields.get("citations"), f"{path}.citations")
    )
    others = raw_json.rest(fields, "type", "text", "cache_control", "citations")
    return Text(
        raw_json.text(fields.get("text"), f"{path}.text"),
        wire.cache(fields.get("cache_control"), f"{path}.cache_control"),
        citations,
        extra=Extra(wire.NAME, others) if citations else wire.extra(others),
    )


def _media(source: _Fields, path: str) -> Media | None:
    """Return where something stands; None for a source of another kind."""
    kind = raw_json.text(source.get("type"), f"{path}.type")
    mime = raw_json.text(source.get("media_type"), f"{path}.media_type")
    if kind == "base64":
        return Media(mime, data=raw_json.text(source.get("data"), f"{path}.data"))
    if kind == "url":
        return Media(mime, url=raw_json.text(source.get("url"), f"{path}.url"))
    if kind == "file":
        return Media(mime, file_id=raw_json.text(source.get("file_id"), f"{path}.file_id"))
    return None


def _image(fields: _Fields, path: str) -> Part | None:
    media = _media(raw_json.members(fields.get("source", msgspec.Raw(b"{}")), f"{path}.source"), f"{path}.source")
    if media is None:
        return None
    mark = wire.cache(fields.get("cache_control"), f"{path}.cache_control")
    return Image(media, cache=mark, extra=wire.extra(raw_json.rest(fields, "type", "source", "cache_control")))


def _document(fields: _Fields, path: str) -> Part | None:
    where = f"{path}.source"
    source = raw_json.members(fields.get("source", msgspec.Raw(b"{}")), where)
    kind = raw_json.text(source.get("type"), f"{where}.type")
    others = raw_json.rest(fields, "type", "source", "title", "context", "citations", "cache_control")
    media, said = _media(source, where), ""
    if kind == "text":
        said = raw_json.text(source.get("data"), f"{where}.data")
    elif kind == "content":
        parts = read_content(source.get("content"), f"{where}.content")
        said = "\n".join(part.text for part in parts if isinstance(part, Text))
        others["source"] = raw_json.rest(source)
    elif media is None:
        return None
    citations = loose.mapping(raw_json.value(fields["citations"])) if "citations" in fields else {}
    return Document(
        media or Media(),
        said,
        raw_json.text(fields.get("title"), f"{path}.title"),
        raw_json.text(fields.get("context"), f"{path}.context"),
        citations.get("enabled") is True,
        wire.cache(fields.get("cache_control"), f"{path}.cache_control"),
        wire.extra(others),
    )


def _tool_use(fields: _Fields, path: str) -> Part:
    identity, signature = marks.out_of_id(raw_json.text(fields.get("id"), f"{path}.id"))
    return ToolCall(
        identity,
        raw_json.text(fields.get("name"), f"{path}.name"),
        bytes(fields["input"]).decode() if "input" in fields else "",
        signature=signature,
        cache=wire.cache(fields.get("cache_control"), f"{path}.cache_control"),
        extra=wire.extra(raw_json.rest(fields, "type", "id", "name", "input", "cache_control")),
    )


def _tool_result(fields: _Fields, path: str) -> Part:
    return ToolResult(
        marks.out_of_id(raw_json.text(fields.get("tool_use_id"), f"{path}.tool_use_id"))[0],
        parts=tuple(read_content(fields.get("content"), f"{path}.content")),
        is_error=raw_json.flag(fields.get("is_error"), f"{path}.is_error") is True,
        cache=wire.cache(fields.get("cache_control"), f"{path}.cache_control"),
        extra=wire.extra(raw_json.rest(fields, "type", "tool_use_id", "content", "is_error", "cache_control")),
    )


def _thinking(fields: _Fields, path: str) -> Part:
    signature = raw_json.text(fields.get("signature"), f"{path}.signature")
    return Reasoning(
        raw_json.text(fields.get("thinking"), f"{path}.thinking"),
        signature,
        vendor=wire.VENDOR if signature else "",
        extra=wire.extra(raw_json.rest(fields, "type", "thinking", "signature")),
    )


def _redacted(fields: _Fields, path: str) -> Part:
    return Reasoning(redacted=raw_json.text(fields.get("data"), f"{path}.data"), vendor=wire.VENDOR)


_KINDS: dict[str, Callable[[_Fields, str], Part | None]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
}
"""What is not here, or read as None, is a `Native` part."""
