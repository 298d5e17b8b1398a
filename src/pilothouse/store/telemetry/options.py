"""Where the telemetry store is and how much of it a query may take."""

from urllib.parse import urlsplit

import msgspec

from pilothouse.errors import SettingsInvalid

_SCHEMES = {
    "http": ("http", 8123),
    "https": ("https", 8443),
    "clickhouse": ("http", 8123),
    "clickhouses": ("https", 8443),
}


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the telemetry client."""

    url: str = ""
    """`http://`, `https://`, `clickhouse://` or `clickhouses://` and host; empty for the embedded store, whose address
    the composition root fills in."""
    username: str = "default"
    secret: str = ""
    database: str = "pilothouse"
    cluster: str = ""
    """Name of the ClickHouse cluster to make replicated tables on; empty for one server."""
    ca_file: str = ""
    """Certificates to trust instead of the system's."""
    connect_timeout_s: float = 3.0
    query_timeout_s: float = 20.0
    """The server gives up on a query after it."""
    insert_timeout_s: float = 60.0
    max_query_threads: int = 2
    max_query_memory_bytes: int = 1024**3
    readers: int = 4
    """Queries this process runs at the same time."""
    writers: int = 2
    """Inserts this process runs at the same time."""

    def __repr__(self) -> str:
        return f"StoreOptions(url={self.url!r}, username={self.username!r}, database={self.database!r})"


class Address(msgspec.Struct, frozen=True):
    """A parsed URL of a store."""

    interface: str
    host: str
    port: int
    path: str = ""

    @property
    def is_local(self) -> bool:
        """Whether compression would only cost time."""
        return self.host in {"127.0.0.1", "::1", "localhost"}


def parse_address(url: str) -> Address:
    """Return the parts of a store's URL; raises `SettingsInvalid`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingsInvalid(f"the store's URL is not valid: {error}", param="store.url") from error
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise SettingsInvalid(
            f"the store's URL must begin with one of {', '.join(_SCHEMES)} and name a host", param="store.url"
        )
    interface, default_port = _SCHEMES[parts.scheme]
    return Address(interface, parts.hostname, port or default_port, parts.path.strip("/"))
