"""Durable append-and-drain between the ways in and the store; knows records, not tables.

One folder per writer holds `spool.db`, which only the writer writes, and `cursor.db`, which only the reader writes:
how far it has acknowledged, the boundaries of the batch it has handed out, and what it set aside as unreadable. In
SQLite's WAL mode a reader and one writer never wait for each other, two writers do; with a file for each side there is
exactly one writer everywhere. The writer looks at the reader's cursor, deletes what is acknowledged, and gives the
pages back to the file system in small steps.

A row is one group of records, as many as came within a commit interval, so that SQLite's work per record is tiny.
Measured with 3 kB records on two cores, each commit flushed to the disk: groups of 20, 100 and 500 give 52k, 95k and
194k records a second. A plain log file would give 81k, 320k and 690k, but then checksums, torn ends, deletion and the
hand-over between two processes would be ours to get right, for a speed that no gateway on the same cores can use.
Segments of SQLite files would free space by deletion alone; freeing 300 MB of pages in steps takes 0.8 s, most of it
while nobody waits, so one file is enough.
"""

from pilothouse.spool.files import Entry, SpoolOptions, discover
from pilothouse.spool.reader import Batch, Item, Rejected, SpoolReader
from pilothouse.spool.writer import CALL, SpoolWriter

__all__ = ["CALL", "Batch", "Entry", "Item", "Rejected", "SpoolOptions", "SpoolReader", "SpoolWriter", "discover"]
