"""The second thread of a spool's writer: makes what is written safe from a loss of power.

A group that the writer has committed is in the system's hands, and a killed process loses nothing of it. Only power can
still take it, until the log is synced. A disk under load takes tens to hundreds of milliseconds for that, and a writer
that waits for it has new records piling up in its own memory meanwhile, where a kill does reach them. So the writer
never waits: this thread syncs behind it, and carries the log over into the database file.
"""

import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from pilothouse import instruments
from pilothouse.spool.files import PAGE_BYTES, SPOOL_FILE, open_checkpointer

_log = logging.getLogger(__name__)

_CHECKPOINT_BYTES = 4 * 1024**2
"""Log between two checkpoints: longer ones make the slowest syncs slower, shorter ones write pages twice."""
_LONG_LOG_PAGES = 64 * 1024**2 // PAGE_BYTES
"""Above this the writer is asked to stand still for one checkpoint, without which a busy log is never reset."""
_SHORT_LOG_BYTES = 16 * 1024**2
_WAIT_S = 0.5

Answer = Callable[[Exception | None], None]
"""Called once the group is safe, or with the error that kept it from being so."""


class Syncer:
    """Syncs and checkpoints the log of one spool."""

    def __init__(self, folder: Path, *, eager: bool) -> None:
        """`eager` syncs behind every group; without it only where somebody waits, and with every checkpoint."""
        self._folder = folder
        self._eager = eager
        self._log_path = folder / f"{SPOOL_FILE}-wal"
        self._waiting: deque[Answer] = deque()
        self._written_bytes = 0
        self._synced_bytes = 0
        self._checkpointed_bytes = 0
        self._checkpoint_asked = False
        self._bell = threading.Event()
        self._closing = False
        self._fd = -1
        self._inode = 0
        self.log_is_long = False
        """Whether the writer should checkpoint by itself, for the log cannot be reset while it writes."""
        self.failure: Exception | None = None
        """What keeps the disk from taking the log, None when it does."""
        self._thread = threading.Thread(target=self._run, name="spool-syncer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def written(self, size_bytes: int, answer: Answer | None) -> None:
        """Note that the writer has committed a group; `answer` is called when it is safe."""
        if answer is not None:
            self._waiting.append(answer)
        self._written_bytes += size_bytes
        self._bell.set()

    def ask_checkpoint(self) -> None:
        """Carry the log over soon, however short it is."""
        self._checkpoint_asked = True
        self._bell.set()

    def close(self, timeout_s: float) -> None:
        """Sync what is written and stop."""
        self._closing = True
        self._bell.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while not self._closing or self._synced_bytes != self._written_bytes:
            self._bell.wait(_WAIT_S)
            self._bell.clear()
            try:
                self._sync()
                if self._checkpoint_asked or self._written_bytes - self._checkpointed_bytes > _CHECKPOINT_BYTES:
                    connection = connection or open_checkpointer(self._folder)
                    self._checkpoint(connection)
                self.failure = None
            except (OSError, sqlite3.Error) as error:
                connection = _drop(connection)
                self._fail(error)
                if self._closing:
                    break
        _drop(connection)
        if self._fd >= 0:
            os.close(self._fd)

    def _sync(self) -> None:
        written, answers = self._written_bytes, len(self._waiting)
        if written == self._synced_bytes and not answers:
            return
        if self._eager or answers:
            self._follow()
            started = time.perf_counter()
            os.fdatasync(self._fd)
            instruments.SPOOL_SYNC.observe(time.perf_counter() - started)
        self._synced_bytes = written
        for _ in range(answers):
            self._waiting.popleft()(None)

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        # Cut only when the writer has nothing to do: it has to stand still for that.
        cut = self._checkpoint_asked and self._log_path.stat().st_size > _SHORT_LOG_BYTES
        self._checkpoint_asked = False
        written = self._written_bytes
        mode = "TRUNCATE" if cut else "PASSIVE"
        _, log_pages, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        self._checkpointed_bytes = written
        self.log_is_long = log_pages > _LONG_LOG_PAGES

    def _follow(self) -> None:
        """Open the log's file, anew when the writer has replaced it."""
        inode = os.stat(self._log_path).st_ino
        if inode != self._inode:
            if self._fd >= 0:
                os.close(self._fd)
            self._fd = os.open(self._log_path, os.O_RDONLY | os.O_CLOEXEC)
            self._inode = inode

    def _fail(self, error: Exception) -> None:
        if self.failure is None:
            _log.error("the spool %s cannot sync: %s", self._folder.name, error)
        self.failure = error
        while self._waiting:
            self._waiting.popleft()(error)


def _drop(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()
