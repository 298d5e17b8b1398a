"""Events of the domain as a Messages stream."""

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
    Metered,
    Native,
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
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError
from pilothouse.protocols import loose
from pilothouse.protocols.anthropic_messages import errors, events, usage, wire
from pilothouse.protocols.anthropic_messages.reply_out import call_start, citation
from pilothouse.protocols.base import Echo


class StreamWriter:
    """Writes one stream: its opening with the first content, so that usage that comes first stands in it.

    A block is begun with its first delta, so that none is empty; only one is ever open.
    """

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self._started = Started()
        self._usage: Usage | None = None
        self._tier = ""
        self._stop = Finished(StopReason.END)
        self._begun = False
        self._called = False
        self._index = -1
        self._block = -1
        """The domain's number of the block that is being written."""
        self._part: Part | None = None
        self._waiting: dict[str, Any] | None = None
        """The start of a block that has no content yet."""
        self._open = False

    def write(self, event: Event) -> bytes:
        """Return what an event gives to send, which may be nothing."""
        match event:
            case Started():
                self._started = event
                return b""
            case Metered():
                self._usage, self._tier = event.usage, event.service_tier or self._tier
                return b""
            case Finished():
                self._stop = event if event.choice == 0 else self._stop
                return b""
            case Ended():
                return self._end()
            case BlockStarted():
                return self._start(event)
            case BlockEnded():
                return self._close() if event.block == self._block else b""
            case _:
                return self._delta(event) if event.block == self._block else b""

    def fail(self, error: PilothouseError, request_id: str) -> bytes:
        """Return the error as the stream's last event."""
        return errors.render_stream_error(error, request_id)

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        message: dict[str, Any] = {
            "id": wire.message_id(self._started.id, self._echo.id),
            "type": "message",
            "role": "assistant",
            "model": self._started.model or self._echo.request.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage.write(self._usage, self._tier),
        }
        return events.encode({"type": "message_start", "message": message})

    def _start(self, event: BlockStarted) -> bytes:
        if event.choice != 0:
            return b""
        out = self._close()
        part = event.part
        self._block, self._part = event.block, part
        match part:
            case Text():
                own = part.extra is not None and part.extra.dialect == wire.NAME
                cited: dict[str, Any] = {"citations": []} if own else {}
                self._waiting = {"type": "text", "text": "", **cited, **wire.fields_of(part.extra)}
                return out
            case Refusal():
                self._waiting = {"type": "text", "text": ""}
                return out
            case Reasoning() if not (part.redacted and part.vendor == wire.VENDOR):
                self._waiting = {"type": "thinking", "thinking": "", "signature": ""}
                return out
            case Reasoning():
                return out + self._put({"type": "redacted_thinking", "data": part.redacted})
            case ToolCall():
                self._called = True
                more = self._arguments(part.arguments) if part.arguments else b""
                return out + self._put(call_start(part)) + more
            case Native() if part.dialect == wire.NAME:
                return out + self._native(part.value)
            case Audio():
                self._waiting = {"type": "text", "text": ""}
                return out + (self._add({"type": "text_delta", "text": part.transcript}) if part.transcript else b"")
            case _:
                return out

    def _native(self, block: dict[str, Any]) -> bytes:
        """Input of a tool comes after the start of its block, as Anthropic has it."""
        if not isinstance(block.get("input"), dict):
            return self._put(block)
        out = self._put({**block, "input": {}})
        return out + self._arguments(loose.ENCODER.encode(block["input"]).decode())

    def _put(self, block: dict[str, Any]) -> bytes:
        self._index += 1
        self._waiting, self._open = None, True
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        return self._begin() + events.encode(start)

    def _add(self, delta: dict[str, Any]) -> bytes:
        out = self._put(self._waiting) if self._waiting is not None else b""
        if not self._open:
            return out
        return out + events.encode({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _arguments(self, text: str) -> bytes:
        return self._add({"type": "input_json_delta", "partial_json": loose.clean(text)})

    def _delta(self, event: Event) -> bytes:
        match event:
            case TextDelta() if event.text:
                return self._add({"type": "text_delta", "text": loose.clean(event.text)})
            case ReasoningDelta() if event.text and isinstance(self._part, Reasoning):
                return self._add({"type": "thinking_delta", "thinking": loose.clean(event.text)})
            case SignatureDelta() if isinstance(self._part, Reasoning) and self._part.vendor == wire.VENDOR:
                return self._add({"type": "signature_delta", "signature": event.signature})
            case ArgumentsDelta() if event.text and isinstance(self._part, ToolCall):
                return self._arguments(event.text)
            case CitationAdded() if isinstance(self._part, Text):
                found = citation(event.dialect, event.citation)
                return b"" if found is None else self._add({"type": "citations_delta", "citation": found})
            case AudioDelta() if event.transcript:
                return self._add({"type": "text_delta", "text": loose.clean(event.transcript)})
            case _:
                return b""

    def _close(self) -> bytes:
        was_open = self._open
        self._block, self._part, self._waiting, self._open = -1, None, None, False
        return events.encode({"type": "content_block_stop", "index": self._index}) if was_open else b""

    def _end(self) -> bytes:
        out = self._begin() + self._close()
        delta = {
            "stop_reason": wire.stop_word(self._stop.stop, self._stop.stop_raw, called=self._called),
            "stop_sequence": self._stop.stop_text or None,
        }
        out += events.encode({"type": "message_delta", "delta": delta, "usage": usage.write_delta(self._usage)})
        return out + events.encode({"type": "message_stop"})
