"""Log records and data points from the spool into the store: once each, also when sent or delivered twice."""

import uuid
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.envelope import OTLP_LOGS, OTLP_METRICS, OtlpTraces, encode_otlp
from pilothouse.domain.receipt import Receipt
from pilothouse.domain.telemetry import LogRecord, MetricPoint
from pilothouse.errors import QueryRefused
from pilothouse.ingest import signals
from pilothouse.ingest.delivery import deliver_records
from pilothouse.ingest.loop import IngestLoop
from pilothouse.ingest.options import IngestOptions
from pilothouse.spool import Item, SpoolWriter
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.connection import Connection, Query
from tests.embedded_store import StoreProcess
from tests.server.otlp_requests import logs_request, metrics_request
from tests.spans import BASE_NS, new_project

TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"

LOGS = """
SELECT count() AS n, concat(name, '/', trace_id) AS text FROM logs FINAL WHERE project_id = {project:String}
GROUP BY text ORDER BY text
"""
POINTS = """
SELECT count() AS n, concat(name, '/', ifNull(toString(value), '')) AS text FROM metric_points FINAL
WHERE project_id = {project:String} GROUP BY text ORDER BY text
"""


class Row(msgspec.Struct):
    n: int
    text: str


def envelope(project: str, body: bytes) -> bytes:
    return encode_otlp(
        OtlpTraces(
            project_id=project, received_at_ns=BASE_NS, content_type="application/x-protobuf", surface="otlp_http",
            sdk_name="sdk", body=body,
        )
    )  # fmt: skip


def joined_logs() -> bytes:
    request = logs_request(3)
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.trace_id, record.span_id = bytes.fromhex(TRACE), bytes.fromhex(SPAN)
    record.event_name = "gen_ai.user.message"
    record.body.kvlist_value.values.add(key="content").value.string_value = "half a pair: \ufffd"
    return request.SerializeToString()


async def rows_of(options: Any, sql: str, project: str) -> list[Row]:
    connection = Connection(options)
    try:
        return await connection.select(Query("test", sql, {"project": project}), Row)
    finally:
        await connection.close()


async def drained(folder: Path, telemetry: Telemetry) -> list[Receipt]:
    """Run ingest until the spool is empty and return what it noted."""
    noted: list[Receipt] = []

    async def note(receipts: Iterable[Receipt]) -> None:
        noted.extend(receipts)

    loop = IngestLoop(folder, telemetry, Catalog(), IngestOptions(linger_s=0.0), note)
    while await loop.tick() == 0.0:
        pass
    await loop.stop()
    return noted


async def test_each_is_stored_once_also_when_it_comes_twice(
    tmp_path: Path, store_process: StoreProcess, telemetry: Telemetry
) -> None:
    project = new_project()
    with SpoolWriter(tmp_path / "platform") as spool:
        for _ in range(2):
            await spool.append(OTLP_LOGS, envelope(project, joined_logs()))
            await spool.append(OTLP_METRICS, envelope(project, metrics_request(4).SerializeToString()))
        noted = await drained(tmp_path, telemetry)
    options = store_process.options()
    logs = await rows_of(options, LOGS, project)
    assert [(row.n, row.text) for row in logs] == [(2, "/"), (1, f"gen_ai.user.message/{TRACE}")]
    points = await rows_of(options, POINTS, project)
    assert [row.text for row in points] == [f"gen_ai.client.token.usage/{n}" for n in range(4)]
    assert {row.n for row in points} == {1}
    told = {(one.signal, one.outcome.value): one.items for one in noted}
    assert told["logs", "merged"] + told["metrics", "merged"] > 0
    assert sum(one.items for one in noted if one.signal == "logs") == 6
    assert not [one for one in noted if one.outcome == "set_aside"]
    trace = await telemetry.trace(project, TRACE)
    assert trace is not None, "an event of a model call speaks of its span"
    (record,) = await telemetry.logs(project, TRACE, 10)
    assert (record.name, record.span_id, record.surface) == ("gen_ai.user.message", SPAN, "otlp_http")
    assert "half a pair" in record.body
    assert await telemetry.logs(project, TRACE, 0) == await telemetry.logs("another", TRACE, 10) == []


async def test_odd_values_hold_nothing_up(telemetry: Telemetry, store_process: StoreProcess) -> None:
    project = new_project()
    log = LogRecord(
        project_id=project, id="1", surface="otlp_http", at_ns=-5, observed_at_ns=2**63, severity=999,
        body="\ud800 lone", attributes={"\udfff": "x"},
    )  # fmt: skip
    point = MetricPoint(
        project_id=project, id="1", surface="otlp_http", name="m", kind="gauge", at_ns=BASE_NS, value=float("nan"),
        count=2**70, counts=(-1, 2**70), bounds=(float("inf"),), quantiles={"0.5": 1.0},
    )  # fmt: skip
    await telemetry.insert_logs([log], uuid.uuid4().hex)
    await telemetry.insert_points([point], uuid.uuid4().hex)
    options = store_process.options()
    assert [row.n for row in await rows_of(options, LOGS, project)] == [1]
    assert [row.n for row in await rows_of(options, POINTS, project)] == [1]


class Picky:
    """Refuses batches in which one record is of a certain project."""

    def __init__(self) -> None:
        self.kept: list[LogRecord] = []
        self.tokens: list[str] = []

    async def insert_logs(self, rows: Any, token: str) -> None:
        if any(row.project_id == "bad" for row in rows):
            raise QueryRefused("no")
        self.kept += rows
        self.tokens.append(token)

    async def insert_points(self, rows: Any, token: str) -> None:
        raise AssertionError


async def test_a_record_that_the_store_refuses_costs_no_other() -> None:
    sink = Picky()
    items = [Item(OTLP_LOGS, envelope(name, logs_request(2).SerializeToString()), 1, n) for n, name in
             enumerate(("a", "bad", "c"))]  # fmt: skip
    reads = [signals.read(item) for item in items]
    refused = await deliver_records(reads, partial(signals.insert, sink), "batch")
    assert [one.request.project_id for one, _ in refused] == ["bad"]
    assert sorted({row.project_id for row in sink.kept}) == ["a", "c"]
    assert len(set(sink.tokens)) == len(sink.tokens)
