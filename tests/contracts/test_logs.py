"""The list of log records over the real store."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pilothouse.domain.telemetry import LogFilter, LogRecord
from pilothouse.errors import InvalidRequest
from pilothouse.store.telemetry.client import Telemetry
from tests.spans import BASE_NS, new_project

NOW = datetime.fromtimestamp(BASE_NS / 1e9, UTC)
DAY_NS = 86_400 * 10**9


def record(number: int, **changes: Any) -> LogRecord:
    plain = LogRecord(
        project_id="", id=f"{number:03}", surface="otlp_http", at_ns=BASE_NS - 10**9 * (number + 1),
        observed_at_ns=BASE_NS, severity=9, body=f"line {number}", resource={"service.name": "shop"},
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


async def kept(telemetry: Telemetry, records: list[LogRecord]) -> LogFilter:
    project = new_project()
    await telemetry.insert_logs([msgspec.structs.replace(one, project_id=project) for one in records], project)
    return LogFilter(project_id=project, from_at=NOW - timedelta(days=30), to_at=NOW)


async def test_pages_follow_one_another_newest_first_also_at_one_time(telemetry: Telemetry) -> None:
    same = [record(number, at_ns=BASE_NS - DAY_NS * 20) for number in range(3, 8)]
    wanted = await kept(telemetry, [*(record(number) for number in range(3)), *same])
    found: list[str] = []
    cursor = ""
    for _ in range(3):
        page = await telemetry.log_page(msgspec.structs.replace(wanted, limit=3, cursor=cursor))
        found += [one.body for one in page.items]
        cursor = page.next_cursor or ""
    assert found == ["line 0", "line 1", "line 2", "line 7", "line 6", "line 5", "line 4", "line 3"]
    assert cursor == ""
    with pytest.raises(InvalidRequest):
        await telemetry.log_page(msgspec.structs.replace(wanted, cursor="ff"))


ODD = [
    record(1, severity=17, body="it BROKE 100%", attributes={"user": "Ada"}), record(2, severity=21, name="crash"),
    record(3, severity=0, resource={}, trace_id="t" * 32), record(4, at_ns=BASE_NS - 40 * DAY_NS),
]  # fmt: skip


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ({}, ["001", "002", "003"]), ({"text": "broke 100%"}, ["001"]), ({"text": "ada"}, ["001"]),
        ({"text": "CRASH"}, ["002"]), ({"min_severity": 17}, ["001", "002"]), ({"min_severity": 18}, ["002"]),
        ({"services": ("shop", "x")}, ["001", "002"]), ({"names": ("crash",)}, ["002"]),
        ({"trace_id": "t" * 32}, ["003"]), ({"text": "'; DROP"}, []), ({"min_severity": 999}, []),
    ],
)  # fmt: skip
async def test_records_fit_every_condition(telemetry: Telemetry, conditions: dict[str, Any], found: list[str]) -> None:
    wanted = await kept(telemetry, ODD)
    page = await telemetry.log_page(msgspec.structs.replace(wanted, **conditions))
    assert [one.id for one in page.items] == found


async def test_what_the_list_can_be_narrowed_to(telemetry: Telemetry) -> None:
    facets = await telemetry.log_facets(await kept(telemetry, ODD))
    told = {name: [(one.value, one.count) for one in getattr(facets, name)] for name in facets.__struct_fields__}
    assert told == {"services": [("shop", 2)], "names": [("crash", 1)], "severities": [("0", 1), ("17", 1), ("21", 1)]}
