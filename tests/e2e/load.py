"""Senders of telemetry that go on while processes are killed, as SDKs do."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.e2e.stack import Stack, until

SENDERS = 4
_DOOMED = (("platform",), ("ingest",), ("platform", "ingest", "store"), ("store",))


class Load(ABC):
    """Senders that send traces without pause and note which were acknowledged."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.acknowledged: set[str] = set()
        self._stop = False
        self._tasks: list[asyncio.Task[None]] = []

    @abstractmethod
    def client(self) -> httpx.AsyncClient:
        """Return a client of the way in, with the key where its SDKs put it."""

    @abstractmethod
    async def send_trace(self, client: httpx.AsyncClient) -> str:
        """Send one whole trace with `insist` and return its id, empty if it was not acknowledged."""

    def start(self) -> None:
        """Begin to send."""
        self._tasks = [asyncio.create_task(self._send()) for _ in range(SENDERS)]

    async def stop(self) -> None:
        """End after the requests under way."""
        self._stop = True
        await asyncio.gather(*self._tasks)

    async def insist(self, send: Callable[[], Awaitable[httpx.Response]], status: int) -> httpx.Response | None:
        """Send until it is acknowledged, so that much comes twice; None when the load was stopped before."""
        while not self._stop:
            try:
                answer = await send()
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == status:
                return answer
            await asyncio.sleep(0.02)
        return None

    async def _send(self) -> None:
        async with self.client() as client:
            while not self._stop:
                if trace_id := await self.send_trace(client):
                    self.acknowledged.add(trace_id)


async def kill_under_load(stack: Stack, load: Load, kills: int, seed: int) -> None:
    """Kill platform, ingest and store at random moments under the load; each time they come back by themselves."""
    chance = random.Random(seed)
    load.start()
    for number in range(kills):
        await asyncio.sleep(chance.uniform(0.3, 1.2))
        await stack.kill(*_DOOMED[number % len(_DOOMED)])
        await stack.ready(stack.platform_url)
    await load.stop()


async def all_there(stack: Stack, load: Load, spans: int, output_tokens: int) -> None:
    """Wait until every acknowledged trace of the load is listed, has ended, and holds each part once.

    Fails with what is missing.
    """
    assert len(load.acknowledged) > 30, "the load was too small to prove anything"
    wrong: dict[str, Any] = {}

    async def settled() -> bool:
        there: dict[str, dict[str, Any]] = {str(trace["trace_id"]): trace for trace in await stack.traces()}
        wrong.clear()
        for one in load.acknowledged:
            trace = there.get(one)
            held = trace and (trace["running"], trace["span_count"], trace["usage"].get("output_tokens"))
            if held != (False, spans, output_tokens):
                wrong[one] = trace
        return not wrong

    try:
        await until(settled, 120, 1.0)
    except TimeoutError:
        pytest.fail(f"{len(wrong)} of {len(load.acknowledged)}: {list(wrong.items())[:3]}")
