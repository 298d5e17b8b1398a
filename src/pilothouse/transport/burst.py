"""Writes to sockets, gathered over one turn of the event loop and then done one right behind the other.

A write whose reader sleeps has to wake it up, which costs more than the write itself. In a burst only the first write
finds its reader asleep: at 32 connections that takes 10 µs of 70 off a call. A lone write goes out one turn later, some
microseconds.
"""

import asyncio

_MAX_WRITES = 64
"""More are not held back, so that the readers have something to do while this side computes."""


class Burst:
    """The writes of one event loop that are still to be done; those to one transport stay in order."""

    __slots__ = ("_loop", "_writes")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writes: list[tuple[asyncio.WriteTransport, bytes]] = []

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Write soon. Whoever writes to the transport by other ways or closes it in order has to `flush` before."""
        writes = self._writes
        writes.append((transport, data))
        count = len(writes)
        if count == 1:
            loop = self._loop
            if loop is None:
                loop = self._loop = asyncio.get_running_loop()
            loop.call_soon(self.flush)
        elif count >= _MAX_WRITES:
            self.flush()

    def flush(self) -> None:
        """Do what is still to be done; a transport that was closed meanwhile is passed over."""
        if not self._writes:
            return
        writes, self._writes = self._writes, []
        for transport, data in writes:
            if not transport.is_closing():
                transport.write(data)
