"""Pages that an answer rests on, which Google tells beside the parts and counts in bytes."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pilothouse.domain.chat import Extra, Part, Text
from pilothouse.protocols.citations import Page
from pilothouse.protocols.gemini import wire
from pilothouse.protocols.loose import integer, listing, mapping, objects, text

CITING = ("groundingMetadata", "citationMetadata")
"""Members of a candidate that tell of pages."""


def cited(parts: list[Part], candidate: Mapping[str, Any]) -> list[Part]:
    """Return the parts of an answer with the citations that a decoded candidate tells of them."""
    texts = {place: part.text for place, part in enumerate(parts) if isinstance(part, Text)}
    found: dict[int, list[dict[str, Any]]] = {}
    for place, citation in citations(texts, candidate):
        found.setdefault(place, []).append(citation)
    out = list(parts)
    for place, listed in found.items():
        part = parts[place]
        if isinstance(part, Text):
            extra = part.extra or Extra(wire.NAME, {})
            out[place] = msgspec.structs.replace(part, citations=tuple(listed), extra=extra)
    return out


def citations(texts: Mapping[int, str], candidate: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each page with the number of the text that rests on it, its place counted in characters."""
    if not texts:
        return
    grounding = mapping(candidate.get("groundingMetadata"))
    webs = [mapping(mapping(chunk).get("web")) for chunk in listing(grounding.get("groundingChunks"))]
    for support in objects(grounding.get("groundingSupports")):
        segment = mapping(support.get("segment"))
        for number in listing(support.get("groundingChunkIndices")):
            if isinstance(number, int) and 0 <= number < len(webs) and webs[number]:
                yield _placed(texts, segment, webs[number])
    told = mapping(candidate.get("citationMetadata"))
    for source in objects(told.get("citationSources")) or objects(told.get("citations")):
        if text(source.get("uri")):
            yield _placed(texts, source, source)


def _placed(texts: Mapping[int, str], segment: Mapping[str, Any], web: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    place = integer(segment.get("partIndex")) or 0
    place = place if place in texts else min(texts)
    raw = texts[place].encode(errors="replace")
    start, end = (integer(segment.get(key)) for key in ("startIndex", "endIndex"))
    cited: dict[str, Any] = {"uri": text(web.get("uri")), "title": text(web.get("title"))}
    cited["startIndex"] = len(raw[: start or 0].decode(errors="ignore"))
    if end is not None:
        cited["endIndex"] = len(raw[:end].decode(errors="ignore"))
    return place, cited


class Grounding:
    """The `groundingMetadata` of one candidate, as it grows."""

    def __init__(self) -> None:
        self._chunks: dict[str, int] = {}
        """Numbers of pages, by their addresses."""
        self._webs: list[dict[str, Any]] = []
        self._supports: list[dict[str, Any]] = []

    def add(self, found: Page, said: str, place: int = 0, before: str = "") -> None:
        """Add a page that a text rests on: the part of that number, or what came of one behind so many others."""
        if found.url not in self._chunks:
            self._chunks[found.url] = len(self._webs)
            self._webs.append({"web": {"uri": found.url, "title": found.title}})
        start, end = found.span(len(said))
        first = len((before + said[:start]).encode(errors="replace"))
        shown = said[start:end]
        segment: dict[str, Any] = {"partIndex": place} if place else {}
        segment |= {"startIndex": first, "endIndex": first + len(shown.encode(errors="replace")), "text": shown}
        self._supports.append({"segment": segment, "groundingChunkIndices": [self._chunks[found.url]]})

    @property
    def fields(self) -> dict[str, Any]:
        """The member of the candidate; none when nothing was added."""
        found = {"groundingChunks": self._webs, "groundingSupports": self._supports}
        return {"groundingMetadata": found} if self._webs else {}
