"""A chat stream into events."""

from collections.abc import Sequence
from typing import Any

from pilothouse.domain.chat import (
    ArgumentsDelta,
    Audio,
    AudioDelta,
    BlockEnded,
    BlockStarted,
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
    Text,
    TextDelta,
    ToolCall,
)
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import openai_error, openai_usage, sse
from pilothouse.protocols.base import NO_MEMO, ErrorBody, Memo
from pilothouse.protocols.openai_chat.parts import media_of
from pilothouse.protocols.openai_chat.scan import MAX_EVENT_BYTES
from pilothouse.protocols.openai_chat.stops import stop_reason
from pilothouse.protocols.openai_chat.turns_in import read_reasoning
from pilothouse.protocols.openai_chat.values import ANY, integer, json_text, mapping, objects, text


class StreamIn:
    """Reads the events of a chat stream, whatever its servers make of the grammar.

    Parallel calls that all stand on index 0, or have no index, are told apart by their ids.
    """

    def __init__(self, _memo: Memo = NO_MEMO) -> None:
        self.error: ErrorBody | None = None
        self._buffer = bytearray()
        self._out: list[Event] = []
        self._started = False
        self._done = False
        self._next = 0
        self._open: dict[int, _Open] = {}
        self._finished: dict[int, str] = {}

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Take bytes as they came and return the events that they complete."""
        self._buffer += chunk
        end = sse.last_boundary(self._buffer)
        if end == 0:
            if len(self._buffer) > MAX_EVENT_BYTES:
                raise UpstreamProtocol("an event of the provider's stream is longer than 16 MB")
            return ()
        whole = bytes(self._buffer[:end])
        del self._buffer[:end]
        return self._read(whole)

    def end(self) -> Sequence[Event]:
        """Take the clean end of the body."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        events = list(self._read(rest)) if rest.strip() else []
        if self.error is None and (self._done or self._finished):
            self._close_all()
            for choice, raw in sorted(self._finished.items()):
                self._out.append(Finished(stop_reason(raw), raw, choice=choice))
            self._out.append(Ended())
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
                self._done = True
            elif data:
                self._take_event(name, data)
        return self._take()

    def _take_event(self, name: bytes, data: bytes) -> None:
        try:
            event = mapping(ANY.decode(data))
        except (ValueError, RecursionError) as error:
            if name != b"error":
                raise UpstreamProtocol("an event of the provider's stream is not JSON") from error
            event = {}
        if name == b"error" or event.get("error") or ("choices" not in event and openai_error.find_error(event, data)):
            found = openai_error.find_error(event, data)
            self.error = found or ErrorBody(message=data.decode(errors="replace"), raw=data)
            return
        if not self._started:
            self._started = True
            self._out.append(
                Started(text(event.get("id")), text(event.get("model")), integer(event.get("created")) or 0)
            )
        for choice in objects(event.get("choices")):
            self._take_choice(integer(choice.get("index")) or 0, choice)
        usage = openai_usage.read(event.get("usage"))
        if usage is not None:
            self._out.append(Metered(usage, text(event.get("service_tier"))))

    def _take_choice(self, index: int, choice: dict[str, Any]) -> None:
        delta = mapping(choice.get("delta")) or mapping(choice.get("message"))
        opened = self._open.setdefault(index, _Open())
        for part in read_reasoning(delta):
            if isinstance(part, Reasoning):
                self._take_thought(index, opened, part)
        if text(delta.get("content")):
            block = self._block(index, opened, Text(""))
            logprobs = mapping(choice.get("logprobs")).get("content")
            self._out.append(TextDelta(block, text(delta.get("content")), logprobs))
        if text(delta.get("refusal")):
            self._out.append(TextDelta(self._block(index, opened, Refusal("")), text(delta.get("refusal"))))
        self._take_media(index, opened, delta)
        legacy = mapping(delta.get("function_call"))
        calls = [{"index": 0, "id": legacy.get("name"), "function": legacy}] if legacy else []
        for call in [*objects(delta.get("tool_calls")), *calls]:
            self._take_call(index, opened, call)
        if text(choice.get("finish_reason")):
            self._finished[index] = text(choice.get("finish_reason"))

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
                self._whole(index, opened, Image(media_of(url)))

    def _take_call(self, index: int, opened: "_Open", call: dict[str, Any]) -> None:
        custom = call.get("type") == "custom"
        function = mapping(call.get("custom" if custom else "function"))
        name, identity = text(function.get("name")), text(call.get("id"))
        place = integer(call.get("index"))
        known = opened.call
        if known is None or known.is_another(place, identity, name):
            self._close(opened)
            signature = text(mapping(mapping(call.get("extra_content")).get("google")).get("thought_signature"))
            part = ToolCall(identity, name, custom=custom, signature=signature)
            block = self._block(index, opened, part)
            known = opened.call = _Call(block, place, identity)
        arguments = json_text(function.get("input" if custom else "arguments"))
        if arguments:
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
        self._next += 1
        self._out.append(BlockStarted(opened.block, part, index))
        return opened.block

    def _close(self, opened: "_Open") -> None:
        if opened.block is not None:
            self._out.append(BlockEnded(opened.block))
        opened.block = opened.kind = opened.call = None

    def _close_all(self) -> None:
        for opened in self._open.values():
            self._close(opened)


class _Call:
    def __init__(self, block: int, place: int | None, identity: str) -> None:
        self.block = block
        self.place = place
        self.identity = identity

    def is_another(self, place: int | None, identity: str, name: str) -> bool:
        if identity and self.identity and identity != self.identity:
            return True
        if place is not None and place != self.place:
            return True
        return bool(name and identity and not self.identity)


class _Open:
    """What is open of one choice."""

    def __init__(self) -> None:
        self.block: int | None = None
        self.kind: type[Part] | None = None
        self.call: _Call | None = None
