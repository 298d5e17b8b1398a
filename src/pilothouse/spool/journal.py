"""The writer's database: groups in, acknowledged groups out, pages back to the file system.

Used by the writer's thread alone.
"""

import logging
import os
import sqlite3
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from pilothouse import instruments
from pilothouse.spool.files import (
    CURSOR_FILE,
    PAGE_BYTES,
    SPOOL_FILE,
    is_damage,
    open_foreign,
    open_spool,
    set_aside,
    spool_id,
)

_log = logging.getLogger(__name__)

_PRUNE_GROUPS = 8
_VACUUM_PAGES = 128
_BUSY_SLICE_S = 0.004
_IDLE_SLICE_S = 0.008
_SLACK_PAGES = 64 * 1024**2 // PAGE_BYTES
"""Free pages that stay in the file under load: new groups take them, which is cheaper than giving them back."""
_IDLE_SLACK_PAGES = 1024**2 // PAGE_BYTES


class Journal:
    """Group rows with ids that only grow; `undrained_bytes` may be read from any thread."""

    def __init__(self, folder: Path, ask_checkpoint: Callable[[], None]) -> None:
        self._folder = folder
        self._ask_checkpoint = ask_checkpoint
        self._cursor: AckedView = AckedView(folder)
        self._connection = self._open()
        self.undrained_bytes = 0
        self._next_id = 1
        self._first_id = 1
        self._unsettled = False
        self._load()

    def write(self, data: bytes, records: int) -> None:
        """Commit one group into the log; a killed process loses nothing of it. Raises `sqlite3.Error`.

        After a failure the next write takes the same id, so that a group that reached the disk after all is not there
        twice.
        """
        started = time.perf_counter()
        self._connection.execute(
            "INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?, ?, ?)",
            (self._next_id, time.time_ns(), records, len(data), zlib.crc32(data), data),
        )
        self._next_id += 1
        self._unsettled = True
        self.undrained_bytes += len(data)
        instruments.SPOOL_COMMIT.observe(time.perf_counter() - started)
        instruments.SPOOL_BYTES.set(self.undrained_bytes, self._folder.name)

    def keep_house(self, *, idle: bool) -> bool:
        """Delete what the reader has acknowledged and give free pages back, for a few milliseconds at most.

        Returns whether there is more to do.
        """
        until = time.perf_counter() + (_IDLE_SLICE_S if idle else _BUSY_SLICE_S)
        acked_id = min(self._cursor.acked_id(self._spool_id), self._next_id - 1)
        while self._first_id <= acked_id and time.perf_counter() < until:
            self._prune(min(acked_id, self._first_id + _PRUNE_GROUPS - 1))
        slack_pages = _IDLE_SLACK_PAGES if idle and self._first_id > acked_id else _SLACK_PAGES
        while self._free_pages() > slack_pages and time.perf_counter() < until:
            # As a script: `execute` takes one step of this statement, which frees a single page.
            self._connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
            self._unsettled = True
        instruments.SPOOL_BYTES.set(self.undrained_bytes, self._folder.name)
        if self._first_id <= acked_id or self._free_pages() > slack_pages:
            return True
        if idle and self._unsettled:
            # Only a finished checkpoint shortens the file.
            self._unsettled = False
            self._ask_checkpoint()
        return False

    def checkpoint(self) -> None:
        """Carry the log over into the file, so that it starts anew; raises `sqlite3.Error`. Waits for the disk."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def reopen(self) -> None:
        """Start over with a fresh connection after an error; raises `sqlite3.Error` when that fails too."""
        self._connection.close()
        self._connection = self._open()
        self._load()

    def close(self) -> None:
        """Close both databases."""
        self._cursor.close()
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        try:
            return open_spool(self._folder)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            aside = set_aside(self._folder / SPOOL_FILE)
            _log.error("the spool was damaged and is set aside as %s: %s", aside, error)
            return open_spool(self._folder)

    def _load(self) -> None:
        self._spool_id = spool_id(self._connection)
        first_id, last_id, size_bytes = self._connection.execute(
            "SELECT min(id), max(id), sum(size_bytes) FROM groups"
        ).fetchone()
        # Ids must not come again after everything was deleted: the reader would take new groups for acknowledged ones.
        self._next_id = max(last_id or 0, self._cursor.acked_id(self._spool_id)) + 1
        self._first_id = first_id or self._next_id
        self.undrained_bytes = size_bytes or 0

    def _prune(self, up_to_id: int) -> None:
        deleted = self._connection.execute(
            "DELETE FROM groups WHERE id <= ? RETURNING size_bytes", (up_to_id,)
        ).fetchall()
        self._first_id = up_to_id + 1
        self._unsettled = True
        self.undrained_bytes -= sum(size_bytes for (size_bytes,) in deleted)

    def _free_pages(self) -> int:
        return int(self._connection.execute("PRAGMA freelist_count").fetchone()[0])


class AckedView:
    """The reader's cursor as the writer sees it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / CURSOR_FILE
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def acked_id(self, of_spool: str) -> int:
        """Return the last acknowledged group of the spool, 0 when the reader has not come yet or cannot be read."""
        try:
            self._follow()
            if self._connection is None:
                return 0
            row = self._connection.execute("SELECT acked_id FROM cursor WHERE spool_id = ?", (of_spool,)).fetchone()
        except (sqlite3.Error, OSError) as error:
            _log.debug("the reader's cursor cannot be read now: %s", error)
            self.close()
            return 0
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Close the database, if open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _follow(self) -> None:
        """Open the cursor's file, anew when the reader has replaced it."""
        try:
            inode = os.stat(self._path).st_ino
        except FileNotFoundError:
            self.close()
            return
        if self._connection is None or inode != self._inode:
            self.close()
            self._connection = open_foreign(self._path)
            self._inode = inode
