"""Fetch: images and documents that a request names by their address, for providers that take bytes only.

Addresses come from callers, so every step is bounded and looked at: hosts by the operator's list, each address that a
name leads to before it is connected to, redirects one by one, size, time, and what the bytes are.
"""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from pilothouse import __version__
from pilothouse.domain.chat import Media
from pilothouse.domain.networks import inner, off_limits
from pilothouse.errors import MediaNotFetched, PilothouseError, SettingsInvalid
from pilothouse.gateway.options import GatewayOptions
from pilothouse.protocols.remote_media import HEAD_BYTES, Wanted, kind_of, media_of
from pilothouse.transport.base import Headers, Origin, Request, Response, Timeouts
from pilothouse.transport.options import TransportOptions
from pilothouse.transport.pool import PooledTransport

_MOST_ADDRESSES = 16
_MOST_REDIRECTS = 3
_AT_ONCE = 32
"""Of all calls together: each holds the bytes of one file."""
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ASK: Headers = (
    (b"user-agent", f"pilothouse/{__version__}".encode()),
    (b"accept", b"image/png, image/jpeg, image/gif, image/webp, application/pdf"),
)
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
"""A network's own way to IPv4 addresses, which Python takes for public."""
_SAFE = "/!$&'()*+,;=:@%~?[]"


class Fetched(msgspec.Struct, frozen=True):
    """What came of fetching."""

    found: dict[str, Media]
    """By address."""
    failures: dict[str, str]
    """By address: why there is nothing."""
    notes: tuple[str, ...]
    """For the trace, without paths and queries, which may hold secrets."""


class Hosts:
    """The operator's list of hosts to fetch from."""

    def __init__(self, listed: Sequence[str]) -> None:
        """Raises `SettingsInvalid` for an entry that is no host."""
        self._named: dict[str, set[int]] = {}
        self._below: dict[str, set[int]] = {}
        for entry in listed:
            host, ports = _entry(entry)
            into = self._below if host.startswith("*") else self._named
            into.setdefault(host.lstrip("*"), set()).update(ports)

    def names(self, host: str, port: int) -> bool:
        """Return whether the host is listed by its full name or address."""
        return port in self._named.get(host, ())

    def allows(self, host: str, port: int) -> bool:
        """Return whether the host is listed."""
        return self.names(host, port) or any(host.endswith(end) and port in at for end, at in self._below.items())

    def fit(self, host: str, port: int, address: str) -> bool:
        """Return whether a host that is listed may be reached at an address."""
        return self.names(_normal(host), port) or is_public(address)


class Fetcher:
    """Fetches for the calls of one gateway."""

    def __init__(self, options: GatewayOptions, transport: TransportOptions, monotonic_ns: Callable[[], int]) -> None:
        self._hosts = Hosts(options.fetch_hosts)
        self._limit_bytes = options.fetch_max_bytes
        self._timeout_s = options.fetch_timeout_s
        self._monotonic_ns = monotonic_ns
        # A proxy would look names up anew, and so could be led to another address than the one looked at.
        direct = TransportOptions(max_connections_per_origin=_AT_ONCE, idle_s=4.0, ca_file=transport.ca_file)
        self._transport = PooledTransport(direct, self._hosts.fit)
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._timeouts = Timeouts(*[options.fetch_timeout_s] * 4)

    async def fetch(self, wanted: Sequence[Wanted]) -> Fetched:
        """Fetch all of it at once; what cannot be fetched is among the failures. Cancelling ends it all."""
        found: dict[str, Media] = {}
        failures: dict[str, str] = {}
        notes: list[str] = []
        budget = _Budget(self._limit_bytes)

        async def one(item: Wanted) -> None:
            began_ns = self._monotonic_ns()
            host = _host(item.address)
            try:
                async with self._turns, asyncio.timeout(self._timeout_s):
                    kind, data = await self._follow(item, budget)
            except PilothouseError as error:
                failures[item.address] = f"{host}: {error.detail}"
                notes.append(failures[item.address])
                return
            except TimeoutError:
                failures[item.address] = f"{host}: it took longer than {self._timeout_s:g} s"
                notes.append(failures[item.address])
                return
            found[item.address] = media_of(kind, data)
            elapsed_ms = (self._monotonic_ns() - began_ns) / 1e6
            notes.append(f"{host}: {kind}, {len(data)} bytes, {elapsed_ms:.0f} ms")

        if len(wanted) > _MOST_ADDRESSES:
            raise MediaNotFetched(f"a request may name {_MOST_ADDRESSES} addresses to fetch from, not {len(wanted)}")
        await asyncio.gather(*map(one, wanted))
        return Fetched(found, failures, tuple(notes))

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def _follow(self, item: Wanted, budget: "_Budget") -> tuple[str, bytes]:
        address = item.address
        for _ in range(_MOST_REDIRECTS + 1):
            origin, target = self._place(address)
            request = Request(origin, b"GET", target, _ASK, timeouts=self._timeouts)
            response = await self._transport.send(request)
            try:
                if response.status not in _REDIRECTS:
                    return await _read(response, item.kinds, budget)
                address = urljoin(address, _location(response))
            finally:
                await response.close()
        raise MediaNotFetched(f"it leads on more than {_MOST_REDIRECTS} times")

    def _place(self, address: str) -> tuple[Origin, bytes]:
        """Return where an address leads; raises `MediaNotFetched` for one that is malformed or not allowed."""
        try:
            parts = urlsplit(address)
            host = _normal(parts.hostname or "")
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except (ValueError, UnicodeError) as error:
            raise MediaNotFetched("the address is malformed") from error
        if not port or not host or "@" in parts.netloc:
            raise MediaNotFetched("only http and https addresses without a user are fetched")
        if not self._hosts.allows(host, port):
            raise MediaNotFetched("this installation does not fetch from that host and port (gateway.fetch_hosts)")
        target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
        return Origin(parts.scheme, host, port), target.encode()


