"""A process that drains a spool and dies between the store's answer and the acknowledgement.

Run: python -m tests.spool.crash_reader FOLDER STORE BATCHES. Each batch is one line in STORE: its token and numbers.
After BATCHES lines it kills itself before it acknowledges the last; with nothing left to read it ends properly.
"""

import os
import signal
import sys
from pathlib import Path

import msgspec

from pilothouse.domain.call import CallRecord
from pilothouse.spool import SpoolReader


def drain(folder: Path, store: Path, batches: int) -> None:
    """Drain until empty, or until it is time to die."""
    decoder = msgspec.msgpack.Decoder(CallRecord)
    fd = os.open(store, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    with SpoolReader(folder) as reader:
        while (batch := reader.read(max_records=500)) is not None:
            numbers = " ".join(str(int(decoder.decode(item.payload).id)) for item in batch.items)
            os.write(fd, f"{batch.token} {numbers}\n".encode())
            batches -= 1
            if batches == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            reader.ack(batch)


if __name__ == "__main__":
    drain(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
