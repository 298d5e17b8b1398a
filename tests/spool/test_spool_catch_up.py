"""Waiting until what was offered is on disk."""

from pathlib import Path

from pilothouse.spool import SpoolReader, SpoolWriter
from tests.spool.records import call


async def test_what_was_offered_can_be_read_after_the_wait(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path) as spool:
        for number in range(50):
            spool.offer_soon(lambda number=number: call(number))
        assert await spool.caught_up()
        assert spool.queued_bytes == 0
        reader = SpoolReader(tmp_path)
        batch = reader.read()
        assert batch is not None
        assert len(batch.items) == 50
        reader.close()
