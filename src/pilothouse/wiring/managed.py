"""The accounts and the alias that an installation keeps up for itself, as its settings ask for."""

from pilothouse.domain.snapshot import Target
from pilothouse.providers import local
from pilothouse.registry.bootstrap import bootstrap
from pilothouse.registry.changes import ManagedAlias, NewAccount
from pilothouse.registry.people import People
from pilothouse.registry.registry import Registry
from pilothouse.settings import Settings
from pilothouse.wiring.addresses import Address
from pilothouse.wiring.welcome import Welcome

DEFAULT_ALIAS = "default"
OPENAI_MODELS = ("gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.5", "text-embedding-3-small")
ANTHROPIC_MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")
"""Listed, not limits: the accounts are open. The first one is small, and is what `default` leads to."""


def accounts(settings: Settings, local_model: Address | None) -> list[NewAccount]:
    """Return the accounts that follow from the settings and from whether the local model runs."""
    wanted: list[NewAccount] = []
    if settings.openai_api_key:
        wanted.append(
            NewAccount(name="openai", provider="openai", secret=settings.openai_api_key, models=OPENAI_MODELS)
        )
    if settings.anthropic_api_key:
        wanted.append(
            NewAccount(
                name="anthropic", provider="anthropic", secret=settings.anthropic_api_key, models=ANTHROPIC_MODELS
            )
        )
    if local_model is not None:
        url = f"{local_model.url}/v1"
        wanted.append(
            NewAccount(name="local", provider="local", base_url=url, models=(local.MODEL,), open_models=False)
        )
    return wanted


def aliases(wanted: list[NewAccount]) -> list[ManagedAlias]:
    """Return the alias `default`: it leads to the first account's first model."""
    if not wanted:
        return []
    target = Target(account=wanted[0].name, model=wanted[0].models[0])
    return [ManagedAlias(name=DEFAULT_ALIAS, targets=(target,))]


async def set_up(registry: Registry, people: People, settings: Settings, local_model: Address | None) -> Welcome:
    """Bring the registry to what the settings ask for and return what to tell the operator; idempotent."""
    wanted = accounts(settings, local_model)
    await registry.ensure_managed(accounts=wanted, aliases=aliases(wanted))
    start = await bootstrap(registry, people)
    return Welcome(
        models=await _callable_names(registry),
        sign_in_token=start.sign_in_secret or "",
        first_key=start.key_secret or "",
        unreadable_accounts=start.unreadable_accounts,
    )


async def _callable_names(registry: Registry) -> tuple[str, ...]:
    enabled = [account for account in await registry.list_accounts() if account.enabled]
    own = [alias.name for alias in await registry.list_aliases()]
    return (*own, *(f"{account.name}/{model}" for account in enabled for model in account.models))
