"""The light scan of Cohere's stream on its way through, and a recorded stream as one whole answer."""

from typing import Any

from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import loose, openai_error, sse
from pilothouse.protocols.base import NO_ASK, Ask, ErrorBody
from pilothouse.protocols.cohere_chat import errors, usage, wire

_SAID = frozenset({"content-delta", "tool-plan-delta", "tool-call-start", "tool-call-delta", "citation-start"})


class StreamScan:
    """Passes whole events on byte for byte, and notes what the record needs."""

    def __init__(self, _ask: Ask = NO_ASK, *, hide_usage: bool = False) -> None:
        del hide_usage  # Usage always comes, so no caller is surprised by it.
        self.model = ""
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.content_seen = False
        self.done = False
        """Whether `message-end` came."""
        self.error: ErrorBody | None = None
        self._splitter = sse.Splitter(wire.MAX_EVENT_BYTES)

    @property
    def complete(self) -> bool:
        """Whether the answer came to its proper end."""
        return self.done and self.error is None

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came and return those to pass on now; raises `UpstreamProtocol` for an endless event."""
        return b"".join(frame for frame in sse.frames(self._splitter.feed(chunk)) if self._take(frame))

    def end(self) -> bytes:
        """Take the clean end of the body and return what is still to be passed on; raises `UpstreamProtocol`."""
        tail = self._splitter.end()
        if not tail.strip():
            return tail
        _, fields, _ = wire.decode(tail)
        if fields is None:
            raise UpstreamProtocol("the provider's stream broke off inside an event")
        return tail.rstrip(b"\r\n") + b"\n\n" if self._take(tail) else b""

    def _take(self, frame: bytes) -> bool:
        """Note what an event says and return whether to pass it on."""
        if self.error is not None:
            return False
        if self.content_seen and _is_quiet(frame):
            return True
        kind, fields, data = wire.decode(frame)
        if fields is None:
            return True
        if kind == "message-end":
            self.error = errors.read_ending(fields, data)
            self._end(loose.mapping(fields.get("delta")))
        elif not fields.get("type"):
            self.error = openai_error.find_error(fields, data)
        self.content_seen = self.content_seen or kind in _SAID
        return self.error is None

    def _end(self, delta: dict[str, Any]) -> None:
        self.usage = usage.read(delta.get("usage"))
        self.finish_reason = loose.text(delta.get("finish_reason"))
        # An answer may be empty; then its end is all the content there is.
        self.done = self.content_seen = True


def _is_quiet(frame: bytes) -> bool:
    """Return whether nothing in an event can concern the record, going by its bytes alone: it has a type, and is
    neither the end nor an error."""
    return b'"type"' in frame and b"message-end" not in frame and b"error" not in frame


def fold(raw_sse: bytes) -> bytes:
    """Return a stream as one answer; tolerant of a cut tail and of odd events. Whole JSON comes back as it is."""
    if raw_sse.lstrip()[:1] == b"{":
        return raw_sse
    folded = _Folded()
    for frame in sse.frames(raw_sse):
        kind, fields, _ = wire.decode(frame)
        if fields is not None:
            folded.add(kind, fields)
    return loose.ENCODER.encode(folded.document())


class _Folded:
    def __init__(self) -> None:
        self._shared: dict[str, Any] = {}
        self._plan = ""
        self._content: dict[int, dict[str, Any]] = {}
        self._calls: dict[int, dict[str, Any]] = {}
        self._citations: list[Any] = []

    def add(self, kind: str, fields: dict[str, Any]) -> None:
        delta, index = wire.delta(fields), loose.count(fields.get("index"))
        if kind == "message-start":
            self._shared["id"] = fields.get("id")
        elif kind == "message-end":
            self._shared |= loose.mapping(fields.get("delta"))
        elif kind == "tool-plan-delta":
            self._plan += loose.text(delta.get("tool_plan"))
        elif kind == "citation-start":
            self._citations.append(delta.get("citations"))
        elif kind in ("content-start", "content-delta"):
            _grow(self._content.setdefault(index, {}), loose.mapping(delta.get("content")))
        elif kind in ("tool-call-start", "tool-call-delta"):
            call = loose.mapping(delta.get("tool_calls"))
            known = self._calls.setdefault(index, {"function": {}})
            known |= {key: value for key, value in call.items() if key != "function"}
            _grow(known["function"], loose.mapping(call.get("function")))

    def document(self) -> dict[str, Any]:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": [part for _, part in sorted(self._content.items())],
            "tool_plan": self._plan,
            "tool_calls": [call for _, call in sorted(self._calls.items())],
            "citations": self._citations,
        }
        return {**self._shared, "message": {key: value for key, value in message.items() if value}}


def _grow(held: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        grows = key in ("text", "thinking", "arguments") and isinstance(value, str)
        held[key] = loose.text(held.get(key)) + value if grows else value
