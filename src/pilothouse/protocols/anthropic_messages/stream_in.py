"""A Messages stream as events of the domain."""

from collections.abc import Callable, Sequence
from typing import Any

from pilothouse.domain.chat import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationAdded,
    Ended,
    Event,
    Extra,
    Finished,
    Metered,
    Native,
    Reasoning,
    ReasoningDelta,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    ToolCall,
)
from pilothouse.protocols import loose, sse
from pilothouse.protocols.answer_tool import unwrapped
from pilothouse.protocols.anthropic_messages import errors, events, reply_in, usage, wire
from pilothouse.protocols.anthropic_messages.fold import FoldedBlock
from pilothouse.protocols.base import ErrorBody, Memo

_CALL = ("type", "id", "name", "input")


class _Open:
    """One block of the stream that has begun."""

    def __init__(self, block: int, part: Text | Reasoning | ToolCall | Native) -> None:
        self.block = block
        self.part = part
        self.whole: FoldedBlock | None = None
        """Of a native block, which is given on when it is whole."""
        self.given = ""
        """Input of a call that came with its start."""
        self.fed = False
        self.answer: list[str] | None = None
        """The input of the tool that stands in for a schema, kept together when it has to be unwrapped."""
        self.cited: list[CitationAdded] = []
        """Citations wait for the end of their text, since elsewhere they count its characters."""


