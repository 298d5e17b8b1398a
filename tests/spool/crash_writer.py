"""A process that writes a spool until it is killed.

Run: python -m tests.spool.crash_writer FOLDER LOG FIRST RATE. Notes in LOG, one line each, the number of every tenth
record and how many beats the process has had when it was offered. A beat is `BEAT_S` and a write to the same disk, by a
thread of its own: a process that gets no time, or a disk that stands still, has none. Their number stands in LOG.beats.
"""

import asyncio
import os
import sys
import threading
import time
from pathlib import Path

from pilothouse.spool import SpoolWriter
from tests.spool.records import call

BEAT_S = 0.005


class Heart:
    """Counts the beats of the process."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_CREAT | os.O_WRONLY)
        self.beats = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            os.pwrite(self._fd, f"{self.beats:12}".encode(), 0)
            time.sleep(BEAT_S)
            self.beats += 1


async def write(folder: Path, log: Path, first: int, rate: float) -> None:
    """Offer numbered records at `rate` a second for ever."""
    fd = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    heart = Heart(log.with_suffix(".beats"))
    with SpoolWriter(folder) as writer:
        number = first
        started = time.monotonic()
        while True:
            while number - first < (time.monotonic() - started) * rate:
                assert writer.offer(call(number, b"x" * 3000))
                if number % 10 == 0:
                    os.write(fd, f"{number} {heart.beats}\n".encode())
                number += 1
            await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
