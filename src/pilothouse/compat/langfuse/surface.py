"""Every address of Langfuse's API that is served, as one router."""

from typing import Any

from litestar import Request, Response, Router, get, route

from pilothouse import __version__
from pilothouse.compat.base import Surface, headers_of
from pilothouse.compat.langfuse import (
    comments,
    datasets,
    experiments,
    media,
    metrics,
    observed,
    prompts,
    reads,
    removals,
    score_configs,
    scored,
    writes,
)
from pilothouse.compat.langfuse.answers import Problem, failed, problem
from pilothouse.compat.langfuse.parts import LangfuseParts, PartsDep
from pilothouse.domain.access import Permission

PREFIX = "/api/public"
_MISSING, _NOT_BUILT = 404, 501


@get("/health", include_in_schema=False)
async def health() -> dict[str, str]:
    """Say that the API answers."""
    return {"status": "OK", "version": __version__}


@get("/projects", include_in_schema=False)
async def projects(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return the one project of the key, with which SDKs check their keys and build links."""
    key = await langfuse.intake.admit(headers_of(request), Permission.INGEST, Permission.READ)
    names = {project.id: project.name for project in await langfuse.projects.list_projects()}
    organization = {"id": "pilothouse", "name": "Pilothouse"}
    return {
        "data": [
            {
                "id": key.project_id,
                "name": names.get(key.project_id, key.project_id),
                "organization": organization,
                "metadata": {},
            }
        ]
    }


@route(
    ["/", "/{rest:path}"],
    http_method=["GET", "POST", "PUT", "PATCH", "DELETE"],
    include_in_schema=False,
    status_code=_MISSING,
)
async def others(langfuse: PartsDep, request: Request[Any, Any, Any]) -> Response[Problem]:
    """Say clearly what is not served here: a read finds nothing, a write is not done."""
    await langfuse.intake.admit(headers_of(request), Permission.INGEST, Permission.READ, Permission.WRITE)
    told = f"{request.method} {request.url.path[:200]} of Langfuse's API is not served by Pilothouse"
    # a 404 to reads, because SDKs repeat a 501, and a prompt's fallback would come seconds later
    return problem(
        _MISSING if request.method == "GET" else _NOT_BUILT,
        f"{told}; it has traces, scores, prompts, datasets, runs, media and comments.",
    )


_ROUTER = Router(
    PREFIX,
    route_handlers=[
        *writes.HANDLERS,
        *reads.HANDLERS,
        *removals.HANDLERS,
        *observed.HANDLERS,
        *scored.HANDLERS,
        *metrics.HANDLERS,
        *score_configs.HANDLERS,
        *prompts.HANDLERS,
        *datasets.HANDLERS,
        *experiments.HANDLERS,
        *media.HANDLERS,
        *comments.HANDLERS,
        health,
        projects,
        others,
    ],
    exception_handlers={Exception: failed},
)


def surface(parts: LangfuseParts) -> Surface:
    """Return the routes, with what stands behind them."""
    return _ROUTER, {"langfuse": parts}
