"""Records that are made at the end of the loop's turn: none is lost, none takes another with it."""

import asyncio

from pilothouse import instruments
from pilothouse.domain.call import CallRecord
from pilothouse.spool import SpoolReader, SpoolWriter
from tests.spool.records import call


def ids(reader: SpoolReader) -> list[str]:
    batch = reader.read()
    assert batch is not None
    return [item.payload for item in batch.items]


async def test_records_are_made_once_the_turn_is_over_in_their_order(tmp_path):
    made: list[int] = []

    def make(number: int) -> CallRecord:
        made.append(number)
        return call(number)

    with SpoolWriter(tmp_path) as writer:
        for number in range(3):
            writer.offer_soon(lambda number=number: make(number))
        assert made == []
        await asyncio.sleep(0)
        assert made == [0, 1, 2]


async def test_closing_does_not_lose_what_was_to_be_made(tmp_path):
    with SpoolWriter(tmp_path) as writer:
        writer.offer_soon(lambda: call(1))
        writer.offer_soon(lambda: call(2))
    with SpoolReader(tmp_path) as reader:
        assert len(ids(reader)) == 2


async def test_one_record_that_cannot_be_made_does_not_take_the_others_along(tmp_path):
    before = instruments.SPOOL_DROPPED.values.get(("unencodable",), 0)

    def broken() -> CallRecord:
        raise ValueError("as asked")

    with SpoolWriter(tmp_path) as writer:
        writer.offer_soon(broken)
        writer.offer_soon(lambda: call(2))
    with SpoolReader(tmp_path) as reader:
        assert len(ids(reader)) == 1
    assert instruments.SPOOL_DROPPED.values[("unencodable",)] == before + 1
