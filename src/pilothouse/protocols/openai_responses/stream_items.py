"""Items of a Responses stream that is being read; each turns its own events into those of the domain.

Blocks have no numbers here: the reader numbers them in the order in which it gives them.
"""

from typing import Any

import msgspec

from pilothouse.domain.chat import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationAdded,
    Event,
    Native,
    ReasoningDelta,
    SignatureDelta,
    TextDelta,
)
from pilothouse.domain.chat.parts import Reasoning, Refusal, Text, ToolCall
from pilothouse.protocols import marks
from pilothouse.protocols.loose import count, mapping, objects, text
from pilothouse.protocols.openai_responses import wire
from pilothouse.protocols.openai_responses.items_in import read_thought
from pilothouse.protocols.openai_responses.parts_in import thought_signature
from pilothouse.protocols.openai_responses.wire import NAME

_CALLS = ("function_call", "custom_tool_call")
_NEW_PART = "\n\n"


class Item:
    """One item; by itself it stands for a kind that has no words in the domain and is given whole at its end."""

    def __init__(self) -> None:
        self.ready: list[Event] = []
        self.done = False

    def take(self, kind: str, event: dict[str, Any]) -> None:
        """Take one event of the item."""
        if self.done:
            return
        if kind == "response.output_item.done":
            self._whole(mapping(event.get("item")))
            self.close()
        else:
            self._piece(kind.removeprefix("response."), event)

    def close(self) -> None:
        """End the item."""
        self.done = True

    def _piece(self, kind: str, event: dict[str, Any]) -> None:
        del kind, event

    def _whole(self, item: dict[str, Any]) -> None:
        if item:
            self.ready += (BlockStarted(0, Native(NAME, item)), BlockEnded(0))


class _Message(Item):
    """A message: each part of its content is a block."""

    def __init__(self) -> None:
        super().__init__()
        self._given: dict[int, int] = {}
        """Of each part: how many characters were given."""
        self._open = -1

    def close(self) -> None:
        self._end_part()
        super().close()

    def _piece(self, kind: str, event: dict[str, Any]) -> None:
        index = count(event.get("content_index"))
        if kind in ("output_text.delta", "refusal.delta"):
            self._delta(index, text(event.get("delta")), kind, event.get("logprobs"))
        elif kind in ("output_text.done", "refusal.done") and not self._given.get(index):
            self._delta(index, text(event.get("text")) or text(event.get("refusal")), kind, event.get("logprobs"))
        elif kind == "output_text.annotation.added" and isinstance(event.get("annotation"), dict):
            self._begin(index, kind)
            self.ready.append(CitationAdded(0, NAME, mapping(event["annotation"])))
        elif kind == "content_part.done":
            self._part(index, mapping(event.get("part")))

    def _whole(self, item: dict[str, Any]) -> None:
        for index, part in enumerate(objects(item.get("content"))):
            if index >= self._open:
                self._part(index, part)

    def _part(self, index: int, part: dict[str, Any]) -> None:
        """A part that is whole: what was not given of it before is given now."""
        if index in self._given and index != self._open:
            return
        if not self._given.get(index):
            kind = text(part.get("type"))
            self._delta(index, text(part.get("text")) or text(part.get("refusal")), kind, part.get("logprobs"))
            for annotation in objects(part.get("annotations")) if index == self._open else ():
                self.ready.append(CitationAdded(0, NAME, annotation))
        signature = thought_signature(part)
        if signature and index == self._open:
            self.ready.append(SignatureDelta(0, signature))
        self._end_part()

    def _delta(self, index: int, more: str, kind: str, logprobs: Any) -> None:
        if not more:
            return
        self._begin(index, kind)
        self._given[index] = self._given.get(index, 0) + len(more)
        self.ready.append(TextDelta(0, more, objects(logprobs) or None))

    def _begin(self, index: int, kind: str) -> None:
        if self._open == index:
            return
        self._end_part()
        self._open = index
        self._given.setdefault(index, 0)
        self.ready.append(BlockStarted(0, Refusal("") if kind.startswith("refusal") else Text("")))

    def _end_part(self) -> None:
        if self._open >= 0:
            self._open = -1
            self.ready.append(BlockEnded(0))


