"""Parts of the domain as content blocks of Converse."""

import base64
import re
from typing import Any

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
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.protocols import loose, marks, tool_text
from pilothouse.protocols.bedrock_converse import wire
from pilothouse.protocols.citations import dialect_of, page
from pilothouse.protocols.turns import Group

_TTLS = frozenset({"", "5m", "1h"})
_NO_NAME = re.compile(r"[^A-Za-z0-9 ()\[\]-]+")
_NO_OUTPUT = "(no output)"
_NAME_CHARS = 200


def fields_of(extra: Extra | None) -> dict[str, Any]:
    """Return the fields of this dialect in an `extra`."""
    return extra.fields if extra is not None and extra.dialect == wire.NAME else {}


def cache_point(mark: CacheMark) -> dict[str, Any]:
    """Return the block that a mark becomes."""
    ttl = {"ttl": mark.ttl} if mark.ttl in ("5m", "1h") else {}
    return {"cachePoint": {"type": "default", **ttl}}


def reasoning_block(part: Reasoning) -> dict[str, Any]:
    """Return the block of a thought."""
    if part.redacted:
        return {"reasoningContent": {"redactedContent": part.redacted}}
    shown = {"text": loose.clean(part.text or "\n".join(part.summary))}
    return {"reasoningContent": {"reasoningText": shown | ({"signature": part.signature} if part.signature else {})}}


def text_block(part: Text) -> dict[str, Any]:
    """Return the block of a text, with the citations that are in this dialect."""
    if part.citations and part.extra is not None and part.extra.dialect == wire.NAME:
        return {"citationsContent": {"content": [{"text": loose.clean(part.text)}], "citations": list(part.citations)}}
    return {"text": loose.clean(part.text)}


def citation(dialect: str, found: dict[str, Any]) -> dict[str, Any] | None:
    """Return a citation as this dialect has it; None for one of another that names no page on the web."""
    if dialect == wire.NAME:
        return found
    cited = page(dialect, found)
    if cited is None:
        return None
    quote = {"sourceContent": [{"text": cited.quote}]} if cited.quote else {}
    return {"title": cited.title, **quote, "location": {"web": {"url": cited.url}}}


def answer_id(part: ToolCall) -> str:
    """Return a call's id for a caller of this dialect; the mark of another vendor has no other place."""
    return marks.into_id(wire.call_id(part.id), part.signature)


