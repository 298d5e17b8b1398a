"""What prompts, datasets and experiments may be called; every rule raises `InvalidRequest` with its field."""

import re
from collections.abc import Sequence

from pilothouse.domain.prompt import LATEST
from pilothouse.errors import InvalidRequest

_MOST_CHARS = 255
_MOST_TEXT_CHARS = 10_000
_MOST_TAGS = 100
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?")
_ID = re.compile(r"[^\s/?#%]{1,128}")
ANY_NAME = "-"
"""Stands in an address for a name that is said elsewhere, so nothing is called so."""


def name(text: str, param: str = "name") -> str:
    """Return a name without space around it: 1 to 255 printable characters, slashes for folders among them."""
    found = text.strip()
    if not 1 <= len(found) <= _MOST_CHARS or not found.isprintable() or found == ANY_NAME:
        raise InvalidRequest(f"{param} must have 1 to {_MOST_CHARS} printable characters", param=param)
    if found.startswith("/") or found.endswith("/") or "//" in found:
        raise InvalidRequest(f"slashes in {param} part folders, so none is at its ends or beside another", param=param)
    return found


def new_id(text: str, param: str = "id") -> str:
    """Return an id that a caller has chosen."""
    if not _ID.fullmatch(text):
        raise InvalidRequest(f"{param} must have 1 to 128 characters without space, '/', '?', '#' or '%'", param=param)
    return text


def description(text: str, param: str = "description") -> str:
    """Return a text for people of at most 10,000 characters."""
    if len(text) > _MOST_TEXT_CHARS:
        raise InvalidRequest(f"{param} has at most {_MOST_TEXT_CHARS} characters", param=param)
    return text


def labels(given: Sequence[str], param: str = "labels") -> tuple[str, ...]:
    """Return labels, each once; `latest` is left out, since the newest version has it by itself."""
    for one in given:
        if not _LABEL.fullmatch(one):
            raise InvalidRequest(
                f"a label has 1 to 64 letters, digits, '_', '.' or '-', with a letter or digit at both "
                f"ends; {one[:80]!r} has not",
                param=param,
            )
    return tuple(dict.fromkeys(one for one in given if one != LATEST))


def words(given: Sequence[str], param: str) -> tuple[str, ...]:
    """Return tags or splits, each once: at most 100, of 1 to 255 characters."""
    found = tuple(dict.fromkeys(one.strip() for one in given))
    if len(found) > _MOST_TAGS or any(not 1 <= len(one) <= _MOST_CHARS for one in found):
        raise InvalidRequest(f"{param} are at most {_MOST_TAGS}, of 1 to {_MOST_CHARS} characters each", param=param)
    return found
