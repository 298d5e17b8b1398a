"""Events of the domain as Cohere's stream."""

from typing import Any

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
    Refusal,
    Started,
    StopReason,
    Text,
    TextDelta,
    ToolCall,
)
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError
from pilothouse.protocols import loose
from pilothouse.protocols.base import Echo
from pilothouse.protocols.cohere_chat import errors, usage, wire
from pilothouse.protocols.cohere_chat.cited import citation
from pilothouse.protocols.cohere_chat.replies import write_call


class StreamWriter:
    """Writes one stream; contents and calls are numbered apart, and usage stands in the last event."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self._id = echo.id
        self._usage: Usage | None = None
        self._stop = StopReason.END
        self._block = -1
        """The domain's number of the block that is being written."""
        self._part: Part | None = None
        self._begun = False
        """Whether the start of the block has been written."""
        self._said: list[str] = []
        """What the block says so far."""
        self._contents = -1
        self._calls = -1
        self._citations = -1

    def write(self, event: Event) -> bytes:
        """Return what an event gives to send, which may be nothing."""
        match event:
            case Started():
                return self._start(event)
            case BlockStarted():
                return self._open(event)
            case TextDelta() | ReasoningDelta() | ArgumentsDelta() if event.block == self._block and event.text:
                return self._add(loose.clean(event.text))
            case CitationAdded() if event.block == self._block and self._begun:
                return self._cite(event)
            case BlockEnded() if event.block == self._block:
                return self._close()
            case Metered():
                self._usage = event.usage
                return b""
            case Finished():
                self._stop = event.stop if event.choice == 0 else self._stop
                return b""
            case Ended():
                return self._end()
            case _:
                return b""

    def fail(self, error: PilothouseError, request_id: str) -> bytes:
        """Return the error as the stream's last event."""
        return errors.render_stream_error(error, request_id)

    def _start(self, event: Started) -> bytes:
        self._id = event.id or self._id
        message: dict[str, Any] = {
            "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": [],
        }  # fmt: skip
        return wire.encode("message-start", {"id": self._id, "delta": {"message": message}})

    def _open(self, event: BlockStarted) -> bytes:
        if event.choice != 0:
            return b""
        out = self._close()
        self._block, self._part = event.block, event.part
        if not isinstance(event.part, ToolCall):
            return out
        self._begun = True
        self._calls += 1
        call = write_call(event.part, self._echo, self._calls)
        return out + self._event("tool-call-start", self._calls, {"tool_calls": call})

    def _add(self, said: str) -> bytes:
        match self._part:
            case ToolCall():
                return self._event("tool-call-delta", self._calls, {"tool_calls": {"function": {"arguments": said}}})
            case Reasoning():
                return self._content("thinking", said)
            case Text() | Refusal():
                return self._content("text", said)
            case _:
                return b""

    def _content(self, kind: str, said: str) -> bytes:
        out = b""
        if not self._begun:
            self._begun = True
            self._contents += 1
            out = self._event("content-start", self._contents, {"content": {"type": kind, kind: ""}})
        self._said.append(said)
        return out + self._event("content-delta", self._contents, {"content": {kind: said}})

    def _cite(self, event: CitationAdded) -> bytes:
        found = citation(event.dialect, event.citation, "".join(self._said), self._contents)
        if found is None:
            return b""
        self._citations += 1
        begin = self._event("citation-start", self._citations, {"citations": found})
        return begin + wire.encode("citation-end", {"index": self._citations})

    def _close(self) -> bytes:
        begun, part = self._begun, self._part
        self._block, self._part, self._begun, self._said = -1, None, False, []
        if not begun:
            return b""
        if isinstance(part, ToolCall):
            return wire.encode("tool-call-end", {"index": self._calls})
        return wire.encode("content-end", {"index": self._contents})

    def _event(self, kind: str, index: int, message: dict[str, Any]) -> bytes:
        return wire.encode(kind, {"index": index, "delta": {"message": message}})

    def _end(self) -> bytes:
        delta = {"finish_reason": wire.finish_reason(self._stop), "usage": usage.write(self._usage)}
        return self._close() + wire.encode("message-end", {"id": self._id, "delta": delta})
