"""The domain's turns as messages of a chat request, and of an answer."""

from collections.abc import Sequence
from typing import Any

from pilothouse.domain.chat import (
    Audio,
    ChatRequest,
    Document,
    Image,
    Media,
    Message,
    Native,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.protocols.citations import dialect_of
from pilothouse.protocols.documents import openai_has
from pilothouse.protocols.openai_chat.annotations import annotations
from pilothouse.protocols.openai_chat.parts import write_part
from pilothouse.protocols.openai_chat.thoughts_out import Thoughts, said
from pilothouse.protocols.openai_chat.wire import NAME

_ADDRESSES = ("http://", "https://")


class TurnWriter:
    """Writes turns and notes what chat has no place for."""

    def __init__(self, request: ChatRequest, facts: ModelFacts) -> None:
        self.losses: list[Loss] = []
        self._dialect = request.dialect
        """The caller's."""
        self._messages = request.messages
        self._thoughts = Thoughts(request.messages, facts)

    def lose(self, field: str, reason: str, *, essential: bool = False) -> None:
        """Note a loss."""
        self.losses.append(Loss(field, reason, essential))

    def write(self) -> list[dict[str, Any]]:
        """Return the messages of the request."""
        out: list[dict[str, Any]] = []
        for number, message in enumerate(self._messages):
            where = f"messages.{number}"
            if message.role is Role.TOOL:
                out += self._results(message, where)
            elif message.role is Role.ASSISTANT:
                out.append(self._assistant(message, number))
            else:
                out += self._user(message, where)
        return out

    def _user(self, message: Message, where: str) -> list[dict[str, Any]]:
        """Return a user's or system turn; results of tools among its parts come first, as messages of their own."""
        results = tuple(part for part in message.parts if isinstance(part, ToolResult))
        out = self._results(Message(Role.TOOL, results), where) if results else []
        parts = tuple(part for part in message.parts if not isinstance(part, ToolResult))
        if parts or not results:
            named = {"name": message.name} if message.name else {}
            out.append({"role": str(message.role), **named, "content": self._content(parts, where)})
        return out

    def _results(self, message: Message, where: str) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        pictures: list[dict[str, Any]] = []
        for number, part in enumerate(message.parts):
            here = f"{where}.content.{number}"
            if not isinstance(part, ToolResult):
                self.lose(here, "a turn of tool results can hold nothing else in chat", essential=True)
                continue
            shown = [item for item in part.parts if not isinstance(item, Image)]
            images = [found for item in part.parts if isinstance(item, Image) and (found := self._part(item, here))]
            content = self._content(tuple(shown), here)
            if part.is_error:
                said = {"type": "text", "text": "Error:"}
                content = f"Error: {content}" if isinstance(content, str) else [said, *content]
            if images:
                # Chat takes no picture in a tool's result; it goes along with the user's next words.
                pictures += [{"type": "text", "text": f"Picture of tool call {part.call_id}:"}, *images]
            out.append({"role": "tool", "tool_call_id": part.call_id, "content": content})
        return [*out, {"role": "user", "content": pictures}] if pictures else out

    def _assistant(self, message: Message, number: int) -> dict[str, Any]:
        out: dict[str, Any] = {"role": "assistant"}
        if message.name:
            out["name"] = message.name
        for place, part in enumerate(message.parts):
            where = f"messages.{number}.content.{place}"
            if not isinstance(part, Reasoning):
                self._note_lost(part, where)
            elif not self._thoughts.takes(number, part):
                self.lose(where, self._thoughts.why_not(part))
        thoughts = tuple(part for part in message.parts if isinstance(part, Reasoning))
        back = self._thoughts.fields(number, thoughts)
        return {**out, **back, **assistant_fields(message.parts, history=True), **_extra(message)}

    def _note_lost(self, part: Part, where: str) -> None:
        """Note what has no place in an assistant's turn."""
        if isinstance(part, Native):
            if part.dialect != NAME:
                self.lose(where, f"only {part.dialect} has such a part", essential=True)
        elif isinstance(part, Audio):
            if not part.id:
                self.lose(where, "chat takes back no sound but its own", essential=True)
        elif isinstance(part, Text):
            if part.citations and dialect_of(part) != NAME:
                self.lose(f"{where}.citations", "chat takes back no citations of an answer")
        elif not isinstance(part, Refusal | ToolCall):
            self.lose(where, "chat takes no such part in an assistant's turn", essential=True)

    def _content(self, parts: tuple[Part, ...], where: str) -> str | list[dict[str, Any]]:
        if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].extra is None:
            return parts[0].text
        out: list[dict[str, Any]] = []
        for number, part in enumerate(parts):
            found = self._part(part, f"{where}.content.{number}")
            out += [found] if found is not None else []
        return out if out else ""

    def _part(self, part: Part, where: str) -> dict[str, Any] | None:
        """Return a part of a user's content; None, and noted, when it has no place in chat."""
        found = None if self._is_unreadable(part) else write_part(part)
        if found is None:
            self.losses.append(_lost(part, where))
        elif isinstance(part, Document):
            if part.cited:
                self.lose(f"{where}.citations", "chat cites no documents")
            if part.context and not part.text:
                self.lose(f"{where}.context", "chat takes no context of a file")
        return found

    def _is_unreadable(self, part: Part) -> bool:
        """Return whether a server of this dialect could not find what a part names; its own callers know best."""
        if self._dialect == NAME or not isinstance(part, Image | Document):
            return False
        if part.media.file_id:
            return not openai_has(part.media.file_id, self._dialect)
        return bool(part.media.url) and not part.media.url.startswith(_ADDRESSES)


