"""The log records of a trace over the API."""

import pytest

from pilothouse.domain.access import Permission
from pilothouse.domain.telemetry import LogFilter, LogRecord
from tests.server.harness import Running


def record(run: Running, number: int) -> LogRecord:
    return LogRecord(
        project_id=run.project.id, id=str(number), surface="otlp_http", trace_id="t", span_id="s",
        at_ns=run.clock.now_ns(), observed_at_ns=0, severity=9, body=f"line {number}", attributes={"k": "v"},
    )  # fmt: skip


async def test_a_traces_log_records_are_shown_and_long_lists_say_that_there_are_more(run: Running) -> None:
    client = run.client(await run.key(Permission.READ))
    run.store.records = [record(run, number) for number in range(1_001)]
    found = (await client.get("/api/v1/traces/t/logs")).json()
    assert (len(found["items"]), found["more"]) == (1_000, True)
    assert found["items"][0]["body"] == "line 0"
    assert found["items"][0]["at"] == "2023-11-14T22:13:20Z"
    assert run.store.asked[-1] == ("logs", run.project.id, "t")
    run.store.records = []
    assert (await client.get("/api/v1/traces/t/logs")).json() == {"items": [], "more": False}


async def test_the_list_asks_for_what_its_parameters_say(run: Running) -> None:
    client = run.client(await run.key(Permission.READ))
    run.store.records = [record(run, 1), record(run, 2)]
    found = (
        await client.get("/api/v1/logs?limit=1&text=line&min_severity=13&service=a&service=b&name=e&trace_id=t")
    ).json()
    assert ([item["body"] for item in found["items"]], found["next_cursor"]) == (["line 1"], "more")
    assert found["items"][0]["trace_id"] == "t"
    asked = run.store.asked[-1]
    assert isinstance(asked, LogFilter)
    assert (asked.text, asked.min_severity, asked.services, asked.names) == ("line", 13, ("a", "b"), ("e",))
    assert (asked.trace_id, asked.limit, asked.project_id) == ("t", 1, run.project.id)
    assert (await client.get("/api/v1/logs/facets")).json() == {"services": [], "names": [], "severities": []}


@pytest.mark.parametrize("query", ["min_severity=25", "min_severity=warn", "min_severity=-1", "text=" + "x" * 1001])
async def test_conditions_of_the_list_that_cannot_be_are_refused(run: Running, query: str) -> None:
    client = run.client(await run.key(Permission.READ))
    answer = await client.get(f"/api/v1/logs?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
