"""The caller's side of one call: its body, and whether it is still there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from pilothouse.errors import BodyTooLarge, ClientDisconnected, InvalidRequest
from pilothouse.gateway.call import Headers, Receive


class Served(Protocol):
    """What our own server offers beyond ASGI."""

    kept: dict[str, Any]
    """For the application, as long as the connection lives."""
    task: asyncio.Task[None] | None
    """In which the application runs."""

    def whole_body(self) -> bytes | None:
        """Return the whole body, in place of `receive`; None when it has not come whole yet."""
        ...

    def when_gone(self, leave: Callable[[], None] | None) -> None:
        """Have `leave` called when the client goes away before the end of its answer; None calls it off."""
        ...

    def answer(self, status: int, headers: Headers, body: bytes) -> bool:
        """Send a whole answer at once; False, with nothing sent, where only `send` can."""
        ...


class Client:
    """One caller for the length of one call."""

    __slots__ = ("_headers", "_limit_bytes", "_receive", "_served", "_task", "_watcher", "gone")

    def __init__(self, receive: Receive, limit_bytes: int, headers: dict[bytes, bytes], served: Served | None) -> None:
        self._receive = receive
        self._served = served
        self._limit_bytes = limit_bytes
        self._headers = headers
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
        self._watch()
        return body

    async def _receive_body(self) -> bytes:
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if message["type"] == "http.disconnect" or message.get("more_body"):
            body = await self._read_more(message, body)
        elif len(body) > self._limit_bytes:
            raise self._too_large()
        self._watch()
        return body

    def release(self) -> None:
        """Stop watching; the call is over."""
        self._task = None
        if self._served is not None:
            self._served.when_gone(None)
        if self._watcher is not None:
            self._watcher.cancel()

    def _watch(self) -> None:
        """From now on have the call cancelled when its client goes away."""
        served = self._served
        if served is None:
            self._task = asyncio.current_task()
            self._watcher = asyncio.ensure_future(self._wait_for_disconnect())
        else:
            self._task = served.task
            served.when_gone(self._leave)

    def _leave(self) -> None:
        if self._task is not None:
            self.gone = True
            self._task.cancel()

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

    async def _wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()