class _Budget:
    """Bytes that one call may still fetch."""

    def __init__(self, left: int) -> None:
        self._whole = self._left = left

    def spend(self, count: int) -> None:
        """Take so many; raises `MediaNotFetched` when there are no more."""
        self._left -= count
        if self._left < 0:
            raise MediaNotFetched(f"what the request names is larger than {self._whole} bytes together")


async def _read(response: Response, kinds: frozenset[str], budget: _Budget) -> tuple[str, bytes]:
    if response.status != 200:
        raise MediaNotFetched(f"it answered HTTP {response.status}")
    data = bytearray()
    kind = ""
    async for chunk in response.chunks():
        budget.spend(len(chunk))
        data += chunk
        if not kind and len(data) >= HEAD_BYTES:
            kind = _fitting(data, kinds)
    return kind or _fitting(data, kinds), bytes(data)


def _fitting(data: bytearray, kinds: frozenset[str]) -> str:
    """Return what the bytes are, whatever the server says of them; raises `MediaNotFetched` when that will not do."""
    kind = kind_of(bytes(data[:HEAD_BYTES]))
    if kind not in kinds:
        raise MediaNotFetched(f"it is not {' or '.join(sorted(kinds)) or 'of any kind'}")
    return kind


def _location(response: Response) -> str:
    found = next((value for name, value in response.headers if name == b"location"), None)
    if found is None:
        raise MediaNotFetched(f"it answered HTTP {response.status} without saying where to go")
    return found.decode("latin-1")


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or "an address without a host"
    except ValueError:
        return "a malformed address"


def _normal(host: str) -> str:
    """Return the form of a host by which it is listed; raises `UnicodeError`."""
    return host if ":" in host else host.rstrip(".").encode("idna").decode().lower()


def _entry(entry: str) -> tuple[str, set[int]]:
    wild = entry.startswith("*")
    try:
        parts = urlsplit(f"//{entry[1:].lstrip('.') if wild else entry}")
        host, port = _normal(parts.hostname or ""), parts.port
    except (ValueError, UnicodeError) as error:
        raise SettingsInvalid(f"{entry!r} is no host", param="gateway.fetch_hosts") from error
    if (
        (not host and not wild)
        or parts.path
        or "@" in entry
        or "*" in host
        or (wild and entry[1:2] not in ("", ".", ":"))
    ):
        raise SettingsInvalid(f"{entry!r} is no host", param="gateway.fetch_hosts")
    ports = set(_PORTS.values()) if port is None else {port}
    return f"*.{host}" if host and wild else "*" if wild else host, ports


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public internet, also when it hides inside an IPv6 one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    hidden = inner(found)
    if hidden is not None:
        return is_public(str(hidden))
    if off_limits(found) or found in _LOCAL_NAT64 or (found.version == 6 and found.teredo):
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)
