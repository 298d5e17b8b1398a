"""Routes: model names of the operator's own that lead to accounts; and the list of all callable names."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar import delete, get, put
from litestar.params import JSONBody, PathParameter

from pilothouse.domain.snapshot import Account, Alias, Target
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


class ModelView(msgspec.Struct, frozen=True):
    """A name that can be sent as `model`."""

    name: str
    kind: Literal["account_model", "route"]
    account: str
    """Empty for a route."""
    provider: str
    """Empty for a route."""
    targets: list[str]
    """Where a route leads, as `account/model`; empty for a model of an account."""


class ModelList(msgspec.Struct, frozen=True):
    """Every callable name: routes first, then the models of enabled accounts."""

    items: list[ModelView]


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


@get("/models", operation_id="listModels", summary="List callable models")
async def models(parts: Parts) -> ModelList:
    """Return every name that can be sent as `model`."""
    accounts = await parts.registry.list_accounts()
    routes = [_route_model(alias) for alias in await parts.registry.list_aliases()]
    return ModelList(routes + [one for account in accounts if account.enabled for one in _account_models(account)])


HANDLERS = (list_all, store, remove, models)


def _route_model(alias: Alias) -> ModelView:
    targets = [f"{target.account}/{target.model}" for target in alias.targets]
    return ModelView(name=alias.name, kind="route", account="", provider="", targets=targets)


def _account_models(account: Account) -> list[ModelView]:
    return [
        ModelView(
            name=f"{account.name}/{model}",
            kind="account_model",
            account=account.name,
            provider=account.provider,
            targets=[],
        )
        for model in account.models
    ]
