"""A process that writes a spool until it is killed.

Run: python -m tests.spool.crash_writer FOLDER LOG FIRST RATE. Notes in LOG, one line each, the number of every tenth
record and the monotonic time of its offer.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

from pilothouse.spool import SpoolWriter
from tests.spool.records import call


async def write(folder: Path, log: Path, first: int, rate: float) -> None:
    """Offer numbered records at `rate` a second for ever."""
    fd = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    with SpoolWriter(folder) as writer:
        number = first
        started = time.monotonic()
        while True:
            while number - first < (time.monotonic() - started) * rate:
                assert writer.offer(call(number, b"x" * 3000))
                if number % 10 == 0:
                    os.write(fd, f"{number} {time.monotonic()}\n".encode())
                number += 1
            await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
