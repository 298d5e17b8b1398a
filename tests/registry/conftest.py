"""A registry over a real database, with a clock that the test moves and cheap password hashes."""

from collections.abc import AsyncIterator

import pytest

from pilothouse.domain.clock import FakeClock
from pilothouse.domain.secret import SecretBox
from pilothouse.registry.passwords import PasswordOptions
from pilothouse.registry.people import People, PeopleOptions
from pilothouse.registry.prompts import Prompts
from pilothouse.registry.registry import Registry
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.options import MetadataOptions


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def metadata(database_url: str) -> AsyncIterator[Metadata]:
    opened = Metadata(MetadataOptions(url=database_url))
    await opened.connect()
    await opened.migrate()
    yield opened
    await opened.close()


@pytest.fixture
def registry(metadata: Metadata, clock: FakeClock) -> Registry:
    return Registry(metadata, SecretBox(b"k" * 32), clock)


@pytest.fixture
async def project(registry: Registry) -> str:
    return (await registry.create_project("default", actor="test")).id


@pytest.fixture
def prompts(metadata: Metadata, clock: FakeClock) -> Prompts:
    return Prompts(metadata, clock)


@pytest.fixture
async def people(metadata: Metadata, clock: FakeClock) -> AsyncIterator[People]:
    options = PeopleOptions(passwords=PasswordOptions(time_cost=1, memory_kib=64, lanes=1))
    made = People(metadata, clock, options)
    yield made
    made.close()
