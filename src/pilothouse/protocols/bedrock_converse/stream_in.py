"""A Converse stream as events of the domain."""

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
    Extra,
    Finished,
    Image,
    Media,
    Metered,
    Native,
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
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import loose, raw_json
from pilothouse.protocols.answer_tool import unwrapped
from pilothouse.protocols.base import NO_MEMO, ErrorBody, Memo
from pilothouse.protocols.bedrock_converse import errors, event_stream, reply_in, usage, wire


class StreamReader:
    """Turns the frames of one stream into events."""

    def __init__(self, memo: Memo = NO_MEMO) -> None:
        self.error: ErrorBody | None = None
        self._memo = memo
        self._splitter = event_stream.Splitter()
        self._events: list[Event] = []
        self._started = False
        self._stopped = False
        self._block = -1
        self._open: Part | None = None
        """The part of the block that is open, as it began."""
        self._index: Any = None
        """Bedrock's number of the block that is open."""
        self._hidden: list[str] = []
        """Pieces of a redacted thought; the domain has it whole."""
        self._answer: list[str] | None = None
        """Pieces of a wrapped answer while its tool call comes in."""
        self._cited: list[CitationAdded] = []
        """Citations wait for the end of their text, since elsewhere they count its characters."""
        self._filled = False
        """Whether the open tool call has arguments."""
        self._called = False
        """Whether a tool of the caller's was called."""
        self._answered = False

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Take bytes as they came and return the events that they complete; raises `UpstreamProtocol`."""
        for raw in self._splitter.feed(chunk):
            if self.error is None:
                self._take(event_stream.parse(raw))
        return self._taken()

    def end(self) -> Sequence[Event]:
        """Take the clean end of the body."""
        if self._stopped and self.error is None and not self._splitter.partial:
            self._events.append(Ended())
        return self._taken()

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _take(self, frame: event_stream.Frame) -> None:
        self.error = errors.frame_error(frame)
        if self.error is not None:
            return
        if not self._started:
            self._started = True
            self._events.append(Started())
        try:
            fields = raw_json.OBJECT.decode(frame.payload)
            self._take_event(frame.text(":event-type"), fields)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UpstreamProtocol("an event of the provider's stream is not as it must be") from error

    def _take_event(self, kind: str, fields: dict[str, msgspec.Raw]) -> None:
        if kind == "contentBlockDelta":
            self._delta(self._place(fields), fields.get("delta", msgspec.Raw(b"{}")))
        elif kind == "contentBlockStart":
            self._close()
            self._index = self._place(fields)
            self._start(loose.mapping(raw_json.value(fields.get("start", msgspec.Raw(b"{}")))))
        elif kind == "contentBlockStop":
            self._close()
        elif kind == "messageStop":
            self._finish(fields)
        elif kind == "metadata":
            self._meter(fields)

    def _place(self, fields: dict[str, msgspec.Raw]) -> Any:
        return raw_json.value(fields["contentBlockIndex"]) if "contentBlockIndex" in fields else 0

    def _begin(self, part: Part) -> None:
        self._block += 1
        self._open = part
        self._events.append(BlockStarted(self._block, part))

    def _close(self) -> None:
        if self._hidden:
            self._begin(Reasoning(redacted=wire.joined_base64(self._hidden), vendor=wire.VENDOR))
            self._hidden = []
        if self._answer is not None:
            said = unwrapped("".join(self._answer), self._memo)
            self._events.append(TextDelta(self._block, said))
            self._answer = None
        if isinstance(self._open, ToolCall) and not self._filled:
            # Bedrock sends an empty text for no arguments; callers parse what they are sent.
            self._events.append(ArgumentsDelta(self._block, "{}"))
        if self._open is not None:
            self._events += [*self._cited, BlockEnded(self._block)]
        self._cited = []
        self._open, self._index = None, None

    def _start(self, start: dict[str, Any]) -> None:
        call, image = loose.mapping(start.get("toolUse")), loose.mapping(start.get("image"))
        if call and "type" not in call:
            self._start_call(_said(call.get("toolUseId")), _said(call.get("name")))
        elif not call and not image and start:
            self._begin(Native(wire.NAME, start))
        elif call:
            self._begin(Native(wire.NAME, {"toolUse": call}))
        # A picture has its bytes in the delta, a text has no start at all.

    def _start_call(self, identity: str, name: str) -> None:
        if self._memo.format_tool and name == self._memo.format_tool:
            self._answered = True
            self._begin(Text(""))
            self._answer = [] if self._memo.wrapped else None
            return
        self._called, self._filled = True, False
        self._begin(ToolCall(identity, self._memo.tool_names.get(name, name)))

    def _delta(self, place: Any, raw: msgspec.Raw) -> None:
        if self._index is not None and self._index != place:
            self._close()
        self._index = place
        fields = loose.mapping(raw_json.value(raw))
        for kind, said in fields.items():
            if kind == "text" and isinstance(said, str):
                self._text(said)
            elif kind == "toolUse":
                self._arguments(_said(loose.mapping(said).get("input")))
            elif kind == "reasoningContent":
                self._thought(loose.mapping(said))
            elif kind == "citation":
                self._enter(Text("", extra=Extra(wire.NAME, {})))
                self._cited.append(CitationAdded(self._block, wire.NAME, loose.mapping(said)))
            elif kind == "image":
                self._image(loose.mapping(said))

    def _enter(self, part: Part) -> None:
        """Begin a block unless one of that kind is open: text and thoughts have no start of their own."""
        if type(self._open) is not type(part):
            index = self._index
            self._close()
            self._index = index
            self._begin(part)

    def _text(self, said: str) -> None:
        if said:
            self._enter(Text(""))
            self._events.append(TextDelta(self._block, said))

    def _arguments(self, said: str) -> None:
        if self._answer is not None:
            self._answer.append(said)
        elif said and isinstance(self._open, ToolCall):
            self._filled = True
            self._events.append(ArgumentsDelta(self._block, said))
        elif said and isinstance(self._open, Text):
            self._events.append(TextDelta(self._block, said))

    def _thought(self, fields: dict[str, Any]) -> None:
        hidden = _said(fields.get("redactedContent"))
        if hidden:
            if self._open is not None:
                index = self._index
                self._close()
                self._index = index
            self._hidden.append(hidden)
            return
        said, signature = _said(fields.get("text")), _said(fields.get("signature"))
        if said or signature:
            self._enter(Reasoning(vendor=wire.VENDOR))
        if said:
            self._events.append(ReasoningDelta(self._block, said))
        if signature:
            self._events.append(SignatureDelta(self._block, signature))

    def _image(self, fields: dict[str, Any]) -> None:
        data = _said(loose.mapping(fields.get("source")).get("bytes"))
        if data:
            media = Media(data=data)
            mime = wire.mime_type("image", wire.format_word("image", media))
            self._begin(Image(msgspec.structs.replace(media, mime_type=mime)))
            self._events.append(BlockEnded(self._block))
            self._open = None

    def _finish(self, fields: dict[str, msgspec.Raw]) -> None:
        self._close()
        self._stopped = True
        raw = raw_json.value(fields["stopReason"]) if "stopReason" in fields else ""
        word = raw if isinstance(raw, str) else ""
        stop = wire.stop_reason(word)
        if stop is StopReason.TOOL_CALLS and self._answered and not self._called:
            stop = StopReason.END
        more = fields.get("additionalModelResponseFields")
        met = reply_in.stop_sequence(raw_json.value(more)) if more is not None else ""
        self._events.append(Finished(stop, word, met))

    def _meter(self, fields: dict[str, msgspec.Raw]) -> None:
        tier = raw_json.value(fields["serviceTier"]) if "serviceTier" in fields else None
        found = usage.read(raw_json.value(fields["usage"]), tier) if "usage" in fields else None
        if found is not None:
            self._events.append(Metered(found, usage.tier_name(tier)))


def _said(found: Any) -> str:
    return found if isinstance(found, str) else ""
