"""What the layers of one request leave for one another in its ASGI scope, by name."""

from typing import Any, cast

from litestar.connection import ASGIConnection

Connection = ASGIConnection[Any, Any, Any, Any]

REQUEST_ID = "pilothouse_request_id"
PROJECT = "pilothouse_project"
CALLER = "auth"


def values(connection: Connection) -> dict[str, Any]:
    """Return the scope as a plain mapping."""
    return cast("dict[str, Any]", connection.scope)


def route(connection: Connection) -> str:
    """Return the path template of the matched route, empty when none matched."""
    return str(values(connection).get("path_template", ""))


def given(connection: Connection, name: str) -> Any:
    """Return what the platform that is asked gives its routes under a name."""
    return values(connection)["state"][name]
