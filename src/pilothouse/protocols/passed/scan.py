"""The scan of an answer that is passed through as it comes: sound, or events whose grammar is the provider's."""

from typing import Any, cast

import msgspec

from pilothouse.domain.usage import Usage
from pilothouse.protocols import openai_error, sse
from pilothouse.protocols.base import NO_ASK, Ask, ErrorBody
from pilothouse.protocols.passed.reply import usage

_DECODER = msgspec.json.Decoder()
_EVENTS = (b"data:", b"event:", b":")
_LONGEST_EVENT_BYTES = 64 * 1024 * 1024
_TAIL_BYTES = 4 * 1024


class PassedScan:
    """Passes every byte on at once; of server-sent events it notes usage and an error.

    Sound has no end of its own: the body's clean end is the answer's. Events end with one of type `….done` or
    `….completed`.
    """

    def __init__(self, _ask: Ask = NO_ASK, *, hide_usage: bool = False) -> None:
        self.model = ""
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.content_seen = False
        self.done = False
        self.error: ErrorBody | None = None
        self._events: bool | None = None
        self._begin = b""
        """What came before it was clear whether these are events."""
        self._splitter = sse.Splitter(_LONGEST_EVENT_BYTES)

    @property
    def complete(self) -> bool:
        """Whether the answer came to its proper end."""
        return self.done

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came and return those to pass on now."""
        if self._events is None:
            chunk = self._begin + chunk
            self._events = _are_events(chunk)
            self._begin = chunk if self._events is None else b""
            if self._events is None:
                return b""
        if not self._events:
            self.content_seen = self.content_seen or bool(chunk)
            return chunk
        return self._take(self._splitter.feed(chunk))

    def end(self) -> bytes:
        """Take the clean end of the body."""
        if not self._events:
            self.content_seen = self.done = self.content_seen or bool(self._begin)
            return self._begin
        return self._take(self._splitter.end())

    def _take(self, whole: bytes) -> bytes:
        out: list[bytes] = []
        for frame in sse.frames(whole):
            _, data = sse.parse(frame)
            if data:
                self._note(data)
            if self.error is not None:
                break
            out.append(frame)
        return b"".join(out)

    def _note(self, data: bytes) -> None:
        self.content_seen = True
        if data == b"[DONE]":
            self.done = True
            return
        try:
            document: Any = _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if not isinstance(document, dict):
            return
        event = cast("dict[str, Any]", document)
        kind = event.get("type")
        if isinstance(kind, str):
            self.done = self.done or kind.endswith((".done", ".completed"))
        if kind == "error" or event.get("error"):
            self.error = openai_error.find_error(event, data) or ErrorBody(raw=data)
        self.usage = usage(event.get("usage")) or self.usage


def _are_events(begin: bytes) -> bool | None:
    """Return whether bytes begin a stream of events; None while there are too few of them to tell."""
    bare = begin.lstrip()
    if bare.startswith(_EVENTS):
        return True
    return None if any(mark.startswith(bare) for mark in _EVENTS) else False


def fold(raw: bytes) -> bytes:
    """Return what a recorded answer is shown as: its last event, or for sound its size."""
    if raw.lstrip().startswith(_EVENTS):
        found = [data for frame in sse.frames(raw) for data in (sse.parse(frame)[1],) if data and data != b"[DONE]"]
        return found[-1] if found and len(found[-1]) <= _TAIL_BYTES else msgspec.json.encode({"events": len(found)})
    return msgspec.json.encode({"recorded_bytes": len(raw)})
