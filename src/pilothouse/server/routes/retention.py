"""Retention: how long a project keeps what."""

from datetime import datetime

import msgspec
from litestar import get, post, put
from litestar.params import JSONBody

from pilothouse.domain.keeping import KeptRetention, Retention
from pilothouse.lifecycle.retention import Retentions
from pilothouse.server.callers import CallerDep, ProjectDep
from pilothouse.server.parts import Parts, lifecycle_of
from pilothouse.server.views import at_or_none


class RetentionView(msgspec.Struct, frozen=True, kw_only=True):
    """A project's retention."""

    retention: Retention
    changed_by: str
    changed_at: datetime | None
    swept_at: datetime | None
    """When it was last applied; None when it has not been since it was changed."""
    removed: dict[str, int]
    """Rows that the last sweep removed by table, and `bodies` that it emptied."""


class RetentionPreview(msgspec.Struct, frozen=True):
    """What a sweep would remove now."""

    removed: dict[str, int]


@get("/retention", operation_id="getRetention", summary="How long a project keeps what")
async def show(parts: Parts, project: ProjectDep) -> RetentionView:
    """Return the project's retention, and what the last sweep removed."""
    return _view(await _retentions(parts).get(project))


@put("/retention", operation_id="putRetention", summary="Set how long a project keeps what")
async def change(parts: Parts, project: ProjectDep, caller: CallerDep, data: JSONBody[Retention]) -> RetentionView:
    """Set the days of each kind of data; what is left out is kept for good. It is applied some minutes later."""
    return _view(await _retentions(parts).put(project, data, actor=caller.actor))


@post("/retention/preview", operation_id="previewRetention", summary="What a retention would remove", status_code=200)
async def preview(parts: Parts, project: ProjectDep, data: JSONBody[Retention]) -> RetentionPreview:
    """Return how many rows would go and how many bodies would be emptied, without anything going."""
    return RetentionPreview(await _retentions(parts).preview(project, data))


HANDLERS = (show, change, preview)


def _retentions(parts: Parts) -> Retentions:
    return lifecycle_of(parts).retentions


def _view(kept: KeptRetention) -> RetentionView:
    return RetentionView(
        retention=kept.retention,
        changed_by=kept.changed_by,
        changed_at=at_or_none(kept.changed_at_ns or None),
        swept_at=at_or_none(kept.swept_at_ns or None),
        removed=kept.removed,
    )
