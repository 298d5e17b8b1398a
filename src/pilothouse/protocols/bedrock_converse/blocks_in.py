"""Content blocks of Converse as parts of the domain."""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from pilothouse.domain.chat import (
    Audio,
    CacheMark,
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
    Video,
)
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import loose, marks, raw_json
from pilothouse.protocols.bedrock_converse import wire

_Fields: TypeAlias = dict[str, msgspec.Raw]
_MARKED = Text | Image | Document | ToolCall | ToolResult


def read_blocks(blocks: list[msgspec.Raw], path: str) -> list[Part]:
    """Return the parts of a list of blocks; raises `InvalidRequest` naming the block.

    A cache point becomes the mark of the part before it; where that cannot carry one, it stays a part of its own.
    """
    parts: list[Part] = []
    for place, raw in enumerate(blocks):
        here = f"{path}.{place}"
        fields = raw_json.members(raw, here)
        if len(fields) != 1:
            raise InvalidRequest(f"{here}: a block must have exactly one member", param=here)
        ((kind, inner),) = fields.items()
        last = parts[-1] if parts else None
        if kind == "cachePoint" and isinstance(last, _MARKED) and last.cache is None:
            mark = CacheMark(raw_json.text(raw_json.members(inner, f"{here}.{kind}").get("ttl"), f"{here}.{kind}.ttl"))
            parts[-1] = msgspec.structs.replace(last, cache=mark)
            continue
        read = _KINDS.get(kind)
        part = None if read is None else read(inner, f"{here}.{kind}")
        parts.append(part if part is not None else Native(wire.NAME, {kind: raw_json.value(inner)}))
    return parts


def extra(fields: dict[str, Any]) -> Extra | None:
    """Return the fields that the domain has no word for, None when there are none."""
    return Extra(wire.NAME, fields) if fields else None


def _text(raw: msgspec.Raw, path: str) -> Part:
    return Text(raw_json.text(raw, path))


def _json(raw: msgspec.Raw, path: str) -> Part:
    """The exact text of the JSON; the mark says what it was."""
    del path
    return Text(bytes(raw).decode(), extra=Extra(wire.NAME, {"json": True}))


def _source(fields: _Fields, path: str, mime: str) -> tuple[Media, dict[str, Any]]:
    """Return where the media of a block stands, and what else there is to say of it."""
    source = raw_json.members(fields.get("source", msgspec.Raw(b"{}")), f"{path}.source")
    if "bytes" in source:
        return Media(mime, data=raw_json.text(source["bytes"], f"{path}.source.bytes")), {}
    if "s3Location" in source:
        place = raw_json.members(source["s3Location"], f"{path}.source.s3Location")
        uri = raw_json.text(place.get("uri"), f"{path}.source.s3Location.uri")
        return Media(mime, url=uri), raw_json.rest(place, "uri")
    raise InvalidRequest(f"{path}.source: must have bytes or s3Location", param=f"{path}.source")


def _format(kind: str, fields: _Fields, path: str) -> str:
    return wire.mime_type(kind, raw_json.text(fields.get("format"), f"{path}.format"))


def _image(raw: msgspec.Raw, path: str) -> Part:
    fields = raw_json.members(raw, path)
    media, more = _source(fields, path, _format("image", fields, path))
    return Image(media, extra=extra(raw_json.rest(fields, "format", "source") | more))


def _video(raw: msgspec.Raw, path: str) -> Part:
    fields = raw_json.members(raw, path)
    media, more = _source(fields, path, _format("video", fields, path))
    return Video(media, extra=extra(raw_json.rest(fields, "format", "source") | more))


def _audio(raw: msgspec.Raw, path: str) -> Part:
    fields = raw_json.members(raw, path)
    media, more = _source(fields, path, _format("audio", fields, path))
    return Audio(media, extra=extra(raw_json.rest(fields, "format", "source") | more))


