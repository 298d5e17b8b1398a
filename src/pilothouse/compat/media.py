"""Where the bodies of media are sent to and fetched from without a key, whichever product's SDK does so.

An address holds the body's whole SHA-256. Who knows that knows the body already, and nothing but that body is taken; so
an address is as good as a signature, and need not expire.
"""

from typing import Any

from litestar import Request, Response, Router, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Stream

from pilothouse.compat.base import Surface, chunks_of
from pilothouse.domain.media import Media
from pilothouse.registry.media import MediaLibrary

LASTS = "9999-12-31T23:59:59.000Z"
"""When an address ends, for SDKs that ask."""
_ADDRESS = "/media/{project:str}/{media_id:str}/{digest:str}"
LibraryDep = NamedDependency[SkipValidation[MediaLibrary]]


@put(_ADDRESS, status_code=200, include_in_schema=False)
async def take(
    media: LibraryDep,
    request: Request[Any, Any, Any],
    project: FromPath[str],
    media_id: FromPath[str],
    digest: FromPath[str],
) -> Response[None]:
    """Take a body that somebody with a key has announced."""
    held = await media.announced(project, media_id, digest)
    await media.write(project, held.id, chunks_of(request))
    return Response(None, status_code=200)


@get(_ADDRESS, include_in_schema=False)
async def send(media: LibraryDep, project: FromPath[str], media_id: FromPath[str], digest: FromPath[str]) -> Stream:
    """Return a body."""
    announced = await media.announced(project, media_id, digest)
    held = await media.get(project, announced.id)
    headers = {
        "content-length": str(held.size_bytes),
        "content-disposition": held.disposition,
        "cache-control": "private, max-age=31536000, immutable",
    }
    return Stream(media.content(held), media_type=held.content_type or "application/octet-stream", headers=headers)


_ROUTER = Router("/", route_handlers=[take, send])


def surface(library: MediaLibrary) -> Surface:
    """Return the routes, with what stands behind them; errors have the platform's own form."""
    return _ROUTER, {"media": library}


def address_of(request: Request[Any, Any, Any], media: Media) -> str:
    """Return the address of a body."""
    return address(request, media.project_id, media.id, media.sha256)


def address(request: Request[Any, Any, Any], project_id: str, media_id: str, sha256: str) -> str:
    """Return the address of a body by what is known of it."""
    return f"{str(request.base_url).rstrip('/')}/media/{project_id}/{media_id}/{sha256}"
