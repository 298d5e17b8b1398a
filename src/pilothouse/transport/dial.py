"""Making connections: name lookup, a race over addresses, proxies and TLS."""

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import certifi
from msgspec import Struct

from pilothouse.domain.networks import reachable
from pilothouse.errors import SettingsInvalid, UpstreamUnreachable
from pilothouse.transport.base import Origin
from pilothouse.transport.options import TransportOptions

_ATTEMPT_DELAY_S = 0.25
_MAX_TUNNEL_BYTES = 16384

Address = tuple[int, int, int, str, Any]
Fit = Callable[[str, int, str], bool]
"""Whether a host may be reached on a port at one of its addresses, in the text form of an IP address."""
_P = TypeVar("_P", bound=asyncio.Protocol)


class Proxy(Struct, frozen=True):
    """An HTTP proxy; `authorization` is the whole value of its header, empty for none."""

    host: str
    port: int
    authorization: bytes = b""

    @classmethod
    def parse(cls, url: str) -> "Proxy":
        """Return the proxy of `http://[user:password@]host:port`; raises `SettingsInvalid` without the URL in it."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 80
        except ValueError as error:
            raise SettingsInvalid("the proxy URL is malformed", param="proxy_url") from error
        if parts.scheme != "http" or not host:
            raise SettingsInvalid("the proxy URL must look like http://host:port", param="proxy_url")
        if parts.username is None:
            return cls(host, port)
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return cls(host, port, b"Basic " + base64.b64encode(pair.encode()))


class AddressRefused(OSError):
    """None of a host's addresses may be connected to."""


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Return a verifying client context; raises `SettingsInvalid` when the file holds no authorities."""
    try:
        context = ssl.create_default_context(cafile=ca_file or certifi.where())
    except (OSError, ssl.SSLError) as error:
        raise SettingsInvalid(f"the CA file {ca_file!r} cannot be loaded", param="ca_file") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def explain(error: OSError) -> tuple[str, str]:
    """Return the metric's outcome and the reason in words for a connection that was not made."""
    if isinstance(error, AddressRefused):
        return "refused", "its address is not one that may be reached"
    if isinstance(error, socket.gaierror):
        return "dns", "the host name does not resolve"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "tls", f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return "tls", f"the TLS handshake failed ({error.reason})"
    if isinstance(error, ConnectionRefusedError):
        return "refused", "it refuses connections"
    return "failed", error.strerror or type(error).__name__


class Dialer:
    """Opens connections as the options say."""

    def __init__(self, options: TransportOptions, fit: Fit = reachable) -> None:
        """`fit` looks at each address that a name has led to, before any connection."""
        self._fit = fit
        self._ca_file = options.ca_file
        # A file of the operator's is read at once, so that a mistake in it is told at start.
        self._tls = tls_context(options.ca_file) if options.ca_file else None
        self._proxy = Proxy.parse(options.proxy_url) if options.proxy_url else None
        self._no_proxy = tuple(host.lower().lstrip(".") for host in options.no_proxy)

    @property
    def tls(self) -> ssl.SSLContext:
        """The verifying context; certifi's authorities take some 20 ms to load, on first use."""
        if self._tls is None:
            self._tls = tls_context(self._ca_file)
        return self._tls

    def proxy_for(self, origin: Origin) -> Proxy | None:
        """Return the proxy to go through, None for a direct connection."""
        if self._proxy is None:
            return None
        host = origin.host.lower()
        direct = any(host == name or name == "*" or host.endswith("." + name) for name in self._no_proxy)
        return None if direct else self._proxy

    async def open(self, origin: Origin, factory: Callable[[], _P]) -> _P:
        """Return a connected protocol made by `factory`.

        Raises `OSError` (also `socket.gaierror` and `ssl.SSLError`) and `UpstreamUnreachable`; sets no time limit.
        """
        loop = asyncio.get_running_loop()
        proxy = self.proxy_for(origin)
        host, port = (proxy.host, proxy.port) if proxy else (origin.host, origin.port)
        addresses: Sequence[Address] = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [address for address in addresses if self._fit(host, port, str(address[4][0]))]
        if not addresses:
            raise AddressRefused
        sock = await _race(_interleave(addresses))
        try:
            secure = origin.scheme == "https"
            if proxy is not None and secure:
                await _tunnel(sock, origin, proxy)
            context = self._tls if self._tls or not secure else await asyncio.to_thread(lambda: self.tls)
            _, protocol = await loop.create_connection(
                factory, sock=sock, ssl=context if secure else None, server_hostname=origin.host if secure else None
            )
        except BaseException:
            sock.close()
            raise
        return protocol


def _interleave(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses such that families alternate, the resolver's favourite first."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    other = [address for address in addresses if address[0] != addresses[0][0]]
    mixed: list[Address] = []
    while first or other:
        mixed += first[:1] + other[:1]
        del first[:1], other[:1]
    return mixed


async def _race(addresses: list[Address]) -> socket.socket:
    """Return the first socket that connects; a next address is tried after a quarter of a second or a failure."""
    attempts: set[asyncio.Task[socket.socket]] = set()
    failure: OSError = OSError("the name has no address")
    try:
        while addresses or attempts:
            if addresses:
                attempts.add(asyncio.ensure_future(_connect(addresses.pop(0))))
            delay_s = _ATTEMPT_DELAY_S if addresses else None
            done, attempts = await asyncio.wait(attempts, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                error = attempt.exception()
                if error is None:
                    done.discard(attempt)
                    attempts |= done
                    return attempt.result()
                if not isinstance(error, OSError):
                    raise error
                failure = error
        raise failure
    finally:
        for attempt in attempts:
            attempt.add_done_callback(_discard)
            attempt.cancel()


def _discard(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _connect(address: Address) -> socket.socket:
    family, kind, number, _, target = address
    sock = socket.socket(family, kind, number)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A model may think for minutes; keep-alive probes hold the path open through stateful middleboxes.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        with contextlib.suppress(AttributeError, OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        await asyncio.get_running_loop().sock_connect(sock, target)
    except BaseException:
        sock.close()
        raise
    return sock


async def _tunnel(sock: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Ask the proxy for a tunnel to the origin; raises `UpstreamUnreachable` when it refuses."""
    loop = asyncio.get_running_loop()
    netloc = origin.netloc.encode()
    lines = [b"CONNECT %b HTTP/1.1" % netloc, b"host: " + netloc]
    if proxy.authorization:
        lines.append(b"proxy-authorization: " + proxy.authorization)
    await loop.sock_sendall(sock, b"\r\n".join(lines) + b"\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < _MAX_TUNNEL_BYTES:
        piece = await loop.sock_recv(sock, 4096)
        if not piece:
            break
        answer += piece
    status = answer[9:12]
    if not answer.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")) or not status.isdigit():
        raise UpstreamUnreachable(f"the proxy in front of {origin.netloc} does not speak HTTP")
    if not b"200" <= status <= b"299":
        raise UpstreamUnreachable(f"the proxy refused a tunnel to {origin.netloc} with status {status.decode()}")
    # TLS servers wait for the client to speak first, so bytes behind the proxy's answer are not the server's.
    if not answer.endswith(b"\r\n\r\n"):
        raise UpstreamUnreachable(f"the proxy in front of {origin.netloc} broke off or sent bytes behind its answer")
