"""What whoever has a share link may read: one trace or dashboard, and nothing beside it.

The token comes in a header.
"""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, SkipValidation
from litestar.response import Stream

from pilothouse.domain import shown
from pilothouse.domain.dashboard import ChartKind
from pilothouse.domain.query.aggregate import Source
from pilothouse.domain.reading import SpanDetail
from pilothouse.domain.share import Share, SharedBoard, ShareKind
from pilothouse.domain.tree import SpanMatches, TreePage
from pilothouse.errors import Forbidden, NotFound
from pilothouse.registry.shares import ShareOver
from pilothouse.server.attempts import AttemptsDep, address_of
from pilothouse.server.parts import Parts
from pilothouse.server.queries import Cursor, checked_text
from pilothouse.server.routes.logs import MOST_LOGS, LogList, log_list
from pilothouse.server.routes.trace_media import SharedMedia, medium
from pilothouse.server.routes.trace_tree import Text
from pilothouse.server.shared_boards import SharedBoardsDep, SharedFigures
from pilothouse.server.views import at, at_or_none

TOKEN_HEADER = "x-pilothouse-share"
_GONE = "What this link showed is no longer kept."


class SharedChart(msgspec.Struct, frozen=True, kw_only=True):
    """How a chart is drawn; what it asks for is not told."""

    title: str
    kind: ChartKind
    source: Source
    measures: tuple[str, ...]
    group_by: str
    top: int
    width: int


class SharedDashboard(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard as it was when it was shared."""

    description: str
    charts: list[SharedChart]
    range: str
    """The time that is shown, such as `24h` for the last day; empty for a fixed one, which comes with the figures."""


class SharedView(msgspec.Struct, frozen=True, kw_only=True):
    """What a link leads to."""

    kind: ShareKind
    trace_id: str
    """Empty for a dashboard."""
    dashboard: SharedDashboard | None
    """None for a trace."""
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


async def share_of_trace(
    parts: Parts, request: Request[Any, Any, Any], wrong_tokens: AttemptsDep, shared_reads: AttemptsDep
) -> Share:
    """Return the link of a request's token like `share_of`; raises `NotFound` too where it leads to no trace."""
    share = await share_of(parts, request, wrong_tokens, shared_reads)
    if share.kind is not ShareKind.TRACE:
        raise NotFound("This link leads to a dashboard; see `GET /shared/figures`.")
    return share


ShareDep = NamedDependency[SkipValidation[Share]]
_OF_SHARE = {"share": Provide(share_of)}
_OF_TRACE = {"share": Provide(share_of_trace)}


@get("/shared", operation_id="getShared", summary="What a share link leads to", dependencies=_OF_SHARE)
async def show(parts: Parts, share: ShareDep) -> SharedView:
    """Return what the token in the header `X-Pilothouse-Share` shows; 410 once it shows nothing any more."""
    await parts.library.shares.note_opened(share)
    return SharedView(
        kind=share.kind, trace_id=share.trace_id, dashboard=None if share.board is None else _dashboard(share.board),
        name=share.name, bodies=share.bodies, expires_at=at(share.expires_at_ns),
    )  # fmt: skip


@get("/shared/figures", operation_id="getSharedFigures", summary="Figures of a shared dashboard",
     dependencies=_OF_SHARE)  # fmt: skip
async def figures(share: ShareDep, shared_boards: SharedBoardsDep) -> SharedFigures:
    """Return what the charts show over the time that was chosen when they were shared; two minutes old at most."""
    if share.board is None:
        raise NotFound("This link leads to a trace.")
    return await shared_boards.figures(share, share.board)


@get("/shared/tree", operation_id="getSharedTree", summary="The spans of a shared trace", dependencies=_OF_TRACE)
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
    dependencies=_OF_TRACE,
)  # fmt: skip
async def span(parts: Parts, share: ShareDep, span_id: FromPath[str]) -> SpanDetail:
    """Return what the link shows of a span."""
    found = await parts.telemetry.span(share.project_id, share.trace_id, span_id, _near(share))
    if found is None:
        raise NotFound(f"There is no span {span_id[:32]!r} in this trace.")
    return shown.span(found, bodies=share.bodies)


@get("/shared/matches", operation_id="searchShared", summary="Search a shared trace", dependencies=_OF_TRACE)
async def matches(parts: Parts, share: ShareDep, text: Text) -> SpanMatches:
    """Return the ids of the spans that hold the text; refused where inputs and outputs are not shown."""
    if not share.bodies:
        raise Forbidden("This link shows no inputs and outputs, so they cannot be searched either.")
    return await parts.telemetry.matches(share.project_id, share.trace_id, checked_text(text, least=1), _near(share))


@get("/shared/logs", operation_id="listSharedLogs", summary="Log records of a shared trace", dependencies=_OF_TRACE)
async def logs(parts: Parts, share: ShareDep) -> LogList:
    """Return the log records of the trace; none where inputs and outputs are not shown."""
    if not share.bodies:
        return LogList([], more=False)
    found = await parts.telemetry.logs(share.project_id, share.trace_id, MOST_LOGS + 1)
    return log_list([shown.log(one) for one in found])


@get("/shared/media", operation_id="listSharedMedia", summary="Media of a shared trace", dependencies=_OF_TRACE)
async def media(parts: Parts, share: ShareDep) -> SharedMediaList:
    """Return the media that stand in the trace."""
    if not share.bodies:
        return SharedMediaList([])
    found = await parts.library.media.of_trace(share.project_id, share.trace_id)
    return SharedMediaList([medium(link, held) for link, held in found])


@get(
    "/shared/media/{media_id:str}", operation_id="getSharedMedia", summary="A picture, sound or document",
    dependencies=_OF_TRACE,
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


HANDLERS = (show, figures, tree, span, matches, logs, media, content)


def _near(share: Share) -> datetime | None:
    return at_or_none(share.near_ns or None)


def _dashboard(board: SharedBoard) -> SharedDashboard:
    charts = [
        SharedChart(**{name: getattr(chart, name) for name in SharedChart.__struct_fields__}) for chart in board.charts
    ]
    return SharedDashboard(description=board.description, charts=charts, range=board.range.last)
