"""Revisions: kept spans priced or mapped anew, and what came of it."""

from datetime import datetime
from decimal import Decimal

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody

from pilothouse.domain.revision import Revision, RevisionKind, RevisionState
from pilothouse.lifecycle.revisions import NewRevision, Revisions
from pilothouse.server.callers import CallerDep, ProjectDep
from pilothouse.server.parts import Parts, lifecycle_of
from pilothouse.server.queries import PageDep, before_ns, newest, told_ns
from pilothouse.server.views import at, at_or_none


class ModelChange(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one model, each counted once, as they were and as they are, or would be, now."""

    model: str
    """Empty for calls that name none."""
    calls_before: int
    calls_after: int
    cost_before_usd: Decimal
    cost_after_usd: Decimal
    became_priced: int
    became_unpriced: int


class RevisionView(msgspec.Struct, frozen=True, kw_only=True):
    """A revision, and what it has come to so far."""

    id: str
    kind: RevisionKind
    dry_run: bool
    """Nothing is written: it says what a revision would come to."""
    q: str
    from_at: datetime
    to_at: datetime
    state: RevisionState
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    total: int | None
    """Spans in the range when it began."""
    seen: int
    """Spans that were looked at."""
    changed: int
    """Of them, those that are, or would be, different now."""
    left: int
    """Of them, those that are left as they are: their source says the cost, or there is nothing to read anew."""
    became_priced: int
    became_unpriced: int
    cost_before_usd: Decimal
    """Of all calls that were looked at, each counted once."""
    cost_after_usd: Decimal
    models: list[ModelChange]
    """By how much their cost changed, the most first."""
    prices: str
    """The price data and the operator's prices that were in force when it began."""
    detail: str
    """Why it waits or failed."""


class RevisionPage(msgspec.Struct, frozen=True):
    """A page of revisions, newest first."""

    items: list[RevisionView]
    next_cursor: str | None


class RevisionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A revision to be ordered."""

    kind: RevisionKind
    from_at: datetime | None = None
    """By the start of the span; the first there is when left out."""
    to_at: datetime | None = None
    """Now when left out."""
    q: str = ""
    """Which spans, in the query language; all when empty."""
    dry_run: bool = False


@get("/revisions", operation_id="listRevisions", summary="List revisions")
async def list_all(parts: Parts, project: ProjectDep, page: PageDep) -> RevisionPage:
    """Return what was priced or mapped anew, newest first."""
    found = await _revisions(parts).page(project, page.limit + 1, before_ns(page))
    shown, following = newest(found, page, lambda one: one.requested_at_ns)
    return RevisionPage([_view(one) for one in shown], following)


@post("/revisions", operation_id="createRevision", summary="Price or map kept spans anew")
async def create(parts: Parts, project: ProjectDep, caller: CallerDep, data: JSONBody[RevisionBody]) -> RevisionView:
    """Have kept spans gone over; one revision runs at a time, the others wait."""
    new = NewRevision(
        project_id=project,
        kind=data.kind,
        from_ns=told_ns(data.from_at, "from_at") or 0,
        to_ns=told_ns(data.to_at, "to_at"),
        q=data.q,
        dry_run=data.dry_run,
    )
    return _view(await _revisions(parts).create(new, actor=caller.actor))


@get("/revisions/{revision_id:str}", operation_id="getRevision", summary="Show a revision")
async def show(parts: Parts, project: ProjectDep, revision_id: FromPath[str]) -> RevisionView:
    """Return one revision with how far it is."""
    return _view(await _revisions(parts).get(project, revision_id))


@post("/revisions/{revision_id:str}/stop", operation_id="stopRevision", summary="Stop a revision", status_code=200)
async def stop(parts: Parts, project: ProjectDep, caller: CallerDep, revision_id: FromPath[str]) -> RevisionView:
    """Have a revision rest behind the spans it is at; what is written stays written."""
    return _view(await _revisions(parts).stop(project, revision_id, actor=caller.actor))


@post(
    "/revisions/{revision_id:str}/resume", operation_id="resumeRevision", summary="Resume a revision", status_code=200
)
async def resume(parts: Parts, project: ProjectDep, caller: CallerDep, revision_id: FromPath[str]) -> RevisionView:
    """Have a revision go on where it stopped or failed."""
    return _view(await _revisions(parts).resume(project, revision_id, actor=caller.actor))


HANDLERS = (list_all, create, show, stop, resume)


def _revisions(parts: Parts) -> Revisions:
    return lifecycle_of(parts).revisions


def _view(revision: Revision) -> RevisionView:
    models = [ModelChange(model=name, **msgspec.structs.asdict(tally)) for name, tally in revision.tally.models.items()]
    models.sort(key=lambda one: (-abs(one.cost_after_usd - one.cost_before_usd), one.model))
    return RevisionView(
        id=revision.id,
        kind=revision.kind,
        dry_run=revision.dry_run,
        q=revision.q,
        from_at=at(revision.from_ns),
        to_at=at(revision.to_ns),
        state=revision.state,
        requested_by=revision.requested_by,
        requested_at=at(revision.requested_at_ns),
        started_at=at_or_none(revision.started_at_ns),
        ended_at=at_or_none(revision.ended_at_ns),
        total=revision.total,
        seen=revision.tally.seen,
        changed=revision.tally.changed,
        left=revision.tally.left,
        became_priced=sum(one.became_priced for one in models),
        became_unpriced=sum(one.became_unpriced for one in models),
        cost_before_usd=sum((one.cost_before_usd for one in models), Decimal(0)),
        cost_after_usd=sum((one.cost_after_usd for one in models), Decimal(0)),
        models=models,
        prices=revision.prices,
        detail=revision.detail,
    )
