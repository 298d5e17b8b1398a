"""Projects."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, get, patch, post
from litestar.params import FromPath, JSONBody

from pilothouse.domain.access import Project
from pilothouse.server.callers import CallerDep
from pilothouse.server.parts import Parts
from pilothouse.server.queries import PageDep, cut
from pilothouse.server.replies import OnceDep
from pilothouse.server.views import at


class ProjectView(msgspec.Struct, frozen=True):
    """A separate space of traces, keys and prompts."""

    id: str
    name: str
    created_at: datetime


class ProjectPage(msgspec.Struct, frozen=True):
    """A page of projects."""

    items: list[ProjectView]
    next_cursor: str | None


class ProjectBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A project's own data."""

    name: str


def view(project: Project) -> ProjectView:
    """Return the project as the API shows it."""
    return ProjectView(project.id, project.name, at(project.created_at_ns))


@get("/projects", operation_id="listProjects", summary="List projects")
async def list_all(parts: Parts, caller: CallerDep, page: PageDep) -> ProjectPage:
    """Return the projects that the caller may see, oldest first; a key sees its own."""
    mine = [project for project in await parts.registry.list_projects() if caller.sees(project.id)]
    items, next_cursor = cut(mine, page, lambda project: project.id)
    return ProjectPage([view(project) for project in items], next_cursor)


@post("/projects", operation_id="createProject", summary="Make a project")
async def create(
    parts: Parts, caller: CallerDep, data: JSONBody[ProjectBody], once: OnceDep, request: Request[Any, Any, Any]
) -> ProjectView:
    """Make a project; its name is unique."""

    async def make() -> ProjectView:
        return view(await parts.registry.create_project(data.name, actor=caller.actor))

    return await once(request, ProjectView, make)


@patch("/projects/{project_id:str}", operation_id="renameProject", summary="Rename a project")
async def rename(
    parts: Parts, caller: CallerDep, project_id: FromPath[str], data: JSONBody[ProjectBody]
) -> ProjectView:
    """Give a project another name."""
    return view(await parts.registry.rename_project(project_id, data.name, actor=caller.actor))


HANDLERS = (list_all, create, rename)
