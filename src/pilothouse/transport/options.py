"""The options of the upstream client."""

from msgspec import Struct


class TransportOptions(Struct, frozen=True):
    """How connections to upstreams are made, kept and bounded."""

    implementation: str = "pool"
    """A name of `transport/table.py`: `pool` (fast, default) or `aiohttp` (extra `aiohttp`)."""
    max_connections_per_origin: int = 8192
    """Each open call or stream has one. Calls beyond it wait in the order in which they came."""
    queue_s: float = 30.0
    """How long a call may wait for a free connection before it fails with `UpstreamTimeout`."""
    idle_s: float = 30.0
    """An idle connection is closed after this time; below the idle time of common servers and load balancers."""
    max_header_bytes: int = 65536
    """Limit of an answer's status line and headers together, interim answers included."""
    buffer_bytes: int = 262144
    """Unread bytes of one answer at which reading from the socket pauses."""
    close_grace_s: float = 5.0
    """How long `close` waits for open calls."""
    ca_file: str = ""
    """PEM file of the authorities to trust instead of the ones that come with certifi."""
    proxy_url: str = ""
    """`http://[user:password@]host:port`; https goes through CONNECT, http in absolute form."""
    no_proxy: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")
    """Hosts reached without the proxy; a name also covers the names below it, `*` covers all."""

    def __repr__(self) -> str:
        """Hide the proxy's password."""
        return f"TransportOptions(implementation={self.implementation!r}, proxy={bool(self.proxy_url)})"
