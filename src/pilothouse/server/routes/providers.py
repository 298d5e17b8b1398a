"""Provider accounts: where model calls go and with which secret, which is never given back."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from pilothouse.domain.snapshot import Account
from pilothouse.errors import InvalidRequest, NotFound, SettingsInvalid
from pilothouse.providers import table
from pilothouse.providers.base import AccountOptions
from pilothouse.providers.keys import keys_of
from pilothouse.registry import addresses
from pilothouse.registry.changes import AccountChange, NewAccount
from pilothouse.registry.registry import Registry
from pilothouse.server import probes
from pilothouse.server.callers import CallerDep
from pilothouse.server.parts import Parts, ServerParts
from pilothouse.server.probes import ProviderTest
from pilothouse.server.queries import PageDep, cut
from pilothouse.server.replies import OnceDep
from pilothouse.server.views import at

_HINT_MIN_CHARS = 20


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
    """Enough to recognise the first key, and how many more there are; None when there is none."""
    models: list[str]
    open_models: bool
    """Whether models that are not listed may be called too."""
    enabled: bool
    managed: bool
    """Made and kept up by the installation itself."""
    created_at: datetime
    headers: dict[str, str]
    """Sent with every call, such as `openai-organization`."""


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
    enabled: bool = True
    headers: dict[str, str] = {}
    """Sent with every call; shown to people, so no place for secrets."""


class ProviderPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to change of an account; what is left out stays."""

    base_url: str | msgspec.UnsetType = msgspec.UNSET
    """Another host needs the secret again, so that a stored one is never sent elsewhere."""
    secret: str | msgspec.UnsetType = msgspec.UNSET
    """Empty takes the secret away."""
    models: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    open_models: bool | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    headers: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """All of them; those that are left out go."""


class ProviderDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account that is not saved yet, to be tested."""

    provider: str
    base_url: str = ""
    secret: str = ""
    account_id: str = ""
    """The saved account whose secret is used when `secret` is empty; only for the same host."""
    headers: dict[str, str] = {}


class ProviderKindView(msgspec.Struct, frozen=True):
    """A kind of provider that an account can be made for."""

    name: str
    title: str
    base_url: str
    """The default; empty when the operator must give one."""
    needs_secret: bool
    free: bool
    """Whether its calls cost nothing because the models run here."""
    managed: bool
    """Made by the installation itself, not by people."""
    several_keys: bool
    """Whether `secret` may hold several keys, one a line, each as `key` or `weight key`."""


class ProviderKindList(msgspec.Struct, frozen=True):
    """Every kind of provider."""

    items: list[ProviderKindView]


def view(registry: Registry, account: Account) -> ProviderView:
    """Return the account as the API shows it."""
    return ProviderView(
        id=account.id,
        name=account.name,
        provider=account.provider,
        base_url=account.base_url,
        secret_hint=_hint(registry, account),
        models=list(account.models),
        open_models=account.open_models,
        enabled=account.enabled,
        managed=account.managed,
        created_at=at(account.created_at_ns),
        headers=dict(account.headers),
    )


@get("/providers", operation_id="listProviders", summary="List provider accounts")
async def list_all(parts: Parts, page: PageDep) -> ProviderPage:
    """Return every account, without secrets, by name."""
    items, next_cursor = cut(await parts.registry.list_accounts(), page, lambda account: account.id)
    return ProviderPage([view(parts.registry, account) for account in items], next_cursor)


@post("/providers", operation_id="createProvider", summary="Make a provider account")
async def create(
    parts: Parts, caller: CallerDep, data: JSONBody[ProviderBody], once: OnceDep, request: Request[Any, Any, Any]
) -> ProviderView:
    """Make an account; the secret is encrypted and never given back."""

    async def make() -> ProviderView:
        wanted = NewAccount(
            name=data.name,
            provider=data.provider,
            base_url=data.base_url,
            secret=data.secret,
            models=data.models,
            open_models=data.open_models,
            enabled=data.enabled,
            headers=_pairs(data.headers),
        )
        options = AccountOptions(data.name, addresses.base_url(data.base_url), data.secret, wanted.headers)
        probes.open_account(data.provider, options)
        return view(parts.registry, await parts.registry.create_account(wanted, actor=caller.actor))

    return await once(request, ProviderView, make)


@patch("/providers/{provider_id:str}", operation_id="updateProvider", summary="Change a provider account")
async def update(
    parts: Parts, caller: CallerDep, provider_id: FromPath[str], data: JSONBody[ProviderPatch]
) -> ProviderView:
    """Change the given fields of an account."""
    change = AccountChange(
        base_url=data.base_url,
        secret=data.secret,
        models=data.models,
        open_models=data.open_models,
        enabled=data.enabled,
        headers=UNSET if data.headers is UNSET else _pairs(data.headers),
    )
    if not (change.base_url is UNSET and change.secret is UNSET and change.headers is UNSET):
        _check_changed(parts.registry, await _find(parts, provider_id), change)
    return view(parts.registry, await parts.registry.update_account(provider_id, change, actor=caller.actor))


@delete(
    "/providers/{provider_id:str}", operation_id="deleteProvider", summary="Delete a provider account", status_code=204
)
async def remove(parts: Parts, caller: CallerDep, provider_id: FromPath[str]) -> None:
    """Delete an account; calls to its models are refused from then on."""
    await parts.registry.delete_account(provider_id, actor=caller.actor)


@post("/providers/test", operation_id="testProviderDraft", summary="Test an unsaved account", status_code=200)
async def test_draft(parts: Parts, data: JSONBody[ProviderDraft]) -> ProviderTest:
    """Call the provider for real with data that is not saved."""
    base_url = addresses.base_url(data.base_url)
    secret = data.secret
    if not secret and data.account_id:
        account = await _find(parts, data.account_id)
        if data.provider != account.provider or base_url != account.base_url:
            raise InvalidRequest(
                "Another address needs the secret again; a stored one is not sent there.", param="secret"
            )
        secret = parts.registry.account_secret(account)
    return await probes.run(
        parts.transport,
        probes.open_account(data.provider, AccountOptions("draft", base_url, secret, _pairs(data.headers))),
    )


@post(
    "/providers/{provider_id:str}/test", operation_id="testProvider", summary="Test a provider account", status_code=200
)
async def test_saved(parts: Parts, provider_id: FromPath[str]) -> ProviderTest:
    """Call the provider for real with a saved account."""
    account = await _find(parts, provider_id)
    secret = parts.registry.account_secret(account)
    options = AccountOptions(account.name, account.base_url, secret, account.headers)
    return await probes.run(parts.transport, probes.open_account(account.provider, options))


@get("/provider-kinds", operation_id="listProviderKinds", summary="List kinds of provider")
async def kinds() -> ProviderKindList:
    """Return every kind of provider that an account can be of."""
    return ProviderKindList(
        [
            ProviderKindView(
                name=kind.name,
                title=kind.title,
                base_url=kind.base_url,
                needs_secret=kind.needs_secret,
                free=kind.free,
                managed=kind.managed,
                several_keys=kind.several_keys,
            )
            for kind in table.describe()
        ]
    )


HANDLERS = (list_all, create, update, remove, test_draft, test_saved, kinds)


async def _find(parts: ServerParts, account_id: str) -> Account:
    for account in await parts.registry.list_accounts():
        if account.id == account_id:
            return account
    raise NotFound("There is no such provider account.")


def _check_changed(registry: Registry, account: Account, change: AccountChange) -> None:
    """Raise `InvalidRequest` when the account could not be used after the change."""
    base_url = account.base_url if change.base_url is UNSET else addresses.base_url(change.base_url)
    secret = registry.account_secret(account) if change.secret is UNSET else change.secret
    headers = account.headers if change.headers is UNSET else change.headers
    probes.open_account(account.provider, AccountOptions(account.name, base_url, secret, headers))


def _pairs(headers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(headers.items())


def _hint(registry: Registry, account: Account) -> str | None:
    if not account.sealed_secret:
        return None
    try:
        secret = registry.account_secret(account)
    except SettingsInvalid:
        return "cannot be opened: sealed with another secret.key"
    kind = next((kind for kind in table.describe() if kind.name == account.provider), None)
    if kind is None or not kind.several_keys:
        return _shortened(secret)
    try:
        first, *more = keys_of(AccountOptions(account.name, account.base_url, secret), needed=True)
    except SettingsInvalid:
        return _shortened("")
    return _shortened(first.secret) + (f" and {len(more)} more" if more else "")


def _shortened(secret: str) -> str:
    return f"{secret[:3]}…{secret[-4:]}" if len(secret) >= _HINT_MIN_CHARS else "…"
