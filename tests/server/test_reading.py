"""Traces, facets and the overview: how a query becomes a question to the store."""

from datetime import UTC, datetime, timedelta

import pytest

from pilothouse.domain.access import Permission
from pilothouse.domain.reading import OverviewFilter, Trace, TraceFilter
from pilothouse.domain.span import SpanStatus
from pilothouse.server.views import at, to_ns
from tests.server.harness import Client, Running, summary


@pytest.fixture
async def client(run: Running) -> Client:
    return run.client(await run.key(Permission.READ))


async def test_without_conditions_it_is_the_last_day_newest_first(run: Running, client: Client) -> None:
    run.store.fresh = [summary("a" * 32, run.clock)]
    answer = (await client.get("/api/v1/traces")).json()
    now = at(run.clock.now_ns())
    assert run.store.asked == [TraceFilter(project_id=run.project.id, from_at=now - timedelta(hours=24), to_at=now)]
    item = answer["items"][0]
    assert item["trace_id"] == "a" * 32
    assert item["started_at"].endswith("Z")
    assert item["cost_usd"] is None


async def test_every_condition_reaches_the_store(run: Running, client: Client) -> None:
    query = [
        ("from", "2026-01-01T00:00:00Z"), ("to", "2026-01-02T02:00:00+02:00"), ("model", "a"), ("model", "b/c"),
        ("status", "error"), ("status", "cancelled"), ("key_id", "k1"), ("user_id", "u"), ("session_id", "s"),
        ("text", "50% off_"), ("min_duration_ms", "12.5"), ("sort", "cost"), ("order", "asc"), ("limit", "200"),
        ("cursor", "abc"),
    ]  # fmt: skip
    assert (await client.get("/api/v1/traces", params=query)).status_code == 200
    asked = run.store.asked[0]
    assert (asked.from_at, asked.to_at) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    assert (asked.models, asked.statuses) == (("a", "b/c"), (SpanStatus.ERROR, SpanStatus.CANCELLED))
    assert (asked.key_ids, asked.user_id, asked.session_id, asked.text) == (("k1",), "u", "s", "50% off_")
    assert (asked.min_duration_ms, asked.sort, asked.descending) == (12.5, "cost", False)
    assert (asked.limit, asked.cursor) == (200, "abc")


async def test_an_offset_whose_plus_was_not_encoded_is_understood(run: Running, client: Client) -> None:
    assert (await client.get("/api/v1/traces?from=2020-01-01T02:00:00+02:00")).status_code == 200
    assert run.store.asked[0].from_at == datetime(2020, 1, 1, tzinfo=UTC)


async def test_one_trace(run: Running, client: Client) -> None:
    run.store.known["t1"] = Trace(summary=summary("t1", run.clock), spans=[])
    found = await client.get("/api/v1/traces/t1", params={"at": "2026-01-01T00:00:00Z"})
    assert found.json()["summary"]["trace_id"] == "t1"
    assert run.store.asked == [(run.project.id, "t1", datetime(2026, 1, 1, tzinfo=UTC))]
    assert (await client.get("/api/v1/traces/t2")).status_code == 404
    assert (await client.get("/api/v1/traces/t1?at=now")).json()["errors"][0]["parameter"] == "at"


async def test_facets_and_overview(run: Running, client: Client) -> None:
    query = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    assert (await client.get("/api/v1/traces/facets", params=query)).json()["models"] == []
    answer = (await client.get("/api/v1/overview", params={**query, "model": ["a", "b"]})).json()
    assert answer["totals"]["cost_usd"] == "0"
    assert run.store.asked == [
        (run.project.id, start, end),
        OverviewFilter(project_id=run.project.id, from_at=start, to_at=end, models=("a", "b")),
    ]


async def test_a_person_chooses_the_project(run: Running) -> None:
    other = await run.parts.registry.create_project("other", actor="test")
    await run.local().get("/api/v1/traces", headers={"x-pilothouse-project": other.id})
    await run.local().get("/api/v1/traces")
    assert [asked.project_id for asked in run.store.asked] == [other.id, run.project.id]


@pytest.mark.parametrize("ns", [0, 1_700_000_000_123_456_000, 4_102_444_800_000_000_000])
def test_times_survive_both_ways(ns: int) -> None:
    assert to_ns(at(ns)) == ns
