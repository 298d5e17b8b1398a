"""A recorded stream put together as one whole answer."""

from typing import Any

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import loose
from pilothouse.protocols.gemini.splitter import Splitter


def fold(raw: bytes) -> bytes:
    """Return the answer that the events or the array of a stream add up to; tolerates a cut tail."""
    splitter = Splitter()
    try:
        frames = splitter.feed(raw) + splitter.end()
    except UpstreamProtocol:
        frames = []
    out: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    for _, data in frames:
        try:
            chunk = loose.mapping(loose.ANY.decode(data)) if data else {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        for place, found in enumerate(loose.listing(chunk.pop("candidates", None))):
            candidate = loose.mapping(found)
            index = candidate.get("index", place)
            _join(candidates.setdefault(index if isinstance(index, int) else place, {}), candidate)
        out.update(chunk)
    if candidates or "promptFeedback" not in out:
        out = {"candidates": [candidate for _, candidate in sorted(candidates.items())], **out}
    return loose.ENCODER.encode(out)


def _join(whole: dict[str, Any], candidate: dict[str, Any]) -> None:
    content = loose.mapping(candidate.pop("content", None))
    parts = loose.listing(content.pop("parts", None))
    whole.update(candidate)
    if not content and not parts:
        return
    held = loose.mapping(whole.setdefault("content", {}))
    held.update(content)
    known = loose.listing(held.setdefault("parts", []))
    for part in parts:
        _append(known, loose.mapping(part))


def _append(parts: list[Any], part: dict[str, Any]) -> None:
    """Text goes on in the part before it unless one of the two carries a mark, which belongs to its own part."""
    last = loose.mapping(parts[-1]) if parts else {}
    bare = bool(last) and set(part) <= {"text", "thought"} and set(last) <= {"text", "thought"}
    if bare and last.get("thought") == part.get("thought"):
        last["text"] = loose.text(last.get("text")) + loose.text(part.get("text"))
        return
    parts.append(dict(part))
