"""Prompts that are made of others: the marks in their texts that stand for a text prompt.

The form is Langfuse's: `@@@langfusePrompt:name=greeting|label=production@@@`, or `|version=3@@@`.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from pilothouse.domain.prompt import PRODUCTION, PromptMessage

MOST_DEEP = 5
"""Prompts on the way from one that is read to the last that it needs."""
_MARK = re.compile(r"@@@langfusePrompt:([^@]{1,400})@@@")


class Reference(msgspec.Struct, frozen=True):
    """What one mark stands for."""

    name: str
    which: str | int
    """A label, or the number of a version."""


class Part(msgspec.Struct, frozen=True):
    """One version of a prompt, as what is made of it names it."""

    id: str
    name: str
    version: int


class Composition(msgspec.Struct, frozen=True):
    """A content in which every mark has given way to its text, and what was needed for it."""

    content: str | list[PromptMessage]
    root: Part
    parts: dict[str, list[Part]]
    """By the id of a part, those that it needs itself; empty of a prompt that needs none."""


def part_id(prompt_id: str, number: int) -> str:
    """Return the id of a version."""
    return f"{prompt_id}-{number}"


def references(content: str | Sequence[PromptMessage]) -> list[Reference]:
    """Return what a content needs, each once, in order; a mark without a name is plain text."""
    found: list[Reference] = []
    for text in _texts(content):
        found += [held for mark in _MARK.finditer(text) if (held := _reference(mark)) is not None]
    return list(dict.fromkeys(found))


def replaced(content: str | Sequence[PromptMessage], text_of: Callable[[Reference], str]) -> Any:
    """Return a content with the text of each reference in its place."""

    def value(mark: re.Match[str]) -> str:
        held = _reference(mark)
        return mark[0] if held is None else text_of(held)

    if isinstance(content, str):
        return _MARK.sub(value, content)
    return [
        {**one, "content": _MARK.sub(value, said)} if isinstance(said := one.get("content"), str) else dict(one)
        for one in content
    ]


def _texts(content: str | Sequence[PromptMessage]) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [said for one in content if isinstance(said := one.get("content"), str)]


def _reference(mark: re.Match[str]) -> Reference | None:
    said: dict[str, str] = {}
    for part in str(mark[1]).split("|"):
        key, _, value = part.partition("=")
        said[key] = value
    name, version = said.get("name", "").strip(), said.get("version", "").strip()
    if not name:
        return None
    if version.isascii() and version.isdecimal():
        return Reference(name, int(version[:9]))
    return Reference(name, said.get("label", "").strip() or PRODUCTION)
