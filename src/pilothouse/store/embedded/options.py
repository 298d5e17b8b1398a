"""What the store process is started with."""

from pathlib import Path

import msgspec


class EmbeddedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the embedded store."""

    path: Path
    """Folder of the engine's files; made when missing, readable by its owner only."""
    secret: str
    """What every client must show as its password."""
    username: str = "default"
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free port."""
    port_file: Path | None = None
    """Gets the port as text once the store answers."""
    max_server_memory_bytes: int = 2 * 1024**3
    """Queries over it fail, the process lives on."""
    reader_threads: int = 2
    """Queries at the same time; more wait."""
    writer_threads: int = 2
    """Inserts and schema changes at the same time; apart from the readers, so that queries never hold up ingest."""
    background_threads: int = 2
    """Merges at the same time."""
    max_waiting: int = 256
    """Requests that may wait for a thread; more are refused as `TOO_MANY_SIMULTANEOUS_QUERIES`."""
    max_body_bytes: int = 512 * 1024**2
    """Largest request body, after decompression."""
    stop_grace_s: float = 30.0
    """How long running statements may take to end after SIGTERM."""

    def __repr__(self) -> str:
        return f"EmbeddedOptions(path={str(self.path)!r}, host={self.host!r}, port={self.port})"
