"""The caller's side of one call: its body, and whether it is still there."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol

from pilothouse.errors import BodyTooLarge, ClientDisconnected, InvalidRequest
from pilothouse.gateway.call import Headers, Receive

_WATCH_AFTER_S = 0.02


class Watch:
    """Looks every 20 ms for calls that were already open the time before, and watches their clients.

    A call that is answered sooner costs no timer and no task of its own.
    """

    def __init__(self) -> None:
        self._new: dict[Client, None] = {}
        self._seen: dict[Client, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        """Set while there is a next look."""

    def add(self, client: "Client") -> None:
        """Watch from the second look on."""
        self._new[client] = None
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_later(_WATCH_AFTER_S, self._look)

    def drop(self, client: "Client") -> None:
        """Forget a client whose call is over."""
        if self._new.pop(client, client) is not None:
            self._seen.pop(client, None)

    def _look(self) -> None:
        for client in self._seen:
            client.watch()
        self._seen = self._new
        self._new = {}
        if self._loop is not None and self._seen:
            self._loop.call_later(_WATCH_AFTER_S, self._look)
        else:
            self._loop = None


class Served(Protocol):
    """What our own server offers beyond ASGI."""

    kept: dict[str, Any]
    """For the application, as long as the connection lives."""
    task: asyncio.Task[None] | None
    """In which the application runs."""

    def whole_body(self) -> bytes | None:
        """Return the whole body, in place of `receive`; None when it has not come whole yet."""
        ...

    def answer(self, status: int, headers: Headers, body: bytes) -> bool:
        """Send a whole answer at once; False, with nothing sent, where only `send` can."""
        ...


class Client:
    """One caller for the length of one call."""

    __slots__ = ("_headers", "_limit_bytes", "_receive", "_served", "_task", "_watch", "_watcher", "gone")

    def __init__(
        self, receive: Receive, limit_bytes: int, headers: dict[bytes, bytes], watch: Watch, served: Served | None
    ) -> None:
        self._receive = receive
        self._served = served
        self._limit_bytes = limit_bytes
        self._headers = headers
        self._watch = watch
        self._task: asyncio.Task[Any] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.gone = False
        """Whether the client went away before its call was over; the call's task is then cancelled."""

    def read_body(self) -> bytes | Awaitable[bytes]:
        """Return the whole body, or what waits for it, and from then on watch for the client going away.

        Raises `BodyTooLarge`, `InvalidRequest` for an encoded body, or `ClientDisconnected`.
        """
        if b"content-encoding" in self._headers:
            self._check_encoding(self._headers[b"content-encoding"])
        served = self._served
        body = served.whole_body() if served is not None else None
        if served is None or body is None:
            self._check_length()
            return self._receive_body()
        if len(body) > self._limit_bytes:
            raise self._too_large()
        self._task = served.task
        self._watch.add(self)
        return body

    async def _receive_body(self) -> bytes:
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if message["type"] == "http.disconnect" or message.get("more_body"):
            body = await self._read_more(message, body)
        elif len(body) > self._limit_bytes:
            raise self._too_large()
        self._task = asyncio.current_task()
        self._watch.add(self)
        return body

    def watch(self) -> None:
        """Begin to wait for the client's end of the connection."""
        if self._watcher is None and self._task is not None:
            self._watcher = asyncio.ensure_future(self._wait_for_disconnect(self._task))

    def release(self) -> None:
        """Stop watching; the call is over."""
        if self._task is not None:
            self._task = None
            self._watch.drop(self)
        if self._watcher is not None:
            self._watcher.cancel()

    def _check_length(self) -> None:
        length = self._headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > self._limit_bytes:
            raise self._too_large()

    def _check_encoding(self, encoding: bytes) -> None:
        if encoding.lower() != b"identity":
            raise InvalidRequest(
                f"the gateway takes no content-encoding {encoding.decode('latin-1')!r}; send the body as it is",
                param="content-encoding",
            )

    async def _read_more(self, message: Any, body: bytes) -> bytes:
        parts = [body]
        size = len(body)
        while message["type"] == "http.request" and message.get("more_body"):
            message = await self._receive()
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > self._limit_bytes:
                raise self._too_large()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("the client went away while it sent the body")
        return b"".join(parts)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"the body is larger than {self._limit_bytes} bytes; raise gateway.max_body_bytes to allow it"
        )

    async def _wait_for_disconnect(self, task: asyncio.Task[Any]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._task is not None:
            self.gone = True
            task.cancel()
