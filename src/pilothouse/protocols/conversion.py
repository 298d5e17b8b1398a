"""One call whose caller and provider speak different dialects: into the domain and out of it, both ways."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from pilothouse.domain.chat import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    ChatReply,
    Ended,
    Event,
    Finished,
    Metered,
    Reasoning,
    ReasoningDelta,
    Refusal,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    ToolCall,
)
from pilothouse.domain.chat.parts import Part
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError
from pilothouse.protocols.base import (
    Ask,
    ChatCodec,
    Dialect,
    Echo,
    EmbeddingsCodec,
    ErrorBody,
    Memo,
    Reply,
    Scan,
    StreamReader,
    StreamWriter,
)

_CONTENT = (TextDelta, ReasoningDelta, ArgumentsDelta, SignatureDelta)


class Task(msgspec.Struct, frozen=True):
    """What is to be converted."""

    caller: Dialect
    upstream: Dialect
    body: bytes
    ask: Ask
    model: str
    """The provider's name of the model."""
    facts: ModelFacts
    id: str = ""
    created_s: int = 0


class Conversion(Protocol):
    """A call that has been converted on its way out, and can convert its answer."""

    body: bytes
    losses: tuple[Loss, ...]
    streamed: bool

    def reply(self, body: bytes) -> bytes:
        """Return a whole answer of the provider in the caller's dialect; raises `UpstreamProtocol`."""
        ...

    def scan(self) -> "ConvertedScan":
        """Return the scan that converts a streamed answer."""
        ...


def convert(task: Task) -> Conversion | None:
    """Return the conversion; None when one of the two dialects is only ever passed through, or they are of two kinds.

    Raises `InvalidJson` or `InvalidRequest` for what the caller sent.
    """
    caller, upstream = task.caller.codec, task.upstream.codec
    if isinstance(caller, ChatCodec) and isinstance(upstream, ChatCodec):
        return _Chat(task, caller, upstream)
    if isinstance(caller, EmbeddingsCodec) and isinstance(upstream, EmbeddingsCodec):
        return _Embeddings(task, caller, upstream)
    return None


class _Chat:
    def __init__(self, task: Task, caller: ChatCodec, upstream: ChatCodec) -> None:
        request = caller.read_request(task.body, task.ask)
        self._caller, self._upstream, self._spoken = caller, upstream, task.upstream
        self._echo = Echo(request, task.id, task.created_s)
        written = upstream.write_request(msgspec.structs.replace(request, model=task.model), task.facts)
        self.body, self.losses, self._memo = written.body, written.losses, written.memo
        self.streamed = request.streamed

    def reply(self, body: bytes) -> bytes:
        return self._caller.write_reply(self._upstream.read_reply(body, self._memo), self._echo)

    def scan(self) -> "ConvertedScan":
        whole = _Whole(self._spoken, self._upstream, self._memo)
        return ConvertedScan(self._upstream.reader(self._memo), self._caller.writer(self._echo), whole)


class _Embeddings:
    def __init__(self, task: Task, caller: EmbeddingsCodec, upstream: EmbeddingsCodec) -> None:
        self._request = caller.read_request(task.body, task.ask)
        self._caller, self._upstream = caller, upstream
        written = upstream.write_request(msgspec.structs.replace(self._request, model=task.model), task.facts)
        self.body, self.losses = written.body, written.losses
        self.streamed = False

    def reply(self, body: bytes) -> bytes:
        return self._caller.write_reply(self._upstream.read_reply(body), self._request)

    def scan(self) -> "ConvertedScan":
        raise AssertionError("embeddings do not stream")


class _Whole(msgspec.Struct, frozen=True):
    """How to read a whole answer of a server that was asked to stream and did not."""

    dialect: Dialect
    codec: ChatCodec
    memo: Memo

    def read(self, body: bytes) -> tuple[Reply, Sequence[Event]]:
        found = self.dialect.read_reply(body)
        if found.error is not None:
            return found, ()
        return found, tuple(events_of(self.codec.read_reply(body, self.memo)))


