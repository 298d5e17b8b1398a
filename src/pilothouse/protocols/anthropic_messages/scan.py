"""The light scan of a Messages stream on its way through."""

from typing import Any

from pilothouse.domain.usage import Usage
from pilothouse.protocols import loose, sse
from pilothouse.protocols.anthropic_messages import errors, events, usage
from pilothouse.protocols.anthropic_messages.reply import to_stream
from pilothouse.protocols.base import NO_ASK, Ask, ErrorBody

_TEXTS = frozenset({"text", "thinking"})


class StreamScan:
    """Splits a stream into events, passes them on byte for byte, and notes what the record needs.

    Only whole events are passed on, so that after a cut the caller's side is at an event's border and can be told.
    """

    def __init__(self, _ask: Ask = NO_ASK, *, hide_usage: bool = False) -> None:
        del hide_usage  # Usage always comes, so no caller is surprised by it.
        self.model = ""
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.content_seen = False
        """Whether any event carried content: text, thought, tool call, or any other block."""
        self.done = False
        """Whether `message_stop` came."""
        self.error: ErrorBody | None = None
        """An error that came inside the stream; neither it nor anything after it is passed on."""
        self._splitter = sse.Splitter(events.MAX_EVENT_BYTES)
        self._counts: dict[str, Any] = {}
        self._started = False
        self._plain: bytearray | None = None
        self._ended = False

    @property
    def complete(self) -> bool:
        """Whether the answer came to its proper end: `message_stop`, or a stop reason and a clean end; no error."""
        return self.error is None and (self.done or (self._ended and self.finish_reason != ""))

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came and return those to pass on now; raises `UpstreamProtocol` for an endless event."""
        if not self._started and chunk.strip():
            self._started = True
            if chunk.lstrip()[:1] in (b"{", b"[", b"<"):
                self._plain = bytearray()
        if self._plain is not None:
            self._plain += chunk
            return b""
        ready = self._splitter.feed(chunk)
        return ready if self._is_quiet(ready) else self._scan(ready)

    def end(self) -> bytes:
        """Take the clean end of the body and return what is still to be passed on.

        A last event without its blank line is passed on with one; a whole JSON answer as the events it stands for.
        Raises `UpstreamProtocol` when the body was neither.
        """
        self._ended = True
        if self._plain is not None:
            return self._scan(to_stream(bytes(self._plain)))
        tail = self._splitter.end()
        if not tail.strip():
            return tail
        _, fields, _ = events.decode(tail)
        # An event that broke off in the middle of its JSON: the caller's parser must not see half of it.
        return b"" if fields is None else self._scan(tail.rstrip(b"\r\n") + b"\n\n")

    def _is_quiet(self, ready: bytes) -> bool:
        """Whether nothing in the events can concern the record, going by their bytes alone."""
        return self.content_seen and self.error is None and b"message_" not in ready and b"error" not in ready

    def _scan(self, ready: bytes) -> bytes:
        kept = [frame for frame in sse.frames(ready) if self._take(frame)]
        passed = b"".join(kept)
        return ready if len(passed) == len(ready) else passed

    def _take(self, frame: bytes) -> bool:
        """Note what an event says and return whether to pass it on."""
        if self.error is not None:
            return False
        kind, fields, data = events.decode(frame)
        if kind == "error":
            self.error = errors.read_error(data) or ErrorBody(message=data.decode(errors="replace"), raw=data)
            return False
        if fields is not None:
            self._note(kind, fields)
        return True

    def _note(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == "message_start":
            message = loose.mapping(fields.get("message"))
            self.model = loose.text(message.get("model")) or self.model
            self._meter(message.get("usage"))
        elif kind == "content_block_start":
            block = loose.mapping(fields.get("content_block"))
            begun = block.get("type")
            self.content_seen = self.content_seen or begun not in _TEXTS or bool(block.get(begun))
        elif kind == "content_block_delta":
            self.content_seen = True
        elif kind == "message_delta":
            self.finish_reason = loose.text(loose.mapping(fields.get("delta")).get("stop_reason")) or self.finish_reason
            self._meter(fields.get("usage"))
        elif kind == "message_stop":
            self.done = self.content_seen = True

    def _meter(self, raw: Any) -> None:
        self._counts = usage.merged(self._counts, raw)
        self.usage = usage.read(self._counts) or self.usage