def _document(raw: msgspec.Raw, path: str) -> Part:
    fields = raw_json.members(raw, path)
    more = raw_json.rest(fields, "format", "source", "name", "context", "citations")
    name = raw_json.text(fields.get("name"), f"{path}.name")
    context = raw_json.text(fields.get("context"), f"{path}.context")
    citations = loose.mapping(raw_json.value(fields["citations"])) if "citations" in fields else {}
    cited = citations.get("enabled") is True
    source = raw_json.members(fields.get("source", msgspec.Raw(b"{}")), f"{path}.source")
    if "text" in source:
        said = raw_json.text(source["text"], f"{path}.source.text")
        return Document(text=said, name=name, context=context, cited=cited, extra=extra(more))
    if "content" in source:
        content: Any = raw_json.value(source["content"])
        pieces = [loose.mapping(item).get("text") for item in content] if isinstance(content, list) else []  # pyright: ignore[reportUnknownVariableType]
        said = "\n".join(piece for piece in pieces if isinstance(piece, str))
        return Document(text=said, name=name, context=context, cited=cited, extra=extra({**more, "content": content}))
    media, where = _source(fields, path, _format("document", fields, path))
    return Document(media, name=name, context=context, cited=cited, extra=extra(more | where))


def _tool_use(raw: msgspec.Raw, path: str) -> Part | None:
    fields = raw_json.members(raw, path)
    if "type" in fields:
        return None  # A tool that the provider runs itself.
    arguments = bytes(fields["input"]).decode() if "input" in fields else ""
    identity, signature = marks.out_of_id(raw_json.text(fields.get("toolUseId"), f"{path}.toolUseId"))
    return ToolCall(
        identity,
        raw_json.text(fields.get("name"), f"{path}.name"),
        arguments,
        signature=signature,
        extra=extra(raw_json.rest(fields, "toolUseId", "name", "input")),
    )


def _tool_result(raw: msgspec.Raw, path: str) -> Part | None:
    fields = raw_json.members(raw, path)
    if "type" in fields:
        return None
    parts = read_blocks(raw_json.items(fields.get("content"), f"{path}.content"), f"{path}.content")
    return ToolResult(
        marks.out_of_id(raw_json.text(fields.get("toolUseId"), f"{path}.toolUseId"))[0],
        parts=tuple(parts),
        is_error=raw_json.text(fields.get("status"), f"{path}.status") == "error",
        extra=extra(raw_json.rest(fields, "toolUseId", "content", "status")),
    )


def _reasoning(raw: msgspec.Raw, path: str) -> Part | None:
    fields = raw_json.members(raw, path)
    if "redactedContent" in fields:
        hidden = raw_json.text(fields["redactedContent"], f"{path}.redactedContent")
        return Reasoning(redacted=hidden, vendor=wire.VENDOR)
    if "reasoningText" not in fields:
        return None
    shown = raw_json.members(fields["reasoningText"], f"{path}.reasoningText")
    signature = raw_json.text(shown.get("signature"), f"{path}.reasoningText.signature")
    said = raw_json.text(shown.get("text"), f"{path}.reasoningText.text")
    return Reasoning(said, signature=signature, vendor=wire.VENDOR if signature else "")


def _citations(raw: msgspec.Raw, path: str) -> Part:
    fields = raw_json.members(raw, path)
    content = raw_json.items(fields.get("content"), f"{path}.content")
    pieces = [
        raw_json.text(raw_json.members(item, f"{path}.content").get("text"), f"{path}.content.{place}.text")
        for place, item in enumerate(content)
    ]
    found = [
        loose.mapping(raw_json.value(item)) for item in raw_json.items(fields.get("citations"), f"{path}.citations")
    ]
    return Text("".join(pieces), citations=tuple(found), extra=Extra(wire.NAME, {}))


_KINDS: dict[str, Callable[[msgspec.Raw, str], Part | None]] = {
    "text": _text,
    "json": _json,
    "image": _image,
    "video": _video,
    "audio": _audio,
    "document": _document,
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "reasoningContent": _reasoning,
    "citationsContent": _citations,
}
"""What is not here, or read as None, is a `Native` part."""
