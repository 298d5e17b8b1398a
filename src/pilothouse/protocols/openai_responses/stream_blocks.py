"""The open block of a Responses stream that is being written: a part of a message, a call, or a thought."""

from typing import Any, Protocol

import msgspec

from pilothouse.domain.chat import Audio, Reasoning, Refusal, Text, ToolCall
from pilothouse.protocols.openai_responses import output
from pilothouse.protocols.openai_responses.parts_out import annotations
from pilothouse.protocols.openai_responses.stream_events import Numbered, Spot


class Block(Protocol):
    """What can be done with an open block."""

    signature: str
    length: int
    """Of its text so far, in characters."""
    item: dict[str, Any] | None
    """The whole item once it is closed; None of a part of a message."""

    def open(self) -> bytes:
        """Return the events that announce it."""
        ...

    def text(self, text: str, logprobs: Any) -> bytes:
        """Return more of its text or arguments."""
        ...

    def thought(self, text: str, *, summary: bool) -> bytes:
        """Return more of a thought."""
        ...

    def annotate(self, annotation: dict[str, Any]) -> bytes:
        """Return an annotation of its text."""
        ...

    def close(self) -> bytes:
        """Return the events that end it."""
        ...


class MessageItem:
    """An open message, to which parts are added."""

    def __init__(self, made: Numbered, identity: str, place: int) -> None:
        self.id = identity
        self.place = place
        self.parts: list[dict[str, Any]] = []
        self.item = output.message(identity, self.parts, output.COMPLETED)
        self._made = made

    def open(self) -> bytes:
        """Return the event that announces it."""
        item = output.message(self.id, [], output.IN_PROGRESS)
        return self._made.event("output_item.added", output_index=self.place, item=item)

    def close(self, status: str) -> bytes:
        """Return the event that ends it."""
        self.item["status"] = status
        return self._made.event("output_item.done", output_index=self.place, item=self.item)


class _Base:
    def __init__(self, made: Numbered) -> None:
        self.signature = ""
        self.length = 0
        self.item: dict[str, Any] | None = None
        self._made = made

    def text(self, text: str, logprobs: Any) -> bytes:
        """Take nothing, as a block of another kind."""
        del text, logprobs
        return b""

    def thought(self, text: str, *, summary: bool) -> bytes:
        """Take nothing, as a block of another kind."""
        del text, summary
        return b""

    def annotate(self, annotation: dict[str, Any]) -> bytes:
        """Take nothing, as a block of another kind."""
        del annotation
        return b""


class TextBlock(_Base):
    """A part of a message: text, a refusal, or what is said aloud."""

    def __init__(self, made: Numbered, message: MessageItem, part: Text | Refusal | Audio) -> None:
        super().__init__(made)
        self._message = message
        self._refusal = isinstance(part, Refusal)
        self._name = "refusal" if self._refusal else "output_text"
        self._spot = Spot(message.id, message.place, "content_index", len(message.parts)).fields
        self._first = part.transcript if isinstance(part, Audio) else part.text
        self._cited = annotations(part) if isinstance(part, Text) else []
        self._pieces: list[str] = []
        self._logprobs: list[dict[str, Any]] = []
        if isinstance(part, Text):
            self.signature = part.signature

    def open(self) -> bytes:
        """Return the events that announce the part, and its text so far."""
        cited, self._cited = self._cited, []
        out = self._made.event("content_part.added", **self._spot, part=self._part("", whole=False))
        out += self.text(self._first, None)
        return out + b"".join(self.annotate(one) for one in cited)

    def text(self, text: str, logprobs: Any) -> bytes:
        """Return a delta."""
        if not text:
            return b""
        self._pieces.append(text)
        self.length += len(text)
        if self._refusal:
            return self._made.event("refusal.delta", **self._spot, delta=text)
        found = output.token_logprobs(logprobs)
        self._logprobs += found
        return self._made.event("output_text.delta", **self._spot, delta=text, logprobs=found)

    def annotate(self, annotation: dict[str, Any]) -> bytes:
        """Return an annotation."""
        number = len(self._cited)
        self._cited.append(annotation)
        return self._made.event(
            "output_text.annotation.added", **self._spot, annotation_index=number, annotation=annotation
        )

    def close(self) -> bytes:
        """Return the end of the part."""
        text = "".join(self._pieces)
        if self._refusal:
            out = self._made.event("refusal.done", **self._spot, refusal=text)
        else:
            out = self._made.event("output_text.done", **self._spot, text=text, logprobs=self._logprobs)
        part = self._part(text, whole=True)
        self._message.parts.append(part)
        return out + self._made.event("content_part.done", **self._spot, part=part)

    def _part(self, text: str, *, whole: bool) -> dict[str, Any]:
        if self._refusal:
            return output.refusal_part(text)
        part = output.text_part(text, self._cited)
        part["logprobs"] = self._logprobs if whole else []
        return output.signed(part, self.signature if whole else "")