class _Call(Item):
    """A call of a function or of a custom tool, which begins once its name is known."""

    def __init__(self, *, custom: bool) -> None:
        super().__init__()
        self._custom = custom
        self._begun = False
        self._waiting = ""
        self._given = False

    def close(self) -> None:
        if self._begun:
            self.ready.append(BlockEnded(0))
        super().close()

    def _piece(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "output_item.added":
            self._begin(mapping(event.get("item")))
        elif kind.endswith(".delta"):
            self._more(text(event.get("delta")))
        elif kind.endswith(".done") and not self._given:
            self._more(text(event.get("arguments")) or text(event.get("input")))

    def _whole(self, item: dict[str, Any]) -> None:
        self._begin(item, last=True)
        if not self._given:
            self._more(_arguments(item))
        signature = thought_signature(item)
        if signature:
            self.ready.append(SignatureDelta(0, signature))

    def _begin(self, item: dict[str, Any], *, last: bool = False) -> None:
        name, identity = text(item.get("name")), text(item.get("call_id")) or text(item.get("id"))
        if self._begun or not ((name and identity) or last):
            return
        self._begun = True
        identity, mark = marks.out_of_id(identity)
        namespace = item.get("namespace")
        extra = wire.Extra(NAME, {"namespace": namespace}) if namespace else None
        self.ready.append(BlockStarted(0, ToolCall(identity, name, custom=self._custom, signature=mark, extra=extra)))
        waiting, self._waiting = self._waiting, ""
        if waiting:
            self.ready.append(ArgumentsDelta(0, waiting))

    def _more(self, more: str) -> None:
        self._given = self._given or bool(more)
        if not self._begun:
            self._waiting += more
        elif more:
            self.ready.append(ArgumentsDelta(0, more))


class _Thought(Item):
    """A reasoning item; one without any text to show is a block that comes whole."""

    def __init__(self) -> None:
        super().__init__()
        self._id = ""
        self._begun = False
        self._part = -1

    def close(self) -> None:
        if self._begun:
            self.ready.append(BlockEnded(0))
        super().close()

    def _piece(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "output_item.added":
            self._id = text(mapping(event.get("item")).get("id"))
        elif kind == "reasoning_summary_text.delta":
            self._summary(text(event.get("delta")), count(event.get("summary_index")))
        elif kind == "reasoning_text.delta":
            self._begin(text(event.get("item_id")))
            self.ready.append(ReasoningDelta(0, text(event.get("delta"))))

    def _summary(self, more: str, index: int) -> None:
        self._begin(self._id)
        if self._part not in (-1, index):
            more = _NEW_PART + more
        self._part = index
        self.ready.append(ReasoningDelta(0, more, summary=True))

    def _begin(self, identity: str) -> None:
        if not self._begun:
            self._begun = True
            self.ready.append(BlockStarted(0, Reasoning(id=self._id or identity, vendor=wire.VENDOR)))

    def _whole(self, item: dict[str, Any]) -> None:
        thought = read_thought(item)
        if self._begun:
            mark = thought.redacted or thought.signature
            if mark and thought.vendor == wire.VENDOR:
                self.ready.append(SignatureDelta(0, mark))
            return
        if thought.text or thought.summary:
            self._given_at_once(thought)
        elif thought.redacted or thought.signature or thought.id:
            self.ready += (BlockStarted(0, thought), BlockEnded(0))

    def _given_at_once(self, thought: Reasoning) -> None:
        bare = msgspec.structs.replace(thought, text="", summary=(), signature="", redacted="", vendor=wire.VENDOR)
        self.ready.append(BlockStarted(0, bare))
        for index, summary in enumerate(thought.summary):
            self.ready.append(ReasoningDelta(0, _NEW_PART * (index > 0) + summary, summary=True))
        if thought.text:
            self.ready.append(ReasoningDelta(0, thought.text))
        if thought.redacted:
            self.ready.append(SignatureDelta(0, thought.redacted))
        self.ready.append(BlockEnded(0))


def item_for(kind: str, event: dict[str, Any]) -> Item:
    """Return the reader of an item by the first event that tells of it."""
    item = text(mapping(event.get("item")).get("type"))
    told = kind.removeprefix("response.")
    if item == "message" or told.startswith(("output_text.", "refusal.", "content_part.")):
        return _Message()
    if item in _CALLS or told.startswith(("function_call_arguments.", "custom_tool_call_input.")):
        return _Call(custom=item == "custom_tool_call" or told.startswith("custom_tool_call_input."))
    return _Thought() if item == "reasoning" or told.startswith("reasoning_") else Item()


def _arguments(item: dict[str, Any]) -> str:
    found = item.get("arguments", item.get("input"))
    if found is None:
        return ""
    return found if isinstance(found, str) else wire.encode(found).decode()
