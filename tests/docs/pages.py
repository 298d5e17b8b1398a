"""The written pages of the repository, taken apart: blocks of code, headings, links."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("changes/*.md"), *ROOT.glob("docs/**/*.md")])

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) +(.+?) *$", re.MULTILINE)
_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
_ANCHOR = re.compile(r'<a id="([^"]+)"')


class Block(NamedTuple):
    """A fenced block: its language, whether it is marked to be run, its text, and the line it begins at."""

    language: str
    runs: bool
    text: str
    line: int
    environment: str
    """Where it runs, as the word behind `run` says; empty is the environment of the tests."""


class Heading(NamedTuple):
    """A heading and how deep it stands."""

    level: int
    text: str


def name(page: Path) -> str:
    """Return the page's path in the repository."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page in order."""
    text = page.read_text()
    found: list[Block] = []
    for match in _FENCE.finditer(text):
        language, *marks = match[1].split() or [""]
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(language, "run" in marks, match[2], line, marks[1] if marks[1:] else ""))
    return found


def prose(page: Path) -> str:
    """Return the page's text without its fenced blocks."""
    return _FENCE.sub("", page.read_text())


def headings(page: Path) -> list[Heading]:
    """Return the headings of a page in order."""
    return [Heading(len(match[1]), match[2]) for match in _HEADING.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """Return every name that a link may point to inside the page."""
    return {slug(heading.text) for heading in headings(page)} | set(_ANCHOR.findall(prose(page)))


def slug(text: str) -> str:
    """Return the name that repository viewers give to a heading."""
    kept = re.sub(r"[^\w\- ]", "", text.strip().lower())
    return kept.replace(" ", "-")


def links(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links and pictures; code is no link."""
    for match in _LINK.finditer(re.sub(r"`[^`\n]*`", "", prose(page))):
        yield match[1]
