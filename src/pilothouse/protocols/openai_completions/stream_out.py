"""Events as a completions stream."""

from typing import Any

from pilothouse.domain.chat import BlockStarted, Ended, Event, Finished, Metered, Refusal, Started, Text, TextDelta
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError
from pilothouse.protocols import openai_usage
from pilothouse.protocols.base import Echo
from pilothouse.protocols.loose import ENCODER
from pilothouse.protocols.openai_completions.logprobs import from_chat
from pilothouse.protocols.openai_completions.prompts import echoed
from pilothouse.protocols.openai_completions.replies import completion_id, finish_word
from pilothouse.protocols.openai_error import render_stream_error


class CompletionsOut:
    """Writes chunks with one id, time and model; what is no text of the answer has no place in them."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self._before = echoed(echo.request)
        self._shared: dict[str, Any] = {}
        self._usage: Usage | None = None
        self._texts: dict[int, int] = {}
        """The choices of the blocks that are text."""
        self._lengths: dict[int, int] = {}
        """Characters so far, by choice that has begun."""

    def write(self, event: Event) -> bytes:
        """Return the chunk of an event, which may be nothing."""
        if isinstance(event, TextDelta):
            return self._text(self._texts[event.block], event.text, event.logprobs)
        if isinstance(event, BlockStarted) and isinstance(event.part, Text | Refusal):
            self._texts[event.block] = event.choice
        elif isinstance(event, Started):
            self._begin(event)
        elif isinstance(event, Metered):
            self._usage = event.usage
        elif isinstance(event, Finished):
            return self._finish(event)
        elif isinstance(event, Ended):
            return self._end()
        return b""

    def fail(self, error: PilothouseError, request_id: str) -> bytes:
        """Return the error as the stream's last event; no `[DONE]` follows it."""
        return render_stream_error(error, request_id)

    def _begin(self, event: Started) -> None:
        self._shared = {
            "id": completion_id(event.id, self._echo),
            "object": "text_completion",
            "created": event.created_s or self._echo.created_s,
            "model": event.model or self._echo.request.model,
        }

    def _text(self, choice: int, said: str, chances: Any) -> bytes:
        out = b""
        if choice not in self._lengths:
            self._lengths[choice] = len(self._before)
            out = self._chunk([_choice(choice, self._before)]) if self._before else b""
        logprobs = from_chat(chances, self._lengths[choice])
        self._lengths[choice] += len(said)
        return out + self._chunk([_choice(choice, said, logprobs)])

    def _finish(self, event: Finished) -> bytes:
        before = "" if event.choice in self._lengths else self._before
        return self._chunk([_choice(event.choice, before, finish=finish_word(event.stop))])

    def _end(self) -> bytes:
        tail = b""
        if self._usage is not None and self._echo.request.wants_usage:
            tail = self._chunk([], usage=openai_usage.write(self._usage))
        return tail + b"data: [DONE]\n\n"

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        return b"data: " + ENCODER.encode({**self._shared, "choices": choices, **more}) + b"\n\n"


def _choice(place: int, said: str, logprobs: Any = None, finish: str | None = None) -> dict[str, Any]:
    return {"text": said, "index": place, "logprobs": logprobs, "finish_reason": finish}
