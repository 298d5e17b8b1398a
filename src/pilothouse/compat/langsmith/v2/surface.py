"""Every address of version 2 that is served, as one router."""

from typing import Any

from litestar import Request, Response, Router, route

from pilothouse.compat.base import Surface
from pilothouse.compat.langsmith import sharing
from pilothouse.compat.langsmith.answers import MISSING, Problem, failed, unserved
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep
from pilothouse.compat.langsmith.v2 import runs, sessions, threads

PREFIX = "/api/v2"
"""Where SDKs ask for it, whatever their endpoint; Pilothouse has no address of its own there."""
_PARTS = ("/runs/{run_id:str}", "/threads/{thread_id:str}", "/datasets/{dataset_id:str}", "/traces/{trace_id:str}")
_ELSEWHERE = ("public", "sql", "evaluators", "agents")
"""Of version 2, and not served."""


@route(
    [
        "/datasets",
        *(f"{path}/{{rest:path}}" for path in _PARTS),
        *(path for name in _ELSEWHERE for path in (f"/{name}", f"/{name}/{{rest:path}}")),
    ],
    http_method=["GET", "POST", "PUT", "PATCH", "DELETE"],
    include_in_schema=False,
    status_code=MISSING,
)
async def others(langsmith: PartsDep, request: Request[Any, Any, Any]) -> Response[Problem]:
    """Say clearly what is not served here: a read finds nothing, a write is not done."""
    await langsmith.sender(request)
    return unserved(request, "of version 2 it has runs, traces, threads, projects and the results of experiments.")


_ROUTER = Router(
    PREFIX,
    route_handlers=[*runs.HANDLERS, *threads.HANDLERS, *sessions.HANDLERS, *sharing.HANDLERS, others],
    exception_handlers={Exception: failed},
)


def surface(parts: LangSmithParts) -> Surface:
    """Return the routes, with what stands behind them."""
    return _ROUTER, {"langsmith": parts}
