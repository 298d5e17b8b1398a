"""A gateway that keeps responses, in a database of its own."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.gateway.deferred import Deferred
from pilothouse.gateway.pipeline import Parts
from pilothouse.gateway.resources import Resource
from pilothouse.gateway.responses.background import Background
from pilothouse.gateway.responses.keeper import Keeper
from pilothouse.gateway.responses.resources import rows
from pilothouse.gateway.responses.upstream import Upstream
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.kept_responses import KeptResponses
from pilothouse.store.metadata.options import MetadataOptions
from tests.gateway.harness import Gateway, gateway

PATH = "/v1/responses"
SECRETS = {"bedrock": "AKIDPROVIDER:SECRET"}
ROOTS = {"gemini": "/v1beta", "bedrock": ""}


class Kept:
    """The gateway, and what it keeps responses with."""

    def __init__(self, running: Gateway, metadata: Metadata, keeper: Keeper, background: Background) -> None:
        self.running = running
        self.fake = running.fake
        self.metadata = metadata
        self.keeper = keeper
        self.background = background

    def accounts(self, **providers: str) -> None:
        """Have accounts of these names, each of a kind of provider, and the route `any` that leads to all of them."""
        running = self.running
        running.accounts = [
            running.account(
                name, running.fake.url + ROOTS.get(provider, "/v1"), provider=provider, models=("m",),
                sealed_secret=running.box.seal(SECRETS.get(provider, "sk-x"), f"account:{name}", b"1" * 12),
            )
            for name, provider in providers.items()
        ]  # fmt: skip
        running.publish()

    async def ask(self, model: str, text: Any, **fields: Any) -> dict[str, Any]:
        """Return the response to a request."""
        async with self.running.client() as client:
            answer = await client.post(PATH, json={"model": model, "input": text, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def call(self, method: str, path: str, **query: Any) -> tuple[int, dict[str, Any]]:
        """Return status and body of a request for a kept response."""
        async with self.running.client() as client:
            answer = await client.request(method, f"{PATH}/{path}", params=query)
        return answer.status_code, answer.json()


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[Metadata]:
    """Open a database with its tables."""
    metadata = Metadata(MetadataOptions(url=f"sqlite:///{folder}/pilothouse.db", busy_timeout_s=2))
    await metadata.connect()
    await metadata.migrate()
    try:
        yield metadata
    finally:
        await metadata.close()


@asynccontextmanager
async def keeping(folder: Path, clock: Clock | None = None, **options: Any) -> AsyncGenerator[Kept]:
    """Run a gateway with accounts `one` and `two` at OpenAI, `claude` at Anthropic, `chat` at a chat server."""
    made: list[tuple[Keeper, Deferred]] = []

    def paths(parts: Parts, deferred: Deferred) -> tuple[Resource, ...]:
        assert parts.keeper is not None
        made.append((parts.keeper, deferred))
        return rows(parts.keeper, Upstream(parts.index, parts.transport))

    async with (
        opened(folder) as metadata,
        gateway(
            folder,
            rows=paths,
            keeper=lambda chosen: Keeper(KeptResponses(metadata), chosen, clock or SystemClock()),
            **options,
        ) as running,
    ):
        background = Background(*made[0])
        await background.start()
        kept = Kept(running, metadata, made[0][0], background)
        kept.accounts(one="openai", two="openai", claude="anthropic", chat="openai_compatible")
        try:
            yield kept
        finally:
            await background.stop(1)
