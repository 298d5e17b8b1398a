"""Events of the domain as a stream of Mistral's chat."""

from typing import Any

import msgspec

from pilothouse.domain.chat import (
    ArgumentsDelta,
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
    SignatureDelta,
    Started,
    TextDelta,
    ToolCall,
)
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError
from pilothouse.protocols import openai_usage
from pilothouse.protocols.base import Echo
from pilothouse.protocols.loose import ENCODER, clean
from pilothouse.protocols.media_address import address_of
from pilothouse.protocols.mistral_chat.errors import render_stream_error
from pilothouse.protocols.mistral_chat.replies import write_call
from pilothouse.protocols.mistral_chat.turns_out import thought
from pilothouse.protocols.mistral_chat.wire import finish_reason
from pilothouse.protocols.openai_chat.replies import call_id, reply_id


class StreamWriter:
    """Writes chunks as Mistral does: a call comes whole, and usage with the last chunk, unasked.

    Callers join names of calls that come in pieces, or want the name in each piece; a whole call suits both.
    """

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self._shared: dict[str, Any] = {}
        self._usage: Usage | None = None
        self._blocks: dict[int, _Block] = {}
        self._calls: dict[int, int] = {}
        """Tool calls so far, by choice."""
        self._begun: set[int] = set()
        self._finished: dict[int, str] = {}

    def write(self, event: Event) -> bytes:
        """Return what an event gives to send, which may be nothing."""
        match event:
            case TextDelta() if event.text:
                return self._delta(self._blocks[event.block].choice, clean(event.text))
            case ReasoningDelta() if event.text:
                return self._think(event.block, event.text)
            case ArgumentsDelta():
                self._blocks[event.block].arguments.append(event.text)
                return b""
            case SignatureDelta():
                return self._sign(event)
            case BlockStarted():
                return self._open(event)
            case BlockEnded():
                return self._close(event.block)
            case _:
                return self._note(event)

    def fail(self, error: PilothouseError, request_id: str) -> bytes:
        """Return the error as the stream's last event; no `[DONE]` follows it."""
        return render_stream_error(error, request_id)

    def _note(self, event: Event) -> bytes:
        match event:
            case Started():
                self._shared = {
                    "id": reply_id(event.id, self._echo),
                    "object": "chat.completion.chunk",
                    "created": event.created_s or self._echo.created_s,
                    "model": event.model or self._echo.request.model,
                }
            case Metered():
                self._usage = event.usage
            case Finished():
                self._finished[event.choice] = finish_reason(event.stop)
            case Ended():
                return self._end()
            case _:
                pass
        return b""

    def _open(self, event: BlockStarted) -> bytes:
        part = event.part
        self._blocks[event.block] = _Block(part, event.choice)
        if isinstance(part, Reasoning) and part.redacted:
            return self._delta(event.choice, [thought(part, "")])
        if isinstance(part, Image):
            return self._delta(event.choice, [{"type": "image_url", "image_url": {"url": address_of(part.media)}}])
        return b""

    def _think(self, number: int, said: str) -> bytes:
        block = self._blocks[number]
        return self._delta(block.choice, [thought(Reasoning(), said)]) if isinstance(block.part, Reasoning) else b""

    def _sign(self, event: SignatureDelta) -> bytes:
        block = self._blocks[event.block]
        if isinstance(block.part, ToolCall):
            block.part = msgspec.structs.replace(block.part, signature=event.signature)
        elif isinstance(block.part, Reasoning):
            mark = Reasoning(signature=event.signature, vendor=block.part.vendor)
            return self._delta(block.choice, [thought(mark, "")])
        return b""

    def _close(self, number: int) -> bytes:
        block = self._blocks[number]
        if not isinstance(block.part, ToolCall):
            return b""
        place = self._calls.get(block.choice, 0)
        self._calls[block.choice] = place + 1
        call = msgspec.structs.replace(block.part, arguments=block.part.arguments + "".join(block.arguments))
        written = write_call(call, call_id(self._echo, block.choice, place))
        return self._delta(block.choice, "", {"tool_calls": [{**written, "index": place}]})

    def _end(self) -> bytes:
        usage = {} if self._usage is None else {"usage": openai_usage.write(self._usage)}
        *before, last = sorted(self._finished.items()) or [(0, "stop")]
        out = b"".join(self._delta(choice, "", finish=word) for choice, word in before)
        return out + self._delta(last[0], "", finish=last[1], **usage) + b"data: [DONE]\n\n"

    def _delta(
        self, choice: int, content: Any, added: dict[str, Any] | None = None, *, finish: str | None = None, **more: Any
    ) -> bytes:
        delta: dict[str, Any] = {"content": content, **(added or {})}
        if choice not in self._begun:
            self._begun.add(choice)
            delta = {"role": "assistant", **delta}
        document = {
            **self._shared,
            "choices": [{"index": choice, "delta": delta, "finish_reason": finish}],
            **more,
        }
        return b"data: " + ENCODER.encode(document) + b"\n\n"


class _Block:
    def __init__(self, part: Part, choice: int) -> None:
        self.part = part
        self.choice = choice
        self.arguments: list[str] = []
