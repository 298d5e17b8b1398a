"""One call whose caller and provider speak different dialects: into the domain and out of it, both ways."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from pilothouse.domain.chat import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    ChatReply,
    ChatRequest,
    Choice,
    CitationAdded,
    Ended,
    Event,
    Finished,
    Media,
    Metered,
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
from pilothouse.domain.chat.parts import Part
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.errors import AnswerBroken, PilothouseError
from pilothouse.protocols.answer_check import AnswerCheck, Said
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
from pilothouse.protocols.caller_fields import named
from pilothouse.protocols.cited_documents import TranslatedWriter, Translator
from pilothouse.protocols.remote_media import Wanted, filled, wanted

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
    elapsed_ms: Callable[[], int] | None = None
    """Since the call came."""
    refuses_off_schema: bool = True
    """Whether an answer that breaks a schema which the caller may rely on is an error."""


class Conversion(Protocol):
    """A call that has been converted on its way out, and can convert its answer."""

    body: bytes
    losses: tuple[Loss, ...]
    streamed: bool
    unsaid: list[Loss]
    """What of the answer the caller's dialect has no place for, so far."""
    wanted: tuple[Wanted, ...]
    """What the provider would take if it were fetched."""
    check: AnswerCheck | None
    """Of the answer against the caller's schema, where the provider is not held to all of it."""

    def reply(self, body: bytes) -> bytes:
        """Return a whole answer of the provider in the caller's dialect; raises `UpstreamProtocol` or `AnswerBroken`.

        It has been checked then; what comes of that is for the one who asked.
        """
        ...

    def filled(self, found: Mapping[str, Media]) -> "Conversion":
        """Return the conversion anew, with the bytes of what was found at some of the addresses wanted."""
        ...

    def scan(self) -> "ConvertedScan":
        """Return the scan that converts a streamed answer; raises `AnswerOffSchema` or `AnswerBroken` at its end."""
        ...


def convert(task: Task) -> Conversion | None:
    """Return the conversion; None when one of the two dialects is only ever passed through, or they are of two kinds.

    Raises `InvalidJson` or `InvalidRequest` for what the caller sent.
    """
    caller, upstream = task.caller.codec, task.upstream.codec
    if isinstance(caller, ChatCodec) and isinstance(upstream, ChatCodec):
        return _Chat(task, caller, upstream, caller.read_request(task.body, task.ask))
    if isinstance(caller, EmbeddingsCodec) and isinstance(upstream, EmbeddingsCodec):
        return _Embeddings(task, caller, upstream)
    return None


class _Chat:
    def __init__(self, task: Task, caller: ChatCodec, upstream: ChatCodec, request: ChatRequest) -> None:
        self._task, self._request = task, request
        self._caller, self._upstream, self._spoken = caller, upstream, task.upstream
        self._echo = Echo(request, task.id, task.created_s, task.ask.variant, task.elapsed_ms)
        written = upstream.write_request(msgspec.structs.replace(request, model=task.model), task.facts)
        self.body, self._memo = written.body, written.memo
        self.losses = named(request, written.losses) if written.losses else ()
        self.unsaid: list[Loss] = []
        self._cites = Translator(task.upstream.name, task.caller.name, request)
        self.wanted = wanted(request, self.losses)
        self.streamed = request.streamed
        refuses = task.refuses_off_schema and request.output.promised
        self.check = AnswerCheck(self._memo.schema, refuses=refuses) if self._memo.schema is not None else None

    def reply(self, body: bytes) -> bytes:
        found = self._upstream.read_reply(body, self._memo)
        for choice in found.choices:
            broken = _broken(choice, self._caller)
            if broken is not None:
                raise broken
        if self.check is not None:
            self.check.reply(found)
        if not self._cites.idle:
            found = self._cites.reply(found)
        cited = [part for choice in found.choices for part in choice.parts if isinstance(part, Text) and part.citations]
        if cited:
            # What the caller's streams have a place for, its whole answers have too.
            writer = self._caller.writer(self._echo)
            for event in events_of(found):
                _note_unsaid(event, writer.write(event), self.unsaid)
        return self._caller.write_reply(found, self._echo)

    def filled(self, found: Mapping[str, Media]) -> Conversion:
        return _Chat(self._task, self._caller, self._upstream, filled(self._request, found))

    def scan(self) -> "ConvertedScan":
        whole = _Whole(self._spoken, self._upstream, self._memo)
        said = Said(self.check) if self.check is not None else None
        reader, writer = self._upstream.reader(self._memo), self._caller.writer(self._echo)
        if not self._cites.idle:
            writer = TranslatedWriter(writer, self._cites)
        return ConvertedScan(reader, writer, Heard(self._caller, whole, said, self.unsaid))


