"""What the query of a read says, and times as answers say them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from litestar import Request

from pilothouse.compat.langsmith import ids
from pilothouse.errors import InvalidRequest
from pilothouse.otlp.values import moment_ns
from pilothouse.protocols.loose import scalar

MOST = 100
_SPACE = UUID("1f3c3f0e-6b8f-5f0a-8d55-52c7c5a5a1de")
"""Namespace of the ids of things whose own ids are no UUIDs."""


def number(request: Request[Any, Any, Any], name: str, otherwise: int) -> int:
    """Return a whole number of the query."""
    text = scalar(request.query_params.get(name))
    return int(text[:9]) if text.isascii() and text.isdigit() else otherwise


def window(request: Request[Any, Any, Any]) -> tuple[int, int]:
    """Return how many things are asked for, and how many come before them."""
    return min(max(number(request, "limit", MOST), 1), MOST), number(request, "offset", 0)


def several(request: Request[Any, Any, Any], name: str) -> list[str]:
    """Return all values that the query has of a name."""
    asked: Any = request.query_params
    return [text for one in asked.getall(name, []) if (text := scalar(one))]


def uuid_of(value: Any, name: str) -> UUID:
    """Return a UUID; raises `InvalidRequest`."""
    found = ids.uuid_of(value)
    if found is None:
        raise InvalidRequest(f"`{name}` must be a UUID, not {scalar(value)[:80]!r}", param=name)
    return found


def as_uuid(project_id: str, own: str) -> str:
    """Return the id of a thing as a UUID; of one that is none always the same."""
    found = ids.uuid_of(own)
    return str(found or uuid5(_SPACE, f"{project_id}:{own}"))


def when(text: str) -> int | str:
    """Return a version's time in nanoseconds, or its tag as it is."""
    at_ns = moment_ns(text.replace(" ", "+") if "T" in text else text)
    return text if at_ns is None else at_ns


def said_at(at_ns: int | None) -> str | None:
    """Return a time to the microsecond."""
    if at_ns is None:
        return None
    at = datetime.fromtimestamp(at_ns // 10**9, UTC).replace(microsecond=at_ns % 10**9 // 1000)
    return at.isoformat(timespec="microseconds")
