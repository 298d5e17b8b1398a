"""A stream of the Responses API as events of the domain."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from pilothouse.domain.chat import (
    BlockEnded,
    BlockStarted,
    Ended,
    Event,
    Finished,
    Metered,
    Part,
    Started,
    StopReason,
    TextDelta,
)
from pilothouse.domain.chat.parts import Refusal, Text, ToolCall
from pilothouse.protocols import openai_error, sse
from pilothouse.protocols.answer_tool import unwrapped
from pilothouse.protocols.base import NO_MEMO, ErrorBody, Memo
from pilothouse.protocols.loose import count, mapping, objects, text
from pilothouse.protocols.openai_responses import usage, wire
from pilothouse.protocols.openai_responses.reply import finish_word, response_error
from pilothouse.protocols.openai_responses.reply_in import stop_of
from pilothouse.protocols.openai_responses.scan import MAX_EVENT_BYTES
from pilothouse.protocols.openai_responses.stream_items import Item, item_for

_FINAL = ("response.completed", "response.incomplete", "response.failed")


class StreamReader:
    """Reads one stream, however its bytes are cut.

    Items whose events are mixed are given one after the other, since blocks of the domain never overlap: what belongs
    to a later one waits until the one before is whole.
    """

    def __init__(self, memo: Memo = NO_MEMO) -> None:
        self.error: ErrorBody | None = None
        self._memo = memo
        self._splitter = sse.Splitter(MAX_EVENT_BYTES)
        self._started = False
        self._ended = False
        self._items: dict[int, Item] = {}
        self._queue: list[Item] = []
        self._block = -1
        self._seen: list[Part] = []
        self._held: list[str] = []

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Take bytes as they came and return the events that they complete."""
        return [event for frame in sse.frames(self._splitter.feed(chunk)) for event in self._frame(frame)]

    def end(self) -> Sequence[Event]:
        """Take the clean end of the body; a last event may lack its blank line."""
        tail = self._splitter.end()
        return list(self._frame(tail)) if tail.strip() else ()

    def _frame(self, frame: bytes) -> Iterator[Event]:
        name, data = sse.parse(frame)
        if self.error is not None or self._ended or not data or data == b"[DONE]":
            return
        event = mapping(wire.decode(data))
        kind = text(event.get("type")) or name.decode(errors="replace")
        if kind == "error" or (event.get("error") and not kind.startswith("response.")):
            self.error = openai_error.find_error({**event, "type": "error"}, data) or ErrorBody(raw=data)
            return
        if not event:
            return
        response = mapping(event.get("response"))
        yield from self._start(response)
        if kind in _FINAL:
            yield from self._finish(response, data)
        elif "output_index" in event:
            yield from self._piece(kind, event)

    def _start(self, response: dict[str, Any]) -> Iterator[Event]:
        if self._started:
            return
        self._started = True
        created = response.get("created_at")
        seconds = int(created) if isinstance(created, float) else count(created)
        yield Started(text(response.get("id")), text(response.get("model")), seconds)

    def _piece(self, kind: str, event: dict[str, Any]) -> Iterator[Event]:
        place = count(event.get("output_index"))
        item = self._items.get(place)
        if item is None:
            item = item_for(kind, event)
            self._items[place] = item
            self._queue.append(item)
        item.take(kind, event)
        yield from self._flush()

    def _flush(self) -> Iterator[Event]:
        """Give what the first item of the queue has, and go on with the next when it is whole."""
        while self._queue:
            item = self._queue[0]
            ready, item.ready = item.ready, []
            for event in ready:
                yield from self._unwrapped(event) if self._memo.wrapped else (self._numbered(event),)
            if not item.done:
                return
            del self._queue[0]

    def _unwrapped(self, event: Event) -> Iterator[Event]:
        """A text that stands in an object is held back until it is whole, since only then it can be taken out."""
        if isinstance(event, TextDelta):
            self._held.append(event.text)
            return
        if isinstance(event, BlockEnded) and self._held:
            yield TextDelta(self._block, unwrapped("".join(self._held), self._memo))
            self._held.clear()
        yield self._numbered(event)

    def _numbered(self, event: Event) -> Event:
        if isinstance(event, BlockStarted):
            self._block += 1
            part = event.part
            if isinstance(part, ToolCall) and part.name in self._memo.tool_names:
                part = msgspec.structs.replace(part, name=self._memo.tool_names[part.name])
            if isinstance(part, ToolCall | Refusal | Text):
                self._seen.append(part)
            return BlockStarted(self._block, part)
        return msgspec.structs.replace(event, block=self._block)

    def _finish(self, response: dict[str, Any], data: bytes) -> Iterator[Event]:
        found = usage.read(response)
        self.error = response_error(response, data)
        if self.error is None:
            yield from self._missing(response)
        if found is not None:
            yield Metered(found, text(response.get("service_tier")))
        if self.error is not None:
            return
        self._ended = True
        yield Finished(stop_of(response, self._seen) if response else StopReason.END, finish_word(response))
        yield Ended()

    def _missing(self, response: dict[str, Any]) -> Iterator[Event]:
        """Give what only the whole response at the end holds, as some servers send it, and end what is open."""
        for place, whole in enumerate(objects(response.get("output"))):
            item = self._items.get(place)
            if item is None or not item.done:
                event = {"output_index": place, "item": whole}
                yield from self._piece("response.output_item.done", event)
        for item in self._queue:
            item.close()
        yield from self._flush()
