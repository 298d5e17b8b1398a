"""How much every spool holds, read beside its writer and its reader without holding either up."""

import sqlite3
import time
from pathlib import Path

import msgspec

from pilothouse.errors import DataFolderNewer
from pilothouse.spool.files import CURSOR_FILE, SPOOL_FILE, discover, open_foreign, spool_id


class SpoolDepth(msgspec.Struct, frozen=True):
    """What one writer's spool holds and has not been drained."""

    writer: str
    size_bytes: int
    records: int
    oldest_age_s: float | None
    """Age of the oldest undrained record; None when drained."""


def depths(folder: Path) -> list[SpoolDepth]:
    """Return the depth of every spool below the folder; blocks on the disk, leaves out what cannot be read now."""
    found: list[SpoolDepth] = []
    for path in discover(folder):
        try:
            found.append(_depth(path))
        except (sqlite3.Error, DataFolderNewer):
            continue
    return found


def _depth(path: Path) -> SpoolDepth:
    spool = open_foreign(path / SPOOL_FILE)
    try:
        acked_id = _acked_id(path, spool_id(spool))
        query = "SELECT count(*), total(records), total(size_bytes), min(at_ns) FROM groups WHERE id > ?"
        _, records, size_bytes, at_ns = spool.execute(query, (acked_id,)).fetchone()
    finally:
        spool.close()
    age_s = None if at_ns is None else max(0.0, (time.time_ns() - at_ns) / 1e9)
    return SpoolDepth(path.name, int(size_bytes), int(records), age_s)


def _acked_id(path: Path, born_as: str) -> int:
    if not (path / CURSOR_FILE).exists():
        return 0
    cursor = open_foreign(path / CURSOR_FILE)
    try:
        row = cursor.execute("SELECT spool_id, acked_id FROM cursor").fetchone()
    finally:
        cursor.close()
    return int(row[1]) if row and row[0] == born_as else 0
