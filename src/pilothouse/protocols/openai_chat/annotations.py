"""Citations of an answer as a message's annotations."""

from collections.abc import Iterator
from typing import Any

from pilothouse.domain.chat import Part, Text
from pilothouse.protocols.citations import Page, dialect_of, page, pages
from pilothouse.protocols.openai_chat.wire import NAME


def annotations(parts: tuple[Part, ...], *, history: bool) -> Iterator[dict[str, Any]]:
    """Yield the annotations of a message, which count from the beginning of all its texts together.

    In history only those stay that came in this dialect.
    """
    before = 0
    for part in parts:
        if not isinstance(part, Text):
            continue
        if dialect_of(part) == NAME:
            yield from part.citations
        elif not history:
            yield from (_written(found, len(part.text), before) for found in pages(part))
        before += len(part.text)


def annotation(dialect: str, citation: dict[str, Any], length: int, before: int) -> dict[str, Any] | None:
    """Return a citation of a text that has come so far, behind so many other characters; None when it cites no page."""
    if dialect == NAME:
        return citation
    found = page(dialect, citation)
    return None if found is None else _written(found, length, before)


def _written(found: Page, length: int, before: int) -> dict[str, Any]:
    start, end = found.span(length, before)
    inner = {"url": found.url, "title": found.title, "start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": inner}
