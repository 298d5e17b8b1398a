"""The one table of who may do what, by method and path; the guard in `auth` reads it for every request."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from pilothouse.domain.access import Permission
from pilothouse.server.otlp.surfaces import ADDRESSES


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
    SDK = "sdk"
    """A key with the permission, which the route itself finds wherever an SDK puts it."""


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
_WRITE = Permit(Reach.PROJECT, Permission.WRITE)
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
    ("GET", "/api/v1/projects/{project_id}/redaction"): _ADMIN,
    ("PUT", "/api/v1/projects/{project_id}/redaction"): _ADMIN,
    ("POST", "/api/v1/projects/{project_id}/redaction/try"): _ADMIN,
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
    ("GET", "/api/v1/catalog"): _READ_SHARED,
    ("GET", "/api/v1/prices"): _READ_SHARED,
    ("GET", "/api/v1/traces"): _READ,
    ("GET", "/api/v1/traces/facets"): _READ,
    ("GET", "/api/v1/traces/live"): _READ,
    ("GET", "/api/v1/traces/{trace_id}"): _READ,
    ("GET", "/api/v1/traces/{trace_id}/tree"): _READ,
    ("GET", "/api/v1/traces/{trace_id}/spans/{span_id}"): _READ,
    ("GET", "/api/v1/traces/{trace_id}/matches"): _READ,
    ("GET", "/api/v1/traces/{trace_id}/media"): _READ,
    ("GET", "/api/v1/traces/{trace_id}/logs"): _READ,
    ("GET", "/api/v1/logs"): _READ,
    ("GET", "/api/v1/logs/facets"): _READ,
    ("GET", "/api/v1/metrics"): _READ,
    ("GET", "/api/v1/metrics/figures"): _READ,
    ("GET", "/api/v1/metrics/exemplars"): _READ,
    ("GET", "/api/v1/metrics/values"): _READ,
    ("GET", "/api/v1/overview"): _READ,
    ("GET", "/api/v1/spans"): _READ,
    ("GET", "/api/v1/query"): _READ,
    ("POST", "/api/v1/query"): _READ,
    ("POST", "/api/v1/query/together"): _READ,
    ("GET", "/api/v1/query/fields"): _READ_SHARED,
    ("GET", "/api/v1/query/completions"): _READ,
    ("GET", "/api/v1/sessions"): _READ,
    ("GET", "/api/v1/sessions/{session_id}"): _READ,
    ("GET", "/api/v1/users"): _READ,
    ("GET", "/api/v1/users/{user_id}"): _READ,
    ("GET", "/api/v1/batches"): _READ,
    ("GET", "/api/v1/batches/{batch_id}"): _READ,
    ("POST", "/api/v1/batches/{batch_id}/cancel"): _WRITE,
    ("GET", "/api/v1/batches/{batch_id}/files/{which}"): _READ,
    ("GET", "/api/v1/dashboards"): _READ,
    ("POST", "/api/v1/dashboards"): _WRITE,
    ("GET", "/api/v1/dashboards/{dashboard}"): _READ,
    ("PUT", "/api/v1/dashboards/{dashboard}"): _WRITE,
    ("DELETE", "/api/v1/dashboards/{dashboard}"): _WRITE,
    ("GET", "/api/v1/views"): _READ,
    # whoever may read may keep views of their own; the registry asks for more for the project's
    ("POST", "/api/v1/views"): _READ,
    ("GET", "/api/v1/views/{view_id}"): _READ,
    ("PUT", "/api/v1/views/{view_id}"): _READ,
    ("DELETE", "/api/v1/views/{view_id}"): _READ,
    ("PUT", "/api/v1/views/first/{name}"): _READ,
    ("GET", "/api/v1/shares"): _READ,
    ("POST", "/api/v1/shares"): _WRITE,
    ("DELETE", "/api/v1/shares/{share_id}"): _WRITE,
    ("GET", "/api/v1/shares/policy"): _READ,
    ("PUT", "/api/v1/shares/policy"): _ADMIN,
    # the token of a link is all that these ask for
    ("GET", "/api/v1/shared"): _OPEN,
    ("GET", "/api/v1/shared/figures"): _OPEN,
    ("GET", "/api/v1/shared/tree"): _OPEN,
    ("GET", "/api/v1/shared/spans/{span_id}"): _OPEN,
    ("GET", "/api/v1/shared/matches"): _OPEN,
    ("GET", "/api/v1/shared/logs"): _OPEN,
    ("GET", "/api/v1/shared/media"): _OPEN,
    ("GET", "/api/v1/shared/media/{media_id}"): _OPEN,
    ("GET", "/api/v1/comments"): _READ,
    ("GET", "/api/v1/comments/counts"): _READ,
    ("POST", "/api/v1/comments"): _WRITE,
    ("PATCH", "/api/v1/comments/{comment_id}"): _WRITE,
    ("DELETE", "/api/v1/comments/{comment_id}"): _WRITE,
    ("GET", "/api/v1/prompts"): _READ,
    ("POST", "/api/v1/prompts"): _WRITE,
    ("GET", "/api/v1/prompts/{prompt}"): _READ,
    ("PATCH", "/api/v1/prompts/{prompt}"): _WRITE,
    ("DELETE", "/api/v1/prompts/{prompt}"): _WRITE,
    ("GET", "/api/v1/prompts/{prompt}/versions"): _READ,
    ("GET", "/api/v1/prompts/{prompt}/versions/{version}"): _READ,
    ("DELETE", "/api/v1/prompts/{prompt}/versions/{version}"): _WRITE,
    ("PUT", "/api/v1/prompts/{prompt}/labels/{label}"): _WRITE,
    ("DELETE", "/api/v1/prompts/{prompt}/labels/{label}"): _WRITE,
    ("GET", "/api/v1/datasets"): _READ,
    ("POST", "/api/v1/datasets"): _WRITE,
    ("GET", "/api/v1/datasets/{dataset}"): _READ,
    ("PATCH", "/api/v1/datasets/{dataset}"): _WRITE,
    ("DELETE", "/api/v1/datasets/{dataset}"): _WRITE,
    ("GET", "/api/v1/datasets/{dataset}/versions"): _READ,
    ("GET", "/api/v1/datasets/{dataset}/versions/{version}/items"): _READ,
    ("POST", "/api/v1/datasets/{dataset}/items"): _WRITE,
    ("PUT", "/api/v1/datasets/{dataset}/tags/{tag}"): _WRITE,
    ("DELETE", "/api/v1/dataset-items/{item}"): _WRITE,
    ("GET", "/api/v1/experiments"): _READ,
    ("POST", "/api/v1/experiments"): _WRITE,
    ("GET", "/api/v1/experiments/{experiment}"): _READ,
    ("DELETE", "/api/v1/experiments/{experiment}"): _WRITE,
    ("GET", "/api/v1/experiments/{experiment}/items"): _READ,
    ("POST", "/api/v1/experiments/{experiment}/items"): _WRITE,
    ("GET", "/api/v1/receipts"): _READ,
    ("GET", "/api/v1/exports"): _READ,
    ("POST", "/api/v1/exports"): _ADMIN,
    ("GET", "/api/v1/exports/stream"): _READ,
    ("GET", "/api/v1/exports/{export_id}"): _READ,
    ("DELETE", "/api/v1/exports/{export_id}"): _ADMIN,
    ("POST", "/api/v1/exports/{export_id}/stop"): _ADMIN,
    ("POST", "/api/v1/exports/{export_id}/resume"): _ADMIN,
    ("GET", "/api/v1/retention"): _READ,
    ("PUT", "/api/v1/retention"): _ADMIN,
    ("POST", "/api/v1/retention/preview"): _ADMIN,
    ("GET", "/api/v1/deletions"): _READ,
    ("POST", "/api/v1/deletions"): _ADMIN,
    ("GET", "/api/v1/deletions/{deletion_id}"): _READ,
    ("GET", "/api/v1/revisions"): _READ,
    ("POST", "/api/v1/revisions"): _ADMIN,
    ("GET", "/api/v1/revisions/{revision_id}"): _READ,
    ("POST", "/api/v1/revisions/{revision_id}/stop"): _ADMIN,
    ("POST", "/api/v1/revisions/{revision_id}/resume"): _ADMIN,
    ("GET", "/api/v1/system"): _READ_SHARED,
    **{("POST", path): Permit(Reach.SDK, Permission.INGEST) for path in ADDRESSES},
}
