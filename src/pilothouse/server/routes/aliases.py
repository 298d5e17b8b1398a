"""Routes: model names of the operator's own that lead to accounts."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import delete, get, put
from litestar.params import JSONBody, PathParameter

from pilothouse.domain.snapshot import Alias, Target
from pilothouse.server.callers import CallerDep
from pilothouse.server.parts import Parts
from pilothouse.server.queries import PageDep, cut
from pilothouse.server.views import at


class TargetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One place a route may lead to."""

    account: str
    model: str
    weight: int = 1


class TargetView(msgspec.Struct, frozen=True):
    """One place a route leads to."""

    account: str
    model: str
    weight: int


class RouteView(msgspec.Struct, frozen=True):
    """A model name and its targets."""

    id: str
    name: str
    targets: list[TargetView]
    managed: bool
    """Made and kept up by the installation itself."""
    created_at: datetime


class RoutePage(msgspec.Struct, frozen=True):
    """A page of routes."""

    items: list[RouteView]
    next_cursor: str | None


class RouteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a route shall lead to."""

    targets: list[TargetBody]


RouteName = Annotated[str, PathParameter(description="The route's name.")]
RouteId = Annotated[str, PathParameter(description="The route's id.")]


def view(alias: Alias) -> RouteView:
    """Return the route as the API shows it."""
    return RouteView(
        id=alias.id,
        name=alias.name,
        targets=[TargetView(target.account, target.model, target.weight) for target in alias.targets],
        managed=alias.managed,
        created_at=at(alias.created_at_ns),
    )


@get("/routes", operation_id="listRoutes", summary="List routes")
async def list_all(parts: Parts, page: PageDep) -> RoutePage:
    """Return every route by name."""
    items, next_cursor = cut(await parts.registry.list_aliases(), page, lambda alias: alias.id)
    return RoutePage([view(alias) for alias in items], next_cursor)


@put("/routes/{route:str}", operation_id="putRoute", summary="Make or replace a route")
async def store(parts: Parts, caller: CallerDep, route: RouteName, data: JSONBody[RouteBody]) -> RouteView:
    """Make the route, or give it other targets."""
    targets = tuple(Target(target.account, target.model, target.weight) for target in data.targets)
    return view(await parts.registry.put_alias(route, targets, actor=caller.actor))


@delete("/routes/{route:str}", operation_id="deleteRoute", summary="Delete a route", status_code=204)
async def remove(parts: Parts, caller: CallerDep, route: RouteId) -> None:
    """Delete a route; calls to its name are refused from then on."""
    await parts.registry.delete_alias(route, actor=caller.actor)


HANDLERS = (list_all, store, remove)
