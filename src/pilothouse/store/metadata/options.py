"""How the metadata database is reached."""

import msgspec


class MetadataOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the metadata database."""

    url: str
    """`sqlite:///path` (relative), `sqlite:////path` (absolute) or `postgresql://user:password@host:port/database`."""
    pool_size: int = 4
    """Connections, and threads, for reading; PostgreSQL uses as many again for writing, SQLite one."""
    connect_timeout_s: int = 5
    busy_timeout_s: float = 10.0
    """How long to wait for another writer's lock or for a free connection."""
    statement_timeout_s: float = 30.0
    """PostgreSQL only: a statement that takes longer is given up."""

    def __repr__(self) -> str:
        """Leave the URL out: it may hold a password."""
        return f"MetadataOptions(url=…, pool_size={self.pool_size})"
