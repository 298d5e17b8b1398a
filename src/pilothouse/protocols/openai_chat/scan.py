"""The light scan of a chat stream on its way through."""

from typing import Any, cast

import msgspec

from pilothouse.domain.usage import Usage
from pilothouse.protocols import openai_error, openai_usage, sse
from pilothouse.protocols.base import NO_ASK, Ask, ErrorBody
from pilothouse.protocols.openai_chat.reply import to_stream

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Above the largest event any provider sends (inline audio or images); a stream without breaks cannot fill memory."""


class _Delta(msgspec.Struct):
    content: Any = None
    tool_calls: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: Any = None
    function_call: Any = None
    audio: Any = None
    images: Any = None

    def has_content(self) -> bool:
        return bool(
            self.content
            or self.tool_calls
            or self.reasoning_content
            or self.reasoning
            or self.reasoning_details
            or self.refusal
            or self.function_call
            or self.audio
            or self.images
        )


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: Any = None
    text: Any = None


class _Chunk(msgspec.Struct):
    model: Any = None
    choices: list[_Choice] | None = None
    usage: openai_usage.RawUsage | None = None
    error: Any = None
    service_tier: Any = None


_DECODER = msgspec.json.Decoder(_Chunk)
_ANY = msgspec.json.Decoder()


class StreamScan:
    """Splits a stream into events, passes them on byte for byte, and notes what the record needs.

    Only whole events are passed on, so that after a cut the caller's side is at an event's border and can be told.
    With `hide_usage` the event that carries usage and no choice is withheld: the gateway asked for it, not the caller.
    """

    def __init__(self, _ask: Ask = NO_ASK, *, hide_usage: bool = False) -> None:
        self.model = ""
        """As the first event names it."""
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.content_seen = False
        """Whether any event carried content: text, tool call, reasoning, refusal or audio."""
        self.done = False
        """Whether `[DONE]` came."""
        self.error: ErrorBody | None = None
        """An error object that came inside the stream; neither it nor anything after it is passed on.

        The gateway has to tell the caller in any case, and a provider's `[DONE]` after its error would deny it.
        """
        self.plain = False
        """Whether the body is no stream at all; nothing is passed on before `end`."""
        self._hide_usage = hide_usage
        self._splitter = sse.Splitter(MAX_EVENT_BYTES)
        self._started = False
        self._ended = False

    @property
    def complete(self) -> bool:
        """Whether the answer came to its proper end: `[DONE]`, or a finish reason and a clean end; no error."""
        return self.error is None and (self.done or (self._ended and self.finish_reason != ""))

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came off the socket and return those to pass on now.

        Raises `UpstreamProtocol` when one event is larger than 16 MiB.
        """
        if not self._started:
            self._start(chunk)
        if self.plain:
            self._splitter.hold(chunk)
            return b""
        ready = self._splitter.feed(chunk)
        if self.content_seen and self.error is None and _is_quiet(ready):
            return ready
        return self._scan(ready)

    def end(self) -> bytes:
        """Take the clean end of the upstream's body and return what is still to be passed on.

        A last event without its blank line is passed on with one. A whole JSON answer in place of a stream is passed on
        as the events it stands for. Raises `UpstreamProtocol` when the body was neither.
        """
        tail = self._splitter.end()
        self._ended = True
        if self.plain:
            return self._scan(self._as_stream(tail))
        if not tail.strip():
            return tail
        name, data = sse.parse(tail)
        if name or data == b"[DONE]" or _is_json(data):
            return self._scan(tail.rstrip(b"\r\n") + b"\n\n")
        # A comment, or an event that broke off in the middle of its JSON: the caller's parser must not see half of it.
        return b""

    def _as_stream(self, body: bytes) -> bytes:
        return to_stream(body)

    def _start(self, chunk: bytes) -> None:
        """Tell a stream from a whole body by the first byte that is not white."""
        first = chunk.lstrip()[:1]
        if first:
            self._started = True
            self.plain = first in (b"{", b"[", b"<")

    def _scan(self, ready: bytes) -> bytes:
        kept = [frame for frame in sse.frames(ready) if self._take(frame) and self.error is None]
        passed = b"".join(kept)
        return ready if len(passed) == len(ready) else passed

    def _take(self, frame: bytes) -> bool:
        """Note what an event says and return whether to pass it on."""
        if self.content_seen and _is_quiet(frame):
            return True
        name, data = sse.parse(frame)
        if name == b"error":
            self.error = openai_error.read_error(data) or ErrorBody(message=data.decode(errors="replace"), raw=data)
            return True
        if not data:
            return True
        if data == b"[DONE]":
            self.done = True
            return True
        try:
            chunk = _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._take_odd(data)
        return self._note(chunk, data)

    def _note(self, chunk: _Chunk, data: bytes) -> bool:
        if chunk.error or chunk.choices is None:
            self.error = openai_error.read_error(data) or self.error
        if not self.model and isinstance(chunk.model, str):
            self.model = chunk.model
        usage = openai_usage.buckets(chunk.usage) if chunk.usage is not None else None
        if usage is not None:
            self.usage = openai_usage.tiered(usage, chunk.service_tier)
        for choice in chunk.choices or ():
            if choice.finish_reason and isinstance(choice.finish_reason, str):
                self.finish_reason = choice.finish_reason
            if not self.content_seen and (choice.text or (choice.delta is not None and choice.delta.has_content())):
                self.content_seen = True
        return not (self._hide_usage and usage is not None and not chunk.choices and not chunk.error)

    def _take_odd(self, data: bytes) -> bool:
        """An event that is no chunk of the expected types: pass it on, and read of it what can be read."""
        try:
            document: Any = _ANY.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Half of a surrogate pair, as some servers stream an emoji; the text is content all the same.
            self.content_seen = True
            return True
        self.error = openai_error.find_error(document, data) or self.error
        if isinstance(document, dict) and self.error is None:
            self.content_seen = True
            self.usage = openai_usage.read(cast("dict[str, Any]", document).get("usage")) or self.usage
        return True


def _is_json(data: bytes) -> bool:
    try:
        _ANY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _is_quiet(events: bytes) -> bool:
    """Return whether nothing in the events can concern the record, going by their bytes alone.

    Most servers send `"usage":null` and `"finish_reason":null` in every event, so only other values count. A quote
    inside a text is escaped, so that a text cannot look like a key.
    """
    if b'"usage"' in events and events.count(b'"usage"') != _nulls(events, b'"usage":null', b'"usage": null'):
        return False
    found = events.count(b'"finish_reason"')
    if found and found != _nulls(events, b'"finish_reason":null', b'"finish_reason": null'):
        return False
    return b"error" not in events and b"[DONE]" not in events


def _nulls(events: bytes, tight: bytes, spaced: bytes) -> int:
    return events.count(tight) or events.count(spaced)
