"""Events of the domain as a Converse stream."""

from typing import Any

from pilothouse.domain.chat import (
    ArgumentsDelta,
    AudioDelta,
    BlockEnded,
    BlockStarted,
    CitationAdded,
    Ended,
    Event,
    Finished,
    Image,
    Metered,
    Native,
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
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError
from pilothouse.protocols import loose
from pilothouse.protocols.base import NO_MEMO, Echo
from pilothouse.protocols.bedrock_converse import errors, event_stream, reply_in, usage, wire
from pilothouse.protocols.bedrock_converse.blocks_out import answer_id, citation
from pilothouse.protocols.bedrock_converse.reply_out import metrics, tier
from pilothouse.protocols.conversion import events_of


class StreamWriter:
    """Writes one stream; of several choices only the first, since Converse knows no more.

    The usage waits for the end, because `metadata` is the last event.
    """

    def __init__(self, echo: Echo | None = None) -> None:
        self._echo = echo
        self._usage: Usage | None = None
        self._tier = ""
        self._block: int | None = None
        """The domain's number of the block that is open."""
        self._part: Part | None = None
        self._index = 0
        """Bedrock's number of the block that is open, or of the next one."""
        self._shown = False
        """Whether anything of the open block was sent; an empty one leaves no trace."""
        self._filled = False
        """Whether the open tool call has arguments."""

    def write(self, event: Event) -> bytes:
        """Return the frames that an event gives, which may be none."""
        match event:
            case Started():
                return _frame("messageStart", {"role": "assistant"})
            case BlockStarted():
                return self._start(event)
            case Finished():
                return self._finish(event)
            case Metered():
                self._usage, self._tier = event.usage, event.service_tier or self._tier
                return b""
            case Ended():
                metered = {"usage": usage.write(self._usage), **metrics(self._echo)}
                return _frame("metadata", {**metered, **tier(self._tier)})
            case _:
                return self._inside(event) if event.block == self._block else b""

    def fail(self, error: PilothouseError, request_id: str) -> bytes:
        """Return the error as the frame of an exception, after which nothing comes."""
        return errors.render_stream_error(error, request_id)

    def _start(self, event: BlockStarted) -> bytes:
        if event.choice != 0:
            return b""
        self._block, self._part = event.block, event.part
        self._shown = self._filled = False
        match event.part:
            case ToolCall():
                return self._start_call(event.part)
            case Text() | Refusal():
                return self._delta({"text": loose.clean(event.part.text)}) if event.part.text else b""
            case Reasoning():
                return self._start_thought(event.part)
            case Image():
                return self._picture(event.part)
            case Native():
                own = event.part.dialect == wire.NAME and len(event.part.value) > 0
                return self._begin(event.part.value) if own else b""
            case _:
                return b""

    def _start_call(self, call: ToolCall) -> bytes:
        out = self._begin({"toolUse": {"toolUseId": answer_id(call), "name": call.name}})
        return out + self._arguments(call.arguments)

    def _start_thought(self, part: Reasoning) -> bytes:
        own = part.vendor in ("", wire.VENDOR)
        if part.redacted:
            return self._delta({"reasoningContent": {"redactedContent": part.redacted}}) if own else b""
        said = part.text or "\n".join(part.summary)
        out = self._delta({"reasoningContent": {"text": loose.clean(said)}}) if said else b""
        return out + self._delta({"reasoningContent": {"signature": part.signature}}) if part.signature and own else out

    def _picture(self, part: Image) -> bytes:
        word = wire.format_word("image", part.media)
        if not word or not part.media.data:
            return b""
        out = self._begin({"image": {"format": word}})
        return out + self._delta({"image": {"source": {"bytes": part.media.data}}})

    def _inside(
        self,
        event: TextDelta | ReasoningDelta | SignatureDelta | ArgumentsDelta | CitationAdded | AudioDelta | BlockEnded,
    ) -> bytes:
        match event:
            case TextDelta():
                return self._delta({"text": loose.clean(event.text)}) if event.text else b""
            case ReasoningDelta():
                return self._delta({"reasoningContent": {"text": loose.clean(event.text)}}) if event.text else b""
            case SignatureDelta():
                own = isinstance(self._part, Reasoning) and self._part.vendor in ("", wire.VENDOR)
                return self._delta({"reasoningContent": {"signature": event.signature}}) if own else b""
            case ArgumentsDelta():
                return self._arguments(event.text)
            case CitationAdded():
                found = citation(event.dialect, event.citation)
                return b"" if found is None else self._delta({"citation": found})
            case AudioDelta():
                return self._delta({"text": loose.clean(event.transcript)}) if event.transcript else b""
            case BlockEnded():
                return self._stop()

    def _begin(self, start: dict[str, Any]) -> bytes:
        self._shown = True
        return _frame("contentBlockStart", {"start": start, "contentBlockIndex": self._index})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        self._shown = True
        return _frame("contentBlockDelta", {"delta": delta, "contentBlockIndex": self._index})

    def _arguments(self, said: str) -> bytes:
        if not said:
            return b""
        self._filled = True
        return self._delta({"toolUse": {"input": loose.clean(said)}})

    def _stop(self) -> bytes:
        out = b""
        if isinstance(self._part, ToolCall) and not self._filled:
            # Clients parse what they have put together, and no text is no JSON.
            out = self._arguments("{}")
        self._block = self._part = None
        if not self._shown:
            return out
        out += _frame("contentBlockStop", {"contentBlockIndex": self._index})
        self._shown = False
        self._index += 1
        return out

    def _finish(self, event: Finished) -> bytes:
        if event.choice != 0:
            return b""
        out = self._stop() if self._block is not None else b""
        document: dict[str, Any] = {"stopReason": wire.stop_word(event.stop, event.stop_raw)}
        if event.stop_text:
            document["additionalModelResponseFields"] = {"stop_sequence": event.stop_text}
        return out + _frame("messageStop", document)


def to_stream(body: bytes) -> bytes:
    """Return a whole answer as the frames of a stream, for a server that does not stream though it was asked to.

    Raises `UpstreamProtocol` when the body is no answer.
    """
    writer = StreamWriter()
    return b"".join(writer.write(event) for event in events_of(reply_in.read_reply(body, NO_MEMO)))


def _frame(kind: str, document: dict[str, Any]) -> bytes:
    return event_stream.event(kind, loose.ENCODER.encode(document))
