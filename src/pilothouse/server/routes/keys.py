"""Virtual keys: what applications send to the gateway and scripts to this API."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath, JSONBody

from pilothouse.domain.access import Permission, VirtualKey
from pilothouse.registry.changes import NewKey
from pilothouse.server.callers import CallerDep, ProjectDep
from pilothouse.server.parts import Parts
from pilothouse.server.queries import PageDep, cut, told_ns
from pilothouse.server.replies import OnceDep
from pilothouse.server.views import at, at_or_none


class KeyView(msgspec.Struct, frozen=True):
    """A virtual key without its secret."""

    id: str
    project_id: str
    name: str
    hint: str
    """The first characters of the secret."""
    permissions: list[Permission]
    models: list[str]
    """Patterns of the model names it may call; empty means every model."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    status: Literal["active", "expired", "revoked"]


class KeyPage(msgspec.Struct, frozen=True):
    """A page of keys, newest first."""

    items: list[KeyView]
    next_cursor: str | None


class KeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to be made."""

    name: str
    permissions: tuple[Permission, ...] = (Permission.INFERENCE,)
    models: tuple[str, ...] = ()
    """Patterns with `*` for any part; empty means every model."""
    expires_at: datetime | None = None
    """None means never."""


class KeyCreated(msgspec.Struct, frozen=True):
    """A new key and its secret, which is shown this once."""

    key: KeyView
    secret: str


def view(key: VirtualKey, now_ns: int) -> KeyView:
    """Return the key as the API shows it: without digest or secret."""
    status: Literal["active", "expired", "revoked"] = "active"
    if key.revoked_at_ns is not None:
        status = "revoked"
    elif key.expires_at_ns is not None and key.expires_at_ns <= now_ns:
        status = "expired"
    return KeyView(
        id=key.id,
        project_id=key.project_id,
        name=key.name,
        hint=key.hint,
        permissions=list(key.permissions),
        models=list(key.models),
        created_at=at(key.created_at_ns),
        expires_at=at_or_none(key.expires_at_ns),
        revoked_at=at_or_none(key.revoked_at_ns),
        status=status,
    )


@get("/keys", operation_id="listKeys", summary="List keys")
async def list_all(parts: Parts, project: ProjectDep, page: PageDep) -> KeyPage:
    """Return the project's keys, ended ones too, newest first."""
    items, next_cursor = cut(await parts.registry.list_keys(project), page, lambda key: key.id)
    return KeyPage([view(key, parts.clock.now_ns()) for key in items], next_cursor)


@post("/keys", operation_id="createKey", summary="Make a key")
async def create(
    parts: Parts,
    caller: CallerDep,
    project: ProjectDep,
    data: JSONBody[KeyBody],
    once: OnceDep,
    request: Request[Any, Any, Any],
) -> KeyCreated:
    """Make a key; its secret is in this answer and nowhere else."""
    wanted = NewKey(
        project_id=project,
        name=data.name,
        permissions=data.permissions,
        models=data.models,
        expires_at_ns=told_ns(data.expires_at, "expires_at"),
    )

    async def make() -> KeyCreated:
        key, secret = await parts.registry.create_key(wanted, actor=caller.actor)
        return KeyCreated(view(key, parts.clock.now_ns()), secret)

    return await once(request, KeyCreated, make)


@delete("/keys/{key_id:str}", operation_id="revokeKey", summary="Revoke a key", status_code=200)
async def revoke(parts: Parts, caller: CallerDep, project: ProjectDep, key_id: FromPath[str]) -> KeyView:
    """End a key at once; it stays in the list as revoked."""
    return view(await parts.registry.revoke_key(project, key_id, actor=caller.actor), parts.clock.now_ns())


HANDLERS = (list_all, create, revoke)
