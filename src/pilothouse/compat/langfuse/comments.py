"""Comments as Langfuse's API reads and writes them: the same that people see beside traces, sessions and prompts."""

from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath

from pilothouse.compat.langfuse import ids
from pilothouse.compat.langfuse.asking import Asked, page_of, pages, said_at
from pilothouse.compat.langfuse.naming import names_of
from pilothouse.compat.langfuse.parts import LangfuseParts, PartsDep, actor_of
from pilothouse.domain.comment import Comment, CommentOn, CommentPlace
from pilothouse.domain.reading import SpanFilter
from pilothouse.domain.redaction.engine import Tally
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.protocols.loose import mapping, scalar
from pilothouse.registry.comments import Author
from pilothouse.store.metadata.comments import CommentFilter

_KINDS = {
    "TRACE": CommentOn.TRACE,
    "OBSERVATION": CommentOn.SPAN,
    "SESSION": CommentOn.SESSION,
    "PROMPT": CommentOn.PROMPT,
}
_NAMES = {on: name for name, on in _KINDS.items()}


@post("/comments", status_code=200, include_in_schema=False)
async def create(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, str]:
    """Write a comment; a trace or session may still be on its way, an observation must have arrived.

    It comes from an application, and is redacted as what that sends otherwise is, a session's own id too.
    """
    key = await langfuse.sender(request)
    body = mapping(await langfuse.body(request))
    on, native = _kind(scalar(body.get("objectType"))), scalar(body.get("objectId")).strip()
    if not native:
        raise InvalidRequest("objectId must name what the comment stands beside", param="objectId")
    redactor = langfuse.intake.redactor(key.project_id)

    def kept(text: str) -> str:
        return text if redactor is None else redactor.text(text, Tally())

    place, at_ns = await _place(langfuse, key.project_id, on, kept(native) if on is CommentOn.SESSION else native)
    author = Author(actor_of(key), kept(scalar(body.get("authorUserId"))) or key.name)
    text = kept(scalar(body.get("content")))
    made = await langfuse.library.comments.add(key.project_id, place, text, author, subject_at_ns=at_ns)
    return {"id": made.id}


@get("/comments", include_in_schema=False)
async def listed(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of comments, the newest first."""
    key = await langfuse.reader(request)
    asked: Asked = request.query_params
    page, limit = page_of(asked)
    native, said = asked.get("objectId") or "", asked.get("objectType") or ""
    if native and not said:
        raise InvalidRequest("objectId needs objectType", param="objectType")
    on = _kind(said) if said else None
    wanted = CommentFilter(
        project_id=key.project_id,
        on=tuple(_NAMES) if on is None else (on,),
        author_name=asked.get("authorUserId") or "",
        newest_first=True,
        limit=limit,
        offset=(page - 1) * limit,
    )
    if on is not None and native:
        subject_id, part_id = _ids(on, native)
        wanted = msgspec.structs.replace(wanted, subject_id=subject_id, part_id=part_id)
    found, total = await langfuse.library.comments.page(wanted)
    return {"data": await _shown(langfuse, key.project_id, found), "meta": pages(page, limit, total)}


@get("/comments/{comment_id:str}", include_in_schema=False)
async def one(langfuse: PartsDep, request: Request[Any, Any, Any], comment_id: FromPath[str]) -> dict[str, Any]:
    """Return one comment."""
    key = await langfuse.reader(request)
    found = await langfuse.library.comments.get(key.project_id, comment_id)
    if found.on not in _NAMES:
        raise NotFound(f"there is no comment {comment_id[:80]!r} in this project")
    return (await _shown(langfuse, key.project_id, [found]))[0]


HANDLERS = (create, listed, one)


def _kind(said: str) -> CommentOn:
    found = _KINDS.get(said.upper())
    if found is None:
        raise InvalidRequest(f"objectType must be one of {', '.join(_KINDS)}, not {said[:40]!r}", param="objectType")
    return found


def _ids(on: CommentOn, native: str) -> tuple[str, str]:
    """Return the ids of subject and part; of an observation the trace is not known."""
    match on:
        case CommentOn.TRACE:
            return ids.trace_id(native), ""
        case CommentOn.SPAN:
            return "", ids.span_id(native)
        case CommentOn.PROMPT:
            prompt, _, number = native.rpartition("-")
            return prompt, number
        case _:
            return native, ""


async def _place(
    langfuse: LangfuseParts, project_id: str, on: CommentOn, native: str
) -> tuple[CommentPlace, int | None]:
    """Return where a comment stands, and when that was if it is known here."""
    subject_id, part_id = _ids(on, native)
    if on is CommentOn.PROMPT:
        await langfuse.library.prompts.version(project_id, subject_id, part_id)
    if not on.in_trace:
        return CommentPlace(on, subject_id, part_id), None
    wanted = SpanFilter(
        project_id=project_id,
        trace_ids=(subject_id,) if subject_id else (),
        span_ids=(part_id,) if part_id else (),
        limit=1,
    )
    found = await langfuse.reads.spans(wanted)
    if not found.items:
        if on is CommentOn.SPAN:
            raise NotFound(f"there is no observation {native[:80]!r} in this project; it may not have arrived yet")
        return CommentPlace(on, subject_id, part_id), None
    return CommentPlace(on, found.trace_ids[0], part_id), int(found.items[0].started_at.timestamp() * 1e9)


async def _shown(langfuse: LangfuseParts, project_id: str, comments: list[Comment]) -> list[dict[str, Any]]:
    names = await names_of(langfuse, project_id, [(one.subject_id, one.part_id) for one in comments if one.on.in_trace])

    def object_id(comment: Comment) -> str:
        match comment.on:
            case CommentOn.TRACE:
                return names[comment.subject_id].trace_id
            case CommentOn.SPAN:
                return names[comment.subject_id].of(comment.part_id)
            case CommentOn.PROMPT:
                return f"{comment.subject_id}-{comment.part_id}"
            case _:
                return comment.subject_id

    return [
        {
            "id": one.id,
            "projectId": project_id,
            "createdAt": said_at(one.created_at_ns),
            "updatedAt": said_at(one.resolved_at_ns or one.edited_at_ns or one.created_at_ns),
            "objectType": _NAMES[one.on],
            "objectId": object_id(one),
            "content": one.text,
            "authorUserId": one.author_name,
        }
        for one in comments
    ]
