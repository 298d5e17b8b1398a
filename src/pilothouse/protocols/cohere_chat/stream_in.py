"""Cohere's stream as events of the domain."""

from collections.abc import Sequence
from typing import Any

from pilothouse.domain.chat import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationAdded,
    Ended,
    Event,
    Finished,
    Metered,
    Part,
    Reasoning,
    ReasoningDelta,
    Started,
    Text,
    TextDelta,
    ToolCall,
)
from pilothouse.protocols import loose, openai_error, sse
from pilothouse.protocols.base import NO_MEMO, ErrorBody, Memo
from pilothouse.protocols.cohere_chat import errors, usage, wire


class StreamReader:
    """Turns a stream into events, however its bytes are cut; a block ends where another kind of thing begins."""

    def __init__(self, memo: Memo = NO_MEMO) -> None:
        self.error: ErrorBody | None = None
        self._memo = memo
        self._splitter = sse.Splitter(wire.MAX_EVENT_BYTES)
        self._events: list[Event] = []
        self._started = False
        self._ended = False
        self._count = 0
        self._open: type[Part] | None = None
        """What kind of block is open; it is the last one."""

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Take bytes as they came and return the events that they complete."""
        self._read(self._splitter.feed(chunk))
        return self._taken()

    def end(self) -> Sequence[Event]:
        """Take the clean end; the last event is `Ended` only when the stream came to its proper end."""
        self._read(self._splitter.end())
        return self._taken()

    def _taken(self) -> list[Event]:
        taken, self._events = self._events, []
        return taken

    def _read(self, ready: bytes) -> None:
        for frame in sse.frames(ready):
            if self.error is not None or self._ended:
                return
            kind, fields, data = wire.decode(frame)
            if fields is not None:
                self._take(kind, fields, data)

    def _take(self, kind: str, fields: dict[str, Any], data: bytes) -> None:
        delta = wire.delta(fields)
        content, calls = loose.mapping(delta.get("content")), loose.mapping(delta.get("tool_calls"))
        if not fields.get("type"):
            self.error = openai_error.find_error(fields, data)
        elif kind == "message-start":
            self._start(loose.text(fields.get("id")))
        elif kind in ("content-start", "content-delta"):
            self._say(Reasoning(vendor=wire.VENDOR), loose.text(content.get("thinking")))
            self._say(Text(""), loose.text(content.get("text")))
        elif kind == "tool-plan-delta":
            self._say(Text(""), loose.text(delta.get("tool_plan")))
        elif kind == "citation-start":
            self._cite(loose.mapping(delta.get("citations")))
        elif kind == "tool-call-start":
            self._call(calls)
        elif kind == "tool-call-delta":
            self._arguments(loose.mapping(calls.get("function")))
        elif kind == "message-end":
            self._end(fields, data)

    def _start(self, identity: str = "") -> None:
        if not self._started:
            self._started = True
            self._events.append(Started(identity))

    def _say(self, part: Text | Reasoning, said: str) -> None:
        if not said:
            return
        if self._open is not type(part):
            self._begin(part)
        block = self._count - 1
        self._events.append(TextDelta(block, said) if isinstance(part, Text) else ReasoningDelta(block, said))

    def _cite(self, citation: dict[str, Any]) -> None:
        """Note what the text rests on; a citation comes while its text is the last thing said, or just behind it."""
        if citation and self._open is Text:
            self._events.append(CitationAdded(self._count - 1, wire.NAME, citation))

    def _call(self, call: dict[str, Any]) -> None:
        function = loose.mapping(call.get("function"))
        name = loose.text(function.get("name"))
        self._begin(ToolCall(loose.text(call.get("id")), self._memo.tool_names.get(name, name)))
        self._arguments(function)

    def _arguments(self, function: dict[str, Any]) -> None:
        said = loose.text(function.get("arguments"))
        if said and self._open is ToolCall:
            self._events.append(ArgumentsDelta(self._count - 1, said))

    def _begin(self, part: Text | Reasoning | ToolCall) -> None:
        self._start()
        self._close()
        self._open = type(part)
        self._events.append(BlockStarted(self._count, part))
        self._count += 1

    def _close(self) -> None:
        if self._open is not None:
            self._open = None
            self._events.append(BlockEnded(self._count - 1))

    def _end(self, fields: dict[str, Any], data: bytes) -> None:
        self.error = errors.read_ending(fields, data)
        if self.error is not None:
            return
        self._start()
        self._close()
        delta = loose.mapping(fields.get("delta"))
        word = loose.text(delta.get("finish_reason"))
        found = usage.read(delta.get("usage"))
        self._events.append(Finished(wire.stop_reason(word), word))
        self._events += [Metered(found)] if found is not None else []
        self._events.append(Ended())
        self._ended = True
