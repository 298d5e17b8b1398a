"""The spool's files: their layout, format version, locks and how each side opens them."""

import fcntl
import os
import sqlite3
import time
import uuid
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import msgspec

from pilothouse.errors import DataFolderInUse, DataFolderNewer, DataFolderUnwritable

FORMAT = 1
"""Version of the layout of both files; a newer one is refused."""

SPOOL_FILE = "spool.db"
CURSOR_FILE = "cursor.db"

PAGE_BYTES = 16_384
"""Groups of records are 10 kB to 2 MB blobs: large pages halve the time of a commit against the default of 4 kB."""


class SpoolOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How much a spool may hold and how eagerly it writes."""

    max_bytes: int = 2 * 1024**3
    """Bound of undrained records, on disk and in memory together."""
    max_queue_bytes: int = 64 * 1024**2
    """Bound of records in memory that are not on disk yet; they pile up only while the disk fails or is slow."""
    commit_interval_s: float = 0.01
    """How long a group gathers after its first record. Shorter groups make the interpreter change threads more often:
    at 14,000 calls a second, 5 ms cost a call 9 µs more; 20 ms save nothing."""
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    """A crash of the process loses nothing written either way. `FULL` syncs right behind every commit, so that a loss
    of power takes a few milliseconds at most; `NORMAL` syncs only with every 4 MB."""
    on_full: Literal["drop", "refuse"] = "drop"
    """What the gateway does while the spool is full: serve calls unrecorded, or refuse them. The spool itself takes
    nothing more either way."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One record as it lies in a group."""

    kind: str
    payload: bytes


class FolderLock:
    """An advisory lock that the kernel gives up when the process ends, however it ends."""

    def __init__(self, path: Path, owner: str) -> None:
        try:
            self._fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataFolderUnwritable(f"cannot write {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise DataFolderInUse(f"another process is the {owner} of {path.parent}; stop it first") from None

    def release(self) -> None:
        """Give the lock up; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def discover(folder: Path) -> list[Path]:
    """Return the folders below `folder` that hold a spool, by name."""
    return sorted(path.parent for path in folder.glob(f"*/{SPOOL_FILE}"))


def prepare_folder(folder: Path) -> None:
    """Create the writer's folder, readable by its owner alone; raises `DataFolderUnwritable`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DataFolderUnwritable(f"cannot create {folder}: {error.strerror}") from error


def open_spool(folder: Path) -> sqlite3.Connection:
    """Open the writer's database, creating it when absent; commits do not wait for the disk, `Syncer` sees to that.

    Raises `DataFolderNewer`, `DataFolderUnwritable`, or `sqlite3.DatabaseError` when the file is damaged.
    """
    connection = _open_owned(folder / SPOOL_FILE, _create_spool)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute(f"PRAGMA journal_size_limit={1024 * PAGE_BYTES}")
    return connection


def open_checkpointer(folder: Path) -> sqlite3.Connection:
    """Open the writer's database for carrying its log over; raises `sqlite3.Error`."""
    connection = _connect(folder / SPOOL_FILE)
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def open_cursor(folder: Path) -> sqlite3.Connection:
    """Open the reader's own database, creating it when absent; raises as `open_spool`."""
    connection = _open_owned(folder / CURSOR_FILE, _create_cursor)
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def open_foreign(path: Path) -> sqlite3.Connection:
    """Open the other side's database for reading only.

    Raises `DataFolderNewer`, or `sqlite3.Error` when it is absent, half created or damaged.
    """
    connection = _connect(path)
    try:
        connection.execute("PRAGMA query_only=1")
        _refuse_newer(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def spool_id(connection: sqlite3.Connection) -> str:
    """Return the random name that a spool database was born with; empty when it is not set up yet."""
    try:
        row = connection.execute("SELECT value FROM meta WHERE name = 'spool_id'").fetchone()
    except sqlite3.OperationalError:
        return ""
    return str(row[0]) if row else ""


def set_aside(path: Path) -> Path:
    """Move a damaged database out of the way, with its log, and return its new path."""
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    for suffix in ("-wal", "-shm", ""):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(aside.with_name(aside.name + suffix))
    return aside


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether the error says that the file's content, not the disk under it, is broken."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _open_owned(path: Path, create: str) -> sqlite3.Connection:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise DataFolderUnwritable(f"cannot write {path}: {error.strerror}") from error
    connection = _connect(path)
    try:
        if _refuse_newer(connection, path) == 0:
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            connection.executescript(create.format(spool_id=uuid.uuid4().hex, version=FORMAT))
            _sync_folder(path.parent)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None, timeout=5.0, check_same_thread=False
    )


def _refuse_newer(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > FORMAT:
        raise DataFolderNewer(f"{path} has format {version}, this version knows {FORMAT}; upgrade Pilothouse")
    return version


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


_create_spool = """
BEGIN IMMEDIATE;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE groups (
    id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, records INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
    checksum INTEGER NOT NULL, data BLOB NOT NULL
);
INSERT INTO meta VALUES ('spool_id', '{spool_id}');
PRAGMA user_version={version};
COMMIT;
"""

_create_cursor = """
BEGIN IMMEDIATE;
CREATE TABLE cursor (
    one INTEGER PRIMARY KEY CHECK (one = 1), spool_id TEXT NOT NULL, acked_id INTEGER NOT NULL,
    first_id INTEGER NOT NULL, last_id INTEGER NOT NULL
);
CREATE TABLE rejected (
    spool_id TEXT NOT NULL, group_id INTEGER NOT NULL, position INTEGER NOT NULL, at_ns INTEGER NOT NULL,
    kind TEXT NOT NULL, reason TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (spool_id, group_id, position)
);
INSERT INTO cursor VALUES (1, '', 0, 0, 0);
PRAGMA user_version={version};
COMMIT;
"""
