"""What is not the API: the web UI and the OpenAPI document."""

import asyncio
from collections.abc import Callable
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from pilothouse.server.ui import Ui

UiDep = NamedDependency[SkipValidation[Ui]]
SchemaDep = NamedDependency[SkipValidation[Callable[[], bytes]]]


@get(["/", "/{path:path}"], include_in_schema=False)
async def page(ui: UiDep, request: Request[Any, Any, Any], path: FromPath[str] = "") -> Response[bytes]:
    """Return a file of the web UI."""
    return await ui.answer(request, path)


@get("/schema/openapi.json", include_in_schema=False)
async def schema(openapi_document: SchemaDep) -> Response[bytes]:
    """Return the OpenAPI document."""
    # making it takes a while the first time
    return Response(await asyncio.to_thread(openapi_document), media_type="application/json")


HANDLERS = (page, schema)
