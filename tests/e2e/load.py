"""Senders of telemetry that go on while processes are killed, as SDKs do."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import httpx
import pytest

from tests.e2e.stack import Stack, until

SENDERS = 4
_DOOMED = (("platform",), ("ingest",), ("platform", "ingest", "store"), ("store",))


class Load(ABC):
    """Senders that send traces without pause and note which were acknowledged."""

    spans: ClassVar[int]
    """In each trace."""
    output_tokens: ClassVar[int | None]
    """Of each trace; None where nothing tells them."""
    least: ClassVar[int] = 30
    """Acknowledged traces; with fewer it would prove nothing."""

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


async def kill_under_load(stack: Stack, loads: list[Load], kills: int, seed: int) -> None:
    """Kill platform, ingest and store at random moments under the loads; each time they come back by themselves."""
    chance = random.Random(seed)
    for load in loads:
        load.start()
    for number in range(kills):
        await asyncio.sleep(chance.uniform(0.3, 1.2))
        await stack.kill(*_DOOMED[number % len(_DOOMED)])
        await stack.ready(stack.platform_url)
    await asyncio.gather(*(load.stop() for load in loads))


async def drained(stack: Stack, count: int) -> list[dict[str, Any]]:
    """Return all traces once there are at least `count` and no more come, or none came for a while."""
    last, quiet = -1, 0
    async with asyncio.timeout(120):
        while True:
            traces: list[dict[str, Any]] = await stack.traces()
            quiet = quiet + 1 if len(traces) == last else 0
            if quiet >= (1 if len(traces) >= count else 8):
                return traces
            last = len(traces)
            await asyncio.sleep(0.5)


async def all_there(stack: Stack, loads: list[Load]) -> None:
    """Wait until every acknowledged trace of the loads is listed once, has ended, and holds each part once.

    Fails with what is missing.
    """
    expected: dict[str, tuple[bool, int, int | None]] = {}
    for load in loads:
        assert len(load.acknowledged) > load.least, f"{type(load).__name__}: the load was too small to prove anything"
        expected |= dict.fromkeys(load.acknowledged, (False, load.spans, load.output_tokens))
    wrong: dict[str, Any] = {}

    async def settled() -> bool:
        listed: list[dict[str, Any]] = await stack.traces()
        there = {str(trace["trace_id"]): trace for trace in listed}
        wrong.clear()
        for one, parts in expected.items():
            trace = there.get(one)
            held = trace and (trace["running"], trace["span_count"], trace["usage"].get("output_tokens"))
            if held != parts:
                wrong[one] = trace
        if len(there) != len(listed):
            wrong["listed twice"] = len(listed) - len(there)
        return not wrong

    try:
        await until(settled, 120, 1.0)
    except TimeoutError:
        pytest.fail(f"{len(wrong)} of {len(expected)}: {list(wrong.items())[:3]}")