class ConvertedScan:
    """A `Scan` that reads one dialect and passes on another."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, whole: _Whole) -> None:
        self._reader = reader
        self._writer = writer
        self._whole = whole
        self._unstreamed: bytearray | None = None
        self._begun = False
        self.model = ""
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.content_seen = False
        self.done = False
        self.error: ErrorBody | None = None

    @property
    def complete(self) -> bool:
        """Whether the stream came to its proper end."""
        return self.done

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came and return what they give to the caller."""
        if not self._begun and chunk.strip():
            self._begun = True
            if chunk.lstrip()[:1] == b"{":
                self._unstreamed = bytearray()
        if self._unstreamed is not None:
            self._unstreamed += chunk
            return b""
        return self._take(self._reader.feed(chunk))

    def end(self) -> bytes:
        """Take the clean end of the body and return the rest."""
        if self._unstreamed is not None:
            found, events = self._whole.read(bytes(self._unstreamed))
            self.error = found.error
            return self._take(events)
        return self._take(self._reader.end())

    def fail(self, error: PilothouseError, request_id: str) -> bytes:
        """Return the error as the stream's last bytes."""
        return self._writer.fail(error, request_id)

    def _take(self, events: Sequence[Event]) -> bytes:
        if self._reader.error is not None:
            self.error = self._reader.error
        out: list[bytes] = []
        for event in events:
            self._note(event)
            out.append(self._writer.write(event))
        return b"".join(out)

    def _note(self, event: Event) -> None:
        if isinstance(event, _CONTENT):
            self.content_seen = True
        elif isinstance(event, Metered):
            self.usage = event.usage
        elif isinstance(event, Started):
            self.model = event.model or self.model
        elif isinstance(event, Finished):
            self.finish_reason = self.finish_reason or event.stop_raw or event.stop
        elif isinstance(event, BlockStarted):
            self.content_seen = self.content_seen or not isinstance(event.part, Text | Reasoning)
        elif isinstance(event, Ended):
            # An answer may be empty; then its end is all the content there is.
            self.done = self.content_seen = True


def events_of(reply: ChatReply) -> Iterator[Event]:
    """Yield a whole answer as the events of a stream."""
    yield Started(reply.id, reply.model, reply.created_s)
    block = 0
    for number, choice in enumerate(reply.choices):
        for part in choice.parts:
            yield from _block_of(part, block, number)
            block += 1
        yield Finished(choice.stop, choice.stop_raw, choice.stop_text, number)
    if reply.usage is not None:
        yield Metered(reply.usage, reply.service_tier)
    yield Ended()


def _block_of(part: Part, block: int, choice: int) -> Iterator[Event]:
    if isinstance(part, Text):
        yield BlockStarted(block, Text("", extra=part.extra), choice)
        yield TextDelta(block, part.text)
        yield from _signed(block, part.signature)
    elif isinstance(part, Refusal):
        yield BlockStarted(block, Refusal(""), choice)
        yield TextDelta(block, part.text)
    elif isinstance(part, Reasoning) and not part.redacted:
        yield BlockStarted(block, msgspec.structs.replace(part, text="", summary=(), signature=""), choice)
        for text in part.summary:
            yield ReasoningDelta(block, text, summary=True)
        if part.text:
            yield ReasoningDelta(block, part.text)
        yield from _signed(block, part.signature)
    elif isinstance(part, ToolCall):
        yield BlockStarted(block, msgspec.structs.replace(part, arguments=""), choice)
        if part.arguments:
            yield ArgumentsDelta(block, part.arguments)
    else:
        yield BlockStarted(block, part, choice)
    yield BlockEnded(block)


def _signed(block: int, signature: str) -> Iterator[Event]:
    if signature:
        yield SignatureDelta(block, signature)


def target(caller: Dialect, names: Sequence[str], find: Callable[[str], Dialect]) -> Dialect | None:
    """Return the first of a provider's dialects that the caller's can be converted to."""
    kind = type(caller.codec)
    if caller.codec is None:
        return None
    for name in names:
        dialect = find(name)
        if isinstance(dialect.codec, kind):
            return dialect
    return None


__all__ = ["Conversion", "ConvertedScan", "Scan", "Task", "convert", "events_of", "target"]
