"""The draining side: batches with boundaries and a token that outlive a crash of the reader."""

import logging
import math
import os
import sqlite3
import time
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from pilothouse import instruments
from pilothouse.errors import DataFolderUnwritable
from pilothouse.spool.files import (
    CURSOR_FILE,
    SPOOL_FILE,
    Entry,
    FolderLock,
    is_damage,
    open_cursor,
    open_foreign,
    set_aside,
    spool_id,
)

_log = logging.getLogger(__name__)

BATCH_BYTES = 8 * 1024**2
BATCH_RECORDS = 2_000

_SCAN_GROUPS = 512
_REJECTED_BYTES = 64 * 1024**2
"""What is set aside is kept, the newest first, up to this size."""
_FRAMES = msgspec.msgpack.Decoder(list[Entry])


class Item(msgspec.Struct, frozen=True):
    """One record and the place it came from."""

    kind: str
    payload: bytes
    group_id: int
    position: int


class Batch(msgspec.Struct, frozen=True):
    """Records in the order they were written, to be acknowledged as one."""

    token: str
    """The same for the same records after any crash, and for no others."""
    items: tuple[Item, ...]
    first_id: int
    last_id: int
    size_bytes: int
    oldest_at_ns: int


class Rejected(msgspec.Struct, frozen=True):
    """What was set aside instead of being handed out."""

    group_id: int
    position: int
    """Place in the group, -1 for a whole group that cannot be read."""
    at_ns: int
    kind: str
    reason: str
    data: bytes


