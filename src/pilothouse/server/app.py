"""Puts the platform's API and UI together as one ASGI application."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.routes import HTTPRoute

from pilothouse.errors import InvalidJson, InvalidRequest
from pilothouse.server import errors, openapi, ui
from pilothouse.server.addresses import Addresses
from pilothouse.server.api import ROUTES
from pilothouse.server.attempts import MOST_SHARED, Attempts
from pilothouse.server.auth import guard, permit_of
from pilothouse.server.edge import Edge
from pilothouse.server.live import LiveTail
from pilothouse.server.parts import ServerParts
from pilothouse.server.queries import refuse_unknown_parameters
from pilothouse.server.replies import Once
from pilothouse.server.shared_boards import SharedBoards

_FORMS = ("application/json", "")


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


def create_app(parts: ServerParts, *, surfaces: Sequence[Router] = (), static: Path = ui.FOLDER) -> Litestar:
    """Return the application; `static` is the folder of the built web UI.

    `surfaces` are those of other products' SDKs. Their routes find the key of a request and check it themselves.
    Before its server waits for open connections to end, call `end_streams`.
    """
    document = openapi.document()
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
        "openapi_document": document,
    }
    foreign = frozenset(found for surface in surfaces for found in operations(surface))
    app = Litestar(
        route_handlers=[*ROUTES, *surfaces],
        dependencies={name: Provide(openapi.Given(value), sync_to_thread=False) for name, value in given.items()},
        guards=[guard, refuse_unknown_parameters],
        exception_handlers={Exception: errors.render},
        request_class=ApiRequest,
        request_max_body_size=parts.options.max_body_bytes,
        openapi_config=None,
        logging_config=None,
        state=State(
            {"parts": parts, "live_tail": live_tail, "known": openapi.query_parameters(document), "foreign": foreign}
        ),
        on_startup=[live_tail.start],
        on_shutdown=[live_tail.close],
    )
    served = operations(app)
    for method, path in served:
        if (method, path) not in foreign:
            permit_of(method, path)
    app.state["addresses"] = Addresses(served, _deep(app))
    elsewhere = {name: surface.path for surface in surfaces for name in surface.opt.get("known_elsewhere", ())}
    app.asgi_handler = Edge(app.asgi_handler, parts.options, app.state["addresses"], elsewhere)
    return app


async def end_streams(app: Litestar) -> None:
    """End every live stream, so that the server can stop without waiting for them."""
    await app.state["live_tail"].close()


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
