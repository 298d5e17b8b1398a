"""How a batch service talks to its account: with one key from a job's beginning to its end.

Keys of one account may be of different projects, and a job is only there for the project that it was handed in by. So
the id of a job begins with a hint of the key, made from a digest, because the order of keys changes when people edit
them. When the key is gone, the others are asked in turn: a key that was replaced is one of the same project.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Protocol, TypeVar

import msgspec

from pilothouse.errors import (
    EndpointUnknown,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamError,
    UpstreamNotFound,
    UpstreamProtocol,
    UpstreamRateLimited,
)
from pilothouse.providers.base import BatchJob, Send
from pilothouse.providers.failures import MAX_BODY_BYTES
from pilothouse.providers.keyed import JSON, Auth
from pilothouse.providers.keys import Key, KeyRing
from pilothouse.transport.base import Headers, Origin, Request, Response

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
"""Of an answer that is read whole. Google's may hold the results of small jobs."""
MAX_LINE_BYTES = 32 * 1024 * 1024
"""Of one result: pictures come in them."""
_MAX_PAGES = 20

_Found = TypeVar("_Found")


class Account(Protocol):
    """What an exchange needs of its account, as in `Provider` and `Pooled`."""

    def failure(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> UpstreamError:
        """Return the error that an answer stands for."""
        ...

    def failed(self, request: Request, error: UpstreamError) -> bool:
        """Take note of how a request ended."""
        ...


class Exchange:
    """Requests of a batch service and their answers."""

    def __init__(self, account: Account, ring: KeyRing, origin: Origin, auth: Auth, shared: Headers) -> None:
        self._account = account
        self._ring = ring
        self._origin = origin
        self._auth = auth
        self._shared = shared
        """Sent with every request."""

    async def get(self, send: Send, key: Key, target: str) -> bytes:
        """Return the whole answer to a GET request, without any of the keys; raises an `UpstreamError`."""
        return self._ring.strike(await self._whole(send, self._request(key, b"GET", target)))

    async def post(
        self, send: Send, key: Key, target: str, body: bytes, *, content_type: bytes = JSON, more: Headers = ()
    ) -> bytes:
        """Return the whole answer to a POST request that goes out once; raises an `UpstreamError`."""
        headers = ((b"content-type", content_type), *more)
        return self._ring.strike(await self._whole(send, self._request(key, b"POST", target, body, headers)))

    async def begin(self, send: Send, key: Key, target: str, body: bytes, more: Headers) -> dict[bytes, bytes]:
        """Return the headers of the answer to a POST request; raises an `UpstreamError`."""
        headers = ((b"content-type", JSON), *more)
        answer = await self._open(send, self._request(key, b"POST", target, body, headers))
        try:
            await answer.read(MAX_DOCUMENT_BYTES)
        finally:
            await answer.close()
        return dict(answer.headers)

    async def lines(self, send: Send, key: Key, target: str) -> AsyncGenerator[bytes]:
        """Yield the lines of an answer as they come in, empty ones left out; raises an `UpstreamError`."""
        answer = await self._open(send, self._request(key, b"GET", target))
        begun = bytearray()
        try:
            async for chunk in answer.chunks():
                first, *others = chunk.split(b"\n")
                begun += first
                if len(begun) > MAX_LINE_BYTES:
                    raise UpstreamProtocol(f"a line of the batch's results has more than {MAX_LINE_BYTES} bytes")
                for piece in others:
                    if begun and not begun.isspace():
                        yield bytes(begun)
                    begun = bytearray(piece)
            if begun and not begun.isspace():
                yield bytes(begun)
        finally:
            await answer.close()

    async def submit(self, hand_over: Callable[[Key], Awaitable[str]]) -> str:
        """Hand a job over with the next key, and with another when that one is refused; return the job's id."""
        tries = len(self._ring.known(""))
        while True:
            key = self._ring.pick()
            tries -= 1
            try:
                return f"{key.hint}:{await hand_over(key)}"
            except (UpstreamAuth, UpstreamBilling, UpstreamRateLimited):
                if tries <= 0:
                    raise

    async def with_key(self, upstream_id: str, use: Callable[[Key, str], Awaitable[_Found]]) -> tuple[Key, _Found]:
        """Return what there is to a job, and the key that it is there for; `use` gets the service's own id."""
        hint, _, own = upstream_id.partition(":")
        *others, last = self._ring.known(hint)
        for key in others:
            try:
                return key, await use(key, own)
            except (UpstreamNotFound, UpstreamAuth):
                continue
        return last, await use(last, own)

    async def job(
        self, send: Send, upstream_id: str, target: Callable[[str], str], decoder: msgspec.json.Decoder[_Found]
    ) -> tuple[Key, _Found]:
        """Return a job as it is now, and the key that it is there for; `target` makes a path of the service's id."""

        async def ask(key: Key, own: str) -> _Found:
            return decode(decoder, await self.get(send, key, target(own)))

        return await self.with_key(upstream_id, ask)

    async def cancel(
        self, send: Send, upstream_id: str, target: Callable[[str], str], over: Callable[[], Awaitable[bool]]
    ) -> None:
        """Ask for a job's end; a refusal is none when the job is `over`, or about to be: such cannot be cancelled."""

        async def ask(key: Key, own: str) -> bytes:
            return await self.post(send, key, f"{target(own)}/cancel", b"")

        try:
            await self.with_key(upstream_id, ask)
        except UpstreamError as error:
            if error.upstream_status not in (400, 409) or not await over():
                raise

    async def seek(self, search: Callable[[Key], AsyncGenerator[list[str]]]) -> str | None:
        """Return the id of a job that is looked for with every key, on the newest pages of each one's list.

        `search` yields for each page the ids that fit. A key that is refused is passed over when another is not:
        nothing could be fetched with it.
        """
        refusal: UpstreamAuth | None = None
        heard = False
        for key in self._ring.known(""):
            try:
                found = await _first(search(key))
            except UpstreamAuth as error:
                refusal = error
                continue
            heard = True
            if found is not None:
                return f"{key.hint}:{found}"
        if refusal is not None and not heard:
            raise refusal
        return None

    def _request(self, key: Key, method: bytes, target: str, body: bytes = b"", more: Headers = ()) -> Request:
        headers = (*self._shared, *self._auth.headers(key.secret), (b"accept", b"*/*"))
        once = method == b"POST"
        return Request(self._origin, method, target.encode(), headers, body, more_headers=more, once=once)

    async def _whole(self, send: Send, request: Request) -> bytes:
        answer = await self._open(send, request)
        try:
            return await answer.read(MAX_DOCUMENT_BYTES)
        finally:
            await answer.close()

    async def _open(self, send: Send, request: Request) -> Response:
        answer = await send(request)
        if 200 <= answer.status < 300:
            return answer
        try:
            body = await answer.read(MAX_BODY_BYTES)
        except UpstreamError:
            # Too long for an error object, or broken off: the status has to tell, and it says that this was refused.
            body = b""
        finally:
            await answer.close()
        error = self._account.failure(answer.status, answer.headers, body)
        self._account.failed(request, error)
        raise error


async def _first(pages: AsyncGenerator[list[str]]) -> str | None:
    number = 0
    async with aclosing(pages):
        async for found in pages:
            number += 1
            if found or number == _MAX_PAGES:
                return found[0] if found else None
    return None


def decode(decoder: msgspec.json.Decoder[_Found], raw: bytes) -> _Found:
    """Return what an answer holds; raises `UpstreamProtocol` for what is no such thing."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocol(f"an answer of the batch service is not what it should be: {error}") from error


def check(job: BatchJob, dialects: Iterable[str]) -> None:
    """Raise `EndpointUnknown` for a job in a dialect that the service does not take."""
    if job.dialect not in dialects:
        raise EndpointUnknown(f"the provider's batch service does not take {job.dialect}")


def on_one_line(body: bytes) -> bytes:
    """Return a JSON text without line breaks: they stand between its tokens only, never inside them."""
    if b"\n" in body or b"\r" in body:
        return body.replace(b"\n", b" ").replace(b"\r", b" ")
    return body
