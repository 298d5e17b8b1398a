"""Runs in another environment: takes orders as lines on standard input, and tells what an SDK heard on standard output.

Only the standard library, msgspec and the callers' own SDKs are there.
"""

import asyncio
import importlib
import os
import sys
from typing import Any

import msgspec

from tests.sdks.callers import Ask, Caller, Heard


class Opening(msgspec.Struct, frozen=True):
    """Which SDK shall call where."""

    caller: str
    """`module:Class` of a caller."""
    url: str
    key: str
    model: str


class Order(msgspec.Struct, frozen=True):
    """One line to the relay: one of the three."""

    opening: Opening | None = None
    ask: Ask | None = None
    results: list[str] | None = None
    """Results of the calls that were heard last, for the same question."""


class Problem(msgspec.Struct, frozen=True):
    """What the SDK raised."""

    kind: str
    text: str
    known: bool
    """Whether it is one of the SDK's own."""
    status: int | None = None
    wait: str | None = None


class Report(msgspec.Struct, frozen=True):
    """One line from the relay."""

    stops: dict[str, str] = {}
    """After an opening, like the next four."""
    untold: frozenset[str] = frozenset()
    unstreamed: frozenset[str] = frozenset()
    schema_tool: str = ""
    refused: int = 0
    heard: Heard | None = None
    problem: Problem | None = None


class Relay:
    """One SDK at a time, with the question it was asked last."""

    def __init__(self) -> None:
        self._caller: Caller
        self._opening: Opening | None = None
        self._ask = Ask()
        self._heard = Heard()

    async def obey(self, order: Order) -> Report:
        """Do as ordered."""
        if order.opening is not None:
            if order.opening != self._opening:
                await self._open(order.opening)
            sdk = self._caller
            return Report(sdk.stops, sdk.untold, sdk.unstreamed, sdk.schema_tool, sdk.refused)
        try:
            if order.results is not None:
                heard = await self._caller.results(self._ask, self._heard, order.results)
            else:
                self._ask = order.ask or Ask()
                heard = await self._caller.ask(self._ask)
        except Exception as error:  # noqa: BLE001 - border: what an SDK raises is what the test wants to know
            return Report(problem=self._problem(error))
        self._heard = heard
        return Report(heard=msgspec.structs.replace(heard, turn=None))

    async def _open(self, opening: Opening) -> None:
        await self.close()
        module, _, name = opening.caller.partition(":")
        self._caller = getattr(importlib.import_module(module), name)(opening.url, opening.key, opening.model)
        self._opening = opening

    async def close(self) -> None:
        """Let go of the SDK."""
        if self._opening is not None:
            self._opening = None
            await self._caller.close()

    def _problem(self, error: Exception) -> Problem:
        known = isinstance(error, self._caller.errors)
        try:
            status, wait = self._caller.code(error), self._caller.wait(error)
        except (AssertionError, AttributeError, KeyError, TypeError):
            status, wait = None, None
        return Problem(type(error).__name__, str(error)[:2000], known, status, wait)


async def main() -> None:
    """Obey until standard input ends; what an SDK prints must not look like a report."""
    reports = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    orders: Any = msgspec.json.Decoder(Order)
    relay = Relay()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
        reports.write(msgspec.json.encode(await relay.obey(orders.decode(line))) + b"\n")
    await relay.close()


if __name__ == "__main__":
    asyncio.run(main())
