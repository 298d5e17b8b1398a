"""What the query of a read says: numbers, times and pages."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any, Protocol, TypeVar

from litestar.datastructures import MultiDict

from pilothouse.errors import InvalidRequest
from pilothouse.otlp.values import moment_ns

LIMIT, MOST = 50, 100
FARTHEST = 10_000
"""Things that numbered pages reach back; beyond, a range of time is asked for."""
_STEP = 200
Asked = Mapping[str, str]
Query = MultiDict[Any]
"""What is asked for, where a name may come several times."""


class Walkable(Protocol):
    """A page that tells where the next one begins."""

    @property
    def items(self) -> Sequence[object]:
        """What is on it."""
        ...

    @property
    def next_cursor(self) -> str | None:
        """None on the last page."""
        ...


P = TypeVar("P", bound=Walkable)


def number(asked: Asked, name: str, otherwise: int) -> int:
    """Return a whole number from 1 on; raises `InvalidRequest`."""
    said = asked.get(name) or str(otherwise)
    if not (said.isascii() and said.isdecimal() and int(said[:9]) >= 1):
        raise InvalidRequest(f"{name} must be a whole number from 1 on, not {said[:20]!r}", param=name)
    return int(said[:9])


def time_ns(asked: Asked, name: str) -> int | None:
    """Return a time in nanoseconds since the epoch, None when it is not said; raises `InvalidRequest`."""
    said = asked.get(name)
    if not said:
        return None
    at_ns = moment_ns(said.replace(" ", "+") if "T" in said else said)
    if at_ns is None:
        raise InvalidRequest(f"{name} must be a time such as 2026-01-31T09:30:00Z, not {said[:40]!r}", param=name)
    return at_ns


def moment(asked: Asked, name: str) -> datetime | None:
    """Return a time, None when it is not said; raises `InvalidRequest`."""
    at_ns = time_ns(asked, name)
    return None if at_ns is None else datetime.fromtimestamp(at_ns / 1e9, UTC)


def page_of(asked: Asked) -> tuple[int, int]:
    """Return number and length of the page that is asked for."""
    return number(asked, "page", 1), min(number(asked, "limit", LIMIT), MOST)


def pages(page: int, limit: int, total: int) -> dict[str, int]:
    """Return what is said of the pages of a list that is counted."""
    return {"page": page, "limit": limit, "totalItems": total, "totalPages": ceil(total / limit)}


def said_at(at_ns: int) -> str:
    """Return a time to the microsecond, as every answer says it."""
    at = datetime.fromtimestamp(at_ns // 10**9, UTC).replace(microsecond=at_ns % 10**9 // 1000)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


async def walked(fetch: Callable[[int, str], Awaitable[P]], page: int, limit: int) -> P | None:
    """Return a page by its number, None when there are not so many: the store goes from one to the next.

    `fetch` is given a length and a cursor. Raises `InvalidRequest` for a page that is too far back.
    """
    skipped, cursor = (page - 1) * limit, ""
    if skipped + limit > FARTHEST:
        raise InvalidRequest(f"pages reach back {FARTHEST} items; ask for a range of time", param="page")
    while skipped:
        step = min(skipped, _STEP)
        found = await fetch(step, cursor)
        if found.next_cursor is None:
            return None
        skipped, cursor = skipped - step, found.next_cursor
    return await fetch(limit, cursor)


def meta_of(page: int, limit: int, found: Walkable | None) -> dict[str, int]:
    """Return what is known of the pages of a list that is not counted: there is one more as long as there is one."""
    count, more = (len(found.items), found.next_cursor is not None) if found else (0, False)
    seen = (page - 1) * limit + count
    return {"page": page, "limit": limit, "totalItems": seen + more, "totalPages": page + more if seen else 0}


def several(asked: Query, name: str) -> list[str]:
    """Return all values of a name, each by itself or between commas."""
    return [part for text in asked.getall(name, []) for part in str(text).split(",") if part]
