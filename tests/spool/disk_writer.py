"""A process whose files may not grow for a while, which is how a full disk looks to it.

Run: python -m tests.spool.disk_writer FOLDER. Ends with status 0 when the spool behaved.
"""

import asyncio
import resource
import sys
from pathlib import Path

import pytest

from pilothouse.errors import DiskFull
from pilothouse.spool import SpoolOptions, SpoolWriter
from tests.spool.records import call, wait_until


def limit_files(size_bytes: int) -> None:
    """Let no file of this process grow beyond the size."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


async def run(folder: Path) -> int:
    """Fill, fail, keep, recover; return how many records were taken."""
    errors: list[Exception] = []
    with SpoolWriter(folder, SpoolOptions(max_queue_bytes=400_000), errors.append) as writer:
        assert writer.offer(call(0, b"x" * 3000))
        await asyncio.to_thread(wait_until, lambda: writer.queued_bytes == 0)
        limit_files(20_000)
        number = 1
        while writer.offer(call(number, b"x" * 3000)):
            number += 1
            await asyncio.sleep(0.001)
        assert number > 90, number
        assert "cannot write" in (writer.ping() or ""), writer.ping()
        assert len(errors) == 1, errors
        with pytest.raises(DiskFull) as refused:
            await writer.append("otlp", b"refused")
        assert refused.value.retry_after_s
        limit_files(resource.RLIM_INFINITY)
        await asyncio.to_thread(wait_until, lambda: writer.queued_bytes == 0)
        assert "cannot write" not in (writer.ping() or "")
        await writer.append("otlp", b"taken")
    return number


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "count").write_text(str(asyncio.run(run(folder))))
