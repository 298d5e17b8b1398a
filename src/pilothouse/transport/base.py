"""The two-method port of the upstream client, and the values that cross it."""

import re
from collections.abc import AsyncIterator
from typing import Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from pilothouse.errors import InvalidRequest

_HOST = re.compile(r"[0-9A-Za-z_.:-]+")
_PATH = re.compile(r"(/[!$&'()*+,;=:@%/0-9A-Za-z._~-]*)?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Timeouts(Struct, frozen=True):
    """How long each phase of one call may take, in seconds."""

    connect_s: float = 5.0
    """Name lookup, TCP, proxy and TLS together, for one connection."""
    first_byte_s: float = 600.0
    """From the request being written to the head of the answer."""
    between_bytes_s: float = 120.0
    """Silence inside an answer; time in which the reader itself is slow does not count."""
    total_s: float = 1800.0
    """The whole call, waiting for a connection and reading the answer included."""


class Origin(Struct, frozen=True, cache_hash=True):
    """Where connections go: the key of the pool. `host` carries no brackets, also for an IPv6 literal."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> tuple["Origin", str]:
        """Return the origin of a base URL and its path without the trailing slash.

        Raises `InvalidRequest` for anything but a plain http or https URL without user, query and fragment. The
        message never holds the URL, which may hold a secret.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise InvalidRequest("the URL is malformed", param="base_url") from error
        if parts.scheme not in _DEFAULT_PORTS:
            raise InvalidRequest("the URL must start with http:// or https://", param="base_url")
        if "@" in parts.netloc or parts.query or parts.fragment or not url.isprintable() or " " in url:
            raise InvalidRequest("the URL must have no user, query, fragment or blanks", param="base_url")
        if not _PATH.fullmatch(parts.path):
            raise InvalidRequest("the URL's path holds a character that must be percent-encoded", param="base_url")
        try:
            host = host.encode("idna").decode() if ":" not in host else host
        except UnicodeError as error:
            raise InvalidRequest("the URL's host name is not valid", param="base_url") from error
        if not _HOST.fullmatch(host) or port == 0:
            raise InvalidRequest("the URL's host or port is not valid", param="base_url")
        return cls(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme]), parts.path.rstrip("/")

    @property
    def netloc(self) -> str:
        """The host, in brackets when it is an IPv6 literal, with its port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """What the Host header says: like `netloc`, but without the scheme's default port."""
        return self.netloc.removesuffix(f":{_DEFAULT_PORTS.get(self.scheme)}")


Headers = tuple[tuple[bytes, bytes], ...]


class Request(Struct, frozen=True):
    """One request as it goes out; the transport adds host, content-length and accept-encoding."""

    origin: Origin
    method: bytes
    target: bytes
    headers: Headers
    """Those that are the same for many calls, so that the transport may render them once."""
    body: bytes = b""
    timeouts: Timeouts = Timeouts()
    more_headers: Headers = ()
    """Sent behind `headers`: those of this call alone."""
    once: bool = False
    """Never sent twice, not even when a kept-alive connection dies before any byte of the answer."""


class Response(Protocol):
    """An answer whose head has arrived; its body is read once, by `read` or by `chunks`."""

    status: int
    headers: list[tuple[bytes, bytes]]
    """In the order of arrival, names in lower case, trailers left out."""
    reused: bool
    """Whether the connection had served a call before."""

    def at_hand(self, limit_bytes: int) -> bytes | None:
        """Return what `read` would where that need not wait, else None; raises as `read`."""
        ...

    async def read(self, limit_bytes: int) -> bytes:
        """Return the whole body and give the connection back; needs no `close` when it returns.

        Raises `UpstreamProtocol` over the limit, `UpstreamCut`, `UpstreamTimeout`.
        """
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes off the socket; a slow reader slows the upstream.

        Raises `UpstreamCut` when the answer ends early, `UpstreamTimeout` on a stall and `UpstreamProtocol` on broken
        framing, each after the bytes that came before.
        """
        ...

    async def close(self) -> None:
        """Give the connection back when the body was read to its end, else close it; may be called again."""
        ...


class Transport(Protocol):
    """Sends requests upstream; one instance serves one event loop."""

    async def send(self, request: Request) -> Response:
        """Send and return once the head of the answer has arrived.

        Raises `UpstreamUnreachable`, `UpstreamTimeout`, `UpstreamProtocol` or `UpstreamCut`; `InvalidRequest` when the
        request cannot be written safely (CR, LF or NUL in its head, a header that is the transport's own), and
        `ShuttingDown` after `close`. Cancelling closes the connection.
        """
        ...

    async def close(self) -> None:
        """Refuse new calls, let open ones end within the options' grace time, close all connections."""
        ...
