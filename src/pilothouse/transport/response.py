"""The answer of the pooled client: body buffer, reader and iterator in one object."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from pilothouse.errors import UpstreamCut, UpstreamError, UpstreamProtocol


class Stale(Exception):
    """A reused connection died before any byte of the answer; the call may go out once more."""


class Source(Protocol):
    """What an answer needs of the connection it comes from."""

    loop: asyncio.AbstractEventLoop
    peer: str
    served: int

    def drained(self) -> None:
        """Note that the reader has taken everything that was buffered."""
        ...

    def fail(self, error: UpstreamError | Stale) -> None:
        """Close the connection at once and hand the error to whoever waits; does nothing on a dead one."""
        ...


class PooledResponse:
    """An answer on a `Connection`; also the iterator over its own body."""

    __slots__ = ("_complete", "_connection", "_error", "_parts", "_waiter", "headers", "reused", "status")

    def __init__(self, connection: Source, status: int, headers: list[tuple[bytes, bytes]], parts: list[bytes]) -> None:
        self.status = status
        self.headers = headers
        self.reused = connection.served > 0
        self._connection = connection
        self._parts = parts
        self._complete = False
        self._error: UpstreamError | None = None
        self._waiter: asyncio.Future[None] | None = None

    def at_hand(self, limit_bytes: int) -> bytes | None:
        """Return what `read` would where that need not wait, else None; raises as `read`."""
        return self._taken(limit_bytes) if self._complete else None

    async def read(self, limit_bytes: int) -> bytes:
        """Return the whole body; raises `UpstreamProtocol` over the limit, `UpstreamCut`, `UpstreamTimeout`."""
        if not self._complete:
            await self._gather(limit_bytes)
        return self._taken(limit_bytes)

    def _taken(self, limit_bytes: int) -> bytes:
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        if len(body) > limit_bytes:
            raise self._over(limit_bytes)
        return body

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes off the socket; see the port for the errors."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        parts = self._parts
        while not parts:
            if self._complete:
                raise StopAsyncIteration
            await self._more()
        chunk = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        if not self._complete:
            self._connection.drained()
        return chunk

    async def close(self) -> None:
        """Close the connection unless the answer has ended, in which case the pool has it already."""
        self.abandon()

    def abandon(self) -> None:
        """Do what `close` does, at once."""
        if not self._complete and self._error is None:
            self._connection.fail(UpstreamCut(f"the answer from {self._connection.peer} was closed unread"))

    def settle(self, error: UpstreamError | None) -> None:
        """Mark the answer as ended, whole or with an error, and wake its reader."""
        if error is None:
            self._complete = True
        else:
            self._error = error
        if self._waiter is not None:
            self.wake()

    def wake(self) -> None:
        """Let a waiting reader look again."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _more(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._connection.loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.abandon()
            raise
        finally:
            self._waiter = None

    async def _gather(self, limit_bytes: int) -> None:
        whole: list[bytes] = []
        size = 0
        parts = self._parts
        while True:
            whole += parts
            size += sum(map(len, parts))
            parts.clear()
            if size > limit_bytes:
                self.abandon()
                raise self._over(limit_bytes)
            if self._complete:
                break
            self._connection.drained()
            await self._more()
        parts.append(b"".join(whole))

    def _over(self, limit_bytes: int) -> UpstreamProtocol:
        return UpstreamProtocol(
            f"the answer from {self._connection.peer} is over the limit of {limit_bytes} bytes",
            upstream_status=self.status,
        )
