"""What a process without a port of its own for the world answers on loopback: alive, ready, metrics; and who asks."""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from pilothouse import instruments
from pilothouse.errors import PilothouseError
from pilothouse.transport.base import Origin, Request, Response, Timeouts, Transport
from pilothouse.wiring import addresses
from pilothouse.wiring.data_folder import Layout

_JSON, _TEXT = b"application/json", b"text/plain; version=0.0.4; charset=utf-8"
_TIMEOUTS = Timeouts(connect_s=1.0, first_byte_s=2.0, between_bytes_s=2.0, total_s=3.0)
_LIMIT_BYTES = 8 * 1024**2

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Readiness(msgspec.Struct, frozen=True):
    """What `/readyz` says."""

    ready: bool
    detail: str = ""
    """Why not."""


class Probes:
    """The ASGI application; `problem` tells None when the process can do its job, else why not."""

    def __init__(self, problem: Callable[[], str | None], secret: str) -> None:
        self._problem = problem
        self._authorization = f"Bearer {secret}".encode()

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        status, content_type, body = self._answer(scope)
        headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _answer(self, scope: _Scope) -> tuple[int, bytes, bytes]:
        match scope["path"]:
            case "/healthz":
                return 200, _JSON, b'{"alive":true}'
            case "/readyz":
                problem = self._problem()
                said = Readiness(problem is None, problem or "")
                return 200 if said.ready else 503, _JSON, msgspec.json.encode(said)
            case "/metrics":
                given = dict(scope["headers"]).get(b"authorization", b"")
                if not hmac.compare_digest(given, self._authorization):
                    return 401, _JSON, b"{}"
                return 200, _TEXT, instruments.render().encode()
            case _:
                return 404, _JSON, b"{}"


class Neighbour:
    """Asks a process on this data folder that answers `Probes`; one that is not there has nothing to tell."""

    def __init__(self, layout: Layout, role: str, transport: Transport) -> None:
        self._layout = layout
        self._role = role
        self._transport = transport

    async def problem(self) -> str | None:
        """Return None when it can do its job or has no process of its own, else why it cannot."""
        try:
            answer = await self._get(b"/readyz")
            if answer is None:
                return None
            said = msgspec.json.decode(await answer.read(_LIMIT_BYTES), type=Readiness)
        except (PilothouseError, msgspec.DecodeError) as error:
            return f"the process does not answer: {error}"
        return None if said.ready else said.detail or "not ready"

    async def metrics(self) -> str:
        """Return its metrics as Prometheus text; empty when it does not answer."""
        try:
            answer = await self._get(b"/metrics")
            return "" if answer is None else (await answer.read(_LIMIT_BYTES)).decode()
        except PilothouseError:
            return ""

    async def _get(self, target: bytes) -> Response | None:
        address = addresses.find(self._layout, self._role)
        if address is None:
            return None
        headers = ((b"authorization", f"Bearer {address.secret}".encode()),)
        origin = Origin("http", addresses.HOST, address.port)
        return await self._transport.send(Request(origin, b"GET", target, headers, timeouts=_TIMEOUTS))
