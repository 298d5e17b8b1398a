"""Events as a chat stream."""

from typing import Any

from pilothouse.domain.chat import (
    ArgumentsDelta,
    Audio,
    AudioDelta,
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
    TextDelta,
    ToolCall,
)
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError
from pilothouse.protocols import openai_usage
from pilothouse.protocols.base import Echo
from pilothouse.protocols.loose import ENCODER
from pilothouse.protocols.media_address import address_of
from pilothouse.protocols.openai_chat.annotations import annotation
from pilothouse.protocols.openai_chat.replies import call_id, reply_id
from pilothouse.protocols.openai_chat.stops import finish_reason
from pilothouse.protocols.openai_chat.turns_out import reasoning_fields
from pilothouse.protocols.openai_error import render_stream_error


class StreamOut:
    """Writes chunks with one id, time and model; usage comes last, and only when it was asked for."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self._shared: dict[str, Any] = {}
        self._usage: Usage | None = None
        self._tier = ""
        self._blocks: dict[int, _Block] = {}
        self._calls: dict[int, int] = {}
        """Tool calls so far, by choice."""
        self._said: dict[int, int] = {}
        """Characters of content so far, by choice."""
        self._begun: set[int] = set()

    def write(self, event: Event) -> bytes:
        """Return the chunk of an event, which may be nothing."""
        if isinstance(event, TextDelta):
            return self._text(event)
        if isinstance(event, ArgumentsDelta):
            return self._arguments(event)
        if isinstance(event, ReasoningDelta):
            return self._delta(self._blocks[event.block].choice, {"reasoning_content": event.text})
        if isinstance(event, BlockStarted):
            return self._block(event)
        return self._seldom(event)

    def fail(self, error: PilothouseError, request_id: str) -> bytes:
        """Return the error as the stream's last event; no `[DONE]` follows it."""
        return render_stream_error(error, request_id)

    def _seldom(self, event: Event) -> bytes:
        if isinstance(event, Started):
            self._begin(event)
        elif isinstance(event, Metered):
            self._usage, self._tier = event.usage, event.service_tier
        elif isinstance(event, SignatureDelta):
            return self._signature(event)
        elif isinstance(event, CitationAdded):
            return self._cite(event)
        elif isinstance(event, AudioDelta):
            audio = {key: value for key, value in (("data", event.data), ("transcript", event.transcript)) if value}
            return self._delta(self._blocks[event.block].choice, {"audio": audio})
        elif isinstance(event, Finished):
            return self._finish(event)
        elif isinstance(event, Ended):
            return self._end()
        return b""

    def _finish(self, event: Finished) -> bytes:
        # An answer without any part still begins with its role.
        opening = b"" if event.choice in self._begun else self._delta(event.choice, {"content": ""})
        return opening + self._chunk([_choice(event.choice, {}, finish_reason(event.stop))])

    def _begin(self, event: Started) -> None:
        self._shared = {
            "id": reply_id(event.id, self._echo),
            "object": "chat.completion.chunk",
            "created": event.created_s or self._echo.created_s,
            "model": event.model or self._echo.request.model,
        }

    def _end(self) -> bytes:
        tail = b""
        if self._usage is not None and self._echo.request.wants_usage:
            tail = self._chunk([], usage=openai_usage.write(self._usage))
        return tail + b"data: [DONE]\n\n"

    def _block(self, event: BlockStarted) -> bytes:
        block = self._blocks[event.block] = _Block(event.part, event.choice, self._said.get(event.choice, 0))
        part = event.part
        if isinstance(part, ToolCall):
            block.call = self._calls.get(event.choice, 0)
            self._calls[event.choice] = block.call + 1
            kind = "custom" if part.custom else "function"
            identity = part.id or call_id(self._echo, event.choice, block.call)
            inner = {"name": part.name, "input" if part.custom else "arguments": part.arguments}
            call: dict[str, Any] = {"index": block.call, "id": identity, "type": kind, kind: inner}
            if part.signature:
                call["extra_content"] = {"google": {"thought_signature": part.signature}}
            return self._delta(event.choice, {"tool_calls": [call]})
        if isinstance(part, Reasoning) and part.redacted:
            return self._delta(event.choice, reasoning_fields((part,)))
        if isinstance(part, Image):
            image = {"type": "image_url", "image_url": {"url": address_of(part.media)}}
            return self._delta(event.choice, {"images": [image]})
        if isinstance(part, Audio) and part.id:
            return self._delta(event.choice, {"audio": {"id": part.id}})
        return b""

    def _text(self, event: TextDelta) -> bytes:
        block = self._blocks[event.block]
        if isinstance(block.part, Refusal):
            return self._delta(block.choice, {"refusal": event.text})
        self._said[block.choice] = self._said.get(block.choice, 0) + len(event.text)
        if event.logprobs is None:
            return self._delta(block.choice, {"content": event.text})
        return self._delta(block.choice, {"content": event.text}, {"content": event.logprobs, "refusal": None})

    def _cite(self, event: CitationAdded) -> bytes:
        block = self._blocks[event.block]
        length = self._said.get(block.choice, 0) - block.before
        found = annotation(event.dialect, event.citation, length, block.before)
        return b"" if found is None else self._delta(block.choice, {"annotations": [found]})

    def _arguments(self, event: ArgumentsDelta) -> bytes:
        block = self._blocks[event.block]
        custom = isinstance(block.part, ToolCall) and block.part.custom
        inner = {"custom": {"input": event.text}} if custom else {"function": {"arguments": event.text}}
        return self._delta(block.choice, {"tool_calls": [{"index": block.call, **inner}]})

    def _signature(self, event: SignatureDelta) -> bytes:
        block = self._blocks[event.block]
        if isinstance(block.part, Reasoning):
            signed = {"type": "reasoning.text", "text": "", "signature": event.signature, "format": block.part.vendor}
            return self._delta(block.choice, {"reasoning_details": [signed]})
        if isinstance(block.part, ToolCall):
            marked = {"google": {"thought_signature": event.signature}}
            return self._delta(block.choice, {"tool_calls": [{"index": block.call, "extra_content": marked}]})
        return b""

    def _delta(self, choice: int, delta: dict[str, Any], logprobs: Any = None) -> bytes:
        if choice not in self._begun:
            self._begun.add(choice)
            # LlamaIndex leaves out a first chunk that has neither content nor calls, and its thought would be lost.
            delta = {"role": "assistant", "content": "", **delta}
        return self._chunk([_choice(choice, delta, None, logprobs)])

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        if self._tier:
            more["service_tier"] = openai_usage.tier_word(self._tier)
        return b"data: " + ENCODER.encode({**self._shared, "choices": choices, **more}) + b"\n\n"


class _Block:
    def __init__(self, part: Part, choice: int, before: int) -> None:
        self.part = part
        self.choice = choice
        self.before = before
        """Characters of content before it."""
        self.call = 0


def _choice(index: int, delta: dict[str, Any], finish: str | None, logprobs: Any = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
