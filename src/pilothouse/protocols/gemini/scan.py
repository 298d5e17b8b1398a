"""The light scan of a stream on its way through."""

from typing import Any

import msgspec

from pilothouse.domain.usage import Usage
from pilothouse.protocols import loose
from pilothouse.protocols.base import NO_ASK, Ask, ErrorBody
from pilothouse.protocols.gemini import errors, reply, usage
from pilothouse.protocols.gemini.splitter import Splitter


class _Content(msgspec.Struct):
    parts: list[msgspec.Raw] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: Any = None


class _Chunk(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: Any = None
    usage_metadata: Any = None
    model_version: Any = None
    error: Any = None


_CHUNK = msgspec.json.Decoder(_Chunk)


class StreamScan:
    """Splits a stream into whole frames, passes them on byte for byte, and notes what the record needs."""

    def __init__(self, ask: Ask = NO_ASK, *, hide_usage: bool = False) -> None:
        del hide_usage  # Usage is part of every stream.
        self.model = ""
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.content_seen = False
        self.done = False
        """Whether a finish reason came and the body ended cleanly."""
        self.error: ErrorBody | None = None
        """An error object inside the stream; neither it nor anything after it is passed on."""
        self._array = ask.variant == "array"
        self._splitter = Splitter()
        self._plain: bytearray | None = None
        """A body that is no stream; nothing of it is passed on before `end`."""
        self._started = False

    @property
    def complete(self) -> bool:
        """Whether the answer came to its proper end."""
        return self.done and self.error is None

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came and return the whole frames to pass on now; raises `UpstreamProtocol`."""
        if not self._started and chunk.strip():
            self._started = True
            begin = chunk.lstrip()[:1]
            if begin in (b"{", b"<") or (begin == b"[" and not self._array):
                self._plain = bytearray()
        if self._plain is not None:
            self._plain += chunk
            return b""
        return self._take(self._splitter.feed(chunk))

    def end(self) -> bytes:
        """Take the clean end of the body and return what is still to be passed on.

        A whole answer in place of a stream is passed on as a stream of one event. Raises `UpstreamProtocol` when the
        body was neither.
        """
        if self._plain is not None:
            return self._end_plain(bytes(self._plain))
        out = self._take(self._splitter.end())
        self.done = self.finish_reason != "" and (self._splitter.closed or not self._splitter.array)
        return out

    def _end_plain(self, body: bytes) -> bytes:
        elements = Splitter().feed(body) if body.lstrip()[:1] == b"[" else [(body, body)]
        out: list[bytes] = []
        for _, document in elements or [(body, body)]:
            self.error = reply.read_reply(document).error
            if self.error is not None:
                break
            self._note(document)
            out.append(msgspec.json.format(document, indent=-1))
        self.done = self.finish_reason != ""
        if self._array:
            return b"[" + b",\r\n".join(out) + b"]" if out else b""
        return b"".join(b"data: " + document + b"\n\n" for document in out)

    def _take(self, frames: list[tuple[bytes, bytes]]) -> bytes:
        out: list[bytes] = []
        for raw, data in frames:
            if data and self.error is None:
                self._note(data)
            if self.error is None:
                out.append(raw)
        return b"".join(out)

    def _note(self, data: bytes) -> None:
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.error = errors.read_error(data)
            self.content_seen = True
            return
        if chunk.error:
            self.error = errors.read_error(data) or ErrorBody(raw=data)
            return
        self.model = self.model or loose.text(chunk.model_version)
        self.usage = usage.read(chunk.usage_metadata) or self.usage
        self.finish_reason = self.finish_reason or reply.block_reason(chunk.prompt_feedback)
        for candidate in chunk.candidates or ():
            self.finish_reason = loose.text(candidate.finish_reason) or self.finish_reason
            self.content_seen = self.content_seen or bool(candidate.content is not None and candidate.content.parts)
        # An answer may be empty; then its end is all the content there is.
        self.content_seen = self.content_seen or self.finish_reason != ""
