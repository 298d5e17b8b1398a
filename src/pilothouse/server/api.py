"""Every route of the platform, in one list."""

from litestar import Router
from litestar.di import Provide

from pilothouse.server.callers import caller_of, project_of
from pilothouse.server.queries import paging, time_range
from pilothouse.server.routes import (
    aliases,
    health,
    keys,
    overview,
    pages,
    projects,
    providers,
    session,
    system,
    traces,
)

API = Router(
    "/api/v1",
    route_handlers=[
        *session.HANDLERS,
        *projects.HANDLERS,
        *keys.HANDLERS,
        *providers.HANDLERS,
        *aliases.HANDLERS,
        *traces.HANDLERS,
        *overview.HANDLERS,
        *system.HANDLERS,
    ],
    dependencies={
        "caller": Provide(caller_of),
        "project": Provide(project_of),
        "page": Provide(paging),
        "during": Provide(time_range),
    },
)
ROUTES = (API, *health.HANDLERS, *pages.HANDLERS)
