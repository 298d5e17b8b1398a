"""Raw HTTP/1.1 on an asyncio protocol: reads requests by the book, and writes whatever it is told to."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

import msgspec

from pilothouse.providers.fake.plan import Plan
from pilothouse.providers.fake.script import Fault

MAX_HEAD_BYTES = 256 * 1024
_WRITE_AT_ONCE_BYTES = 256 * 1024
_GARBAGE = b"\x16\x03\x01\x00\x05 this is not HTTP\r\n\r\n"


class Request(msgspec.Struct, frozen=True):
    """A request as it came."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in lower case."""
    body: bytes

    def header(self, name: bytes) -> bytes:
        """Return the first header of that name, empty when there is none."""
        return next((value for known, value in self.headers if known == name), b"")


class Reaction(msgspec.Struct, frozen=True):
    """What to do about a request."""

    plan: Plan
    fault: Fault = ""
    first_byte_s: float = 0


class Counts:
    """What the connections of one server report."""

    def __init__(self) -> None:
        self.disconnects = 0
        self.requests = 0
        self.changed = asyncio.Event()

    def disconnected(self) -> None:
        self.disconnects += 1
        self.changed.set()


class Connection(asyncio.Protocol):
    """One client connection; answers one request after the other."""

    def __init__(self, react: Callable[[Request], Reaction], counts: Counts, open_ones: set["Connection"]) -> None:
        self._react = react
        self._counts = counts
        self._open_ones = open_ones
        self._buffer = bytearray()
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None
        self._answering = False
        self._last = False
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ones.discard(self)
        if self._answering:
            self._answering = False
            self._counts.disconnected()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def abort(self) -> None:
        """Close at once, for the end of the server; not counted as the client's doing."""
        self._answering = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._answering and self._buffer:
            try:
                request = self._next_request()
            except ValueError:
                self._transport.close()
                return
            if request is None:
                return
            self._counts.requests += 1
            self._answer(self._react(request))

    def _next_request(self) -> Request | None:
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                self._transport.close()
            return None
        lines = bytes(self._buffer[:head_end]).split(b"\r\n")
        method, _, rest = lines[0].decode("latin-1").partition(" ")
        pairs = tuple(
            (name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines[1:])
        )
        known = dict(pairs)
        self._last = known.get(b"connection", b"").lower() == b"close"
        if b"chunked" in known.get(b"transfer-encoding", b""):
            found = _chunked(self._buffer, head_end + 4)
            if found is None:
                return None
            body, end = found
        else:
            end = head_end + 4 + int(known.get(b"content-length", b"0"))
            if len(self._buffer) < end:
                if known.get(b"expect") and len(self._buffer) == head_end + 4:
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return None
            body = bytes(self._buffer[head_end + 4 : end])
        del self._buffer[:end]
        return Request(method, rest.rpartition(" ")[0], pairs, body)

    def _answer(self, reaction: Reaction) -> None:
        plan = reaction.plan
        quick = not reaction.fault and not reaction.first_byte_s and plan.at_once and plan.ending == "keep"
        if quick and len(plan.body) <= _WRITE_AT_ONCE_BYTES:
            self._transport.write(b"%bx-request-id: req-%d\r\n\r\n%b" % (plan.head, self._counts.requests, plan.body))
            if self._last:
                self._transport.close()
            return
        self._answering = True
        self._task = asyncio.get_running_loop().create_task(self._answer_slowly(reaction, self._counts.requests))

    async def _answer_slowly(self, reaction: Reaction, number: int) -> None:
        plan = reaction.plan
        if reaction.first_byte_s:
            await asyncio.sleep(reaction.first_byte_s)
        if reaction.fault:
            self._break(reaction.fault, plan)
            return
        self._transport.write(b"%bx-request-id: req-%d\r\n\r\n" % (plan.head, number))
        for wait_s, piece in zip(plan.waits, plan.pieces, strict=True):
            await asyncio.sleep(wait_s)
            await self._may_write.wait()
            self._transport.write(piece)
        if plan.ending == "stall":
            return
        # Big answers wait in the transport's buffer; only once they are out has the client had its chance.
        await self._may_write.wait()
        self._answering = False
        self._task = None
        if plan.ending == "close" or self._last:
            self._transport.close()
        elif self._buffer:
            self.data_received(b"")

    def _break(self, fault: Fault, plan: Plan) -> None:
        if fault == "hang":
            return
        self._answering = False
        if fault == "garbage":
            self._transport.write(_GARBAGE)
        elif fault == "half_head":
            self._transport.write(plan.head[: len(plan.head) // 2])
        elif fault == "reset":
            sock: socket.socket | None = self._transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
            return
        self._transport.close()


def _chunked(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    """Return a chunked body and where it ends, None while it is not whole."""
    body = bytearray()
    while True:
        line_end = buffer.find(b"\r\n", start)
        if line_end < 0:
            return None
        size = int(bytes(buffer[start:line_end]).partition(b";")[0], 16)
        end = line_end + 2 + size + 2
        if len(buffer) < end:
            return None
        body += buffer[line_end + 2 : line_end + 2 + size]
        start = end
        if size == 0:
            return bytes(body), end
