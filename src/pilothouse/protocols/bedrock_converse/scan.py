"""The light scan of a Converse stream on its way through."""

from typing import Any

import msgspec

from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols.base import NO_ASK, Ask, ErrorBody
from pilothouse.protocols.bedrock_converse import errors, event_stream, usage
from pilothouse.protocols.bedrock_converse.reply import read_reply, routed_model
from pilothouse.protocols.bedrock_converse.stream_out import to_stream


class _Stop(msgspec.Struct, rename="camel"):
    stop_reason: str = ""


class _Metadata(msgspec.Struct, rename="camel"):
    usage: Any = None
    service_tier: Any = None
    trace: Any = None


_STOP = msgspec.json.Decoder(_Stop)
_METADATA = msgspec.json.Decoder(_Metadata)
_CONTENT = frozenset({"contentBlockStart", "contentBlockDelta"})


class StreamScan:
    """Splits a stream into frames, passes them on byte for byte, and notes what the record needs.

    Only whole frames whose sums are right are passed on.
    """

    def __init__(self, _ask: Ask = NO_ASK, *, hide_usage: bool = False) -> None:
        del hide_usage  # Usage is part of every stream.
        self.model = ""
        """Set only where a prompt router says which model it chose."""
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.content_seen = False
        self.done = False
        """Whether the last event, `metadata`, came."""
        self.error: ErrorBody | None = None
        """An exception inside the stream; neither it nor anything after it is passed on."""
        self._splitter = event_stream.Splitter()
        self._plain: bytearray | None = None
        """A body that is no stream; nothing of it is passed on before `end`."""
        self._started = False
        self._ended = False

    @property
    def complete(self) -> bool:
        """Whether the answer came to its proper end: its last event, or a stop reason and a clean end; no error."""
        if self.error is not None:
            return False
        return self.done or (self._ended and self.finish_reason != "" and not self._splitter.partial)

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came and return the whole frames to pass on now; raises `UpstreamProtocol`."""
        if not self._started and chunk:
            self._started = True
            self._plain = bytearray() if chunk[:1] in (b"{", b"<", b"[") else None
        if self._plain is not None:
            self._plain += chunk[: event_stream.MAX_FRAME_BYTES - len(self._plain)]
            return b""
        kept = [frame for frame in self._splitter.feed(chunk) if self._take(frame)]
        return kept[0] if len(kept) == 1 else b"".join(kept)

    def end(self) -> bytes:
        """Take the clean end of the body and return what is still to be passed on.

        A whole answer in place of a stream is passed on as the events it stands for. Raises `UpstreamProtocol` when the
        body was neither.
        """
        self._ended = True
        if self._plain is None:
            return b""
        body, self._plain = bytes(self._plain), None
        self.error = read_reply(body).error
        return b"" if self.error is not None else self.feed(to_stream(body))

    def _take(self, raw: bytes) -> bool:
        if self.error is not None:
            return False
        frame = event_stream.parse(raw)
        kind = frame.text(":event-type")
        if kind in _CONTENT:
            self.content_seen = True
        else:
            self._note(kind, frame)
        return self.error is None

    def _note(self, kind: str, frame: event_stream.Frame) -> None:
        self.error = errors.frame_error(frame)
        try:
            if kind == "messageStop":
                self.finish_reason = _STOP.decode(frame.payload).stop_reason
            elif kind == "metadata":
                found = _METADATA.decode(frame.payload)
                self.usage = usage.read(found.usage, found.service_tier) or self.usage
                self.model = routed_model(found.trace) or self.model
                self.done = True
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UpstreamProtocol(f"an event {kind} of the provider's stream is not as it must be") from error
