"""Messages of the domain as input items; a turn of the assistant or of tools becomes several."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from pilothouse.domain.chat import Message, Native, Part, Reasoning, Role, Text, ToolCall, ToolResult
from pilothouse.protocols import loose
from pilothouse.protocols.openai_responses import wire
from pilothouse.protocols.openai_responses.parts_out import Place, asked, said
from pilothouse.protocols.openai_responses.wire import NAME, VENDOR

_CONTENT = ("input_", "output_")


class Items(msgspec.Struct, frozen=True):
    """What writing items needs to know."""

    names: dict[str, str]
    """Of tools: the caller's name to the one that is sent."""

    def of(self, message: Message, place: Place) -> Iterator[dict[str, Any]]:
        """Yield the items of one message."""
        if message.name:
            place.at("name").lose("messages have no names here")
        if message.role is Role.ASSISTANT:
            yield from self._assistant(message.parts, place.at("content"))
        else:
            yield from self._others(message, place)

    def _others(self, message: Message, place: Place) -> Iterator[dict[str, Any]]:
        """Results of tools are items of their own, whichever role a dialect gives them."""
        spoken: list[dict[str, Any]] = []
        role = Role.USER if message.role is Role.TOOL else message.role
        around = {"type": "message", "role": role.value, **wire.own(message.extra)}
        for number, part in enumerate(message.parts):
            at = place.at("content").at(number)
            item = self._item(part, at)
            if item is not None:
                if spoken:
                    yield {**around, "content": spoken}
                    spoken = []
                yield item
                continue
            written = asked(part, at)
            if written is not None:
                spoken.append(written)
        if spoken:
            yield {**around, "content": spoken}

    def _item(self, part: Part, place: Place) -> dict[str, Any] | None:
        if isinstance(part, ToolResult):
            return self._result(part, place)
        return part.value if is_item(part) and isinstance(part, Native) else None

    def _assistant(self, parts: Sequence[Part], place: Place) -> Iterator[dict[str, Any]]:
        spoken: list[dict[str, Any]] = []
        around: dict[str, Any] = {}
        for number, part in enumerate(parts):
            at = place.at(number)
            alone = isinstance(part, Reasoning | ToolCall) or is_item(part)
            mine: dict[str, Any] = wire.own(part.extra).get("item") or {} if isinstance(part, Text) else around
            if spoken and (alone or mine != around):
                yield self._said(spoken, around)
                spoken = []
            if alone:
                item = self._alone(part, at)
                if item is not None:
                    yield item
                continue
            around = mine
            written = said(part, at)
            if written is not None:
                spoken.append(written)
        if spoken:
            yield self._said(spoken, around)

    def _said(self, content: list[dict[str, Any]], around: dict[str, Any]) -> dict[str, Any]:
        return {"type": "message", "role": "assistant", "content": content, **around}

    def _alone(self, part: Part, place: Place) -> dict[str, Any] | None:
        if isinstance(part, ToolCall):
            return self._call(part, place)
        if isinstance(part, Reasoning):
            return thought(part, place)
        return part.value if isinstance(part, Native) else None

    def _call(self, call: ToolCall, place: Place) -> dict[str, Any]:
        if call.signature:
            place.lose("the mark of another vendor's model")
        name = self.names.get(call.name, call.name)
        own = wire.own(call.extra)
        if call.custom:
            return {
                "type": "custom_tool_call", "call_id": call.id, "name": name, "input": call.arguments, **own
            }  # fmt: skip
        return {
            "type": "function_call", "call_id": call.id, "name": name, "arguments": call.arguments or "{}", **own
        }  # fmt: skip

    def _result(self, result: ToolResult, place: Place) -> dict[str, Any]:
        if result.is_error:
            place.at("is_error").lose("whether a tool failed is said only by its text here")
        if result.cache is not None:
            place.at("cache_control").lose("OpenAI caches prompts by itself")
        kind = "custom_tool_call_output" if result.custom else "function_call_output"
        return {
            "type": kind, "call_id": result.call_id, "output": _output(result.parts, place), **wire.own(result.extra)
        }  # fmt: skip


def is_item(part: Part) -> bool:
    """Return whether a native part is an item of its own, not a part of a message's content."""
    if not isinstance(part, Native) or part.dialect != NAME:
        return False
    return not loose.text(part.value.get("type")).startswith(_CONTENT)


def thought(part: Reasoning, place: Place) -> dict[str, Any] | None:
    """Return a thought that OpenAI's model can go on from; None for any other, which it would not take."""
    mark = part.redacted or part.signature
    if part.vendor != VENDOR or not mark:
        place.lose("a thought that OpenAI has not sealed cannot be given back to its models")
        return None
    out: dict[str, Any] = {"type": "reasoning"}
    if part.id:
        out["id"] = part.id
    out["summary"] = [{"type": "summary_text", "text": text} for text in part.summary]
    if part.text:
        out["content"] = [{"type": "reasoning_text", "text": part.text}]
    return {**out, "encrypted_content": mark, **wire.own(part.extra)}


def _output(parts: Sequence[Part], place: Place) -> Any:
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None and parts[0].extra is None:
        return parts[0].text
    written = [asked(part, place.at("content").at(number)) for number, part in enumerate(parts)]
    return [part for part in written if part is not None]
