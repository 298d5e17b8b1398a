"""The domain's turns as messages of Mistral's chat."""

from typing import Any

from pilothouse.domain.chat import (
    Audio,
    ChatRequest,
    Document,
    Image,
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
from pilothouse.domain.facts import Loss
from pilothouse.protocols import marks
from pilothouse.protocols.documents import as_text
from pilothouse.protocols.loose import clean
from pilothouse.protocols.media_address import address_of
from pilothouse.protocols.mistral_chat.wire import NAME, VENDOR, call_id, thinking_chunk

_ADDRESSES = ("http://", "https://")


class TurnWriter:
    """Writes turns and notes what Mistral has no place for."""

    def __init__(self, request: ChatRequest) -> None:
        self.losses: list[Loss] = []
        self._request = request

    def lose(self, field: str, reason: str, *, essential: bool = False) -> None:
        """Note a loss."""
        self.losses.append(Loss(field, reason, essential))

    def write(self) -> list[dict[str, Any]]:
        """Return the messages; an answer that is begun is marked as such."""
        out: list[dict[str, Any]] = []
        for place, message in enumerate(self._request.messages):
            where = f"messages.{place}"
            if message.name:
                self.lose(f"{where}.name", "Mistral has no names of speakers")
            if message.role is Role.ASSISTANT:
                out.append(self._assistant(message, where))
            else:
                out += self._others(message, where)
        if out and out[-1]["role"] == "assistant" and "tool_calls" not in out[-1]:
            out[-1]["prefix"] = True
        return out

    def _others(self, message: Message, where: str) -> list[dict[str, Any]]:
        """Return a user's, system or tool turn; results of tools are messages of their own, before the rest."""
        out: list[dict[str, Any]] = []
        content: list[dict[str, Any]] = []
        for place, part in enumerate(message.parts):
            here = f"{where}.content.{place}"
            if isinstance(part, ToolResult):
                out.append(self._result(part, here))
            else:
                content += self._part(part, here)
        if content or not out:
            role = "system" if message.role in (Role.SYSTEM, Role.DEVELOPER) else "user"
            out.append({"role": role, "content": plain(content)})
        return out

    def _result(self, part: ToolResult, where: str) -> dict[str, Any]:
        content: list[dict[str, Any]] = [_text("Error:")] if part.is_error else []
        for place, item in enumerate(part.parts):
            content += self._part(item, f"{where}.content.{place}")
        named = {"name": part.name} if part.name else {}
        return {"role": "tool", "tool_call_id": call_id(part.call_id), **named, "content": plain(content)}

    def _assistant(self, message: Message, where: str) -> dict[str, Any]:
        content: list[dict[str, Any]] = []
        calls: list[dict[str, Any]] = []
        for place, part in enumerate(message.parts):
            here = f"{where}.content.{place}"
            if isinstance(part, ToolCall):
                calls.append(self._call(part, here))
            elif isinstance(part, Reasoning):
                content += self._thought(part, here)
            elif isinstance(part, Text | Refusal):
                content += [_text(part.text)] if part.text else []
            else:
                self.lose(here, "Mistral takes no such part in an assistant's turn", essential=True)
        return {"role": "assistant", "content": plain(content), **({"tool_calls": calls} if calls else {})}

    def _thought(self, part: Reasoning, where: str) -> list[dict[str, Any]]:
        said = part.text or "\n\n".join(part.summary)
        if part.vendor in ("", VENDOR) and (said or part.signature):
            return [thinking_chunk(clean(said), part.signature)]
        self.lose(where, "Mistral takes no thoughts of another vendor's models")
        return []

    def _call(self, part: ToolCall, where: str) -> dict[str, Any]:
        if part.custom:
            self.lose(where, "Mistral has no tools that take plain text", essential=True)
        function = {"name": part.name, "arguments": clean(part.arguments) or "{}"}
        return {"id": call_id(part.id), "type": "function", "function": function}

    def _part(self, part: Part, where: str) -> list[dict[str, Any]]:
        if isinstance(part, Native) and part.dialect == NAME:
            return [part.value]
        found = _chunk(part, own=self._request.dialect == NAME)
        if found is None:
            self.lose(where, "Mistral takes no such part", essential=True)
            return []
        if isinstance(part, Document) and part.cited:
            self.lose(f"{where}.citations", "Mistral cites no documents")
        return [found]


def _chunk(part: Part, *, own: bool) -> dict[str, Any] | None:
    """Return a part of a content; a file's name means something at its own vendor only."""
    match part:
        case Text() | Refusal():
            return _text(part.text)
        case Document() if part.text:
            return _text(as_text(part))
        case Image() if part.media.data or part.media.url.startswith(_ADDRESSES):
            detail = {"detail": part.detail} if part.detail else {}
            return {"type": "image_url", "image_url": {"url": address_of(part.media), **detail}}
        case Document() if part.media.data or part.media.url.startswith(_ADDRESSES):
            named = {"document_name": part.name} if part.name else {}
            return {"type": "document_url", "document_url": address_of(part.media), **named}
        case Document() if part.media.file_id and own:
            return {"type": "file", "file_id": part.media.file_id}
        case Audio() if part.media.data:
            return {"type": "input_audio", "input_audio": part.media.data}
        case _:
            return None


def _text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": clean(said)}


def plain(content: list[dict[str, Any]]) -> Any:
    """Return texts alone as a string, an empty one for nothing."""
    if all(part["type"] == "text" for part in content):
        return content[0]["text"] if len(content) == 1 else content or ""
    return content


def answer_content(parts: tuple[Part, ...]) -> Any:
    """Return the content of an answer: text, or a list of parts where there are thoughts or pictures."""
    content: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, Text | Refusal) and part.text:
            content.append(_text(part.text))
        elif isinstance(part, Reasoning):
            content.append(thought(part, part.text or "\n\n".join(part.summary)))
        elif isinstance(part, Image):
            content.append({"type": "image_url", "image_url": {"url": address_of(part.media)}})
    if all(part["type"] == "text" for part in content):
        return "".join(part["text"] for part in content)
    return content


def thought(part: Reasoning, said: str) -> dict[str, Any]:
    """Return a thought, or a piece of it, as callers are shown it; another vendor's mark tells whose it is."""
    own = part.vendor == VENDOR and not part.redacted
    return thinking_chunk(clean(said), part.signature if own else marks.pack(part))
