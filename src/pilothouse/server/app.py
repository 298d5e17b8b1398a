"""Puts the platform's API and UI together as one ASGI application."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import msgspec
from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.routes import HTTPRoute
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Scope

from pilothouse.errors import InvalidJson, InvalidRequest
from pilothouse.server import errors, openapi, ui
from pilothouse.server.addresses import Addresses
from pilothouse.server.api import ROUTES
from pilothouse.server.attempts import MOST_SHARED, Attempts
from pilothouse.server.auth import guard, permit_of
from pilothouse.server.edge import Edge
from pilothouse.server.live import LiveTail
from pilothouse.server.parts import ServerParts
from pilothouse.server.queries import known_parameters, refuse_unknown_parameters
from pilothouse.server.replies import Once
from pilothouse.server.shared_boards import SharedBoards

_FORMS = ("application/json", "")
Surface = tuple[Router, Mapping[str, Any]]
"""All routes of one product's API, and by its name what stands behind them."""


class ApiRequest(Request[Any, Any, Any]):
    """Decodes bodies strictly into the handler's type, so that every fault has its pointer."""

    async def json(self) -> Any:
        """Return the body as the handler's own type; raises `InvalidJson` or `InvalidRequest`."""
        kind = self.content_type[0]
        if kind not in _FORMS:
            raise InvalidRequest(
                "The body must be JSON, sent as `Content-Type: application/json`.", param="content-type"
            )
        field = self.route_handler.parsed_data_field
        try:
            return msgspec.json.decode(await self.body(), type=field.annotation if field else Any)
        except msgspec.ValidationError as error:
            raise errors.invalid_body(error) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidJson(f"The body is not valid JSON: {error}") from error


class Platform:
    """An ASGI application: routes that all platforms of a process share, over what belongs to one of them.

    Requests find that by its name in the `state` of their ASGI scope.
    """

    def __init__(self, routes: Litestar, edge: Edge, given: Mapping[str, Any], live_tail: LiveTail) -> None:
        self.routes = routes
        self.live_tail = live_tail
        self._edge = edge
        self._given = dict(given)

    async def __call__(self, scope: Scope | LifeSpanScope, receive: Any, send: Any) -> None:
        """Serve a request, or be there from the server's start to its end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        values = cast("dict[str, Any]", scope)
        values["state"] = {**values.get("state", {}), **self._given}
        await self._edge(scope, receive, send)

    async def _live(self, receive: LifeSpanReceive, send: LifeSpanSend) -> None:
        await receive()
        await self.live_tail.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.live_tail.close()
        await send({"type": "lifespan.shutdown.complete"})


def create_app(parts: ServerParts, *, surfaces: Sequence[Surface] = (), static: Path = ui.FOLDER) -> Platform:
    """Return the application; `static` is the folder of the built web UI.

    `surfaces` are those of other products' SDKs. Their routes find the key of a request and check it themselves.
    Before its server waits for open connections to end, call `end_streams`.
    """
    live_tail = LiveTail(parts.telemetry, parts.clock)
    given: dict[str, Any] = {
        "parts": parts,
        "live_tail": live_tail,
        "once": Once(parts.replies),
        "attempts": Attempts(parts.clock),
        "wrong_tokens": Attempts(parts.clock),
        "shared_reads": Attempts(parts.clock, MOST_SHARED),
        "shared_boards": SharedBoards(parts.telemetry, parts.registry, parts.clock),
        "ui": ui.Ui(static, parts.options.prefix),
        "openapi_document": openapi.document,
    }
    for _, more in surfaces:
        given |= more
    routers = tuple(router for router, _ in surfaces)
    routes = _routes(routers, tuple(given), parts.options.max_body_bytes)
    elsewhere = {name: router.path for router in routers for name in router.opt.get("known_elsewhere", ())}
    edge = Edge(routes, parts.options, routes.state["addresses"], elsewhere)
    return Platform(routes, edge, given, live_tail)


async def end_streams(app: Platform) -> None:
    """End every live stream, so that the server can stop without waiting for them."""
    await app.live_tail.close()


@lru_cache(maxsize=4)
def _routes(surfaces: tuple[Router, ...], given: tuple[str, ...], max_body_bytes: int) -> Litestar:
    """Return all routes, made ready, which takes a while; `given` are the names of what a platform gives them.

    They hold nothing of a platform, so that all of a process can share them.
    """
    foreign = frozenset(found for surface in surfaces for found in operations(surface))
    routes = Litestar(
        route_handlers=[*ROUTES, *surfaces],
        dependencies={name: Provide(openapi.Given(name), sync_to_thread=False) for name in given},
        guards=[guard, refuse_unknown_parameters],
        exception_handlers={Exception: errors.render},
        request_class=ApiRequest,
        request_max_body_size=max_body_bytes,
        openapi_config=None,
        logging_config=None,
    )
    served = operations(routes)
    for method, path in served:
        if (method, path) not in foreign:
            permit_of(method, path)
    addresses = Addresses(served, _deep(routes))
    routes.state.update({"foreign": foreign, "known": known_parameters(routes), "addresses": addresses})
    return routes


def operations(app: Litestar | Router) -> list[tuple[str, str]]:
    """Return method and path of every route that is served, in the form of the table of permits."""
    found: list[tuple[str, str]] = []
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            path = route.path_format
            found += [(method, path) for method in sorted(route.methods - {"OPTIONS"})]
    return found


def _deep(app: Litestar) -> frozenset[str]:
    """Return the paths whose parameter may hold slashes."""
    return frozenset(
        route.path_format
        for route in app.routes
        if isinstance(route, HTTPRoute) and any(one.type is Path for one in route.path_parameters.values())
    )
