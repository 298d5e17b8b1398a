"""Provider accounts: where model calls go and with which secret, which is never given back."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, delete, get, patch, post

from pilothouse.domain.snapshot import Account
from pilothouse.server.parts import Parts
from pilothouse.server.pending import NewAccount
from pilothouse.server.queries import PageDep, cut
from pilothouse.server.replies import RepliesDep


class ProviderView(msgspec.Struct, frozen=True):
    """An account at a provider."""

    id: str
    name: str
    """The first half of `account/model`."""
    provider: str
    """The kind, such as `openai` or `vllm`."""
    base_url: str
    """Empty means the kind's own."""
    secret_hint: str | None
    """Enough to recognise the secret; None when there is none."""
    models: list[str]
    open_models: bool
    """Whether models that are not listed may be called too."""
    enabled: bool
    managed: bool
    """Made and kept up by the installation itself."""
    created_at: datetime


class ProviderPage(msgspec.Struct, frozen=True):
    """A page of accounts."""

    items: list[ProviderView]
    next_cursor: str | None


class ProviderBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account to be made."""

    name: str
    provider: str
    base_url: str = ""
    secret: str = ""
    models: tuple[str, ...] = ()
    open_models: bool = True


class ProviderPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to change of an account; what is left out stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    base_url: str | msgspec.UnsetType = msgspec.UNSET
    secret: str | msgspec.UnsetType = msgspec.UNSET
    """Empty takes the secret away."""
    models: list[str] | msgspec.UnsetType = msgspec.UNSET
    open_models: bool | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


class ProviderDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account that is not saved yet, to be tested."""

    provider: str
    base_url: str = ""
    secret: str = ""
    account_id: str = ""
    """The saved account whose secret is used when `secret` is empty."""


class ProviderFailure(msgspec.Struct, frozen=True):
    """Why a test failed."""

    code: str
    detail: str
    """What happened and what to do."""


class ProviderTest(msgspec.Struct, frozen=True):
    """How a real call to the provider went."""

    ok: bool
    latency_ms: float
    models: list[str]
    """The names that the provider lists."""
    error: ProviderFailure | None


class ProviderKindView(msgspec.Struct, frozen=True):
    """A kind of provider that an account can be made for."""

    name: str
    title: str
    base_url: str
    """The default; empty when the operator must give one."""
    needs_secret: bool
    free: bool
    """Whether its calls cost nothing because the models run here."""


class ProviderKindList(msgspec.Struct, frozen=True):
    """Every kind of provider."""

    items: list[ProviderKindView]


@get("/providers", operation_id="listProviders", summary="List provider accounts")
async def list_all(parts: Parts, page: PageDep) -> ProviderPage:
    """Return every account, without secrets, oldest first."""
    found: list[Account] = await parts.registry.list_accounts()
    items, next_cursor = cut(found, page, lambda account: account.id)
    return ProviderPage([view(parts, account) for account in items], next_cursor)


@post("/providers", operation_id="createProvider", summary="Make a provider account")
async def create(
    parts: Parts, data: ProviderBody, replies: RepliesDep, request: Request[Any, Any, Any]
) -> ProviderView:
    """Make an account; the secret is encrypted and never given back."""

    async def make() -> ProviderView:
        wanted = NewAccount(
            name=data.name,
            provider=data.provider,
            base_url=data.base_url,
            secret=data.secret,
            models=tuple(data.models),
            open_models=data.open_models,
        )
        return view(parts, await parts.registry.create_account(wanted))

    return await replies.once(request, data, make)


@patch("/providers/{provider_id:str}", operation_id="updateProvider", summary="Change a provider account")
async def update(parts: Parts, provider_id: str, data: ProviderPatch) -> ProviderView:
    """Change the given fields of an account."""
    return view(parts, await parts.registry.update_account(provider_id, data))


@delete(
    "/providers/{provider_id:str}", operation_id="deleteProvider", summary="Delete a provider account", status_code=204
)
async def remove(parts: Parts, provider_id: str) -> None:
    """Delete an account; calls to its models are refused from then on."""
    await parts.registry.delete_account(provider_id)


@post("/providers/test", operation_id="testProviderDraft", summary="Test an unsaved account", status_code=200)
async def test_draft(parts: Parts, data: ProviderDraft) -> ProviderTest:
    """Call the provider for real with data that is not saved."""
    return await probes.test_draft(parts, data)


@post(
    "/providers/{provider_id:str}/test", operation_id="testProvider", summary="Test a provider account", status_code=200
)
async def test_saved(parts: Parts, provider_id: str) -> ProviderTest:
    """Call the provider for real with a saved account."""
    return await probes.test_saved(parts, provider_id)


@get("/provider-kinds", operation_id="listProviderKinds", summary="List kinds of provider")
async def kinds(parts: Parts) -> ProviderKindList:
    """Return every kind of provider that an account can be made for."""
    return ProviderKindList([])


HANDLERS = (list_all, create, update, remove, test_draft, test_saved, kinds)


def view(parts: Parts, account: Account) -> ProviderView:
    raise NotImplementedError
