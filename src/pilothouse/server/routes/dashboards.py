"""Dashboards: charts that a project keeps and shares; what they show is asked of `/query`."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.params import FromPath, JSONBody, PathParameter

from pilothouse.domain.dashboard import Chart, Dashboard
from pilothouse.domain.share import names_somebody
from pilothouse.registry.dashboards import DashboardDraft
from pilothouse.server.callers import CallerDep, ProjectDep
from pilothouse.server.parts import Parts
from pilothouse.server.replies import OnceDep
from pilothouse.server.views import at


class DashboardView(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard."""

    id: str
    name: str
    description: str
    charts: list[Chart]
    """In the order in which they fill rows of four columns."""
    personal: list[int]
    """Places of the charts, from 0, that name keys, users or sessions; a share link leaves them out unless wanted."""
    ready: bool
    """It comes with Pilothouse and cannot be changed, only copied."""
    version: int
    created_at: datetime | None
    """Null for a ready-made one."""
    updated_at: datetime | None
    changed_by: str
    """`person:<id>`, `key:<id>` or `local`; empty for a ready-made one."""


class DashboardList(msgspec.Struct, frozen=True):
    """All dashboards of a project: those that come with Pilothouse first, then its own by name."""

    items: list[DashboardView]


class DashboardBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new dashboard."""

    name: str
    description: str = ""
    charts: list[Chart] = []


class DashboardChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A dashboard as it is to be, whole."""

    name: str
    description: str = ""
    charts: list[Chart]
    version: int
    """The one that it replaces; another one is refused with 412."""


Ident = Annotated[str, PathParameter(description="The dashboard's id; `latency`, `cost` and `quality` are ready-made.")]


@get("/dashboards", operation_id="listDashboards", summary="List dashboards")
async def list_all(parts: Parts, project: ProjectDep) -> DashboardList:
    """Return all dashboards with their charts."""
    return DashboardList([_view(one) for one in await parts.library.dashboards.all(project)])


@post("/dashboards", operation_id="createDashboard", summary="Make a dashboard")
async def create(
    parts: Parts,
    caller: CallerDep,
    project: ProjectDep,
    data: JSONBody[DashboardBody],
    once: OnceDep,
    request: Request[Any, Any, Any],
) -> DashboardView:
    """Make a dashboard; its name must be free."""
    draft = DashboardDraft(**msgspec.structs.asdict(data))

    async def make() -> DashboardView:
        return _view(await parts.library.dashboards.create(project, draft, actor=caller.actor))

    return await once(request, DashboardView, make)


@get("/dashboards/{dashboard:str}", operation_id="getDashboard", summary="One dashboard")
async def show(parts: Parts, project: ProjectDep, dashboard: Ident) -> DashboardView:
    """Return a dashboard with its charts."""
    return _view(await parts.library.dashboards.get(project, dashboard))


@put("/dashboards/{dashboard:str}", operation_id="putDashboard", summary="Change a dashboard")
async def change(
    parts: Parts, caller: CallerDep, project: ProjectDep, dashboard: FromPath[str], data: JSONBody[DashboardChange]
) -> DashboardView:
    """Write a dashboard whole."""
    draft = DashboardDraft(name=data.name, description=data.description, charts=data.charts)
    return _view(
        await parts.library.dashboards.replace(project, dashboard, draft, data.version, actor=caller.actor)
    )  # fmt: skip


@delete("/dashboards/{dashboard:str}", operation_id="deleteDashboard", summary="Delete a dashboard", status_code=204)
async def remove(parts: Parts, caller: CallerDep, project: ProjectDep, dashboard: FromPath[str]) -> None:
    """Remove a dashboard; what it showed stays."""
    await parts.library.dashboards.delete(project, dashboard, actor=caller.actor)


HANDLERS = (list_all, create, show, change, remove)


def _view(dashboard: Dashboard) -> DashboardView:
    ready = not dashboard.project_id
    return DashboardView(
        id=dashboard.id,
        name=dashboard.name,
        description=dashboard.description,
        charts=list(dashboard.charts),
        personal=[place for place, chart in enumerate(dashboard.charts) if names_somebody(chart)],
        ready=ready,
        version=dashboard.version,
        created_at=None if ready else at(dashboard.created_at_ns),
        updated_at=None if ready else at(dashboard.updated_at_ns),
        changed_by=dashboard.changed_by,
    )
