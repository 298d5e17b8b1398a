"""The overview: figures of a time range, as totals, as series and by model."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from pilothouse.domain.reading import Overview, OverviewFilter
from pilothouse.server.callers import ProjectDep
from pilothouse.server.parts import Parts
from pilothouse.server.queries import RangeDep

Models = Annotated[list[str] | None, QueryParameter(name="model", description="Requested or served name; may repeat.")]


@get("/overview", operation_id="getOverview", summary="Figures of a time range")
async def show(parts: Parts, project: ProjectDep, during: RangeDep, model: Models = None) -> Overview:
    """Return calls, errors, latency, tokens and cost of a time range, with the same length of time before it."""
    wanted = OverviewFilter(project_id=project, from_at=during.from_at, to_at=during.to_at, models=tuple(model or ()))
    return await parts.telemetry.overview(wanted)


HANDLERS = (show,)
