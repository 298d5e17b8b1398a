"""Which dialect a path speaks."""

import re
from collections.abc import Callable
from typing import NamedTuple

from pilothouse.providers.fake import render_anthropic
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer


class Dialect(NamedTuple):
    """How requests are read and answers are rendered."""

    read: Callable[[Request], Asked]
    """Raises `SettingsInvalid` or `msgspec.DecodeError` for what the vendor would refuse."""
    answer: Callable[[Answer, Asked], Plan]
    """Errors included, each in the vendor's form."""


_EXACT: dict[str, Dialect] = {
    "/v1/messages": Dialect(render_anthropic.read, render_anthropic.answer),
    "/v1/messages/count_tokens": Dialect(render_anthropic.read_count, render_anthropic.count),
}
_NAMED: tuple[tuple[re.Pattern[str], Dialect], ...] = ()
"""Dialects that name the model in the path."""


def find(method: str, path: str) -> Dialect | None:
    """Return the dialect of a path; None for what the server does itself."""
    if method != "POST":
        return None
    found = _EXACT.get(path)
    if found is not None:
        return found
    return next((dialect for pattern, dialect in _NAMED if pattern.fullmatch(path)), None)
