"""Writes the OpenAPI document of the platform API: `python -m pilothouse.server.openapi > schemas/openapi.json`."""

import sys
from functools import cache
from typing import Any

import msgspec
from litestar import Litestar, Request
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Server

from pilothouse.server import scope
from pilothouse.server.api import API
from pilothouse.server.errors import Problem
from pilothouse.server.permits import PERMITS, Reach

CONFIG = OpenAPIConfig(
    title="Pilothouse API",
    version="1",
    description="The platform's own API. Errors are RFC 9457 problem details; times are RFC 3339 in UTC; money is "
    "decimal strings in US dollars. Keys go in `Authorization: Bearer`; browsers use a cookie and `X-CSRF-Token`.",
    servers=[Server(url="/")],
    components=Components(
        security_schemes={
            "key": SecurityScheme(type="http", scheme="bearer", description="A virtual key, `ph_…`."),
            "session": SecurityScheme(type="apiKey", security_scheme_in="cookie", name="pilothouse_session"),
        }
    ),
    security=[{"key": []}, {"session": []}],
)

_GIVEN = ("parts", "live_tail", "once", "attempts", "wrong_tokens", "shared_reads", "shared_boards")
"""What the app gives to its routes by name."""


@cache
def document() -> bytes:
    """Return the OpenAPI document as indented JSON with a final newline; needs no database."""
    # Only the shapes of the routes are asked for, so nothing stands behind them.
    nothing = {name: Provide(Given(name), sync_to_thread=False) for name in _GIVEN}
    app = Litestar([API], openapi_config=CONFIG, dependencies=nothing, logging_config=None)
    schema = app.openapi_schema.to_schema()
    schema["components"]["schemas"].update(_problem_schemas())
    for path, path_item in schema["paths"].items():
        for method, operation in path_item.items():
            _add_problems(operation)
            _add_headers(operation, method.upper(), path)
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _problem_schemas() -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components((Problem,), ref_template="#/components/schemas/{name}")
    return dict(schemas)


def _add_problems(operation: dict[str, Any]) -> None:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation["responses"].pop("400", None)
    for parameter in operation.get("parameters", ()):
        _tidy(parameter)
    operation["responses"]["default"] = {"description": "What went wrong (RFC 9457).", "content": content}


def _add_headers(operation: dict[str, Any], method: str, path: str) -> None:
    wanted: list[tuple[str, str]] = []
    if PERMITS[method, path].reach is Reach.PROJECT and "{project_id}" not in path:
        wanted.append(("X-Pilothouse-Project", "Id of the project; the first one that you may see when left out."))
    if path.startswith("/api/v1/shared"):
        wanted.append(("X-Pilothouse-Share", "The token of a share link, `phv_…`; all that these addresses ask for."))
    if method == "POST" and "201" in operation["responses"] and "/session" not in path:
        wanted.append(("Idempotency-Key", "The same key and body within 24 hours give the first answer again."))
    for name, description in wanted:
        header = {"name": name, "in": "header", "schema": {"type": "string"}, "description": description}
        operation.setdefault("parameters", []).append({**header, "required": False})


def _tidy(parameter: dict[str, Any]) -> None:
    """Say what a caller may send: neither null nor the empty default that means "left out"."""
    for noise in ("deprecated", "allowEmptyValue", "allowReserved"):
        parameter.pop(noise, None)
    schema: dict[str, Any] = parameter["schema"]
    schema.pop("description", None)
    if schema.get("default") == "":
        del schema["default"]
    for kind in schema.pop("oneOf", ()):
        if kind != {"type": "null"}:
            schema.update(kind)


class Given:
    """Provides a route with what its platform gives it under a name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, request: Request[Any, Any, Any]) -> Any:
        """Return it."""
        return scope.given(request, self._name)


if __name__ == "__main__":
    sys.stdout.buffer.write(document())
