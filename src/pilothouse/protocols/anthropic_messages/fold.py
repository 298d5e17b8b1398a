"""A recorded Messages stream as the one whole answer it stands for."""

from typing import Any

import msgspec

from pilothouse.protocols import loose, sse
from pilothouse.protocols.anthropic_messages import events, usage

_TEXT_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "compaction_delta": "content"}
_SKIPPED = ("type", "role", "content", "stop_reason", "stop_sequence", "usage")


def fold(raw_sse: bytes) -> bytes:
    """Return the stream as one message object; tolerant of a cut tail, of pings and of odd events.

    An error of the stream stands in `error`. A body that is whole JSON already comes back as it is.
    """
    if raw_sse.lstrip()[:1] == b"{":
        return raw_sse
    folded = _Folded()
    for frame in sse.frames(raw_sse):
        kind, fields, data = events.decode(frame)
        if kind == "error":
            folded.error = (fields or {}).get("error") or {"message": data.decode(errors="replace")}
        elif fields is not None:
            folded.add(kind, fields)
    return loose.ENCODER.encode(folded.document())


class _Folded:
    def __init__(self) -> None:
        self.shared: dict[str, Any] = {}
        self.ending: dict[str, Any] = {"stop_reason": None, "stop_sequence": None}
        self.counts: dict[str, Any] = {}
        self.blocks: dict[int, FoldedBlock] = {}
        self.error: Any = None

    def add(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == "message_start":
            message = loose.mapping(fields.get("message"))
            self.shared = {key: found for key, found in message.items() if key not in _SKIPPED}
            self.counts = usage.merged(self.counts, message.get("usage"))
        elif kind == "message_delta":
            self.ending |= loose.mapping(fields.get("delta"))
            self.counts = usage.merged(self.counts, fields.get("usage"))
        elif kind in ("content_block_start", "content_block_delta"):
            index = fields.get("index")
            place = index if isinstance(index, int) else 0
            if kind == "content_block_start":
                self.blocks[place] = FoldedBlock(loose.mapping(fields.get("content_block")))
            else:
                self.blocks.setdefault(place, FoldedBlock({})).add(loose.mapping(fields.get("delta")))

    def document(self) -> dict[str, Any]:
        content = [block.document() for _, block in sorted(self.blocks.items())]
        out = {**self.shared, "type": "message", "role": "assistant", "content": content, **self.ending}
        if self.counts:
            out["usage"] = self.counts
        if self.error is not None:
            out["error"] = self.error
        return out


class FoldedBlock:
    """One content block, put together from its start and its deltas."""

    def __init__(self, start: dict[str, Any]) -> None:
        self._start = start
        self._texts: dict[str, list[str]] = {}
        self._input: list[str] = []
        self._citations: list[Any] = []
        self._signature = ""

    def add(self, delta: dict[str, Any]) -> None:
        """Take one delta."""
        kind = loose.text(delta.get("type"))
        if kind in _TEXT_DELTAS:
            key = _TEXT_DELTAS[kind]
            self._start.setdefault("type", key)
            self._texts.setdefault(key, []).append(loose.text(delta.get(key)))
        elif kind == "input_json_delta":
            self._start.setdefault("type", "tool_use")
            self._input.append(loose.text(delta.get("partial_json")))
        elif kind == "citations_delta":
            self._citations.append(delta.get("citation"))
        elif kind == "signature_delta":
            self._signature = loose.text(delta.get("signature"))

    def document(self) -> dict[str, Any]:
        """Return the block; input that broke off stands in it as text."""
        out = dict(self._start)
        for key, pieces in self._texts.items():
            out[key] = loose.text(out.get(key)) + "".join(pieces)
        given = "".join(self._input)
        if given.strip():
            out["input"] = _input(given)
        if self._citations:
            out["citations"] = [*loose.listing(out.get("citations")), *self._citations]
        if self._signature:
            out["signature"] = self._signature
        return out


def _input(given: str) -> Any:
    raw = given.encode(errors="surrogatepass")
    try:
        loose.ANY.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return loose.clean(given)
    return msgspec.Raw(raw)
