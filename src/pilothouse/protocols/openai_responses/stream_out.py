"""Events of the domain as a Responses stream."""

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
    Metered,
    Part,
    Reasoning,
    ReasoningDelta,
    SignatureDelta,
    Started,
    StopReason,
    TextDelta,
    ToolCall,
)
from pilothouse.domain.chat.parts import Audio, Refusal, Text
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError, UpstreamRateLimited
from pilothouse.protocols.base import Echo
from pilothouse.protocols.openai_responses import errors, output, response
from pilothouse.protocols.openai_responses.parts_out import annotation
from pilothouse.protocols.openai_responses.reply_out import item_of, wants_summary
from pilothouse.protocols.openai_responses.response import Answer, Ending
from pilothouse.protocols.openai_responses.stream_blocks import Block, CallBlock, MessageItem, TextBlock, ThoughtBlock
from pilothouse.protocols.openai_responses.stream_events import Numbered


class StreamWriter:
    """Writes one answer; of several choices only the first, since this API has one."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self._made = Numbered()
        self._short = wants_summary(echo)
        self._base = ""
        self._model = ""
        self._created_s = echo.created_s
        self._usage: Usage | None = None
        self._tier = ""
        self._stop = StopReason.UNKNOWN
        self._items: list[dict[str, Any]] = []
        self._message: MessageItem | None = None
        self._block: Block | None = None
        self._block_number = -1
        self._refusal_shown = False

    def write(self, event: Event) -> bytes:
        """Return what an event gives to send, which may be nothing."""
        if isinstance(event, Started):
            return self._start(event)
        if isinstance(event, BlockStarted):
            return self._open(event) if event.choice == 0 else b""
        if isinstance(event, Finished):
            self._stop = event.stop if event.choice == 0 else self._stop
            return b""
        if isinstance(event, Metered):
            self._usage, self._tier = event.usage, event.service_tier or self._tier
            return b""
        if isinstance(event, Ended):
            return self._finish()
        if self._block is None or event.block != self._block_number:
            return b""
        if isinstance(event, BlockEnded):
            return self._close_block()
        return self._more(self._block, event)

    def fail(self, error: PilothouseError, request_id: str) -> bytes:
        """Return the error event, and the failed response as far as it came if the stream has begun."""
        told = errors.error_event(error, request_id, 0)
        out = self._made.plain(told)
        if not self._base:
            return out
        self._close_block()
        self._close_message()
        # Of the codes that this API has for a failed response only these two say anything of a failure on the way.
        code = "rate_limit_exceeded" if isinstance(error, UpstreamRateLimited) else "server_error"
        end = Ending("failed", error={"code": code, "message": told["message"]})
        return out + self._made.event("failed", response=self._document(end, self._items))

    def _start(self, event: Started) -> bytes:
        if self._base:
            return b""
        self._base = response.base_id(event.id, self._echo)
        self._model = event.model
        self._created_s = event.created_s or self._created_s
        begun = self._document(Ending("in_progress"), [])
        return self._made.event("created", response=begun) + self._made.event("in_progress", response=begun)

    def _open(self, event: BlockStarted) -> bytes:
        out = self._close_block()
        part, self._block_number = event.part, event.block
        if isinstance(part, Text | Refusal | Audio):
            if self._message is None:
                self._message = MessageItem(self._made, f"msg_{self._suffix()}", len(self._items))
                out += self._message.open()
            self._refusal_shown = self._refusal_shown or isinstance(part, Refusal)
            self._block = TextBlock(self._made, self._message, part)
            return out + self._block.open()
        return out + self._close_message() + self._open_item(part)

    def _open_item(self, part: Part) -> bytes:
        if isinstance(part, ToolCall):
            kind = "ctc" if part.custom else "fc"
            self._block = CallBlock(self._made, f"{kind}_{self._suffix()}", len(self._items), part)
            return self._block.open()
        if isinstance(part, Reasoning):
            identity = part.id or f"rs_{self._suffix()}"
            self._block = ThoughtBlock(self._made, identity, len(self._items), part, short=self._short)
            return self._block.open()
        item = item_of(part, self._suffix(), short=self._short)
        if item is None:
            return b""
        place = len(self._items)
        self._items.append(item)
        added = self._made.event("output_item.added", output_index=place, item=item)
        return added + self._made.event("output_item.done", output_index=place, item=item)

    def _more(self, block: Block, event: Event) -> bytes:
        if isinstance(event, TextDelta):
            return block.text(event.text, event.logprobs)
        if isinstance(event, ArgumentsDelta):
            return block.text(event.text, None)
        if isinstance(event, ReasoningDelta):
            return block.thought(event.text, summary=event.summary)
        if isinstance(event, AudioDelta):
            return block.text(event.transcript, None)
        if isinstance(event, SignatureDelta):
            block.signature = event.signature
        elif isinstance(event, CitationAdded):
            found = annotation(event.dialect, event.citation, block.length)
            return block.annotate(found) if found is not None else b""
        return b""

    def _close_block(self) -> bytes:
        block, self._block = self._block, None
        if block is None:
            return b""
        out = block.close()
        if block.item is not None:
            self._items.append(block.item)
        return out

    def _close_message(self, status: str = output.COMPLETED) -> bytes:
        message, self._message = self._message, None
        if message is None:
            return b""
        out = message.close(status)
        self._items.append(message.item)
        return out

    def _finish(self) -> bytes:
        out = self._start(Started()) + self._close_block()
        end = response.ending(self._stop, refusal_shown=self._refusal_shown)
        out += self._close_message(output.INCOMPLETE if end.status == "incomplete" else output.COMPLETED)
        return out + self._made.event(end.status, response=self._document(end, self._items))

    def _suffix(self) -> str:
        return f"{self._base}_{len(self._items)}"

    def _document(self, end: Ending, items: list[dict[str, Any]]) -> dict[str, Any]:
        answer = Answer(
            id=self._base,
            model=self._model,
            created_s=self._created_s,
            usage=self._usage,
            service_tier=self._tier,
        )
        return response.document(answer, items, end, self._echo.request)
