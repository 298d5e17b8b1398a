"""A chat stream into events."""

from collections.abc import Sequence
from typing import Any

from pilothouse.domain.chat import (
    ArgumentsDelta,
    Audio,
    AudioDelta,
    BlockEnded,
    BlockStarted,
    CitationAdded,
    Ended,
    Event,
    Finished,
    Image,
    Metered,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
    SignatureDelta,
    Started,
    StopReason,
    Text,
    TextDelta,
    ToolCall,
)
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols import openai_error, openai_usage, sse
from pilothouse.protocols.base import NO_MEMO, ErrorBody, Memo
from pilothouse.protocols.loose import ANY, integer, is_json, json_text, mapping, objects, text
from pilothouse.protocols.media_address import media_of
from pilothouse.protocols.openai_chat.halves import Halves
from pilothouse.protocols.openai_chat.parts import read_content
from pilothouse.protocols.openai_chat.scan import MAX_EVENT_BYTES
from pilothouse.protocols.openai_chat.stops import ended, stop_reason
from pilothouse.protocols.openai_chat.turns_in import read_reasoning
from pilothouse.protocols.openai_chat.wire import NAME


class StreamIn:
    """Reads the events of a chat stream, whatever its servers make of the grammar.

    Parallel calls that all stand on index 0, or have no index, are told apart by their ids.
    """

    def __init__(self, _memo: Memo = NO_MEMO) -> None:
        self.error: ErrorBody | None = None
        self._splitter = sse.Splitter(MAX_EVENT_BYTES)
        self._out: list[Event] = []
        self._started = False
        self._done = False
        self._next = 0
        self._open: dict[int, _Open] = {}
        self._finished: dict[int, str] = {}
        self._halves = Halves()

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Take bytes as they came and return the events that they complete."""
        return self._read(self._splitter.feed(chunk))

    def end(self) -> Sequence[Event]:
        """Take the clean end of the body."""
        rest = self._splitter.end()
        events = list(self._read(rest)) if rest.strip() else []
        if self.error is None and self._finished and not self._done:
            self._finish()
        return [*events, *self._take()]

    def _take(self) -> list[Event]:
        out, self._out = self._out, []
        return out

    def _read(self, whole: bytes) -> Sequence[Event]:
        for frame in sse.frames(whole):
            if self.error is not None or self._done:
                break
            name, data = sse.parse(frame)
            if data == b"[DONE]":
                self._finish()
            elif data:
                self._take_event(name, data)
        return self._take()

    def _take_event(self, name: bytes, data: bytes) -> None:
        event = self._decode(name, data)
        if name == b"error" or event.get("error") or ("choices" not in event and openai_error.find_error(event, data)):
            found = openai_error.find_error(event, data)
            self.error = found or ErrorBody(message=data.decode(errors="replace"), raw=data)
            return
        self._start(event)
        try:
            for choice in objects(event.get("choices")):
                self._take_choice(integer(choice.get("index")) or 0, choice)
        except InvalidRequest as error:
            raise UpstreamProtocol(f"an event of the provider's stream cannot be read: {error.detail}") from error
        usage = openai_usage.tiered(openai_usage.read(event.get("usage")), event.get("service_tier"))
        if usage is not None:
            self._out.append(Metered(usage, text(event.get("service_tier"))))

    def _decode(self, name: bytes, data: bytes) -> dict[str, Any]:
        try:
            return mapping(ANY.decode(data))
        except (ValueError, RecursionError) as error:
            if name == b"error":
                return {}
            found = self._halves.decode(data)
            if found is None:
                raise UpstreamProtocol("an event of the provider's stream is not JSON") from error
            return found

    def _start(self, event: dict[str, Any]) -> None:
        if not self._started:
            self._started = True
            self._out.append(
                Started(text(event.get("id")), text(event.get("model")), integer(event.get("created")) or 0)
            )

    def _finish(self) -> None:
        """The proper end; a choice that no word ended has ended all the same when the stream has."""
        self._done = True
        self._start({})
        for choice, opened in sorted(self._open.items()):
            self._close(opened)
            raw = self._finished.get(choice, "")
            stop = ended(stop_reason(raw) if raw else StopReason.END, opened.kinds)
            self._out.append(Finished(stop, raw, choice=choice))
        self._out.append(Ended())

    def _take_choice(self, index: int, choice: dict[str, Any]) -> None:
        delta = mapping(choice.get("delta")) or mapping(choice.get("message"))
        opened = self._open.setdefault(index, _Open())
        for part in read_reasoning(delta):
            if isinstance(part, Reasoning):
                self._take_thought(index, opened, part)
        self._take_content(index, opened, delta.get("content"), mapping(choice.get("logprobs")).get("content"))
        if text(delta.get("refusal")):
            self._out.append(TextDelta(self._block(index, opened, Refusal("")), text(delta.get("refusal"))))
        for annotation in objects(delta.get("annotations")):
            self._out.append(CitationAdded(self._block(index, opened, Text("")), NAME, annotation))
        self._take_media(index, opened, delta)
        legacy = mapping(delta.get("function_call"))
        calls = [{"index": 0, "id": legacy.get("name"), "function": legacy}] if legacy else []
        for call in [*objects(delta.get("tool_calls")), *calls]:
            self._take_call(index, opened, call)
        if text(choice.get("finish_reason")):
            self._finished[index] = text(choice.get("finish_reason"))

    def _take_content(self, index: int, opened: "_Open", content: Any, logprobs: Any) -> None:
        if isinstance(content, str):
            if content:
                self._out.append(TextDelta(self._block(index, opened, Text("")), content, logprobs))
            return
        for part in read_content(content, "delta"):
            if isinstance(part, Text):
                self._take_content(index, opened, part.text, logprobs)
            elif isinstance(part, Reasoning):
                self._take_thought(index, opened, part)
            else:
                self._whole(index, opened, part)

    def _take_thought(self, index: int, opened: "_Open", part: Reasoning) -> None:
        if part.redacted:
            self._whole(index, opened, part)
            return
        block = self._block(index, opened, Reasoning(vendor=part.vendor, id=part.id))
        thought = part.text or "".join(part.summary)
        if thought:
            self._out.append(ReasoningDelta(block, thought, bool(part.summary)))
        if part.signature:
            self._out.append(SignatureDelta(block, part.signature))

    def _take_media(self, index: int, opened: "_Open", delta: dict[str, Any]) -> None:
        audio = mapping(delta.get("audio"))
        if audio:
            block = self._block(index, opened, Audio(id=text(audio.get("id"))))
            self._out.append(AudioDelta(block, text(audio.get("data")), text(audio.get("transcript"))))
        for image in objects(delta.get("images")):
            url = text(mapping(image.get("image_url")).get("url"))
            if url:
                self._whole(index, opened, Image(media_of(url, "messages")))

    def _take_call(self, index: int, opened: "_Open", call: dict[str, Any]) -> None:
        custom = call.get("type") == "custom"
        function = mapping(call.get("custom" if custom else "function"))
        name, identity = text(function.get("name")), text(call.get("id"))
        place = integer(call.get("index"))
        known = opened.call
        if known is None or known.is_another(place, identity, name, custom=custom):
            self._close(opened)
            signature = text(mapping(mapping(call.get("extra_content")).get("google")).get("thought_signature"))
            part = ToolCall(identity, name, custom=custom, signature=signature)
            block = self._block(index, opened, part)
            known = opened.call = _Call(block, place, identity)
        arguments = json_text(function.get("input" if custom else "arguments"))
        if arguments:
            known.arguments.append(arguments)
            self._out.append(ArgumentsDelta(known.block, arguments))

    def _whole(self, index: int, opened: "_Open", part: Part) -> None:
        self._close(opened)
        self._block(index, opened, part)
        self._close(opened)

    def _block(self, index: int, opened: "_Open", part: Part) -> int:
        """Return the open block of the part's kind, a new one where another kind is open."""
        if opened.block is not None and opened.kind is type(part) and not isinstance(part, ToolCall):
            return opened.block
        self._close(opened)
        opened.block, opened.kind = self._next, type(part)
        opened.kinds.add(type(part))
        self._next += 1
        self._out.append(BlockStarted(opened.block, part, index))
        return opened.block

    def _close(self, opened: "_Open") -> None:
        if opened.block is not None:
            self._out.append(BlockEnded(opened.block))
        opened.block = opened.kind = opened.call = None


class _Call:
    def __init__(self, block: int, place: int | None, identity: str) -> None:
        self.block = block
        self.place = place
        self.identity = identity
        self.arguments: list[str] = []

    def is_another(self, place: int | None, identity: str, name: str, *, custom: bool) -> bool:
        if identity and self.identity and identity != self.identity:
            return True
        if place is not None and place != self.place:
            return True
        if name and not identity and not self.identity and not custom:
            # A server without ids: a name that comes again after whole arguments begins another call.
            return is_json("".join(self.arguments))
        return bool(name and identity and not self.identity)


class _Open:
    """What is open of one choice."""

    def __init__(self) -> None:
        self.block: int | None = None
        self.kind: type[Part] | None = None
        self.kinds: set[type[Part]] = set()
        """Of all its parts so far."""
        self.call: _Call | None = None
