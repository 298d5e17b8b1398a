"""Durable append-and-drain between the ways in and the store; knows records, not tables.

One folder per writer holds `spool.db`, which only the writer writes, and `cursor.db`, which only the reader writes:
how far it has acknowledged, the boundaries of the batch it has handed out, and what it set aside as unreadable. In
SQLite's WAL mode a reader and one writer never wait for each other, two writers do; with a file for each side there is
exactly one writer everywhere. The writer looks at the reader's cursor, deletes what is acknowledged, and gives the
pages back to the file system in small steps.

A row is one group of records, as many as came within a commit interval, so that SQLite's work per record is tiny.
"""

from pilothouse.spool.files import Entry, SpoolOptions, discover
from pilothouse.spool.reader import Batch, Item, Rejected, SpoolReader
from pilothouse.spool.writer import CALL, SpoolWriter

__all__ = ["CALL", "Batch", "Entry", "Item", "Rejected", "SpoolOptions", "SpoolReader", "SpoolWriter", "discover"]
