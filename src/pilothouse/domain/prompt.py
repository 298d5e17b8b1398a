"""Prompts: a name with immutable versions, and labels that move between them."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeAlias, cast

import msgspec

LATEST = "latest"
"""The label that the newest version always has."""
PRODUCTION = "production"
"""The label that is meant when none is named."""

_VARIABLE = re.compile(r"\{\{\s*([^{}\s][^{}]*?)\s*\}\}")

PromptMessage: TypeAlias = dict[str, Any]
"""`{"role": …, "content": …}`, or `{"type": "placeholder", "name": …}` where messages are put in."""


class PromptKind(StrEnum):
    """What a prompt is made of."""

    TEXT = "text"
    CHAT = "chat"


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt as a whole: what all its versions share."""

    id: str
    project_id: str
    name: str
    """Unique in the project; may hold slashes."""
    kind: PromptKind
    description: str = ""
    tags: tuple[str, ...] = ()
    newest: int = 0
    """Number of the newest version; 0 while there is none."""
    given: int = 0
    """The highest number that a version ever had; none is given twice."""
    created_at_ns: int
    updated_at_ns: int


class PromptVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a prompt; it never changes."""

    prompt_id: str
    number: int
    """From 1 on, in the order in which they were made."""
    digest: str
    """64 hexadecimal digits over content, config, native form and the digest of the version before."""
    parent: str = ""
    """The digest of the version before; empty of the first."""
    content: str | list[PromptMessage]
    """A text, or messages; variables stand in double braces."""
    config: Any = None
    """Whatever goes with it, such as model and temperature."""
    native: Any = None
    """The document of another product from which it came, as it came; None where content is all there is."""
    message: str = ""
    """What is new in it, in its author's words."""
    author: str = ""
    """As the audit names them."""
    created_at_ns: int


class PromptSeen(msgspec.Struct, frozen=True):
    """A version together with its prompt and the labels that it has now."""

    prompt: Prompt
    version: PromptVersion
    labels: tuple[str, ...]
    """In order of the alphabet, `latest` among them."""


def compiled(content: str | Sequence[PromptMessage], values: Mapping[str, Any]) -> Any:
    """Return a content with its variables replaced; one without a value stays as it is.

    A placeholder gives way to the messages that its value is a list of.
    """
    if isinstance(content, str):
        return _filled(content, values)
    found: list[PromptMessage] = []
    for message in content:
        if message.get("type") == "placeholder":
            given = values.get(str(message.get("name", "")))
            if isinstance(given, list | tuple):
                found += [dict(one) for one in cast("list[PromptMessage]", given)]
            else:
                found.append(dict(message))
            continue
        said = message.get("content")
        plain = {key: value for key, value in message.items() if key != "type"}
        found.append({**plain, "content": _filled(said, values) if isinstance(said, str) else said})
    return found


def variables(content: str | Sequence[PromptMessage]) -> tuple[str, ...]:
    """Return the names of a content's variables, placeholders included, each once, in their order."""
    if isinstance(content, str):
        return tuple(dict.fromkeys(_VARIABLE.findall(content)))
    names: list[str] = []
    for message in content:
        if message.get("type") == "placeholder":
            names.append(str(message.get("name", "")))
        elif isinstance(said := message.get("content"), str):
            names += _VARIABLE.findall(said)
    return tuple(dict.fromkeys(names))


def _filled(text: str, values: Mapping[str, Any]) -> str:
    def value(found: re.Match[str]) -> str:
        return str(values[found[1]]) if found[1] in values else found[0]

    return _VARIABLE.sub(value, text)
