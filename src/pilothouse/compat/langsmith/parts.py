"""The objects that LangSmith's routes work with, and what every route does with a request's key and body."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from pilothouse.compat.arrival import TRACES, Arrival, worked
from pilothouse.compat.base import Deletions, Intake, Projects, chunks_of, headers_of
from pilothouse.compat.decode import body_of
from pilothouse.compat.langsmith.runs import SOURCE
from pilothouse.domain.access import Permission, VirtualKey
from pilothouse.domain.activity import ActivityFilter, SessionDetail, SessionPage
from pilothouse.domain.clock import Clock
from pilothouse.domain.query.aggregate import Aggregate, Table
from pilothouse.domain.reading import (
    AttributeValue,
    ScoreDetail,
    ScoreFilter,
    ScorePage,
    SpanFilter,
    SpanPage,
    TraceFilter,
    TracePage,
)
from pilothouse.registry.library import Library


class Spans(Protocol):
    """What is read back; every method may raise `StoreUnavailable` or `QueryRefused`."""

    async def spans(self, wanted: SpanFilter) -> SpanPage:
        """Return a page of single spans, newest first."""
        ...

    async def traces(self, wanted: TraceFilter) -> TracePage:
        """Return a page of the trace list."""
        ...

    async def sessions(self, wanted: ActivityFilter) -> SessionPage:
        """Return a page of the list of sessions."""
        ...

    async def session(self, project_id: str, session_id: str, limit: int, cursor: str) -> SessionDetail | None:
        """Return one session with a page of its traces, the earliest first; None when there is none."""
        ...

    async def attribute_values(self, wanted: SpanFilter, attribute: str) -> list[AttributeValue]:
        """Return the values that an attribute of the wanted spans has, the newest first."""
        ...

    async def scores(self, project_id: str, trace_ids: Sequence[str]) -> list[ScoreDetail]:
        """Return the scores of traces and of their spans."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LangSmithParts:
    """What the routes are given."""

    intake: Intake
    reads: Spans
    projects: Projects
    library: Library
    clock: Clock
    deletions: Deletions | None = None
    """Without it no run is removed here."""

    def now(self) -> datetime:
        """Return the time."""
        return datetime.fromtimestamp(self.clock.now_ns() / 1e9, UTC)

    async def reader(self, request: Request[Any, Any, Any]) -> VirtualKey:
        """Return the key of a request that reads; raises what is wrong with it."""
        return await self.intake.admit(headers_of(request), Permission.READ)

    async def sender(self, request: Request[Any, Any, Any]) -> VirtualKey:
        """Return the key of a request that SDKs send before or while they trace; raises what is wrong with it."""
        return await self.intake.admit(headers_of(request), Permission.INGEST, Permission.READ)

    async def editor(self, request: Request[Any, Any, Any]) -> VirtualKey:
        """Return the key of a request that changes datasets or prompts; raises what is wrong with it."""
        return await self.intake.admit(headers_of(request), Permission.WRITE)

    async def writer(self, request: Request[Any, Any, Any], signal: str = TRACES) -> Arrival:
        """Return a request that brings something; raises what is wrong with its key."""
        return self.arrival(request, await self.intake.admit(headers_of(request), Permission.INGEST), signal)

    def arrival(self, request: Request[Any, Any, Any], key: VirtualKey, signal: str) -> Arrival:
        """Return a request that brings something in the name of a key."""
        product, _, _ = headers_of(request).get("user-agent", "").partition(" ")
        name, _, version = product.partition("/")
        return Arrival(
            intake=self.intake, key=key, received_at_ns=self.clock.now_ns(), surface=SOURCE, sdk_name=name,
            sdk_version=version, signal=signal,
        )  # fmt: skip

    async def data(self, request: Request[Any, Any, Any]) -> bytes:
        """Return a request's body, decompressed."""
        return await self.intake.body(chunks_of(request), headers_of(request))

    async def body(self, request: Request[Any, Any, Any]) -> Any:
        """Return a request's JSON."""
        data = await self.data(request)
        return await worked(lambda: body_of(data), len(data))


def actor_of(key: VirtualKey) -> str:
    """Return how the audit names a key."""
    return f"key:{key.id}"


PartsDep = NamedDependency[SkipValidation[LangSmithParts]]