class BlockWriter:
    """Writes the parts of one request, and notes what cannot be written."""

    def __init__(self, facts: ModelFacts, names: dict[str, str], *, text_documents: bool) -> None:
        self.losses: list[Loss] = []
        self._facts = facts
        self._names = names
        """Of tools: what the caller said, to what is sent."""
        self._text_documents = text_documents
        """Whether the model takes a document as plain text."""
        self._documents: set[str] = set()

    def lose(self, field: str, reason: str, *, essential: bool = False, address: str = "") -> None:
        """Note something that the target has no place for."""
        self.losses.append(Loss(field, reason, essential, address))

    def group(self, part: Part, path: str) -> Group:
        """Return a part's blocks; none when it is left out."""
        block = self._block(part, path)
        if block is None:
            return []
        mark = getattr(part, "cache", None)
        if not isinstance(mark, CacheMark):
            return [block]
        if mark.ttl not in _TTLS:
            self.lose(f"{path}.cache_control", f"Bedrock caches for 5m or 1h, not {mark.ttl}")
        return [block, cache_point(mark)]

    def _block(self, part: Part, path: str) -> dict[str, Any] | None:
        match part:
            case Text():
                return self._text(part, path)
            case Refusal():
                return {"text": loose.clean(part.text)} if part.text.strip() else None
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

    def _media_block(self, part: Image | Document | Audio | Video, path: str) -> dict[str, Any] | None:
        kind = type(part).__name__.lower()
        if self._facts.inputs is not None and kind not in self._facts.inputs:
            self.lose(path, f"the model takes no {kind}", essential=True)
            return None
        if isinstance(part, Document):
            return self._document(part, path)
        if isinstance(part, Audio) and part.media == Media():
            return self._transcript(part, path)
        return self._sight_or_sound(kind, part, path)

    def _text(self, part: Text, path: str) -> dict[str, Any] | None:
        if part.signature:
            self.lose(f"{path}.signature", "the mark belongs to another vendor")
        if part.citations and dialect_of(part) != wire.NAME:
            self.lose(f"{path}.citations", "Bedrock takes back no citations but its own")
        # Bedrock refuses blank text.
        return text_block(part) if part.text.strip() else None

    def _reasoning(self, part: Reasoning, path: str) -> dict[str, Any] | None:
        if part.vendor == wire.VENDOR and (part.signature or part.redacted):
            return reasoning_block(part)
        self.lose(path, "thoughts that Claude has not signed cannot be given back to a model on Bedrock")
        return None

    def _call(self, part: ToolCall, path: str) -> dict[str, Any]:
        if part.signature:
            self.lose(f"{path}.signature", "the mark belongs to another vendor")
        if tool_text.object_text(part.arguments) is None:
            self.lose(f"{path}.arguments", "arguments that are no JSON object are sent as text inside one")
        name = self._names.get(part.name, part.name)
        call = {"toolUseId": wire.call_id(part.id), "name": name, "input": tool_text.input_object(part.arguments)}
        return {"toolUse": call | fields_of(part.extra)}

    def _result(self, part: ToolResult, path: str) -> dict[str, Any]:
        content: list[dict[str, Any]] = []
        for place, inner in enumerate(part.parts):
            here = f"{path}.content.{place}"
            if isinstance(inner, Text) and fields_of(inner.extra).get("json"):
                content.append({"json": tool_text.object_text(inner.text) or {"value": inner.text}})
            elif isinstance(inner, Text | Image | Document | Video | Native | Refusal):
                content += self.group(inner, here)[:1]
            else:
                self.lose(here, "Bedrock takes no such part in a tool's result", essential=True)
        status = {"status": "error"} if part.is_error else {}
        result = {"toolUseId": wire.call_id(part.call_id), "content": content or [{"text": _NO_OUTPUT}], **status}
        return {"toolResult": result | fields_of(part.extra)}

    def _native(self, part: Native, path: str) -> dict[str, Any] | None:
        if part.dialect == wire.NAME:
            return part.value
        kind = part.value.get("type")
        self.lose(path, f"Bedrock has no {kind if isinstance(kind, str) else 'such part'}", essential=True)
        return None

    def _transcript(self, part: Audio, path: str) -> dict[str, Any] | None:
        """A sound of the model's own that only its id names: what was said in it stands for it."""
        if part.transcript.strip():
            self.lose(path, "the sound is left out, its transcript is sent")
            return {"text": loose.clean(part.transcript)}
        self.lose(path, "Bedrock cannot find a sound by its id", essential=True)
        return None

    def _sight_or_sound(self, kind: str, part: Image | Audio | Video, path: str) -> dict[str, Any] | None:
        source = self._source(part.media, part.extra, path)
        word = wire.format_word(kind, part.media)
        if source is not None and not word:
            told = part.media.mime_type or "of an unknown type"
            self.lose(path, f"Bedrock takes no {kind} {told}", essential=True)
        if source is None or not word:
            return None
        if isinstance(part, Image) and part.detail not in ("", "auto"):
            self.lose(f"{path}.detail", "Bedrock has no detail of images")
        more = {key: found for key, found in fields_of(part.extra).items() if key != "bucketOwner"}
        return {kind: {"format": word, "source": source, **more}}

    def _source(self, media: Media, extra: Extra | None, path: str) -> dict[str, Any] | None:
        if media.data:
            return {"bytes": media.data}
        if media.url.startswith("s3://"):
            owner = fields_of(extra).get("bucketOwner")
            return {"s3Location": {"uri": media.url, **({"bucketOwner": owner} if owner else {})}}
        what = "an uploaded file" if media.file_id else "an address other than s3://"
        address = media.url if media.url.startswith(("http://", "https://")) else ""
        self.lose(path, f"Bedrock cannot read {what}", essential=True, address=address)
        return None

    def _document(self, part: Document, path: str) -> dict[str, Any] | None:
        more = dict(fields_of(part.extra))
        more.pop("bucketOwner", None)
        content = more.pop("content", None)
        word = "txt"
        if content is not None:
            source: dict[str, Any] | None = {"content": content}
        elif part.media == Media():
            source = self._plain(part.text)
        else:
            source = self._source(part.media, part.extra, path)
            word = wire.format_word("document", part.media, part.name)
            if source is not None and not word:
                self.lose(path, f"Bedrock takes no document {part.media.mime_type or part.name}", essential=True)
        if source is None or not word:
            return None
        told: dict[str, Any] = {"name": self._document_name(part.name), "source": source, **more}
        if "bytes" in source or "s3Location" in source:
            told = {"format": word, **told}
        if part.context:
            told["context"] = loose.clean(part.context)
        if part.cited:
            told["citations"] = {"enabled": True}
        return {"document": told}

    def _plain(self, said: str) -> dict[str, Any]:
        whole = loose.clean(said)
        return {"text": whole} if self._text_documents else {"bytes": base64.b64encode(whole.encode()).decode()}

    def _document_name(self, name: str) -> str:
        """Return a name by Bedrock's rules that no other document of the request has."""
        stem, dot, ending = name.rpartition(".")
        base = stem if dot and len(ending) <= 5 else name
        base = " ".join(_NO_NAME.sub(" ", base).split())[: _NAME_CHARS - 8].strip()
        count = 1 if base else len(self._documents) + 1
        found = base or f"document-{count}"
        while found in self._documents:
            count += 1
            found = f"{base or 'document'}-{count}"
        self._documents.add(found)
        return found


def plain_blocks(parts: tuple[Part, ...]) -> list[dict[str, Any]]:
    """Return the parts of an answer as blocks for a caller of this dialect; what it cannot know is left out."""
    blocks: list[dict[str, Any]] = []
    for part in parts:
        block = _answer_block(part)
        if block is not None:
            blocks.append(block)
    return blocks


def _answer_block(part: Part) -> dict[str, Any] | None:
    match part:
        case Text():
            return _answer_text(part) if part.text else None
        case Refusal():
            return {"text": loose.clean(part.text)}
        case Reasoning():
            return _answer_thought(part)
        case ToolCall():
            call = {
                "toolUseId": answer_id(part),
                "name": part.name,
                "input": tool_text.input_object(part.arguments),
            }
            return {"toolUse": call}
        case Image():
            word = wire.format_word("image", part.media)
            return {"image": {"format": word, "source": {"bytes": part.media.data}}} if word else None
        case Audio():
            return {"text": loose.clean(part.transcript)} if part.transcript else None
        case Native():
            return part.value if part.dialect == wire.NAME else None
        case _:
            return None


def _answer_text(part: Text) -> dict[str, Any]:
    found = [citation(dialect_of(part), one) for one in part.citations]
    cited = [one for one in found if one is not None]
    if not cited:
        return text_block(part)
    return {"citationsContent": {"content": [{"text": loose.clean(part.text)}], "citations": cited}}


def _answer_thought(part: Reasoning) -> dict[str, Any] | None:
    if part.vendor not in ("", wire.VENDOR):
        part = msgspec.structs.replace(part, signature="", redacted="")
    return reasoning_block(part) if part.text or part.summary or part.redacted else None
