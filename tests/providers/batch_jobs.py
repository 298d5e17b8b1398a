"""Accounts with a batch service in front of the fake provider, and jobs for them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from pilothouse.providers import table
from pilothouse.providers.base import AccountOptions, BatchJob, BatchLine, BatchResult, BatchService, Send
from pilothouse.providers.fake import FakeProvider
from pilothouse.transport.pool import PooledTransport

KEY = "sk-batch-0123456789"
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
BODIES: dict[str, tuple[str, Any]] = {
    "openai": ("openai_chat", {"model": "m", **CHAT}),
    "anthropic": ("anthropic_messages", {"model": "m", "max_tokens": 5, **CHAT}),
    "gemini": ("gemini", {"contents": [{"parts": [{"text": "hi"}]}]}),
}
"""Of each account its first dialect and a body in it."""


class Desk:
    """A batch service, what it sends with, and the provider behind it."""

    def __init__(self, provider: str, fake: FakeProvider, send: Send, secret: str = KEY) -> None:
        self.provider = provider
        self.fake = fake
        self.send = send
        self.service = service(provider, fake, secret)

    def job(self, *keys: str, name: str = "job-1", body: Any = None, dialect: str = "") -> BatchJob:
        """Return a job with a line of each key."""
        usual, plain = BODIES[self.provider]
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body or plain)
        return BatchJob(name, dialect or usual, "m", [BatchLine(key, raw) for key in keys])

    async def submit(self, *keys: str, **fields: Any) -> str:
        return await self.service.submit(self.job(*keys, **fields), self.send)

    async def status(self, upstream_id: str) -> str:
        return (await self.service.look(upstream_id, self.send)).status

    def ran(self) -> list[tuple[str, int]]:
        """Return how often each line ran, the marks of keys left out."""
        return [(key.rpartition("_")[2], times) for key, times in self.fake.batches.ran.items()]

    async def results(self, upstream_id: str) -> dict[str, BatchResult]:
        """Return what became of each line; fails when one is told of twice."""
        found = [result async for result in self.service.results(upstream_id, self.send)]
        by_key = {result.key: result for result in found}
        assert len(by_key) == len(found)
        return by_key


def service(provider: str, fake: FakeProvider, secret: str = KEY) -> BatchService:
    """Return an account with its batch service."""
    base_url = f"{fake.url}/v1beta" if provider == "gemini" else fake.base_url
    made = table.make(provider, AccountOptions("acc", base_url=base_url, secret=secret))
    assert isinstance(made, BatchService)
    return made


@asynccontextmanager
async def desk(provider: str, secret: str = KEY) -> AsyncGenerator[Desk]:
    """Run a fake provider and an account with a batch service there."""
    async with FakeProvider() as fake:
        transport = PooledTransport()
        try:
            yield Desk(provider, fake, transport.send, secret)
        finally:
            await transport.close()
