"""What an installation keeps up for itself, over the real registry."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.money import CostStatus
from pilothouse.domain.secret import SecretBox
from pilothouse.domain.usage import Usage
from pilothouse.registry.people import People
from pilothouse.registry.registry import Registry
from pilothouse.settings import Settings
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.options import MetadataOptions
from pilothouse.wiring import managed, welcome
from pilothouse.wiring.addresses import Address
from pilothouse.wiring.data_folder import prepare

LOCAL = Address(port=12345, secret="s")


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[tuple[Registry, People]]:
    metadata = Metadata(MetadataOptions(url=f"sqlite:///{tmp_path}/pilothouse.db"))
    await metadata.connect()
    await metadata.migrate()
    people = People(metadata, SystemClock())
    yield Registry(metadata, SecretBox(bytes(32)), SystemClock()), people
    people.close()
    await metadata.close()


async def test_without_keys_default_leads_to_the_local_model(rooms: tuple[Registry, People]) -> None:
    told = await managed.set_up(*rooms, Settings(), LOCAL)
    assert told.models == ("default", "local/smollm2")
    assert told.first_key.startswith("ph_")
    assert told.sign_in_token.startswith("phl_")
    (alias,) = await rooms[0].list_aliases()
    assert [(target.account, target.model) for target in alias.targets] == [("local", "smollm2")]
    (account,) = await rooms[0].list_accounts()
    assert (account.base_url, account.managed) == ("http://127.0.0.1:12345/v1", True)


async def test_a_second_start_makes_no_key_and_changes_nothing(rooms: tuple[Registry, People]) -> None:
    await managed.set_up(*rooms, Settings(), LOCAL)
    version = await rooms[0].version()
    told = await managed.set_up(*rooms, Settings(), LOCAL)
    assert told.first_key == ""
    assert await rooms[0].version() == version


async def test_a_provider_key_takes_default_over_and_its_end_gives_it_back(rooms: tuple[Registry, People]) -> None:
    registry = rooms[0]
    await managed.set_up(*rooms, Settings(), LOCAL)
    told = await managed.set_up(*rooms, Settings(openai_api_key="sk-1"), None)
    assert "openai/gpt-5.4-mini" in told.models
    assert "local/smollm2" not in told.models
    (alias,) = await registry.list_aliases()
    assert alias.targets[0].account == "openai"
    account = next(account for account in await registry.list_accounts() if account.name == "openai")
    assert registry.account_secret(account) == "sk-1"
    assert (await managed.set_up(*rooms, Settings(), LOCAL)).models == ("default", "local/smollm2")


async def test_with_nothing_to_call_there_is_no_alias(rooms: tuple[Registry, People]) -> None:
    assert (await managed.set_up(*rooms, Settings(), None)).models == ()


@pytest.mark.parametrize(
    ("provider", "models"), [("openai", managed.OPENAI_MODELS), ("anthropic", managed.ANTHROPIC_MODELS)]
)
def test_the_listed_models_exist_in_the_price_data(provider: str, models: tuple[str, ...]) -> None:
    catalog = Catalog()
    for model in models:
        cost = catalog.price(provider, model, Usage(input_tokens=1000, output_tokens=0), datetime.now(UTC))
        assert cost.status is CostStatus.PRICED, model


def test_a_welcome_is_taken_once_and_is_private(tmp_path: Path) -> None:
    layout = prepare(tmp_path)
    left = welcome.Welcome(models=("default",), first_key="ph_1")
    welcome.leave(layout, left)
    assert layout.welcome.stat().st_mode & 0o077 == 0
    assert welcome.take(layout) == left
    assert welcome.take(layout) is None
    assert "ph_1" not in repr(left)
