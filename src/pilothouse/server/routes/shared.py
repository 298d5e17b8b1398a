"""What whoever has a share link may read: one trace, and nothing beside it. The token comes in a header."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, SkipValidation
from litestar.response import Stream

from pilothouse.domain import shown
from pilothouse.domain.reading import SpanDetail
from pilothouse.domain.share import Share
from pilothouse.domain.tree import SpanMatches, TreePage
from pilothouse.errors import Forbidden, NotFound
from pilothouse.registry.shares import ShareOver
from pilothouse.server.attempts import AttemptsDep, address_of
from pilothouse.server.parts import Parts
from pilothouse.server.queries import Cursor, checked_text
from pilothouse.server.routes.logs import MOST_LOGS, LogList, log_list
from pilothouse.server.routes.trace_media import SharedMedia, medium
from pilothouse.server.routes.trace_tree import Text
from pilothouse.server.views import at, at_or_none

TOKEN_HEADER = "x-pilothouse-share"
_GONE = "What this link showed is no longer kept."


class SharedView(msgspec.Struct, frozen=True, kw_only=True):
    """What a link leads to."""

    trace_id: str
    name: str
    bodies: bool
    """Whether inputs and outputs are shown."""
    expires_at: datetime


class SharedMediaList(msgspec.Struct, frozen=True):
    """The media of a shared trace; none where inputs and outputs are not shown."""

    items: list[SharedMedia]


async def share_of(
    parts: Parts, request: Request[Any, Any, Any], wrong_tokens: AttemptsDep, shared_reads: AttemptsDep
) -> Share:
    """Return the link of a request's token; raises `NotFound`, `ShareOver`, or `LoginThrottled`."""
    address = address_of(request)
    shared_reads.count(address)
    wrong_tokens.check(address)
    try:
        return await parts.library.shares.find(request.headers.get(TOKEN_HEADER, ""))
    except ShareOver:
        raise
    except NotFound:
        wrong_tokens.count(address)
        raise


ShareDep = NamedDependency[SkipValidation[Share]]
_OF_SHARE = {"share": Provide(share_of)}


@get("/shared", operation_id="getShared", summary="What a share link leads to", dependencies=_OF_SHARE)
async def show(parts: Parts, share: ShareDep) -> SharedView:
    """Return what the token in the header `X-Pilothouse-Share` shows; 410 once it shows nothing any more."""
    await parts.library.shares.note_opened(share)
    return SharedView(trace_id=share.trace_id, name=share.name, bodies=share.bodies, expires_at=at(share.expires_at_ns))


@get("/shared/tree", operation_id="getSharedTree", summary="The spans of a shared trace", dependencies=_OF_SHARE)
async def tree(parts: Parts, share: ShareDep, cursor: Cursor = "") -> TreePage:
    """Return the spans of the trace without their bodies, in pages."""
    if cursor:
        found = await parts.telemetry.tree_after(share.project_id, share.trace_id, cursor)
    else:
        found = await parts.telemetry.tree(share.project_id, share.trace_id, _near(share))
    if found is None:
        raise ShareOver(_GONE)
    return shown.tree(found, bodies=share.bodies)


@get(
    "/shared/spans/{span_id:str}", operation_id="getSharedSpan", summary="One span of a shared trace",
    dependencies=_OF_SHARE,
)  # fmt: skip
async def span(parts: Parts, share: ShareDep, span_id: FromPath[str]) -> SpanDetail:
    """Return what the link shows of a span."""
    found = await parts.telemetry.span(share.project_id, share.trace_id, span_id, _near(share))
    if found is None:
        raise NotFound(f"There is no span {span_id[:32]!r} in this trace.")
    return shown.span(found, bodies=share.bodies)


@get("/shared/matches", operation_id="searchShared", summary="Search a shared trace", dependencies=_OF_SHARE)
async def matches(parts: Parts, share: ShareDep, text: Text) -> SpanMatches:
    """Return the ids of the spans that hold the text; refused where inputs and outputs are not shown."""
    if not share.bodies:
        raise Forbidden("This link shows no inputs and outputs, so they cannot be searched either.")
    return await parts.telemetry.matches(share.project_id, share.trace_id, checked_text(text, least=1), _near(share))


@get("/shared/logs", operation_id="listSharedLogs", summary="Log records of a shared trace", dependencies=_OF_SHARE)
async def logs(parts: Parts, share: ShareDep) -> LogList:
    """Return the log records of the trace; none where inputs and outputs are not shown."""
    if not share.bodies:
        return LogList([], more=False)
    found = await parts.telemetry.logs(share.project_id, share.trace_id, MOST_LOGS + 1)
    return log_list([shown.log(one) for one in found])


@get("/shared/media", operation_id="listSharedMedia", summary="Media of a shared trace", dependencies=_OF_SHARE)
async def media(parts: Parts, share: ShareDep) -> SharedMediaList:
    """Return the media that stand in the trace."""
    if not share.bodies:
        return SharedMediaList([])
    found = await parts.library.media.of_trace(share.project_id, share.trace_id)
    return SharedMediaList([medium(link, held) for link, held in found])


@get(
    "/shared/media/{media_id:str}", operation_id="getSharedMedia", summary="A picture, sound or document",
    dependencies=_OF_SHARE,
)  # fmt: skip
async def content(parts: Parts, share: ShareDep, media_id: FromPath[str]) -> Stream:
    """Stream the body of one of the media of the trace."""
    shown_media = await parts.library.media.of_trace(share.project_id, share.trace_id) if share.bodies else []
    held = next((one for _, one in shown_media if one.id == media_id), None)
    if held is None:
        raise NotFound(f"There is no media {media_id[:64]!r} in this trace.")
    headers = {
        "content-length": str(held.size_bytes),
        "content-disposition": held.disposition,
        "cache-control": "no-store",
    }
    kind = held.content_type or "application/octet-stream"
    return Stream(parts.library.media.content(held), media_type=kind, headers=headers)


HANDLERS = (show, tree, span, matches, logs, media, content)


def _near(share: Share) -> datetime | None:
    return at_or_none(share.near_ns or None)
