"""Events of the domain as a stream of Gemini's."""

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
from pilothouse.protocols.base import Echo
from pilothouse.protocols.citations import page
from pilothouse.protocols.gemini import errors, logprobs, usage, wire
from pilothouse.protocols.gemini.grounding import Grounding
from pilothouse.protocols.gemini.parts_in import packed_mark
from pilothouse.protocols.gemini.parts_out import call_part
from pilothouse.protocols.gemini.reply_out import answer_part, candidate, is_word
from pilothouse.protocols.gemini.schema_in import bare_word


class StreamWriter:
    """Writes one stream, as events or as one array; a call is written when it is whole.

    Finish reasons and usage wait for the end, because they are in the last document.
    """

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self._array = echo.variant == errors.ARRAY
        self._word = is_word(echo)
        self._begun = False
        self._shared: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}
        self._finished: dict[int, Finished] = {}
        self._grounded: dict[int, Grounding] = {}
        self._said: dict[int, list[str]] = {}
        """Pieces of all text so far, by choice."""
        self._usage: Usage | None = None
        self._tier = ""

    def write(self, event: Event) -> bytes:
        """Return what an event gives to send, which may be nothing."""
        match event:
            case Started():
                model = event.model or self._echo.request.model
                self._shared = {"modelVersion": model, "responseId": event.id or self._echo.id}
                return b""
            case BlockStarted():
                return self._start(event)
            case Finished():
                self._finished[event.choice] = event
                return b""
            case Metered():
                self._usage, self._tier = event.usage, event.service_tier or self._tier
                return b""
            case Ended():
                return self._end()
            case _:
                block = self._blocks.get(event.block)
                return b"" if block is None else self._inside(block, event)

    def fail(self, error: PilothouseError, request_id: str) -> bytes:
        """Return the error as the stream's last piece, after which nothing comes."""
        if self._array:
            return errors.render_array_error(error, request_id, begun=self._begun)
        return errors.render_stream_error(error, request_id)

    def _start(self, event: BlockStarted) -> bytes:
        block = self._blocks[event.block] = _Block(event.part, event.choice, len(self._said.get(event.choice, ())))
        part = event.part
        if isinstance(part, ToolCall):
            block.pieces = [part.arguments] if part.arguments else []
            block.signature = part.signature
            return b""
        if isinstance(part, Audio) and not part.media.data and not part.transcript:
            return b""
        found = answer_part(part)
        return b"" if found is None else self._send(block.choice, found)

    def _inside(self, block: "_Block", event: Event) -> bytes:
        match event:
            case TextDelta() if event.text and self._word:
                block.pieces.append(event.text)
            case TextDelta() if event.text:
                self._said.setdefault(block.choice, []).append(event.text)
                return self._send(block.choice, {"text": loose.clean(event.text)}, event.logprobs)
            case ReasoningDelta() if event.text:
                return self._send(block.choice, {"text": loose.clean(event.text), "thought": True})
            case ArgumentsDelta():
                block.pieces.append(event.text)
            case SignatureDelta():
                return self._sign(block, event.signature)
            case CitationAdded():
                return self._cite(block, event)
            case AudioDelta():
                return self._hear(block, event)
            case BlockEnded():
                return self._close(block)
            case _:
                pass
        return b""

    def _sign(self, block: "_Block", signature: str) -> bytes:
        part = block.part
        if isinstance(part, ToolCall):
            block.signature = signature
        elif isinstance(part, Text):
            return self._send(block.choice, {"text": "", "thoughtSignature": signature})
        elif isinstance(part, Reasoning):
            mark = packed_mark(Reasoning(signature=signature, vendor=part.vendor))
            return self._send(block.choice, {"text": "", "thought": True, "thoughtSignature": mark})
        return b""

    def _cite(self, block: "_Block", event: CitationAdded) -> bytes:
        found = page(event.dialect, event.citation)
        if found is None:
            return b""
        said = self._said.get(block.choice, [])
        grounding = self._grounded.setdefault(block.choice, Grounding())
        grounding.add(found, "".join(said[block.before :]), before="".join(said[: block.before]))
        return self._write({"candidates": [candidate(block.choice, [{"text": ""}]) | grounding.fields], **self._shared})

    def _hear(self, block: "_Block", event: AudioDelta) -> bytes:
        if event.data and isinstance(block.part, Audio):
            mime = block.part.media.mime_type or "audio/wav"
            return self._send(block.choice, {"inlineData": {"mimeType": mime, "data": event.data}})
        return b""

    def _close(self, block: "_Block") -> bytes:
        part, said = block.part, "".join(block.pieces)
        if isinstance(part, ToolCall):
            whole = ToolCall(part.id, part.name, said, signature=block.signature, extra=part.extra)
            return self._send(block.choice, call_part(whole, part.name))
        if said and isinstance(part, Text | Refusal):
            return self._send(block.choice, {"text": loose.clean(bare_word(said))})
        return b""

    def _end(self) -> bytes:
        last: list[dict[str, Any]] = []
        for number, finished in sorted(self._finished.items()):
            word = wire.stop_word(finished.stop, finished.stop_raw)
            last.append({**candidate(number, [{"text": ""}]), "finishReason": word})
        out = self._write({"candidates": last, "usageMetadata": usage.write(self._usage, self._tier), **self._shared})
        return out + b"]" if self._array else out

    def _send(self, choice: int, part: dict[str, Any], chances: Any = None) -> bytes:
        piece = candidate(choice, [part])
        told = logprobs.write(chances)
        if told is not None:
            piece["logprobsResult"] = told
        return self._write({"candidates": [piece], **self._shared})

    def _write(self, document: dict[str, Any]) -> bytes:
        raw = loose.ENCODER.encode(document)
        begun, self._begun = self._begun, True
        if self._array:
            return (b",\r\n" if begun else b"[") + raw
        return b"data: " + raw + b"\r\n\r\n"


class _Block:
    """A part that is being written."""

    def __init__(self, part: Part, choice: int, before: int) -> None:
        self.part = part
        self.choice = choice
        self.before = before
        """Pieces of text before it."""
        self.pieces: list[str] = []
        self.signature = ""