class CallBlock(_Base):
    """A call of a function or of a custom tool."""

    def __init__(self, made: Numbered, identity: str, place: int, part: ToolCall) -> None:
        super().__init__(made)
        self._id = identity
        self._place = place
        self._part = part
        self._name = "custom_tool_call_input" if part.custom else "function_call_arguments"
        self._spot = Spot(identity, place).fields
        self._pieces: list[str] = []
        self.item: dict[str, Any] | None = None
        self.signature = part.signature

    def open(self) -> bytes:
        """Return the event that announces the call, and its arguments so far."""
        begun = msgspec.structs.replace(self._part, arguments="")
        item = output.call(self._id, begun, output.IN_PROGRESS)
        out = self._made.event("output_item.added", output_index=self._place, item=item)
        return out + self.text(self._part.arguments, None)

    def text(self, text: str, logprobs: Any) -> bytes:
        """Return a delta of the arguments."""
        if not text:
            return b""
        self._pieces.append(text)
        return self._made.event(f"{self._name}.delta", **self._spot, delta=text)

    def close(self) -> bytes:
        """Return the end of the call."""
        out = self.text(output.NO_ARGUMENTS, None) if not self._pieces and not self._part.custom else b""
        arguments = "".join(self._pieces)
        whole = msgspec.structs.replace(self._part, arguments=arguments)
        late = self.signature if not whole.signature else ""
        self.item = output.signed(output.call(self._id, whole, output.COMPLETED), late)
        told = {"input": arguments} if self._part.custom else {"arguments": arguments, "name": self._part.name}
        out += self._made.event(f"{self._name}.done", **self._spot, **told)
        return out + self._made.event("output_item.done", output_index=self._place, item=self.item)


class ThoughtBlock(_Base):
    """A reasoning item: its summary, its text, or both, one after the other."""

    def __init__(self, made: Numbered, identity: str, place: int, part: Reasoning, *, short: bool) -> None:
        super().__init__(made)
        self._id = identity
        self._place = place
        self._part = part
        self._short = short
        self._summary: list[str] = []
        self._content = ""
        self._open = ""
        self.item: dict[str, Any] | None = None
        self.signature = part.signature

    def open(self) -> bytes:
        """Return the event that announces the thought, and what is known of it."""
        empty = msgspec.structs.replace(self._part, text="", summary=(), signature="", redacted="")
        item = output.thought(self._id, empty, output.IN_PROGRESS)
        out = self._made.event("output_item.added", output_index=self._place, item=item)
        for text in self._part.summary:
            out += self.thought(text, summary=True) + self._end_part()
        return out + (self.thought(self._part.text, summary=False) if self._part.text else b"")

    def thought(self, text: str, *, summary: bool) -> bytes:
        """Return a delta of the summary or of the text; where the caller asked for a summary, text is given as one."""
        if not text:
            return b""
        kind = "summary" if summary or self._short else "text"
        out = b"" if self._open == kind else self._end_part() + self._begin_part(kind)
        if kind == "summary":
            self._summary[-1] += text
            return out + self._made.event("reasoning_summary_text.delta", **self._spot(), delta=text)
        self._content += text
        return out + self._made.event("reasoning_text.delta", **self._spot(), delta=text)

    def close(self) -> bytes:
        """Return the end of the thought."""
        out = self._end_part()
        whole = msgspec.structs.replace(
            self._part, text=self._content, summary=tuple(self._summary), signature=self.signature
        )
        self.item = output.thought(self._id, whole, output.COMPLETED)
        return out + self._made.event("output_item.done", output_index=self._place, item=self.item)

    def _spot(self) -> dict[str, Any]:
        if self._open == "summary":
            return Spot(self._id, self._place, "summary_index", len(self._summary) - 1).fields
        return Spot(self._id, self._place, "content_index", 0).fields

    def _begin_part(self, kind: str) -> bytes:
        self._open = kind
        if kind == "summary":
            self._summary.append("")
            part = {"type": "summary_text", "text": ""}
            return self._made.event("reasoning_summary_part.added", **self._spot(), part=part)
        if self._content:
            return b""
        return self._made.event("content_part.added", **self._spot(), part={"type": "reasoning_text", "text": ""})

    def _end_part(self) -> bytes:
        kind, spot = self._open, self._spot()
        self._open = ""
        if kind == "summary":
            text = self._summary[-1]
            done = self._made.event("reasoning_summary_text.done", **spot, text=text)
            part = {"type": "summary_text", "text": text}
            return done + self._made.event("reasoning_summary_part.done", **spot, part=part)
        if not kind:
            return b""
        done = self._made.event("reasoning_text.done", **spot, text=self._content)
        part = {"type": "reasoning_text", "text": self._content}
        return done + self._made.event("content_part.done", **spot, part=part)
