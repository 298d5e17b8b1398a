"""The domain's turns as messages of Cohere's chat."""

from typing import Any

from pilothouse.domain.chat import (
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
from pilothouse.protocols.cohere_chat.given import is_given, written
from pilothouse.protocols.cohere_chat.wire import NAME, VENDOR, own
from pilothouse.protocols.loose import ANY, clean
from pilothouse.protocols.media_address import address_of


class TurnWriter:
    """Writes turns and notes what Cohere has no place for."""

    def __init__(self, request: ChatRequest, names: dict[str, str]) -> None:
        self.losses: list[Loss] = []
        self.documents: list[dict[str, Any]] = []
        """Those that go beside the messages."""
        self._request = request
        self._names = names
        self._seen = 0

    def lose(self, field: str, reason: str, *, essential: bool = False) -> None:
        """Note a loss."""
        self.losses.append(Loss(field, reason, essential))

    def write(self) -> list[dict[str, Any]]:
        """Return the messages."""
        out: list[dict[str, Any]] = []
        for place, message in enumerate(self._request.messages):
            where = f"messages.{place}"
            if message.name:
                self.lose(f"{where}.name", "Cohere has no names of speakers")
            if message.role is Role.ASSISTANT:
                out.append(self._assistant(message, where))
            else:
                out += self._others(message, where)
        return out

    def _others(self, message: Message, where: str) -> list[dict[str, Any]]:
        """Return a user's, system or tool turn; results of tools are messages of their own, before the rest."""
        out: list[dict[str, Any]] = []
        content: list[dict[str, Any]] = []
        for place, part in enumerate(message.parts):
            here = f"{where}.content.{place}"
            if isinstance(part, ToolResult):
                out.append(self._result(part, here))
                content += self._pictures(part, here)
            elif not self._give(part, here):
                content += self._part(part, here)
        if content or not (out or any(map(is_given, message.parts))):
            role = "system" if message.role in (Role.SYSTEM, Role.DEVELOPER) else "user"
            out.append({"role": role, "content": _plain(content)})
        return out

    def _give(self, part: Part, where: str) -> bool:
        """Put a document beside the messages; False for what stands among them."""
        place = self._seen
        if not isinstance(part, Document):
            return False
        self._seen += 1
        if not is_given(part):
            return False
        if part.context:
            self.lose(f"{where}.context", "Cohere takes no context of a document")
        self.documents.append(written(part, place))
        return True

    def _result(self, part: ToolResult, where: str) -> dict[str, Any]:
        content: list[dict[str, Any]] = [{"type": "text", "text": "Error:"}] if part.is_error else []
        for place, item in enumerate(part.parts):
            if not isinstance(item, Image):
                content += self._part(item, f"{where}.content.{place}", in_result=True)
        return {"role": "tool", "tool_call_id": part.call_id, "content": _plain(content)}

    def _pictures(self, part: ToolResult, where: str) -> list[dict[str, Any]]:
        """Return the pictures of a result: they go along with the user's next words, since results take none."""
        images = [item for item in part.parts if isinstance(item, Image)]
        shown = [block for item in images for block in self._part(item, where)]
        return [{"type": "text", "text": f"Picture of tool call {part.call_id}:"}, *shown] if shown else []

    def _assistant(self, message: Message, where: str) -> dict[str, Any]:
        calls = [self._call(part) for part in message.parts if isinstance(part, ToolCall)]
        content: list[dict[str, Any]] = []
        for place, part in enumerate(message.parts):
            here = f"{where}.content.{place}"
            if isinstance(part, Reasoning):
                content += self._thought(part, here)
            elif isinstance(part, Text | Refusal):
                content += [{"type": "text", "text": clean(part.text)}] if part.text else []
                if isinstance(part, Text) and part.citations:
                    self.lose(f"{here}.citations", "Cohere takes back no citations of an answer")
            elif not isinstance(part, ToolCall):
                self.lose(here, "Cohere takes no such part in an assistant's turn", essential=True)
        out: dict[str, Any] = {"role": "assistant"}
        if calls:
            # What it says before its calls is its plan.
            plan = "".join(part["text"] for part in content if part["type"] == "text")
            content = [part for part in content if part["type"] != "text"]
            out |= {"tool_calls": calls, **({"tool_plan": plan} if plan else {})}
        if content or not calls:
            out["content"] = _plain(content)
        return out

    def _thought(self, part: Reasoning, where: str) -> list[dict[str, Any]]:
        if part.vendor in ("", VENDOR) and part.text:
            return [{"type": "thinking", "thinking": clean(part.text)}]
        self.lose(where, "Cohere takes no thoughts of another vendor's models")
        return []

    def _call(self, part: ToolCall) -> dict[str, Any]:
        function = {"name": self._names.get(part.name, part.name), "arguments": clean(part.arguments) or "{}"}
        return {"id": part.id, "type": "function", "function": function}

    def _part(self, part: Part, where: str, *, in_result: bool = False) -> list[dict[str, Any]]:
        match part:
            case Text():
                return [{"type": "text", "text": clean(part.text)}]
            case Image() if part.media.data or part.media.url:
                detail = {"detail": part.detail} if part.detail else {}
                return [{"type": "image_url", "image_url": {"url": address_of(part.media), **detail}}]
            case Document() if part.text:
                return [_document(part)] if in_result else [{"type": "text", "text": clean(part.text)}]
            case Native() if part.dialect == NAME:
                return [part.value]
            case _:
                self.lose(where, "Cohere takes no such part", essential=True)
                return []


def _document(part: Document) -> dict[str, Any]:
    try:
        data: Any = ANY.decode(part.text)
    except (ValueError, RecursionError):
        data = part.text
    return {"type": "document", "document": {"data": data, **own(part.extra)}}


def _plain(content: list[dict[str, Any]]) -> Any:
    """Return text alone as a string."""
    if not content:
        return ""
    alone = len(content) == 1 and content[0]["type"] == "text"
    return content[0]["text"] if alone else content
