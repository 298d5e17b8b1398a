"""A raw HTTP/1.1 server that does what a test tells it to, right or wrong."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType

from pilothouse.transport.base import Origin, Request, Timeouts

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


class Call:
    """One request as it arrived, and the means to answer it."""

    def __init__(
        self, head: bytes, body: bytes, connection: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ):
        self.head = head
        self.body = body
        self.connection = connection
        self.reader = reader
        self.writer = writer

    @property
    def lines(self) -> list[bytes]:
        return self.head.removesuffix(b"\r\n\r\n").split(b"\r\n")

    async def write(self, *pieces: bytes) -> None:
        """Write the pieces, each in a packet of its own as far as the loop allows."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            for _ in range(3):
                await asyncio.sleep(0)

    def cut(self) -> None:
        """Close the connection in order."""
        self.writer.close()

    def reset(self) -> None:
        """Close the connection with a reset."""
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the other side has closed the connection."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass


Script = Callable[[Call], Awaitable[None]]


class Upstream:
    """The server; `script` is called for each request, `calls` holds all requests in order."""

    def __init__(
        self, script: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", read_body: bool = True
    ):
        self._script = script
        self._tls = tls
        self._host = host
        self._read_body = read_body
        self._tasks: set[asyncio.Task[None]] = set()
        self.calls: list[Call] = []
        self.connections = 0
        self.closed = 0

    async def __aenter__(self) -> "Upstream":
        self._server = await asyncio.start_server(self._accept, self._host, 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.origin = Origin("https" if self._tls else "http", self._host, self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        for result in results:
            if isinstance(result, Exception):
                raise result

    def request(
        self,
        method: bytes = b"POST",
        target: bytes = b"/v1/chat",
        body: bytes = b"{}",
        headers: tuple[tuple[bytes, bytes], ...] = (),
        **timeouts: float,
    ) -> Request:
        """Return a request to this server."""
        return Request(self.origin, method, target, headers, body, Timeouts(**timeouts))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer, self.connections))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                call = Call(head, b"", number, reader, writer)
                if self._read_body:
                    sizes = [line for line in call.lines if line.lower().startswith(b"content-length:")]
                    call.body = await reader.readexactly(int(sizes[0].split(b":")[1]) if sizes else 0)
                self.calls.append(call)
                await self._script(call)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed += 1
            # The tests look at what the client does, not at how the server's own socket ends.
            writer.transport.abort()


def answering(*pieces: bytes, then: str = "keep") -> Script:
    """Return a script that writes the pieces and then keeps, cuts or resets the connection."""

    async def script(call: Call) -> None:
        await call.write(*pieces)
        if then == "cut":
            call.cut()
        elif then == "reset":
            call.reset()

    return script


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until the condition holds, for 20 seconds at most."""
    for _ in range(20_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the condition never came to hold")


def full_listener(stack: contextlib.ExitStack) -> int:
    """Return a port whose listener drops the SYN of the next client, for its queue is full."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    for _ in range(4):
        client = stack.enter_context(socket.socket())
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.connect(listener.getsockname())
    return int(listener.getsockname()[1])