class _Embeddings:
    def __init__(self, task: Task, caller: EmbeddingsCodec, upstream: EmbeddingsCodec) -> None:
        self._request = caller.read_request(task.body, task.ask)
        self._caller, self._upstream = caller, upstream
        written = upstream.write_request(msgspec.structs.replace(self._request, model=task.model), task.facts)
        self.body, self.losses = written.body, written.losses
        self.streamed = False
        self.unsaid: list[Loss] = []
        self.wanted: tuple[Wanted, ...] = ()
        self.check: AnswerCheck | None = None

    def reply(self, body: bytes) -> bytes:
        return self._caller.write_reply(self._upstream.read_reply(body), self._request)

    def filled(self, found: Mapping[str, Media]) -> Conversion:
        raise AssertionError("embeddings want nothing")

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


class Heard(msgspec.Struct, frozen=True):
    """What a scan does with an answer besides passing it on."""

    caller: ChatCodec
    whole: _Whole
    said: Said | None
    unsaid: list[Loss]


class ConvertedScan:
    """A `Scan` that reads one dialect and passes on another."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, heard: Heard) -> None:
        self._reader = reader
        self._writer = writer
        self._caller = heard.caller
        self._whole, self._said, self._unsaid = heard.whole, heard.said, heard.unsaid
        self._refusal: PilothouseError | None = None
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
        """Take bytes as they came and return what they give to the caller.

        Raises `AnswerOffSchema` or `AnswerBroken` when the events before have shown it; those have gone out by then.
        """
        self._raise_refusal()
        if not self._begun and chunk.strip():
            self._begun = True
            if chunk.lstrip()[:1] == b"{":
                self._unstreamed = bytearray()
        if self._unstreamed is not None:
            self._unstreamed += chunk
            return b""
        return self._take(self._reader.feed(chunk))

    def end(self) -> bytes:
        """Take the clean end of the body and return the rest; raises `AnswerOffSchema` or `AnswerBroken`."""
        self._raise_refusal()
        if self._unstreamed is not None:
            found, events = self._whole.read(bytes(self._unstreamed))
            self.error = found.error
        else:
            events = self._reader.end()
        out = self._take(events)
        self._raise_refusal()
        return out

    def _raise_refusal(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    def fail(self, error: PilothouseError, request_id: str) -> bytes:
        """Return the error as the stream's last bytes."""
        return self._writer.fail(error, request_id)

    def _take(self, events: Sequence[Event]) -> bytes:
        if self._reader.error is not None:
            self.error = self._reader.error
        out: list[bytes] = []
        for event in events:
            self._note(event)
            if self._refusal is None and isinstance(event, Finished):
                self._refusal = _broken(event, self._caller)
            if self._said is not None and self._refusal is None:
                self._refusal = self._said.hear(event)
            if self._refusal is None:
                written = self._writer.write(event)
                _note_unsaid(event, written, self._unsaid)
                out.append(written)
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


def _broken(end: Choice | Finished, caller: ChatCodec) -> AnswerBroken | None:
    """Return the error that an end is, where the caller's dialect has no word for it: it may not pass for whole."""
    if end.stop is not StopReason.BROKEN or caller.says_broken:
        return None
    word = end.stop_raw or "broken"
    return AnswerBroken(f"the model's output broke its own format ({word})", upstream_status=200)


def _note_unsaid(event: Event, written: bytes, unsaid: list[Loss]) -> None:
    if isinstance(event, CitationAdded) and not written and not unsaid:
        unsaid.append(Loss("answer.citations", f"the caller's API has no place for citations of {event.dialect}"))


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
        for citation in part.citations:
            yield CitationAdded(block, part.extra.dialect if part.extra is not None else "", citation)
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
