"""A recorded Converse stream as the one whole answer it stands for."""

from typing import Any

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import loose, tool_text
from pilothouse.protocols.bedrock_converse import errors, event_stream, wire


def fold(recorded: bytes) -> bytes:
    """Return the frames as one Converse answer; tolerant of a cut tail and of frames that are broken.

    An exception of the stream stands in `error`. A body that is whole JSON already comes back as it is.
    """
    if recorded.lstrip()[:1] == b"{":
        return recorded
    folded = _Folded()
    for frame in _frames(recorded):
        problem = errors.frame_error(frame)
        if problem is not None:
            folded.error = {"type": problem.type, "message": problem.message}
            break
        try:
            fields = loose.mapping(loose.ANY.decode(frame.payload))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        folded.add(frame.text(":event-type"), fields)
    return loose.ENCODER.encode(folded.document())


def _frames(recorded: bytes) -> list[event_stream.Frame]:
    """Frames up to the first that is not one: one by one, so that what came before a broken one is kept."""
    splitter = event_stream.Splitter()
    frames: list[event_stream.Frame] = []
    try:
        # In pieces, since a piece with a broken frame in it gives none at all.
        for start in range(0, len(recorded), 4096):
            frames += [event_stream.parse(raw) for raw in splitter.feed(recorded[start : start + 4096])]
    except UpstreamProtocol:
        pass
    return frames


class _Block:
    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.texts: list[str] = []
        self.inputs: list[str] = []
        self.thoughts: list[str] = []
        self.signature = ""
        self.hidden: list[str] = []
        self.citations: list[Any] = []
        self.other: dict[str, Any] = {}

    def add(self, delta: dict[str, Any]) -> None:
        thought = loose.mapping(delta.get("reasoningContent"))
        pieces = (
            (self.texts, delta.get("text")),
            (self.inputs, loose.mapping(delta.get("toolUse")).get("input")),
            (self.thoughts, thought.get("text")),
            (self.hidden, thought.get("redactedContent")),
        )
        for held, piece in pieces:
            if isinstance(piece, str):
                held.append(piece)
        self.signature = thought.get("signature") or self.signature
        if "citation" in delta:
            self.citations.append(delta["citation"])
        for key in ("image", "toolResult"):
            if key in delta:
                self.other[key] = delta[key]

    def document(self) -> dict[str, Any] | None:
        if "toolUse" in self.start:
            return {"toolUse": {**loose.mapping(self.start["toolUse"]), "input": _input("".join(self.inputs))}}
        if self.hidden:
            return {"reasoningContent": {"redactedContent": wire.joined_base64(self.hidden)}}
        if self.thoughts or self.signature:
            shown = {"text": "".join(self.thoughts)} | ({"signature": self.signature} if self.signature else {})
            return {"reasoningContent": {"reasoningText": shown}}
        said = "".join(self.texts)
        if self.citations:
            return {"citationsContent": {"content": [{"text": said}], "citations": self.citations}}
        if said:
            return {"text": said}
        return _whole(self.start, self.other)


class _Folded:
    def __init__(self) -> None:
        self.role = "assistant"
        self.blocks: dict[int, _Block] = {}
        self.around: dict[str, Any] = {}
        self.error: dict[str, Any] | None = None

    def add(self, kind: str, fields: dict[str, Any]) -> None:
        place = fields.get("contentBlockIndex")
        block = place if isinstance(place, int) else 0
        if kind == "messageStart":
            role = fields.get("role")
            self.role = role if isinstance(role, str) else self.role
        elif kind == "contentBlockStart":
            self.blocks.setdefault(block, _Block()).start = loose.mapping(fields.get("start"))
        elif kind == "contentBlockDelta":
            self.blocks.setdefault(block, _Block()).add(loose.mapping(fields.get("delta")))
        elif kind in ("messageStop", "metadata"):
            self.around |= {key: found for key, found in fields.items() if key != "p"}

    def document(self) -> dict[str, Any]:
        content = [block.document() for _, block in sorted(self.blocks.items())]
        message = {"role": self.role, "content": [block for block in content if block is not None]}
        out: dict[str, Any] = {"output": {"message": message}, **self.around}
        return out if self.error is None else {**out, "error": self.error}


def _input(said: str) -> Any:
    """The arguments as they came when they are a whole object, else their text."""
    whole = tool_text.object_text(said)
    return said if whole is None else whole


def _whole(start: dict[str, Any], other: dict[str, Any]) -> dict[str, Any] | None:
    """A block whose start and delta each hold a part of it: a picture, a result of the provider's own tool."""
    for key, found in {**start, **other}.items():
        content = {"content": other[key]} if isinstance(other.get(key), list) else loose.mapping(other.get(key))
        return {key: {**loose.mapping(start.get(key) or found), **content}}
    return None
