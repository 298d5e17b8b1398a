"""What the ledger of telemetry promises, on SQLite and on PostgreSQL alike."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pilothouse.domain.receipt import MINUTE_NS, Receipt, ReceiptOutcome
from pilothouse.registry.receipts import Ledger
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.options import MetadataOptions

START_NS = 1_764_000_000_000_000_000 - 1_764_000_000_000_000_000 % MINUTE_NS


@pytest.fixture
async def metadata(database_url: str) -> AsyncIterator[Metadata]:
    opened = Metadata(MetadataOptions(url=database_url))
    await opened.connect()
    await opened.migrate()
    yield opened
    await opened.close()


def receipt(minute: int = 0, **changes: Any) -> Receipt:
    values = {
        "project_id": "p", "minute_ns": START_NS + minute * MINUTE_NS, "surface": "otlp_http", "signal": "traces",
        "sdk_name": "sdk", "sdk_version": "1", "outcome": ReceiptOutcome.REJECTED, "reason": "span_id_invalid",
        "requests": 1, "items": 2, "sample": "first",
    }  # fmt: skip
    return Receipt(**{**values, **changes})


async def test_counts_add_up_and_the_newest_sample_stays(metadata: Metadata) -> None:
    ledger = Ledger(metadata)
    await ledger.add([receipt()])
    await ledger.add([receipt(sample="second"), receipt(sample="", reason="other")])
    await ledger.add([receipt(sample="")])
    found = {one.reason: one for one in await ledger.page("p", START_NS, START_NS + 1)}
    assert found["span_id_invalid"] == receipt(requests=3, items=6, sample="second")
    assert found["other"] == receipt(reason="other", sample="")
    await ledger.add([])


async def test_minutes_come_newest_first_and_only_the_projects_own(metadata: Metadata) -> None:
    ledger = Ledger(metadata)
    await ledger.add([receipt(minute) for minute in (1, 3, 2)] + [receipt(2, project_id="other")])
    found = await ledger.page("p", START_NS + 2 * MINUTE_NS + 5, START_NS + 4 * MINUTE_NS)
    assert [(one.minute_ns - START_NS) // MINUTE_NS for one in found] == [3, 2]
    await ledger.forget(START_NS + 3 * MINUTE_NS)
    assert len(await ledger.page("p", 0, 2**62)) == 1
    assert await ledger.page("other", 0, 2**62) == []


async def test_many_processes_count_into_the_same_rows(metadata: Metadata, database_url: str) -> None:
    others = [Metadata(MetadataOptions(url=database_url)) for _ in range(2)]
    try:
        for other in others:
            await other.connect()
        ledgers = [Ledger(one) for one in (metadata, *others)]
        forwards = [receipt(minute) for minute in range(5)]
        await asyncio.gather(
            *(ledger.add(forwards if n % 2 else forwards[::-1]) for n in range(10) for ledger in ledgers)
        )
    finally:
        for other in others:
            await other.close()
    assert [one.items for one in await Ledger(metadata).page("p", 0, 2**62)] == [60] * 5