def _lost(part: Part, where: str) -> Loss:
    media = part.media if isinstance(part, Image | Document) else Media()
    if media.file_id:
        return Loss(where, "chat cannot read a file of another provider's", essential=True)
    if media.url.startswith(_ADDRESSES):
        return Loss(where, "chat takes no document by its address", essential=True, address=media.url)
    if media.url:
        return Loss(where, "chat takes no address that is not on the web", essential=True)
    return Loss(where, "chat has no such part", essential=True)


class _Sorted:
    """The parts of an assistant's message, by the field that they belong into."""

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self.texts: list[str] = []
        self.shown: list[dict[str, Any]] = []
        """Parts of the content that are no text."""
        self.calls: list[dict[str, Any]] = []
        self.refusals: list[str] = []
        self.thoughts: list[Reasoning] = []
        self.sound: Audio | None = None
        self.cited = False
        unknown: list[dict[str, Any]] = []
        for part in parts:
            match part:
                case Text():
                    self.texts.append(part.text)
                    self.cited = self.cited or bool(part.citations)
                case ToolCall():
                    self.calls.append(call_fields(part))
                case Reasoning():
                    self.thoughts.append(part)
                case Refusal():
                    self.refusals.append(part.text)
                case Audio():
                    self.sound = part
                case Native(dialect=dialect) if dialect == NAME:
                    # A call of a kind that is not known has an id, a part of the content has none.
                    (unknown if part.value.get("id") else self.shown).append(part.value)
                case _:
                    pass
        self.calls += unknown


def assistant_fields(parts: tuple[Part, ...], *, history: bool = False) -> dict[str, Any]:
    """Return the fields of an assistant's message; in history without its thoughts, which are not for every server."""
    found = _Sorted(parts)
    texts = found.texts
    out: dict[str, Any] = {"content": "".join(texts) if texts else None}
    if found.shown:
        out["content"] = [*({"type": "text", "text": said} for said in texts), *found.shown]
    cited = list(annotations(parts, history=history)) if found.cited else []
    if cited:
        out["annotations"] = cited
    if found.refusals or not history:
        out["refusal"] = "".join(found.refusals) or None
    if found.thoughts and not history:
        out |= reasoning_fields(found.thoughts)
    if found.sound is not None and (found.sound.id or not history):
        out["audio"] = {"id": found.sound.id} if history else audio_fields(found.sound)
    if found.calls:
        out["tool_calls"] = found.calls
    return out


def call_fields(part: ToolCall) -> dict[str, Any]:
    """Return a tool call."""
    if part.custom:
        return {"id": part.id, "type": "custom", "custom": {"name": part.name, "input": part.arguments}}
    marked = {"extra_content": {"google": {"thought_signature": part.signature}}} if part.signature else {}
    function = {"name": part.name, "arguments": part.arguments or "{}"}
    return {"id": part.id, "type": "function", "function": function, **marked}


def reasoning_fields(parts: Sequence[Reasoning]) -> dict[str, Any]:
    """Return thoughts as text, and as details with their marks."""
    thought = "".join(said(part) for part in parts)
    details = [detail for part in parts if part.signature or part.redacted for detail in (_detail(part),)]
    out: dict[str, Any] = {"reasoning_content": thought} if thought else {}
    return {**out, "reasoning_details": details} if details else out


def _detail(part: Reasoning) -> dict[str, Any]:
    if part.redacted:
        return {"type": "reasoning.encrypted", "data": part.redacted, "format": part.vendor}
    return {"type": "reasoning.text", "text": part.text, "signature": part.signature, "format": part.vendor}


def audio_fields(part: Audio) -> dict[str, Any]:
    """Return a sound that the model made."""
    extra = part.extra.fields if part.extra is not None else {"expires_at": 0}
    return {"id": part.id, "data": part.media.data, "transcript": part.transcript, **extra}


def _extra(message: Message) -> dict[str, Any]:
    return dict(message.extra.fields) if message.extra is not None and message.extra.dialect == NAME else {}
