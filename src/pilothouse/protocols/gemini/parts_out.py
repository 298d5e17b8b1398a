"""Parts of the domain as parts of Gemini's contents."""

from typing import Any

import msgspec

from pilothouse.domain.chat import (
    Audio,
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
from pilothouse.domain.facts import Loss, ModelFacts, ThinkingStyle
from pilothouse.protocols import loose, tool_text
from pilothouse.protocols.citations import dialect_of
from pilothouse.protocols.documents import as_text
from pilothouse.protocols.gemini import wire
from pilothouse.protocols.turns import Group

_NAMELESS = "tool"
_JSON_BEGINNING = "{"


def call_part(part: ToolCall, name: str) -> dict[str, Any]:
    """Return the part of a call."""
    call: dict[str, Any] = {"name": name, "args": tool_text.input_object(part.arguments), **wire.fields_of(part.extra)}
    if part.id:
        call = {"id": part.id, **call}
    return {"functionCall": call, **({"thoughtSignature": part.signature} if part.signature else {})}


def text_part(part: Text) -> dict[str, Any]:
    """Return the part of a text with its mark."""
    marked = {"thoughtSignature": part.signature} if part.signature else {}
    return {"text": loose.clean(part.text), **marked, **wire.fields_of(part.extra)}


def data_part(media: Media, kind: str, extra: Extra | None, name: str = "") -> dict[str, Any]:
    """Return the part of media that are at hand, or that Google is to fetch."""
    mime = wire.mime_type(media, kind, name)
    named = {"displayName": name} if name else {}
    if media.data:
        return {"inlineData": {"mimeType": mime, "data": media.data, **named}, **wire.fields_of(extra)}
    where = {"fileUri": media.url or media.file_id, **named}
    return {"fileData": {"mimeType": mime, **where}, **wire.fields_of(extra)}


class PartWriter:
    """Writes the parts of one request, and notes what cannot be written."""

    def __init__(self, facts: ModelFacts, names: dict[str, str], called: dict[str, str], *, own: bool) -> None:
        self.losses: list[Loss] = []
        self._facts = facts
        self._names = names
        """Of tools: what the caller said, to what is sent."""
        self._called = called
        """Ids of calls to the names of their tools."""
        self._own = own
        """Whether the caller speaks this dialect."""
        self._shows = facts.thinking not in (ThinkingStyle.NONE, ThinkingStyle.BUDGET)
        """Whether a tool's result may hold media; Gemini 3 began with that."""

    def lose(self, field: str, reason: str, *, essential: bool = False) -> None:
        """Note something that the target has no place for."""
        self.losses.append(Loss(field, reason, essential))

    def group(self, part: Part, path: str) -> Group:
        """Return a part's own part and what belongs behind it; nothing when it is left out."""
        if getattr(part, "cache", None) is not None:
            self.lose(f"{path}.cache_control", "Gemini chooses itself what to cache")
        match part:
            case Text():
                if part.citations and dialect_of(part) != wire.NAME:
                    self.lose(f"{path}.citations", "Gemini takes back no citations of an answer")
                return [text_part(part)] if part.text or part.signature else []
            case Refusal():
                return [{"text": loose.clean(part.text)}] if part.text else []
            case Reasoning():
                return self._thought(part, path)
            case ToolCall():
                return self._call(part, path)
            case ToolResult():
                return self._result(part, path)
            case Native():
                return self._native(part, path)
            case _:
                found = self._media(part, path)
                return [] if found is None else [found]

    def answer(self, call_id: str, response: Any) -> dict[str, Any]:
        """Return what a call gave back; Gemini wants the tool's name with it."""
        name = self._called.get(call_id, "")
        told = {"name": self._names.get(name, name) or _NAMELESS, "response": response}
        return {"functionResponse": {"id": call_id, **told} if call_id else told}

    def _thought(self, part: Reasoning, path: str) -> Group:
        if part.vendor == wire.VENDOR and part.signature:
            return [{"text": loose.clean(part.text), "thought": True, "thoughtSignature": part.signature}]
        if self._own and not part.signature and not part.redacted:
            return [{"text": loose.clean(part.text), "thought": True}]
        self.lose(path, "thoughts that Gemini has not signed cannot be given back to it")
        return []

    def _call(self, part: ToolCall, path: str) -> Group:
        if tool_text.object_text(part.arguments) is None:
            self.lose(f"{path}.arguments", "arguments that are no JSON object are sent as text inside one")
        return [call_part(part, self._names.get(part.name, part.name))]

    def _result(self, part: ToolResult, path: str) -> Group:
        said: list[str] = []
        media: list[tuple[str, dict[str, Any]]] = []
        for place, inner in enumerate(part.parts):
            here = f"{path}.content.{place}"
            if isinstance(inner, Text | Refusal) or (isinstance(inner, Document) and inner.media == Media()):
                said.append(loose.clean(inner.text))
            elif isinstance(inner, Image | Document | Audio | Video):
                found = self._media(inner, here)
                media += [(here, found)] if found is not None else []
            else:
                self.lose(here, "Gemini takes no such part in a tool's result", essential=True)
        fields = dict(wire.fields_of(part.extra))
        response = _response("\n".join(said), fields.pop("key", ""), is_error=part.is_error)
        answered = self.answer(part.call_id, response)
        if part.name and part.call_id not in self._called:
            answered["functionResponse"]["name"] = self._names.get(part.name, part.name)
        answered["functionResponse"] |= fields
        if not media:
            return [answered]
        if self._shows:
            answered["functionResponse"]["parts"] = [found for _, found in media]
            return [answered]
        # Older models take media beside the result only.
        return [answered, *(found for _, found in media)]

    def _native(self, part: Native, path: str) -> Group:
        if part.dialect == wire.NAME:
            return [dict(part.value)]
        kind = part.value.get("type")
        self.lose(path, f"Gemini has no {kind if isinstance(kind, str) else 'such part'}", essential=True)
        return []

    def _media(self, part: Image | Document | Audio | Video, path: str) -> dict[str, Any] | None:
        kind = type(part).__name__.lower()
        if self._facts.inputs is not None and kind not in self._facts.inputs:
            self.lose(path, f"the model takes no {kind}", essential=True)
            return None
        if isinstance(part, Image) and part.detail not in ("", "auto"):
            self.lose(f"{path}.detail", "Gemini has no detail of single images")
        if isinstance(part, Document):
            return self._document(part, path)
        if isinstance(part, Audio) and part.media == Media():
            return self._transcript(part, path)
        return self._at_hand(part.media, kind, part.extra, path)

    def _at_hand(
        self, media: Media, kind: str, extra: Extra | None, path: str, name: str = ""
    ) -> dict[str, Any] | None:
        if media.file_id and not self._own:
            self.lose(path, "Gemini cannot read a file of another provider's", essential=True)
            return None
        if media.url.startswith("s3://"):
            self.lose(path, "Gemini cannot read an address in S3", essential=True)
            return None
        return data_part(media, kind, extra, name if self._own else "")

    def _document(self, part: Document, path: str) -> dict[str, Any] | None:
        if part.cited:
            self.lose(f"{path}.citations", "Gemini cites no documents")
        if part.media == Media():
            return {"text": loose.clean(as_text(part))} if part.text else None
        if part.context:
            self.lose(f"{path}.context", "Gemini takes no context of a document")
        if not self._own:
            # The name tells the type where nothing else does.
            mime = wire.mime_type(part.media, "document", part.name)
            media = msgspec.structs.replace(part.media, mime_type=mime)
            return self._at_hand(media, "document", part.extra, path)
        return self._at_hand(part.media, "document", part.extra, path, part.name)

    def _transcript(self, part: Audio, path: str) -> dict[str, Any] | None:
        """A sound of the model's own that only its id names: what was said in it stands for it."""
        if part.transcript.strip():
            self.lose(path, "the sound is left out, its transcript is sent")
            return {"text": loose.clean(part.transcript)}
        self.lose(path, "Gemini cannot find a sound by its id", essential=True)
        return None


def _response(said: str, key: str, *, is_error: bool) -> Any:
    """Return a tool's words as the object that Gemini wants: a JSON object as it is, other words under a key."""
    if not key and not is_error and said.lstrip().startswith(_JSON_BEGINNING):
        found = tool_text.object_text(said)
        if found is not None:
            return found
    return {key or ("error" if is_error else "output"): said}
