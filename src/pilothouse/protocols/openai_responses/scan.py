"""The light scan of a Responses stream on its way through."""

from typing import Any

from pilothouse.domain.usage import Usage
from pilothouse.protocols import openai_error, sse
from pilothouse.protocols.base import NO_ASK, Ask, ErrorBody
from pilothouse.protocols.loose import mapping, text
from pilothouse.protocols.openai_responses import usage, wire
from pilothouse.protocols.openai_responses.reply import finish_word, response_error
from pilothouse.protocols.openai_responses.stream_whole import to_stream

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""The last event holds the whole answer, made pictures included."""

_FINAL = ("response.completed", "response.incomplete", "response.failed")


class StreamScan:
    """Splits a stream into events, passes them on byte for byte, and notes what the record needs."""

    def __init__(self, _ask: Ask = NO_ASK, *, hide_usage: bool = False) -> None:
        del hide_usage  # Usage is always in the last event.
        self.model = ""
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.content_seen = False
        """Whether any event carried content: text, reasoning, a refusal, arguments or an item that came whole."""
        self.done = False
        """Whether the last event came, with the whole response."""
        self.error: ErrorBody | None = None
        """An error event, or that of a failed response; neither it nor anything after it is passed on."""
        self.plain = False
        """Whether the body is no stream at all; nothing is passed on before `end`."""
        self._splitter = sse.Splitter(MAX_EVENT_BYTES)
        self._started = False

    @property
    def complete(self) -> bool:
        """Whether the answer came to its proper end: a completed or an incomplete response."""
        return self.error is None and self.done

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came off the socket and return those to pass on now.

        Raises `UpstreamProtocol` when one event is larger than 64 MiB.
        """
        if not self._started:
            self._start(chunk)
        if self.plain:
            self._splitter.hold(chunk)
            return b""
        return self._scan(self._splitter.feed(chunk))

    def end(self) -> bytes:
        """Take the clean end of the upstream's body and return what is still to be passed on.

        A last event without its blank line is passed on with one. A whole JSON answer in place of a stream is passed on
        as the events it stands for. Raises `UpstreamProtocol` when the body was neither.
        """
        tail = self._splitter.end()
        if self.plain:
            return self._scan(to_stream(tail))
        if not tail.strip():
            return tail
        if wire.decode(sse.parse(tail)[1]) is not None:
            return self._scan(tail.rstrip(b"\r\n") + b"\n\n")
        return b""

    def _start(self, chunk: bytes) -> None:
        first = chunk.lstrip()[:1]
        if first:
            self._started = True
            self.plain = first in (b"{", b"[", b"<")

    def _scan(self, ready: bytes) -> bytes:
        if self.error is not None:
            return b""
        if self.content_seen and _is_quiet(ready):
            return ready
        kept: list[bytes] = []
        for frame in sse.frames(ready):
            self._take(frame)
            if self.error is not None:
                break
            kept.append(frame)
        return b"".join(kept)

    def _take(self, frame: bytes) -> None:
        if self.content_seen and _is_quiet(frame):
            return
        name, data = sse.parse(frame)
        if not data or data == b"[DONE]":
            return
        event = mapping(wire.decode(data))
        kind = text(event.get("type")) or name.decode(errors="replace")
        if kind == "error" or (event.get("error") and not kind.startswith("response.")):
            self.error = openai_error.find_error({**event, "type": "error"}, data) or ErrorBody(raw=data)
        elif isinstance(event.get("response"), dict):
            self._take_response(kind, mapping(event["response"]), data)
        elif not self.content_seen:
            self.content_seen = _has_content(kind, event)

    def _take_response(self, kind: str, response: dict[str, Any], data: bytes) -> None:
        self.model = self.model or text(response.get("model"))
        self.usage = usage.read(response) or self.usage
        if kind not in _FINAL:
            return
        self.error = response_error(response, data)
        self.finish_reason = finish_word(response)
        # An answer may be empty; then its end is all the content there is.
        self.done = self.content_seen = self.error is None


def _has_content(kind: str, event: dict[str, Any]) -> bool:
    """Return whether an event shows something of the answer; an item that is only announced does not."""
    if kind.endswith((".delta", ".partial_image")):
        return True
    if kind != "response.output_item.done" and not kind.endswith("_text.done"):
        return kind.endswith(("arguments.done", "input.done"))
    return bool(event.get("item") or event.get("text"))


def _is_quiet(events: bytes) -> bool:
    """Return whether nothing in the events can concern the record, going by their bytes alone.

    A quote inside a text is escaped, so that a text cannot look like a key.
    """
    return b'"response"' not in events and b"error" not in events
