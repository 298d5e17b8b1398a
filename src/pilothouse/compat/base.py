"""What a surface needs of the platform: whose request it is, its body, a durable place for what it brings, reads."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, cast

import msgspec
from litestar import Request, Router

from pilothouse.domain.access import Permission, Project, VirtualKey
from pilothouse.domain.activity import ActivityFilter, SessionPage
from pilothouse.domain.keeping import Deletion, Subject
from pilothouse.domain.query.aggregate import Aggregate, Table
from pilothouse.domain.reading import (
    ScoreFilter,
    ScorePage,
    SpanDetail,
    SpanFilter,
    SpanPage,
    Trace,
    TraceFilter,
    TracePage,
)
from pilothouse.domain.receipt import Receipt
from pilothouse.domain.redaction.engine import Redactor
from pilothouse.errors import ClientDisconnected

Surface = tuple[Router, Mapping[str, Any]]
"""All routes of one product's API, and what stands behind them by the name by which its routes ask for it.

The routes are the same for all platforms of a process.
"""
KNOWN_ELSEWHERE = "known_elsewhere"
"""Name in a surface's `opt` of the first path segments that SDKs know at the root and below `/api/v1`.

There they are served too, but where the platform has an address of its own only to those who send `x-api-key`.
"""
_MOST_SPANS = 200
"""Of a page."""


class Intake(Protocol):
    """The way in that all telemetry takes, whoever's SDK sends it."""

    async def admit(self, headers: Mapping[str, str], *permissions: Permission) -> VirtualKey:
        """Return the key of a request, in whichever scheme it came, when it has one of the permissions.

        Raises what is wrong with it, such as `KeyMissing`, `KeyUnknown` or `PermissionMissing`.
        """
        ...

    async def body(self, chunks: AsyncIterator[bytes], headers: Mapping[str, str]) -> bytes:
        """Return a request's body, decompressed.

        Raises `BodyTooLarge`, `BodyTooSlow`, `IngestBusy` or `InvalidRequest`.
        """
        ...

    async def keep(self, kind: str, payload: bytes) -> None:
        """Return once the record is durable; raises `SpoolFull`, `DiskFull` or `ShuttingDown`."""
        ...

    def redactor(self, project_id: str) -> Redactor | None:
        """Return what redacts for a project before anything of it is kept; None where nothing is to be."""
        ...

    def note(self, receipt: Receipt) -> None:
        """Count what became of a request, or of items in it."""
        ...


class Reads(Protocol):
    """What is read back; every method may raise `StoreUnavailable` or `QueryRefused`."""

    async def traces(self, wanted: TraceFilter) -> TracePage:
        """Return a page of the trace list."""
        ...

    async def trace(self, project_id: str, trace_id: str, around: datetime | None) -> Trace | None:
        """Return one trace."""
        ...

    async def spans(self, wanted: SpanFilter) -> SpanPage:
        """Return a page of single spans, newest first."""
        ...

    async def sessions(self, wanted: ActivityFilter) -> SessionPage:
        """Return a page of the list of sessions."""
        ...

    async def score_page(self, wanted: ScoreFilter) -> ScorePage:
        """Return a page of scores, the newest first."""
        ...

    async def remove_scores(self, project_id: str, ids: Sequence[str]) -> None:
        """Hide scores for good."""
        ...

    async def figures(self, wanted: Aggregate) -> Table:
        """Return figures over what a query finds."""
        ...


class Deletions(Protocol):
    """Where removal of telemetry is requested."""

    async def request(self, project_id: str, subject: Subject, subject_id: str, *, actor: str) -> Deletion:
        """Have everything removed; the same request again, while the first has not begun, is the first."""
        ...


class Projects(Protocol):
    """The projects of this installation."""

    async def list_projects(self) -> list[Project]:
        """Return all of them."""
        ...


def headers_of(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Return a request's headers, names in lower case."""
    return {name.lower(): value for name, value in request.headers.items()}


async def chunks_of(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """Yield a request's body as it comes; raises `ClientDisconnected` when the sender goes away before its end."""
    while True:
        event = cast("dict[str, Any]", await request.receive())
        if event["type"] == "http.disconnect":
            raise ClientDisconnected("the sender went away before the body had come")
        if chunk := event.get("body", b""):
            yield chunk
        if not event.get("more_body", False):
            return


async def every_span(
    fetch: Callable[[SpanFilter], Awaitable[SpanPage]], wanted: SpanFilter
) -> list[tuple[str, SpanDetail]]:
    """Return the spans of all pages, each behind its trace, newest first; raises what `fetch` raises."""
    found: list[tuple[str, SpanDetail]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await fetch(msgspec.structs.replace(wanted, limit=_MOST_SPANS, cursor=cursor))
        found += zip(page.trace_ids, page.items, strict=True)
        cursor = page.next_cursor
    return found
