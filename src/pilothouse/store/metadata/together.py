"""Writing together what comes while something is written: a transaction costs the same for one row as for many."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from pilothouse.errors import InvalidRequest, MetadataUnavailable

T = TypeVar("T")


class Together(Generic[T]):
    """Gathers values and hands them to `write`, which writes all of them or raises."""

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[None]], at_once: int, most_waiting: int) -> None:
        self._write = write
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def put(self, value: T) -> None:
        """Return once the value is written; raises what the writing raised.

        Raises `MetadataUnavailable` when too many wait. A cancelled caller's value is still written.
        """
        if len(self._waiting) >= self._most_waiting:
            raise MetadataUnavailable(f"more than {self._most_waiting} writes wait for the metadata database")
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((value, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._drain(), name="metadata-together")
        await written

    async def _drain(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._at_once], self._waiting[self._at_once :]
                await self._write_group(group)
        finally:
            self._writing = None

    async def _write_group(self, group: Sequence[tuple[T, asyncio.Future[None]]]) -> None:
        try:
            await self._write([value for value, _ in group])
        except InvalidRequest as error:
            if len(group) == 1:
                _tell(group, error)
                return
            # one of them cannot be written; the others shall not suffer for it
            for one in group:
                await self._write_group([one])
        except Exception as error:  # noqa: BLE001 - border: whoever waits is told, whatever broke
            _tell(group, error)
        else:
            _tell(group, None)


def _tell(group: Sequence[tuple[object, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, written in group:
        if written.done():
            continue  # its caller went away
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)