class StreamReader:
    """Turns a stream into events, however its bytes are cut; pings and events that are not known say nothing."""

    def __init__(self, memo: Memo) -> None:
        self.error: ErrorBody | None = None
        self._memo = memo
        self._splitter = sse.Splitter(events.MAX_EVENT_BYTES)
        self._events: list[Event] = []
        self._started = False
        self._count = 0
        self._open: dict[int, _Open] = {}
        self._counts: dict[str, Any] = {}
        self._called = False
        self._finished = False
        self._ended = False

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Take bytes as they came and return the events that they complete."""
        self._read(self._splitter.feed(chunk))
        return self._taken()

    def end(self) -> Sequence[Event]:
        """Take the clean end; the last event is `Ended` only when the stream came to its proper end."""
        self._read(self._splitter.end())
        if self._finished and not self._ended and self.error is None:
            self._end({})
        return self._taken()

    def _taken(self) -> list[Event]:
        taken, self._events = self._events, []
        return taken

    def _read(self, ready: bytes) -> None:
        for frame in sse.frames(ready):
            if self.error is not None or self._ended:
                return
            kind, fields, data = events.decode(frame)
            if kind == "error":
                self.error = errors.read_error(data) or ErrorBody(message=data.decode(errors="replace"), raw=data)
            elif fields is not None:
                take = self._TAKE.get(kind)
                if take is not None:
                    take(self, fields)

    def _start(self, fields: dict[str, Any]) -> None:
        if self._started:
            return
        self._started = True
        message = loose.mapping(fields.get("message"))
        self._events.append(Started(loose.text(message.get("id")), loose.text(message.get("model"))))
        self._meter(message.get("usage"))

    def _meter(self, raw: Any) -> None:
        self._counts = usage.merged(self._counts, raw)
        found = usage.read(self._counts)
        if found is not None and raw:
            self._events.append(Metered(found, usage.tier_name(self._counts)))

    def _begin(self, fields: dict[str, Any]) -> None:
        self._start({})
        for index in tuple(self._open):
            self._close(index)
        block = loose.mapping(fields.get("content_block"))
        index = _index(fields)
        match block.get("type"):
            case "text":
                self._begin_text(index, block)
            case "thinking":
                more = {key: found for key, found in block.items() if key not in ("type", "thinking", "signature")}
                self._enter(index, Reasoning(vendor=wire.VENDOR, extra=wire.extra(more)))
                self._thought(index, {"thinking": block.get("thinking")})
                self._sign(index, {"signature": block.get("signature")})
            case "redacted_thinking":
                hidden = Reasoning(redacted=loose.text(block.get("data")), vendor=wire.VENDOR)
                self._events += [BlockStarted(self._count, hidden), BlockEnded(self._count)]
                self._count += 1
            case "tool_use":
                self._begin_call(index, block)
            case _:
                opened = self._open[index] = _Open(-1, Native(wire.NAME, block))
                opened.whole = FoldedBlock(block)

    def _enter(self, index: int, part: Text | Reasoning | ToolCall) -> _Open:
        opened = self._open[index] = _Open(self._count, part)
        self._events.append(BlockStarted(self._count, part))
        self._count += 1
        return opened

    def _begin_text(self, index: int, block: dict[str, Any]) -> None:
        more = {key: found for key, found in block.items() if key not in ("type", "text", "citations") and found}
        cited = isinstance(block.get("citations"), list)
        self._enter(index, Text("", extra=Extra(wire.NAME, more) if more or cited else None))
        self._text(index, {"text": block.get("text")})
        for citation in loose.listing(block.get("citations")):
            self._cite(index, {"citation": citation})

    def _begin_call(self, index: int, block: dict[str, Any]) -> None:
        name = loose.text(block.get("name"))
        given = block.get("input")
        if self._memo.format_tool and name == self._memo.format_tool:
            opened = self._enter(index, Text(""))
            opened.answer = []
        else:
            more = {key: found for key, found in block.items() if key not in _CALL and found is not None}
            name = self._memo.tool_names.get(name, name)
            opened = self._enter(index, ToolCall(loose.text(block.get("id")), name, extra=wire.extra(more)))
            self._called = True
        if given:
            opened.given = given if isinstance(given, str) else loose.ENCODER.encode(given).decode()

    def _delta(self, fields: dict[str, Any]) -> None:
        self._start({})
        index, delta = _index(fields), loose.mapping(fields.get("delta"))
        kind = loose.text(delta.get("type"))
        opened = self._open.get(index)
        if opened is None:
            return
        if opened.whole is not None:
            opened.whole.add(delta)
            return
        add = self._DELTAS.get(kind)
        if add is not None:
            add(self, index, delta)

    def _text(self, index: int, delta: dict[str, Any]) -> None:
        said, opened = loose.text(delta.get("text")), self._open[index]
        if said and isinstance(opened.part, Text):
            self._events.append(TextDelta(opened.block, said))

    def _thought(self, index: int, delta: dict[str, Any]) -> None:
        said, opened = loose.text(delta.get("thinking")), self._open[index]
        if said and isinstance(opened.part, Reasoning):
            self._events.append(ReasoningDelta(opened.block, said))

    def _sign(self, index: int, delta: dict[str, Any]) -> None:
        signature, opened = loose.text(delta.get("signature")), self._open[index]
        if signature and isinstance(opened.part, Reasoning):
            self._events.append(SignatureDelta(opened.block, signature))

    def _input(self, index: int, delta: dict[str, Any]) -> None:
        said, opened = loose.text(delta.get("partial_json")), self._open[index]
        if not said:
            return
        opened.fed = True
        if opened.answer is not None and self._memo.wrapped:
            opened.answer.append(said)
        elif opened.answer is not None:
            self._events.append(TextDelta(opened.block, said))
        elif isinstance(opened.part, ToolCall):
            self._events.append(ArgumentsDelta(opened.block, said))

    def _cite(self, index: int, delta: dict[str, Any]) -> None:
        opened = self._open[index]
        if isinstance(opened.part, Text):
            opened.cited.append(CitationAdded(opened.block, wire.NAME, loose.mapping(delta.get("citation"))))

    def _stop(self, fields: dict[str, Any]) -> None:
        self._close(_index(fields))

    def _close(self, index: int) -> None:
        opened = self._open.get(index)
        if opened is None:
            return
        if opened.whole is not None:
            whole = Native(wire.NAME, _plain(opened.whole.document()))
            self._events += [BlockStarted(self._count, whole), BlockEnded(self._count)]
            self._count += 1
        else:
            if opened.given and not opened.fed:
                self._input(index, {"partial_json": opened.given})
            if opened.answer:
                self._events.append(TextDelta(opened.block, unwrapped("".join(opened.answer), self._memo)))
            self._events += [*opened.cited, BlockEnded(opened.block)]
        del self._open[index]

    def _finish(self, fields: dict[str, Any]) -> None:
        self._start({})
        ending = loose.mapping(fields.get("delta"))
        word = loose.text(ending.get("stop_reason"))
        if word and not self._finished:
            for index in tuple(self._open):
                self._close(index)
            self._finished = True
            met = loose.text(ending.get("stop_sequence"))
            self._events.append(Finished(reply_in.stop(word, called=self._called), word, met))
        self._meter(fields.get("usage"))

    def _end(self, _fields: dict[str, Any]) -> None:
        self._start({})
        for index in tuple(self._open):
            self._close(index)
        self._ended = True
        self._events.append(Ended())

    _TAKE: dict[str, Callable[["StreamReader", dict[str, Any]], None]] = {  # noqa: RUF012
        "message_start": _start,
        "content_block_start": _begin,
        "content_block_delta": _delta,
        "content_block_stop": _stop,
        "message_delta": _finish,
        "message_stop": _end,
    }
    _DELTAS: dict[str, Callable[["StreamReader", int, dict[str, Any]], None]] = {  # noqa: RUF012
        "text_delta": _text,
        "thinking_delta": _thought,
        "signature_delta": _sign,
        "input_json_delta": _input,
        "citations_delta": _cite,
    }


def _index(fields: dict[str, Any]) -> int:
    index = fields.get("index")
    return index if isinstance(index, int) else 0


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    return loose.mapping(loose.ANY.decode(loose.ENCODER.encode(document)))
