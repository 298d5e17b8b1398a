"""The links that Langfuse's SDKs print, led on to the same trace here."""

from typing import Any
from urllib.parse import quote

from litestar import Request, Response, Router, get
from litestar.params import FromPath

from pilothouse.compat.base import Surface
from pilothouse.compat.langfuse import ids

_FOUND = 302


@get(["/project/{project_id:str}/traces/{trace_id:path}", "/trace/{trace_id:path}"], include_in_schema=False)
async def lead_on(
    request: Request[Any, Any, Any], trace_id: FromPath[str], project_id: FromPath[str] = ""
) -> Response[None]:
    """Lead to the trace's page; who may see it is asked there."""
    # relative, because the platform may be served below a prefix that the request does not show
    up = "../" * (request.scope["raw_path"].count(b"/") - 1)
    project = f"?project={quote(project_id, safe='')}" if project_id else ""
    place = f"{up}traces/{ids.trace_id(trace_id.removeprefix('/'))}{project}"
    return Response(None, status_code=_FOUND, headers={"location": place})


_ROUTER = Router("/", route_handlers=[lead_on])


def links() -> Surface:
    """Return the routes, which need nothing."""
    return _ROUTER, {}
