"""Resources: what callers keep with the gateway (files, batches, stored responses), next to their calls of models."""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from pilothouse.domain.access import VirtualKey
from pilothouse.domain.clock import Clock
from pilothouse.domain.ids import IdSource
from pilothouse.errors import BodyTooLarge, ClientDisconnected, InternalError, MethodNotAllowed, PilothouseError
from pilothouse.gateway.admit import find_key
from pilothouse.gateway.call import Headers, Receive, Send
from pilothouse.gateway.index import Index
from pilothouse.gateway.replies import wait_headers
from pilothouse.gateway.router import bare
from pilothouse.protocols.base import JSON
from pilothouse.protocols.openai_error import render_error

_BODY_BYTES = 1024 * 1024

_log = logging.getLogger(__name__)


class Asked(msgspec.Struct, frozen=True):
    """One request for a resource, of a caller whose key is known."""

    key: VirtualKey
    args: tuple[str, ...]
    """What stands in the path at the braces."""
    query: dict[str, str]
    headers: dict[bytes, bytes]
    """Names in lower case; of a repeated header the last."""
    pieces: AsyncIterator[bytes]
    """The body as it comes; raises `ClientDisconnected`."""
    request_id: str

    async def read(self, limit_bytes: int = _BODY_BYTES) -> bytes:
        """Return the whole body; raises `BodyTooLarge` or `ClientDisconnected`."""
        parts: list[bytes] = []
        size = 0
        async for piece in self.pieces:
            parts.append(piece)
            size += len(piece)
            if size > limit_bytes:
                raise BodyTooLarge(f"the body is larger than the {limit_bytes} bytes that are taken here")
        return b"".join(parts)


class Answer(msgspec.Struct, frozen=True):
    """What goes back."""

    content: bytes = b""
    content_type: bytes = JSON
    status: int = 200
    headers: Headers = []
    rest: AsyncIterator[bytes] | None = None
    """Follows `content` piece by piece, for what is long or comes slowly."""


class Resource(msgspec.Struct, frozen=True):
    """One path of one method."""

    method: str
    path: str
    """Such as `/v1/files/{id}/content`."""
    handle: Callable[[Asked], Awaitable[Answer]]
    """Raises a `PilothouseError`, which is sent in OpenAI's form."""


class Resources:
    """Answers requests for resources."""

    def __init__(self, rows: Iterable[Resource], index: Callable[[], Index], clock: Clock) -> None:
        self._rows = [(_pattern(row.path), row) for row in rows]
        self._index = index
        self._clock = clock
        self._ids = IdSource(clock.now_ns)

    def has(self, path: str) -> bool:
        """Whether any method of the path is served."""
        return any(pattern.fullmatch(bare(path)) for pattern, _row in self._rows)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong becomes an error in OpenAI's form."""
        request_id = self._ids.of_call(self._clock.now_ns())[0]
        about: Headers = [(b"x-request-id", request_id.encode())]
        try:
            answer = await self._answer(scope, receive, request_id)
        except PilothouseError as error:
            answer = _refused(error, request_id)
        except Exception:  # noqa: BLE001 - border: a request must be answered whatever breaks
            _log.exception("request %s to %s failed inside the gateway", request_id, scope["path"])
            fault = InternalError(f"the gateway failed; its log has the cause under request id {request_id}")
            answer = _refused(fault, request_id)
        await _send(answer, about, send)

    async def _answer(self, scope: dict[str, Any], receive: Receive, request_id: str) -> Answer:
        path, method, query = bare(scope["path"]), scope["method"], scope["query_string"]
        headers = dict(scope["headers"])
        key = find_key(self._index(), headers, self._clock.now_ns(), query)
        found = [(match, row) for pattern, row in self._rows if (match := pattern.fullmatch(path)) is not None]
        for match, row in found:
            if row.method == method:
                args = match.groups()
                asked = Asked(
                    key, args, dict(parse_qsl(query.decode("latin-1"))), headers, _pieces(receive), request_id
                )
                return await row.handle(asked)
        raise MethodNotAllowed(f"{path} takes {', '.join(row.method for _match, row in found)}, not {method}")


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(path)))


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("the client went away while it sent the body")
        more = message.get("more_body", False)
        yield message.get("body", b"")


def _refused(error: PilothouseError, request_id: str) -> Answer:
    headers: Headers = [(b"x-pilothouse-error", error.code.encode()), *wait_headers(error)]
    return Answer(render_error(error, request_id), status=error.status, headers=headers)


async def _send(answer: Answer, about: Headers, send: Send) -> None:
    headers: Headers = [(b"content-type", answer.content_type), *about, *answer.headers]
    rest = answer.rest
    if rest is None:
        headers.append((b"content-length", b"%d" % len(answer.content)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.content, "more_body": rest is not None})
    if rest is not None:
        async for piece in rest:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
