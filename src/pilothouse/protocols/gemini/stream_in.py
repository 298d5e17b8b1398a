"""A stream of Gemini's as events of the domain."""

from collections.abc import Sequence
from typing import Any

import msgspec

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
    SignatureDelta,
    Started,
    StopReason,
    Text,
    TextDelta,
    ToolCall,
)
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols import loose, raw_json
from pilothouse.protocols.base import NO_MEMO, ErrorBody, Memo
from pilothouse.protocols.gemini import errors, grounding, logprobs, usage, wire
from pilothouse.protocols.gemini.parts_in import read_part
from pilothouse.protocols.gemini.reply import block_reason
from pilothouse.protocols.gemini.reply_in import Minter, created_s, shown
from pilothouse.protocols.gemini.splitter import Splitter


class StreamReader:
    """Turns the documents of one stream, events or elements of an array, into events of the domain."""

    def __init__(self, memo: Memo = NO_MEMO) -> None:
        self.error: ErrorBody | None = None
        self._memo = memo
        self._splitter = Splitter()
        self._events: list[Event] = []
        self._started = False
        self._id = ""
        self._usage: Usage | None = None
        self._next = 0
        self._open: dict[int, _Candidate] = {}
        self._blocked = ""

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Take bytes as they came and return the events that they complete; raises `UpstreamProtocol`."""
        return self._read(self._splitter.feed(chunk))

    def end(self) -> Sequence[Event]:
        """Take the clean end of the body; finish reasons count only now, for parts may come beside them."""
        frames = self._splitter.end()
        # What the end has cut through says nothing.
        whole = all(loose.is_json(data.decode(errors="replace")) for _, data in frames if data)
        self._read_into(frames if whole else [])
        whole = whole and (self._splitter.closed or not self._splitter.array)
        if self.error is None and whole and self._is_finished():
            self._finish()
        return self._taken()

    def _is_finished(self) -> bool:
        return all(candidate.word for candidate in self._open.values()) and bool(self._open or self._blocked)

    def _read(self, frames: list[tuple[bytes, bytes]]) -> list[Event]:
        self._read_into(frames)
        return self._taken()

    def _read_into(self, frames: list[tuple[bytes, bytes]]) -> None:
        for _, data in frames:
            if data and self.error is None:
                self._take(data)

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _take(self, data: bytes) -> None:
        try:
            fields = wire.members(data, "chunk")
            if "error" in fields:
                self.error = errors.read_error(data) or ErrorBody(raw=data)
                return
            self._start(fields)
            if "promptFeedback" in fields:
                self._blocked = block_reason(raw_json.value(fields["promptFeedback"])) or self._blocked
            for place, raw in enumerate(raw_json.items(fields.get("candidates"), "candidates")):
                self._candidate(raw, place)
            if "usageMetadata" in fields:
                self._meter(raw_json.value(fields["usageMetadata"]))
        except (InvalidRequest, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UpstreamProtocol("an event of the provider's stream is not as it must be") from error

    def _start(self, fields: dict[str, msgspec.Raw]) -> None:
        if self._started:
            return
        self._started = True
        self._id = raw_json.text(fields.get("responseId"), "responseId")
        model = raw_json.text(fields.get("modelVersion"), "modelVersion")
        created = created_s(raw_json.value(fields["createTime"])) if "createTime" in fields else 0
        self._events.append(Started(self._id, model, created))

    def _meter(self, raw: Any) -> None:
        found = usage.read(raw)
        if found is not None and found != self._usage:
            self._usage = found
            self._events.append(Metered(found, usage.tier_name(raw)))

    def _candidate(self, raw: msgspec.Raw, place: int) -> None:
        fields = wire.members(raw, "candidate")
        index = loose.integer(raw_json.value(fields["index"])) if "index" in fields else None
        number = place if index is None else index
        opened = self._open.get(number)
        if opened is None:
            opened = self._open[number] = _Candidate(number, Minter(self._id, number))
        # Before the parts, of which one may end the text.
        opened.cited |= {key: raw_json.value(fields[key]) for key in grounding.CITING if key in fields}
        content = wire.members(fields.get("content"), "content")
        chances = logprobs.read(raw_json.value(fields["logprobsResult"])) if "logprobsResult" in fields else None
        for item in raw_json.items(content.get("parts"), "parts"):
            part = read_part(item, "part")
            if isinstance(part, Text) and part.text:
                self._text(opened, part, chances)
                chances = None
            else:
                self._part(opened, part)
        opened.word = raw_json.text(fields.get("finishReason"), "finishReason") or opened.word

    def _text(self, opened: "_Candidate", part: Text, chances: Any) -> None:
        """Text goes on in the block before it, unless a mark stands on it, which belongs to its own part."""
        if part.signature:
            self._close(opened)
        block = self._enter(opened, Text("", extra=part.extra))
        opened.said.append(part.text)
        self._events.append(TextDelta(block, part.text, chances))
        self._sign(opened, part.signature)

    def _part(self, opened: "_Candidate", part: Part) -> None:
        if isinstance(part, ToolCall):
            self._call(opened, part)
        elif isinstance(part, Reasoning) and not part.redacted:
            self._thought(opened, part)
        elif isinstance(part, Text):
            if part.signature:
                self._close(opened)
                self._enter(opened, Text(""))
                self._sign(opened, part.signature)
        else:
            self._close(opened)
            self._enter(opened, part)
            self._close(opened)

    def _thought(self, opened: "_Candidate", part: Reasoning) -> None:
        if opened.part is not None and isinstance(opened.part, Reasoning) and opened.part.vendor != part.vendor:
            self._close(opened)
        if not part.text and not part.signature:
            return
        block = self._enter(opened, Reasoning(vendor=part.vendor))
        if part.text:
            self._events.append(ReasoningDelta(block, part.text))
        self._sign(opened, part.signature)

    def _call(self, opened: "_Candidate", part: ToolCall) -> None:
        self._close(opened)
        found = shown(part, opened.minter, self._memo)
        if isinstance(found, ToolCall):
            opened.called = True
            block = self._enter(opened, msgspec.structs.replace(found, arguments=""))
            self._events.append(ArgumentsDelta(block, found.arguments))
        elif isinstance(found, Text):
            self._events.append(TextDelta(self._enter(opened, Text("")), found.text))
        self._close(opened)

    def _enter(self, opened: "_Candidate", part: Part) -> int:
        """Return the open block, a new one unless one of that kind is open."""
        if type(opened.part) is not type(part):
            self._close(opened)
            opened.block, opened.part, opened.said = self._next, part, []
            self._next += 1
            self._events.append(BlockStarted(opened.block, part, opened.number))
        return opened.block

    def _sign(self, opened: "_Candidate", signature: str) -> None:
        if signature:
            self._events.append(SignatureDelta(opened.block, signature))
            self._close(opened)

    def _cite(self, opened: "_Candidate") -> None:
        """Pages are told beside the last of the text or the mark behind it, and count from where the text began."""
        if isinstance(opened.part, Text) and opened.said:
            for _, citation in grounding.citations({0: "".join(opened.said)}, opened.cited):
                self._events.append(CitationAdded(opened.block, wire.NAME, citation))
            opened.cited = {}

    def _close(self, opened: "_Candidate") -> None:
        if opened.part is not None:
            self._cite(opened)
            self._events.append(BlockEnded(opened.block))
        opened.part = None

    def _finish(self) -> None:
        if not self._open:
            self._events.append(Finished(StopReason.FILTERED, self._blocked))
        for number, opened in sorted(self._open.items()):
            self._close(opened)
            stop = wire.stop_reason(opened.word, called=opened.called)
            self._events.append(Finished(stop, opened.word, choice=number))
        self._events.append(Ended())


class _Candidate:
    """What is open of one candidate."""

    def __init__(self, number: int, minter: Minter) -> None:
        self.number = number
        self.minter = minter
        self.block = -1
        self.part: Part | None = None
        self.called = False
        self.said: list[str] = []
        """Pieces of the text that is open."""
        self.cited: dict[str, Any] = {}
        """Members that tell of pages, until they have been told of a text."""
        self.word = ""
        """Why it ended, empty before that."""
