"""The ledger: every request leaves a receipt, sums are right, and a database that is away loses none."""

from typing import Any

import pytest

from pilothouse.domain.access import Permission
from pilothouse.domain.receipt import Receipt, ReceiptOutcome
from pilothouse.errors import MetadataUnavailable
from pilothouse.server.otlp.receipts import Receipts
from tests.server.harness import Running
from tests.server.otlp_requests import PROTOBUF, logs_request, trace_request


async def rows(run: Running, **query: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    await run.door.receipts.flush()
    client = run.client(await run.key(Permission.READ))
    window = {"from": "2023-11-14T00:00:00Z", "to": "2023-11-20T00:00:00Z", **query}
    answer = await client.get("/api/v1/receipts", params=window)
    assert answer.status_code == 200, answer.text
    return {(item["signal"], item["outcome"], item["reason"]): item for item in answer.json()["items"]}


async def test_what_became_of_requests_is_summed_over_the_minutes(run: Running) -> None:
    client = run.client(await run.key(Permission.INGEST), headers={"user-agent": "probe/1.2"})
    for _ in range(3):
        body = trace_request(4, zero_ids=1).SerializeToString()
        assert (await client.post("/v1/traces", content=body, headers=PROTOBUF)).status_code == 200
        run.clock.advance(60)
        await run.door.receipts.flush()
    await client.post("/v1/logs", content=logs_request(7).SerializeToString(), headers=PROTOBUF)
    await client.post("/v1/traces", content=b"junk is this", headers=PROTOBUF)
    found = await rows(run)
    accepted = found["traces", "accepted", ""]
    assert (accepted["requests"], accepted["items"]) == (3, 12)
    assert (accepted["surface"], accepted["sdk_name"], accepted["sdk_version"]) == ("otlp_http", "probe", "1.2")
    rejected = found["traces", "rejected", "trace_id_invalid"]
    assert rejected["items"] == 3
    assert rejected["sample"].startswith("span ")
    assert found["logs", "accepted", ""]["items"] == 7
    refused = found["traces", "refused", "invalid_request"]
    assert (refused["requests"], refused["items"]) == (1, 0)
    assert "ExportTraceServiceRequest" in refused["sample"]


async def test_other_projects_and_other_times_are_left_out(run: Running) -> None:
    other = await run.parts.registry.create_project("other", actor="test")
    client = run.client(await run.key(Permission.INGEST, project_id=other.id))
    await client.post("/v1/traces", content=trace_request(1).SerializeToString(), headers=PROTOBUF)
    assert await rows(run) == {}
    mine = run.client(await run.key(Permission.INGEST))
    await mine.post("/v1/traces", content=trace_request(1).SerializeToString(), headers=PROTOBUF)
    assert len(await rows(run)) == 1
    assert await rows(run, **{"from": "2023-11-19T00:00:00Z"}) == {}


class Book:
    """Keeps receipts, or refuses to."""

    def __init__(self) -> None:
        self.kept: list[Receipt] = []
        self.away = False
        self.forgotten: list[int] = []

    async def add(self, receipts: Any) -> None:
        if self.away:
            raise MetadataUnavailable("away")
        self.kept += receipts

    async def page(self, project_id: str, from_ns: int, to_ns: int) -> list[Receipt]:
        return self.kept

    async def forget(self, before_ns: int) -> None:
        self.forgotten.append(before_ns)


def receipt(run: Running, number: int = 0) -> Receipt:
    return Receipt(
        project_id="p", minute_ns=run.clock.now_ns(), surface="otlp_http", signal="traces", sdk_name=f"sdk {number}",
        outcome=ReceiptOutcome.ACCEPTED, requests=1, items=5, sample="",
    )  # fmt: skip


async def test_a_database_that_is_away_loses_no_count(run: Running) -> None:
    book = Book()
    receipts = Receipts(book, run.clock)
    book.away = True
    receipts.note(receipt(run))
    with pytest.raises(MetadataUnavailable):
        await receipts.flush()
    receipts.note(receipt(run))
    book.away = False
    await receipts.tick()
    ((one,), forgotten) = book.kept, book.forgotten
    assert (one.requests, one.items) == (2, 10)
    assert len(forgotten) == 1
    assert run.clock.now_ns() - forgotten[0] == 30 * 86_400 * 10**9


async def test_senders_of_ever_new_names_fill_no_memory(run: Running) -> None:
    book = Book()
    receipts = Receipts(book, run.clock)
    for number in range(5_000):
        receipts.note(receipt(run, number))
    assert receipts.pending < 2_100
    await receipts.flush()
    assert sum(one.items for one in book.kept) == 25_000
