"""Comments: what people write beside traces, spans, sessions, versions of prompts and items of datasets."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter, SkipValidation
from msgspec import UNSET, UnsetType

from pilothouse.domain.access import Permission
from pilothouse.domain.comment import Comment, CommentOn, CommentPlace
from pilothouse.domain.reading import SpanFilter
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.registry.comments import Author
from pilothouse.server.callers import Caller, CallerDep, ProjectDep
from pilothouse.server.offsets import cursor_after, offset_of
from pilothouse.server.parts import Parts, ServerParts
from pilothouse.server.permits import Reach
from pilothouse.server.queries import PageDep, one_of
from pilothouse.server.replies import OnceDep
from pilothouse.server.views import at, at_or_none, to_ns
from pilothouse.store.metadata.comments import CommentCount, CommentFilter


class CommentView(msgspec.Struct, frozen=True, kw_only=True):
    """A comment."""

    id: str
    on: CommentOn
    subject_id: str
    """The id of the trace (of a span, too), session, prompt or dataset."""
    part_id: str
    """The id of the span, the number of the prompt's version, or the id of the item; else empty."""
    text: str
    """Markdown."""
    author: str
    """`person:<id>`, `key:<id>` or `local`."""
    author_name: str
    mine: bool
    """Whether the caller wrote it, and so may change and delete it."""
    created_at: datetime
    edited_at: datetime | None
    resolved_at: datetime | None
    """None while it is open."""
    resolved_by: str


class CommentPage(msgspec.Struct, frozen=True):
    """A page of comments: of one subject in the order in which they were written, else the newest first."""

    items: list[CommentView]
    next_cursor: str | None
    total: int


class CommentCounts(msgspec.Struct, frozen=True):
    """How many comments stand beside things; things without any are left out."""

    items: list[CommentCount]


class CommentBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new comment."""

    on: CommentOn
    subject_id: str
    part_id: str = ""
    text: str
    """Markdown, 1 to 10,000 characters."""


class CommentChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be different; what is left out stays."""

    text: str | UnsetType = UNSET
    """Only its author may change it."""
    resolved: bool | UnsetType = UNSET


On = Annotated[list[str] | None, QueryParameter(name="on", description="What they stand beside; may repeat.")]
Subjects = Annotated[list[str] | None, QueryParameter(name="subject_id", description="At most 200; may repeat.")]


async def comment_filter(
    project: ProjectDep,
    page: PageDep,
    on: On = None,
    subject_id: FromQuery[str] = "",
    part_id: FromQuery[str] = "",
) -> CommentFilter:
    """Put the conditions together; raises `InvalidRequest`."""
    return CommentFilter(
        project_id=project,
        on=_kinds(on),
        subject_id=subject_id,
        part_id=part_id,
        newest_first=not subject_id,
        limit=page.limit,
        offset=offset_of(page),
    )


FilterDep = NamedDependency[SkipValidation[CommentFilter]]


@get(
    "/comments", operation_id="listComments", summary="List comments", dependencies={"wanted": Provide(comment_filter)}
)
async def list_all(parts: Parts, caller: CallerDep, page: PageDep, wanted: FilterDep) -> CommentPage:
    """Return the comments of a subject, or the newest of the project."""
    found, total = await parts.library.comments.page(wanted)
    return CommentPage([_view(one, caller) for one in found], cursor_after(page, len(found), total), total)


@get("/comments/counts", operation_id="countComments", summary="How many comments stand beside things")
async def counts(parts: Parts, project: ProjectDep, on: On = None, subject_id: Subjects = None) -> CommentCounts:
    """Return the number of comments of each subject and of its parts."""
    if not subject_id:
        raise InvalidRequest("Say beside what with `subject_id`; it may repeat.", param="subject_id")
    kinds = _kinds(on) or tuple(CommentOn)
    return CommentCounts(await parts.library.comments.counts(project, kinds, subject_id))


@post("/comments", operation_id="createComment", summary="Write a comment")
async def create(
    parts: Parts,
    caller: CallerDep,
    project: ProjectDep,
    data: JSONBody[CommentBody],
    once: OnceDep,
    request: Request[Any, Any, Any],
) -> CommentView:
    """Write a comment beside something that is there."""
    place = CommentPlace(data.on, data.subject_id, data.part_id)

    async def make() -> CommentView:
        when_ns = await _when(parts, project, place)
        author = Author(caller.actor, caller.name)
        made = await parts.library.comments.add(project, place, data.text, author, subject_at_ns=when_ns)
        return _view(made, caller)

    return await once(request, CommentView, make)


@patch("/comments/{comment_id:str}", operation_id="changeComment", summary="Change a comment")
async def change(
    parts: Parts, caller: CallerDep, project: ProjectDep, comment_id: FromPath[str], data: JSONBody[CommentChange]
) -> CommentView:
    """Give a comment of one's own another text, resolve one, or open it again; all of it or nothing."""
    after = await parts.library.comments.change(
        project,
        comment_id,
        actor=caller.actor,
        text=None if data.text is UNSET else data.text,
        resolved=None if data.resolved is UNSET else data.resolved,
    )
    return _view(after, caller)


@delete("/comments/{comment_id:str}", operation_id="deleteComment", summary="Delete a comment", status_code=204)
async def remove(parts: Parts, caller: CallerDep, project: ProjectDep, comment_id: FromPath[str]) -> None:
    """Remove a comment of one's own; admins remove anybody's."""
    moderates = caller.may(Permission.ADMIN, Reach.PROJECT, project)
    await parts.library.comments.delete(project, comment_id, actor=caller.actor, moderates=moderates)


HANDLERS = (list_all, counts, create, change, remove)


def _kinds(names: list[str] | None) -> tuple[CommentOn, ...]:
    return tuple(one_of(CommentOn, name, "on") for name in names or ())


async def _when(parts: ServerParts, project: str, place: CommentPlace) -> int | None:
    """Return when a trace or span was, None for what is no telemetry; raises `NotFound` for what is not there."""
    match place.on:
        case CommentOn.TRACE | CommentOn.SPAN:
            spans = (place.part_id,) if place.part_id else ()
            wanted = SpanFilter(project_id=project, trace_ids=(place.subject_id,), span_ids=spans, limit=1)
            found = (await parts.telemetry.spans(wanted)).items
            if not found:
                raise NotFound(f"There is no {place.on} {(place.part_id or place.subject_id)[:64]!r} in this project.")
            return to_ns(found[0].started_at)
        case CommentOn.SESSION:
            if await parts.telemetry.session(project, place.subject_id, 1, "") is None:
                raise NotFound(f"There is no session {place.subject_id[:64]!r} in this project.")
        case CommentOn.PROMPT:
            await parts.library.prompts.version(project, place.subject_id, place.part_id)
        case CommentOn.DATASET_ITEM:
            await parts.library.datasets.item(project, place.part_id)
    return None


def _view(comment: Comment, caller: Caller) -> CommentView:
    return CommentView(
        id=comment.id,
        on=comment.on,
        subject_id=comment.subject_id,
        part_id=comment.part_id,
        text=comment.text,
        author=comment.author,
        author_name=comment.author_name,
        mine=comment.author == caller.actor,
        created_at=at(comment.created_at_ns),
        edited_at=at_or_none(comment.edited_at_ns),
        resolved_at=at_or_none(comment.resolved_at_ns),
        resolved_by=comment.resolved_by,
    )
