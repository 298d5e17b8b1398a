"""Every address of LangSmith's API that is served, as one router."""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, Router, get, route

from pilothouse.compat.base import KNOWN_ELSEWHERE, Surface
from pilothouse.compat.langsmith import (
    datasets,
    examples,
    feedback_configs,
    feedbacks,
    ids,
    prompts,
    queue_items,
    queue_runs,
    queues,
    reads,
    results,
    sessions,
    sharing,
    uploads,
    writes,
)
from pilothouse.compat.langsmith.answers import MISSING, Problem, failed, unserved
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep

PREFIX = "/langsmith"
"""SDKs know the addresses at the root and below `/api/v1`; here none of them meets another's."""
VERSION = "0.18.0"
"""As which LangSmith we come: it has the reads of version 2, which SDKs warn about on older ones."""
_MOST_BYTES = 20 * 1024**2
_ELSEWHERE = (
    "prompts", "public", "comments", "tenants", "workspaces",
    "charts",
)  # fmt: skip
"""Of LangSmith's API, and not served."""
_SERVED = ("info", "runs", "sessions", "feedback", "settings", "datasets", "examples", "repos", "commits", "platform",
           "feedback-configs", "likes", "annotation-queues")  # fmt: skip
"""First segments of what is."""
_PARTS = (
    "/runs/{run_id:str}/{rest:path}",
    "/sessions/{session_id:str}/{rest:path}",
    "/datasets/{dataset_id:str}/{rest:path}",
    "/annotation-queues/{queue_id:str}/{rest:path}",
    "/platform/annotation-queues/{queue_id:str}/items/{item_id:str}/{rest:path}",
)
"""Likewise, below what is served."""
_INFO: dict[str, Any] = {
    "version": VERSION,
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "scale_up_qsize_trigger": 1000,
        "scale_up_nthreads_limit": 16,
        "scale_down_nempty_trigger": 4,
        "size_limit": 100,
        "size_limit_bytes": _MOST_BYTES,
    },
    # without a word on which reads there are, SDKs use those of version 1 where a script does not ask for others
    "instance_flags": {
        "zstd_compression_enabled": True,
        "blob_storage_enabled": False,
        "dataset_examples_multipart_enabled": True,
        "examples_multipart_enabled": True,
    },
}


@get("/info", include_in_schema=False)
async def info() -> dict[str, Any]:
    """Say how SDKs are to send what they have."""
    return _INFO


@get("/settings", include_in_schema=False)
async def settings(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return the tenant, which is the key's project."""
    key = await langsmith.sender(request)
    project = next((one for one in await langsmith.projects.list_projects() if one.id == key.project_id), None)
    made_ns = project.created_at_ns if project else langsmith.clock.now_ns()
    return {
        "id": str(ids.tenant_id(key.project_id)),
        "display_name": project.name if project else key.project_id,
        "created_at": datetime.fromtimestamp(made_ns / 1e9, UTC).isoformat(),
        "tenant_handle": None,
    }


@route(
    [*_PARTS, *(path for name in _ELSEWHERE for path in (f"/{name}", f"/{name}/{{rest:path}}"))],
    http_method=["GET", "POST", "PUT", "PATCH", "DELETE"],
    include_in_schema=False,
    status_code=MISSING,
)
async def others(langsmith: PartsDep, request: Request[Any, Any, Any]) -> Response[Problem]:
    """Say clearly what is not served here: a read finds nothing, a write is not done."""
    await langsmith.sender(request)
    return unserved(request, "it has runs, feedback, datasets, experiments, prompts and annotation queues.")


_BELOW = Router("/platform", route_handlers=[*examples.PLATFORM_HANDLERS, *queue_items.PLATFORM_HANDLERS])
_ROUTER = Router(
    PREFIX,
    route_handlers=[
        *writes.HANDLERS,
        *reads.HANDLERS,
        *feedbacks.HANDLERS,
        *feedback_configs.HANDLERS,
        *sessions.HANDLERS,
        *datasets.HANDLERS,
        *results.HANDLERS,
        *sharing.HANDLERS,
        *examples.HANDLERS,
        *uploads.HANDLERS,
        *prompts.HANDLERS,
        *queues.HANDLERS,
        *queue_runs.HANDLERS,
        _BELOW,
        info,
        settings,
        others,
    ],
    exception_handlers={Exception: failed},
    opt={KNOWN_ELSEWHERE: (*_SERVED, *_ELSEWHERE)},
)


def surface(parts: LangSmithParts) -> Surface:
    """Return the routes, with what stands behind them; SDKs know them elsewhere too."""
    return _ROUTER, {"langsmith": parts}


def platform_surface(parts: LangSmithParts) -> Surface:
    """Return the routes that SDKs look for below `/v1/platform` when their endpoint is a bare host."""
    return examples.PLATFORM_ROUTER, {"langsmith": parts}
