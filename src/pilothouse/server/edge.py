"""The outermost layer of every answer: request ids, trace context, host check, security headers, HEAD, counting."""

import re
from collections.abc import Mapping
from typing import Any, cast

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from pilothouse import instruments
from pilothouse.domain import ids
from pilothouse.errors import Forbidden
from pilothouse.server.addresses import Addresses
from pilothouse.server.errors import send_problem
from pilothouse.server.options import ServerOptions
from pilothouse.server.scope import REQUEST_ID

_API = "/api/v1"
_REQUEST_ID_FORM = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self'; "
    "font-src 'self' data:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_SECURITY = (
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


class Edge:
    """Wraps the application; every answer passes through here, also those to addresses that do not exist.

    `known_elsewhere` are first segments of paths that SDKs know at the root and below `/api/v1`, and the prefix below
    which each is served.
    """

    def __init__(
        self, app: ASGIApp, options: ServerOptions, addresses: Addresses, known_elsewhere: Mapping[str, str]
    ) -> None:
        self._app = app
        self._known_elsewhere = known_elsewhere
        self._addresses = addresses
        self._prefix = options.prefix
        self._hosts = options.allowed_hosts if options.checks_host else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = _request_id(headers)
        # A copy, because the server beneath keeps its own and must still see HEAD.
        values: dict[str, Any] = {**cast("dict[str, Any]", scope), REQUEST_ID: request_id}
        method: str = values["method"]
        answer = _Answer(values, send, request_id, headers.get(b"traceparent"))
        if self._hosts is not None and _host(headers) not in self._hosts:
            refused = Forbidden(
                "This server is not known by that host name; set `server.public_url` to the address that people use."
            )
            await send_problem(answer.send, refused, request_id, method)
            return
        self._strip_prefix(values)
        self._reroute(values, headers)
        if method == "HEAD":
            values["method"] = "GET"
            answer.head_only = True
            receive = _HeadReceive(receive).receive
        elif method == "OPTIONS":
            answer.allow = self._addresses.allow(values["path"])
        await self._app(cast("Scope", values), receive, answer.send)

    def _strip_prefix(self, scope: dict[str, Any]) -> None:
        """Serve below the prefix of `public_url`, whether or not the proxy in front has taken it away."""
        path: str = scope["path"]
        if self._prefix and (path == self._prefix or path.startswith(self._prefix + "/")):
            scope["path"] = path[len(self._prefix) :] or "/"
            scope["raw_path"] = scope["path"].encode()

    def _reroute(self, scope: dict[str, Any], headers: Mapping[bytes, bytes]) -> None:
        """Serve what an SDK asks for at the address that it knows, unless that is one of ours or a page."""
        path: str = scope["path"]
        below = path.removeprefix(_API)
        surface = self._known_elsewhere.get(below[1:].partition("/")[0])
        if surface is None:
            return
        page = b"text/html" in headers.get(b"accept", b"")
        # our own API takes no key from this header, so whoever sends it means the SDK's
        if b"x-api-key" in headers or (not page and self._addresses.allow(path) is None):
            scope["path"] = surface + below
            scope["raw_path"] = scope["path"].encode()


class _Answer:
    """Adds our headers to the head of an answer and drops the body of one to HEAD."""

    def __init__(self, scope: dict[str, Any], send: Send, request_id: str, traceparent: bytes | None) -> None:
        self._scope = scope
        self._send = send
        self._request_id = request_id
        context = ids.parse_traceparent(traceparent) if traceparent else None
        trace_id = context.trace_id if context else ids.new_trace_id()
        self._traceparent = ids.render_traceparent(trace_id, ids.new_span_id(), sampled=not context or context.sampled)
        self.head_only = False
        self.allow: str | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            if self.allow:
                headers = [(name, value) for name, value in headers if name.lower() != b"allow"]
                headers.append((b"allow", self.allow.encode()))
            present = {name.lower() for name, _ in headers}
            headers += [(name, value) for name, value in _SECURITY if name not in present]
            if b"cache-control" not in present:
                headers.append((b"cache-control", b"no-store"))
            headers.append((b"x-request-id", self._request_id.encode()))
            headers.append((b"traceparent", self._traceparent.encode()))
            route = str(self._scope.get("path_template", "")) or "none"
            instruments.API_REQUESTS.inc(route, str(message["status"]))
            await self._send({**message, "headers": headers})
            if self.head_only:
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif not self.head_only:
            await self._send(message)


class _HeadReceive:
    """After the request body, says that the client has gone, so that an endless answer to HEAD ends."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._done = False

    async def receive(self) -> Any:
        if self._done:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._done = message["type"] != "http.request" or not message.get("more_body", False)
        return message


def _request_id(headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID_FORM.fullmatch(given) else ids.new_id()


def _host(headers: dict[bytes, bytes]) -> str:
    """Return the name in the Host header, lower-case, without port; IPv6 keeps its brackets."""
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.rpartition(":")[0] if ":" in host else host