class SpoolReader:
    """The one reader of a spool folder, in any process; not for two threads at once.

    The spool may not exist yet, or vanish and come anew: then there is nothing to read until it is there.
    """

    def __init__(self, path: Path) -> None:
        """Lock the folder and open the cursor; raises `DataFolderInUse`, `DataFolderNewer`, `DataFolderUnwritable`."""
        self.path = path
        self._lock = FolderLock(path / "reader.lock", "reader")
        try:
            self._cursor = _open_cursor(path)
        except BaseException:
            self._lock.release()
            raise
        self._spool: sqlite3.Connection | None = None
        self._inode = 0
        self._seen_version = -1
        row = self._cursor.execute("SELECT spool_id, acked_id, first_id, last_id FROM cursor").fetchone()
        self._spool_id: str = row[0]
        self._acked_id: int = row[1]
        self._in_flight: tuple[int, int] | None = (row[2], row[3]) if row[3] else None

    def read(
        self, max_bytes: int = BATCH_BYTES, max_records: int = BATCH_RECORDS, linger_s: float = 0.0
    ) -> Batch | None:
        """Return the batch that is handed out but not acknowledged, else the next, None when there is none.

        A batch ends before the group that would exceed a bound, and holds at least one group. One that reaches no
        bound is held back until its oldest record is `linger_s` old. Cheap when nothing was written since the last
        call. Raises `DataFolderNewer`, or `DataFolderUnwritable` when the disk fails.
        """
        with self._translated():
            spool = self._follow()
            if spool is None:
                return None
            if self._in_flight is None:
                found = self._next_range(spool, self._acked_id, (max_bytes, max_records, linger_s))
                if found is None:
                    return None
                self._store(self._acked_id, found)
            return self._load(spool, *(self._in_flight or (0, 0)))

    def look_ahead(self, batch: Batch, max_bytes: int = BATCH_BYTES, max_records: int = BATCH_RECORDS) -> Batch | None:
        """Return the full batch behind one that is not acknowledged yet, without handing it out; None for less."""
        with self._translated():
            spool = self._follow()
            if spool is None or not batch.token.startswith(f"{self._spool_id}-"):
                return None
            found = self._next_range(spool, batch.last_id, (max_bytes, max_records, math.inf))
            return None if found is None else self._load(spool, *found)

    def hand_out(self, batch: Batch) -> bool:
        """Hand out what was looked at ahead, when all before it is acknowledged; False when that is not so."""
        with self._translated():
            if (
                self._follow() is None
                or self._in_flight is not None
                or not batch.token.startswith(f"{self._spool_id}-")
                or batch.first_id <= self._acked_id
            ):
                return False
            self._store(self._acked_id, (batch.first_id, batch.last_id))
            return True

    def ack(self, batch: Batch) -> None:
        """Note durably that the batch has arrived; the writer then deletes it. Raises `DataFolderUnwritable`."""
        with self._translated():
            self._store(max(batch.last_id, self._acked_id), None)

    def set_aside(self, item: Item, reason: str) -> None:
        """Keep a record that nobody can make sense of, so that the rest goes on; doing it twice keeps it once.

        The newest 64 MiB are kept. Raises `DataFolderUnwritable`.
        """
        with self._translated():
            self._reject(Rejected(item.group_id, item.position, time.time_ns(), item.kind, reason, item.payload))

    def rejected(self, limit: int = 100) -> list[Rejected]:
        """Return what was set aside, newest first."""
        rows = self._cursor.execute(
            "SELECT group_id, position, at_ns, kind, reason, data FROM rejected ORDER BY at_ns DESC LIMIT ?", (limit,)
        ).fetchall()
        return [Rejected(*row) for row in rows]

    def oldest_age_s(self) -> float:
        """Return the age of the oldest record that is not acknowledged, 0 when there is none."""
        with self._translated():
            spool = self._follow()
            if spool is None:
                return 0.0
            query = "SELECT at_ns FROM groups WHERE id > ? ORDER BY id LIMIT 1"
            row = spool.execute(query, (self._acked_id,)).fetchone()
        return max(0.0, (time.time_ns() - row[0]) / 1e9) if row else 0.0

    def close(self) -> None:
        """Close both databases and give the lock up."""
        self._drop_spool()
        self._cursor.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DataFolderUnwritable(f"the spool {self.path.name} cannot be read: {error}") from error

    def _follow(self) -> sqlite3.Connection | None:
        """Return the writer's database, opened anew when the writer has replaced the file; None while it is absent."""
        try:
            inode = os.stat(self.path / SPOOL_FILE).st_ino
        except FileNotFoundError:
            self._drop_spool()
            return None
        if self._spool is None or inode != self._inode:
            self._drop_spool()
            self._open_spool(inode)
        return self._spool

    def _open_spool(self, inode: int) -> None:
        try:
            spool = open_foreign(self.path / SPOOL_FILE)
        except sqlite3.Error as error:
            _log.debug("the spool cannot be opened yet: %s", error)
            return
        found = spool_id(spool)
        if not found:
            spool.close()
            return
        self._spool, self._inode, self._seen_version = spool, inode, -1
        if found != self._spool_id:
            self._spool_id = found
            self._store(0, None)

    def _drop_spool(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _next_range(
        self, spool: sqlite3.Connection, after_id: int, bounds: tuple[int, int, float]
    ) -> tuple[int, int] | None:
        max_bytes, max_records, linger_s = bounds
        version = int(spool.execute("PRAGMA data_version").fetchone()[0])
        if version == self._seen_version:
            return None
        rows = spool.execute(
            "SELECT id, at_ns, records, size_bytes FROM groups WHERE id > ? ORDER BY id LIMIT ?",
            (after_id, _SCAN_GROUPS),
        ).fetchall()
        if not rows:
            self._seen_version = version
            return None
        last_id = rows[0][0]
        records = size_bytes = 0
        full = len(rows) == _SCAN_GROUPS
        for group_id, _, group_records, group_bytes in rows:
            if records and (records + group_records > max_records or size_bytes + group_bytes > max_bytes):
                full = True
                break
            last_id = group_id
            records += group_records
            size_bytes += group_bytes
        age_s = (time.time_ns() - rows[0][1]) / 1e9
        # A negative age means that the clock was set back: waiting for it to catch up could take hours.
        if not full and records < max_records and size_bytes < max_bytes and 0 <= age_s < linger_s:
            return None
        return rows[0][0], last_id

    def _load(self, spool: sqlite3.Connection, first_id: int, last_id: int) -> Batch:
        items: list[Item] = []
        size_bytes = 0
        oldest_at_ns = 0
        for group_id, at_ns, group_size, checksum, data in self._groups(spool, first_id, last_id):
            oldest_at_ns = oldest_at_ns or at_ns
            size_bytes += group_size
            items.extend(self._items(group_id, checksum, data))
        token = f"{self._spool_id}-{first_id}-{last_id}"
        return Batch(token, tuple(items), first_id, last_id, size_bytes, oldest_at_ns)

    def _groups(self, spool: sqlite3.Connection, first_id: int, last_id: int) -> list[tuple[int, int, int, int, bytes]]:
        query = "SELECT id, at_ns, size_bytes, checksum, data FROM groups WHERE id BETWEEN ? AND ? ORDER BY id"
        try:
            return spool.execute(query, (first_id, last_id)).fetchall()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
        rows: list[tuple[int, int, int, int, bytes]] = []
        for group_id in range(first_id, last_id + 1):
            try:
                rows.extend(spool.execute(query, (group_id, group_id)).fetchall())
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                self._reject_group(group_id, f"damaged page: {error}", b"")
        return rows

    def _items(self, group_id: int, checksum: int, data: bytes) -> list[Item]:
        if zlib.crc32(data) != checksum:
            self._reject_group(group_id, "checksum does not match", data)
            return []
        try:
            frames = _FRAMES.decode(data)
        except msgspec.DecodeError as error:
            self._reject_group(group_id, f"not a group of records: {error}", data)
            return []
        return [Item(frame.kind, frame.payload, group_id, position) for position, frame in enumerate(frames)]

    def _reject_group(self, group_id: int, reason: str, data: bytes) -> None:
        if self._reject(Rejected(group_id, -1, time.time_ns(), "", reason, data)):
            instruments.INGEST_REJECTED.inc("corrupt_group")
            _log.error("group %d of the spool %s is set aside: %s", group_id, self.path.name, reason)

    def _reject(self, rejected: Rejected) -> bool:
        added = self._cursor.execute(
            "INSERT OR IGNORE INTO rejected VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._spool_id, rejected.group_id, rejected.position, rejected.at_ns, rejected.kind, rejected.reason,
             rejected.data),
        ).rowcount  # fmt: skip
        self._cursor.execute(
            "DELETE FROM rejected WHERE rowid IN (SELECT place FROM (SELECT rowid AS place, "
            "sum(length(data) + 256) OVER (ORDER BY at_ns DESC, rowid DESC) AS total FROM rejected) WHERE total > ?)",
            (_REJECTED_BYTES,),
        )
        return added > 0

    def _store(self, acked_id: int, in_flight: tuple[int, int] | None) -> None:
        first_id, last_id = in_flight or (0, 0)
        self._cursor.execute(
            "UPDATE cursor SET spool_id = ?, acked_id = ?, first_id = ?, last_id = ?",
            (self._spool_id, acked_id, first_id, last_id),
        )
        self._acked_id = acked_id
        self._in_flight = in_flight


def _open_cursor(folder: Path) -> sqlite3.Connection:
    try:
        return open_cursor(folder)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        aside = set_aside(folder / CURSOR_FILE)
        # Everything still in the spool is read again; the store recognises spans by their ids.
        _log.error("the cursor was damaged and is set aside as %s: %s", aside, error)
        return open_cursor(folder)
