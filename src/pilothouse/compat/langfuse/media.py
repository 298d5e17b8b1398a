"""Media as Langfuse's SDKs announce, send and fetch them."""

from typing import Any

from litestar import Request, Response, get, patch, post
from litestar.params import FromPath

from pilothouse.compat.langfuse import ids
from pilothouse.compat.langfuse.asking import said_at
from pilothouse.compat.langfuse.parts import PartsDep
from pilothouse.compat.media import LASTS, address_of
from pilothouse.domain.media import MediaLink
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.protocols.loose import integer, mapping, scalar
from pilothouse.registry.media import digest_of

_FIELDS = frozenset({"input", "output", "metadata", "expectedOutput"})


@post("/media", status_code=201, include_in_schema=False)
async def announce(langfuse: PartsDep, request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Say where a body shall be sent to; nowhere when it is here."""
    key = await langfuse.sender(request)
    body = mapping(await langfuse.body(request))
    trace, span, field = (scalar(body.get(name)) for name in ("traceId", "observationId", "field"))
    size_bytes = integer(body.get("contentLength"))
    if size_bytes is None or size_bytes < 0:
        raise InvalidRequest("contentLength must be a whole number", param="contentLength")
    if field and field not in _FIELDS:
        raise InvalidRequest(f"field must be one of {', '.join(sorted(_FIELDS))}", param="field")
    link = None
    if trace:
        link = MediaLink(
            project_id=key.project_id, trace_id=ids.trace_id(trace), span_id=ids.span_id(span) if span else "",
            field=field or "metadata", media_id="",
        )  # fmt: skip
    media = await langfuse.library.media.announce(
        key.project_id, digest_of(scalar(body.get("sha256Hash"))), scalar(body.get("contentType")), size_bytes, link
    )
    address = None if media.complete else address_of(request, media)
    return Response({"mediaId": media.id, "uploadUrl": address}, status_code=201)


@get("/media/{media_id:str}", include_in_schema=False)
async def find(langfuse: PartsDep, request: Request[Any, Any, Any], media_id: FromPath[str]) -> dict[str, Any]:
    """Return what is known of a body, and where it is."""
    key = await langfuse.reader(request)
    media = await langfuse.library.media.get(key.project_id, media_id)
    return {
        "mediaId": media.id,
        "contentType": media.content_type,
        "contentLength": media.size_bytes,
        "uploadedAt": said_at(media.uploaded_at_ns or media.created_at_ns),
        "url": address_of(request, media),
        "urlExpiry": LASTS,
    }


@patch("/media/{media_id:str}", status_code=200, include_in_schema=False)
async def told(langfuse: PartsDep, request: Request[Any, Any, Any], media_id: FromPath[str]) -> Response[None]:
    """Hear how the sending went, which is known here already."""
    key = await langfuse.sender(request)
    if not await langfuse.library.media.known(key.project_id, media_id):
        raise NotFound(f"there is no media {media_id[:80]!r} in this project")
    return Response(None, status_code=200)


HANDLERS = (announce, find, told)
