"""Deletions: the data of a user, a session or a trace, removed on request, and the receipts of it."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from pilothouse.domain.keeping import Deletion, DeletionState, Subject
from pilothouse.errors import InvalidRequest
from pilothouse.lifecycle.deletions import Deletions
from pilothouse.server.callers import CallerDep, ProjectDep
from pilothouse.server.parts import Parts, lifecycle_of
from pilothouse.server.queries import PageDep, before_ns, newest
from pilothouse.server.views import at, at_or_none


class DeletionView(msgspec.Struct, frozen=True, kw_only=True):
    """A deletion and its receipt."""

    id: str
    subject: Subject
    digest: str
    """A keyed hash of the id; the id itself is not kept."""
    state: DeletionState
    requested_by: str
    requested_at: datetime
    traces: int
    removed: dict[str, int]
    """Rows by table, all versions of them."""
    left: int | None
    """What the last count found; None before it."""
    removed_at: datetime | None
    """Since then nothing of it can be read."""
    erased_at: datetime | None
    """Since then nothing of it is on the store's disk."""
    detail: str
    """Why it waits."""


class DeletionPage(msgspec.Struct, frozen=True):
    """A page of deletions, newest first."""

    items: list[DeletionView]
    next_cursor: str | None


class DeletionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose data goes; exactly one of the three."""

    user_id: str = ""
    session_id: str = ""
    trace_id: str = ""


@get("/deletions", operation_id="listDeletions", summary="List deletions")
async def list_all(
    parts: Parts,
    project: ProjectDep,
    page: PageDep,
    user_id: Annotated[str, QueryParameter(name="user_id", description="Only receipts of this user.")] = "",
) -> DeletionPage:
    """Return deletions and their receipts, newest first."""
    deletions = _deletions(parts)
    found = await deletions.page(project, page.limit + 1, before_ns(page))
    shown, following = newest(found, page, lambda one: one.requested_at_ns)
    if user_id:
        digest = deletions.digest(project, Subject.USER, user_id)
        shown = [one for one in shown if one.digest == digest]
    return DeletionPage([_view(one) for one in shown], following)


@post("/deletions", operation_id="createDeletion", summary="Delete a user's, a session's or a trace's data")
async def create(parts: Parts, project: ProjectDep, caller: CallerDep, data: JSONBody[DeletionBody]) -> DeletionView:
    """Have every trace of a user or session, or one trace, removed with all that belongs to it."""
    given = {
        subject: subject_id
        for subject, subject_id in (
            (Subject.USER, data.user_id), (Subject.SESSION, data.session_id), (Subject.TRACE, data.trace_id),
        )
        if subject_id
    }  # fmt: skip
    if len(given) != 1:
        raise InvalidRequest("name exactly one of user_id, session_id and trace_id", param="user_id")
    ((subject, subject_id),) = given.items()
    return _view(await _deletions(parts).request(project, subject, subject_id, actor=caller.actor))


@get("/deletions/{deletion_id:str}", operation_id="getDeletion", summary="Show a deletion")
async def show(parts: Parts, project: ProjectDep, deletion_id: FromPath[str]) -> DeletionView:
    """Return one deletion with its receipt."""
    return _view(await _deletions(parts).get(project, deletion_id))


HANDLERS = (list_all, create, show)


def _deletions(parts: Parts) -> Deletions:
    return lifecycle_of(parts).deletions


def _view(deletion: Deletion) -> DeletionView:
    return DeletionView(
        id=deletion.id,
        subject=deletion.subject,
        digest=deletion.digest,
        state=deletion.state,
        requested_by=deletion.requested_by,
        requested_at=at(deletion.requested_at_ns),
        traces=deletion.traces,
        removed=deletion.removed,
        left=deletion.left,
        removed_at=at_or_none(deletion.removed_at_ns),
        erased_at=at_or_none(deletion.erased_at_ns),
        detail=deletion.detail,
    )
