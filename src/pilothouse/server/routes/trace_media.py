"""Pictures, sound and files that stand in a trace or beside its spans."""

import msgspec
from litestar import get
from litestar.params import FromPath

from pilothouse.domain.media import Media, MediaLink
from pilothouse.server.callers import ProjectDep
from pilothouse.server.parts import Parts


class SharedMedia(msgspec.Struct, frozen=True, kw_only=True):
    """One of them, at one place, as whoever has a share link sees it: without an address that outlives the link."""

    id: str
    span_id: str
    """Empty when it is of the trace as a whole."""
    field: str
    """`input`, `output` or `metadata`; `attachment` of a file that stands beside them."""
    name: str
    """Of a file; empty of what stands in a field."""
    content_type: str
    size_bytes: int


class TraceMedium(SharedMedia, frozen=True, kw_only=True):
    """One of them, at one place."""

    address: str
    """Of the body, from the root of this installation; it needs no key, and is not to be guessed."""


class TraceMediaList(msgspec.Struct, frozen=True):
    """The media of a trace whose bodies are here."""

    items: list[TraceMedium]


@get("/traces/{trace_id:str}/media", operation_id="listTraceMedia", summary="Pictures, sound and files of a trace")
async def media(parts: Parts, project: ProjectDep, trace_id: FromPath[str]) -> TraceMediaList:
    """Return what stands in the trace, and beside its spans; none for an unknown trace."""
    return TraceMediaList(
        [
            TraceMedium(
                **msgspec.structs.asdict(medium(link, held)), address=f"media/{project}/{held.id}/{held.sha256}"
            )
            for link, held in await parts.library.media.of_trace(project, trace_id)
        ]
    )


HANDLERS = (media,)


def medium(link: MediaLink, held: Media) -> SharedMedia:
    """Return what may be told of one to everybody who may see it."""
    return SharedMedia(
        id=held.id,
        span_id=link.span_id,
        field="attachment" if link.file_name else link.field,
        name=link.file_name,
        content_type=held.content_type,
        size_bytes=held.size_bytes,
    )
