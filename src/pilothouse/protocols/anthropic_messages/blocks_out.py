"""Parts of the domain as content blocks of a Messages request."""

import base64
import binascii
from typing import Any

from pilothouse.domain.chat import (
    Audio,
    CacheMark,
    Document,
    Image,
    Media,
    Native,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.protocols import loose, tool_text
from pilothouse.protocols.anthropic_messages import wire

_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_PLAIN = frozenset({"application/json", "application/xml", "application/csv"})
_TTLS = frozenset({"", "5m", "1h"})


def reasoning_block(part: Reasoning) -> dict[str, Any]:
    """Return the block of a thought of Claude's, byte for byte."""
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.redacted}
    said = part.text or "\n".join(part.summary)
    more = wire.fields_of(part.extra)
    return {"type": "thinking", "thinking": loose.clean(said), "signature": part.signature, **more}


def cache_control(mark: CacheMark | None) -> dict[str, Any]:
    """Return the member that a mark becomes, none when there is no mark."""
    if mark is None:
        return {}
    ttl = {"ttl": mark.ttl} if mark.ttl in ("5m", "1h") else {}
    return {"cache_control": {"type": "ephemeral", **ttl}}


class BlockWriter:
    """Writes the parts of one request, and notes what cannot be written."""

    def __init__(self, facts: ModelFacts, names: dict[str, str], *, own: bool) -> None:
        self.losses: list[Loss] = []
        self._facts = facts
        self._names = names
        """Of tools: what the caller said, to what is sent."""
        self._own = own
        """Whether the caller speaks this dialect, so that ids of files mean something here."""

    def lose(self, field: str, reason: str, *, essential: bool = False) -> None:
        """Note something that the target has no place for."""
        self.losses.append(Loss(field, reason, essential))

    def block(self, part: Part, path: str) -> dict[str, Any] | None:
        """Return a part's block; None when it is left out."""
        block = self._block(part, path)
        mark = getattr(part, "cache", None)
        if block is None or not isinstance(mark, CacheMark):
            return block
        if mark.ttl not in _TTLS:
            self.lose(f"{path}.cache_control", f"Anthropic caches for 5m or 1h, not {mark.ttl}")
        return block | cache_control(mark)

    def _block(self, part: Part, path: str) -> dict[str, Any] | None:
        match part:
            case Text():
                return self._text(part, path)
            case Refusal():
                return {"type": "text", "text": loose.clean(part.text)} if part.text.strip() else None
            case Reasoning():
                return self._reasoning(part, path)
            case ToolCall():
                return self._call(part, path)
            case ToolResult():
                return self._result(part, path)
            case Native():
                return self._native(part, path)
            case _:
                return self._media_block(part, path)

    def _text(self, part: Text, path: str) -> dict[str, Any] | None:
        if part.signature:
            self.lose(f"{path}.signature", "the mark belongs to another vendor")
        if not part.text.strip():
            return None  # Anthropic refuses blank text.
        block: dict[str, Any] = {"type": "text", "text": loose.clean(part.text)}
        if part.extra is not None:
            block |= wire.fields_of(part.extra)
        if part.citations and part.extra is not None and part.extra.dialect == wire.NAME:
            block["citations"] = [cited for cited in part.citations if cited.get("encrypted_index") != wire.NO_INDEX]
        elif part.citations:
            self.lose(f"{path}.citations", "Anthropic takes back no citations but its own")
        return block

    def _reasoning(self, part: Reasoning, path: str) -> dict[str, Any] | None:
        if part.vendor == wire.VENDOR and (part.signature or part.redacted):
            return reasoning_block(part)
        self.lose(path, "thoughts that Claude has not signed cannot be given back to it")
        return None

    def _call(self, part: ToolCall, path: str) -> dict[str, Any]:
        if part.signature:
            self.lose(f"{path}.signature", "the mark belongs to another vendor")
        if tool_text.object_text(part.arguments) is None:
            self.lose(f"{path}.arguments", "arguments that are no JSON object are sent as text inside one")
        return {
            "type": "tool_use",
            "id": wire.call_id(part.id),
            "name": self._names.get(part.name, part.name),
            "input": tool_text.input_object(part.arguments),
            **wire.fields_of(part.extra),
        }

    def _result(self, part: ToolResult, path: str) -> dict[str, Any]:
        content: list[dict[str, Any]] = []
        for place, inner in enumerate(part.parts):
            here = f"{path}.content.{place}"
            if isinstance(inner, Text | Image | Document | Native | Refusal):
                block = self.block(inner, here)
                content += [block] if block is not None else []
            else:
                self.lose(here, "Anthropic takes no such part in a tool's result", essential=True)
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": wire.call_id(part.call_id)}
        if content:
            result["content"] = content
        if part.is_error:
            result["is_error"] = True
        return result | wire.fields_of(part.extra)

    def _native(self, part: Native, path: str) -> dict[str, Any] | None:
        if part.dialect == wire.NAME:
            return dict(part.value)
        kind = part.value.get("type")
        self.lose(path, f"Anthropic has no {kind if isinstance(kind, str) else 'such part'}", essential=True)
        return None

    def _media_block(self, part: Image | Document | Audio | Video, path: str) -> dict[str, Any] | None:
        kind = type(part).__name__.lower()
        if isinstance(part, Audio) and part.transcript.strip():
            self.lose(path, "the sound is left out, its transcript is sent")
            return {"type": "text", "text": loose.clean(part.transcript)}
        if isinstance(part, Audio | Video) or (self._facts.inputs is not None and kind not in self._facts.inputs):
            self.lose(path, f"the model takes no {kind}", essential=True)
            return None
        return self._image(part, path) if isinstance(part, Image) else self._document(part, path)

    def _image(self, part: Image, path: str) -> dict[str, Any] | None:
        mime = wire.mime_type(part.media.mime_type, part.media.data)
        if part.media.data and mime not in _PICTURES:
            self.lose(path, f"Anthropic takes png, jpeg, gif and webp, not {mime or 'an unknown type'}", essential=True)
            return None
        if part.detail and part.detail != "auto":
            self.lose(f"{path}.detail", "Anthropic has no such setting")
        source = self._source(part.media, mime, path)
        return None if source is None else {"type": "image", "source": source, **wire.fields_of(part.extra)}

    def _document(self, part: Document, path: str) -> dict[str, Any] | None:
        more = dict(wire.fields_of(part.extra))
        source = more.pop("source", None) or self._document_source(part, path)
        if source is None:
            return None
        block: dict[str, Any] = {"type": "document", "source": source}
        if part.name:
            block["title"] = loose.clean(part.name)
        if part.context:
            block["context"] = loose.clean(part.context)
        if part.cited:
            block["citations"] = {"enabled": True}
        return block | more

    def _document_source(self, part: Document, path: str) -> dict[str, Any] | None:
        if part.media == Media():
            if part.text.strip():
                return {"type": "text", "media_type": "text/plain", "data": loose.clean(part.text)}
            self.lose(path, "the document is empty", essential=True)
            return None
        mime = wire.mime_type(part.media.mime_type, part.media.data)
        if not mime and part.name.lower().endswith(".pdf"):
            mime = "application/pdf"
        if not part.media.data or mime == "application/pdf":
            return self._source(part.media, mime, path)
        said = _plain_text(part.media.data) if mime.startswith("text/") or mime in _PLAIN else None
        if said is not None:
            return {"type": "text", "media_type": "text/plain", "data": said}
        self.lose(path, f"Anthropic takes PDF and plain text, not {mime or 'an unknown type'}", essential=True)
        return None

    def _source(self, media: Media, mime: str, path: str) -> dict[str, Any] | None:
        if media.data:
            return {"type": "base64", "media_type": mime, "data": media.data}
        if media.url.startswith(("http://", "https://")):
            return {"type": "url", "url": media.url}
        if media.file_id and self._own:
            return {"type": "file", "file_id": media.file_id}
        where = "a file of another provider's" if media.file_id else "an address that is not on the web"
        self.lose(path, f"Anthropic cannot read {where}", essential=True)
        return None


def _plain_text(data: str) -> str | None:
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, ValueError):
        return None
