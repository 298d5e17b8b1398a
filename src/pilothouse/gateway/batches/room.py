"""Places for the calls of batches that run one by one: few, so that callers who wait for an answer come first."""

import asyncio

from pilothouse import instruments
from pilothouse.loops import rung

_LOOK_S = 0.05


class Room:
    """As many places as the operator allows, and only one while callers wait for calls of their own."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = 0
        self._given = asyncio.Event()

    async def take(self) -> None:
        """Wait for a place and take it."""
        while self._taken >= (1 if self._callers_wait() else self._places):
            self._given.clear()
            # Callers that go away ring no bell.
            await rung(self._given, _LOOK_S)
        self._taken += 1

    def give(self) -> None:
        """Give a place back."""
        self._taken -= 1
        self._given.set()

    def _callers_wait(self) -> bool:
        return instruments.GATEWAY_OPEN_CALLS.values.get((), 0) > self._taken
