"""The one table of who may do what, by method and path; the guard in `auth` reads it for every request."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from pilothouse.domain.access import Permission


class Reach(StrEnum):
    """What a route concerns, and so which role of a person counts."""

    PROJECT = "project"
    """The role in the request's project."""
    INSTALLATION = "installation"
    """The person's highest role, because all projects share the thing."""
    OPEN = "open"
    """Anybody; who it is does not matter."""
    SIGN_IN = "sign_in"
    """Anybody; who it is, is found out."""


class Permit(msgspec.Struct, frozen=True):
    """What a caller needs for one route."""

    reach: Reach
    permission: Permission = Permission.READ
    across_projects: bool = False
    """Refused to keys, because a key belongs to one project."""
    metrics: bool = False
    """Open to anybody when `metrics_public` is set."""


_OPEN = Permit(Reach.OPEN)
_SIGN_IN = Permit(Reach.SIGN_IN)
_READ = Permit(Reach.PROJECT, Permission.READ)
_ADMIN = Permit(Reach.PROJECT, Permission.ADMIN)
_READ_SHARED = Permit(Reach.INSTALLATION, Permission.READ)
_WRITE_SHARED = Permit(Reach.INSTALLATION, Permission.WRITE)
_ADMIN_SHARED = Permit(Reach.INSTALLATION, Permission.ADMIN)

PERMITS: Mapping[tuple[str, str], Permit] = {
    ("GET", "/"): _OPEN,
    ("GET", "/{path}"): _OPEN,
    ("GET", "/healthz"): _OPEN,
    ("GET", "/readyz"): _OPEN,
    ("GET", "/metrics"): Permit(Reach.INSTALLATION, Permission.READ, metrics=True),
    ("GET", "/schema/openapi.json"): _OPEN,
    ("GET", "/api/v1/session"): _SIGN_IN,
    ("POST", "/api/v1/session"): _SIGN_IN,
    ("DELETE", "/api/v1/session"): _SIGN_IN,
    ("POST", "/api/v1/session/first-run"): _SIGN_IN,
    ("GET", "/api/v1/projects"): _READ_SHARED,
    ("POST", "/api/v1/projects"): Permit(Reach.INSTALLATION, Permission.ADMIN, across_projects=True),
    ("PATCH", "/api/v1/projects/{project_id}"): _ADMIN,
    ("GET", "/api/v1/keys"): _READ,
    ("POST", "/api/v1/keys"): _ADMIN,
    ("DELETE", "/api/v1/keys/{key_id}"): _ADMIN,
    ("GET", "/api/v1/providers"): _READ_SHARED,
    ("POST", "/api/v1/providers"): _ADMIN_SHARED,
    ("PATCH", "/api/v1/providers/{provider_id}"): _ADMIN_SHARED,
    ("DELETE", "/api/v1/providers/{provider_id}"): _ADMIN_SHARED,
    ("POST", "/api/v1/providers/test"): _ADMIN_SHARED,
    ("POST", "/api/v1/providers/{provider_id}/test"): _ADMIN_SHARED,
    ("GET", "/api/v1/provider-kinds"): _READ_SHARED,
    ("GET", "/api/v1/routes"): _READ_SHARED,
    ("PUT", "/api/v1/routes/{route}"): _WRITE_SHARED,
    ("DELETE", "/api/v1/routes/{route}"): _WRITE_SHARED,
    ("GET", "/api/v1/models"): _READ_SHARED,
    ("GET", "/api/v1/traces"): _READ,
    ("GET", "/api/v1/traces/facets"): _READ,
    ("GET", "/api/v1/traces/live"): _READ,
    ("GET", "/api/v1/traces/{trace_id}"): _READ,
    ("GET", "/api/v1/overview"): _READ,
    ("GET", "/api/v1/system"): _READ_SHARED,
}
