"""The API over a real telemetry store: what was inserted is what people read."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from pilothouse.domain.access import Permission
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.ids import new_trace_id
from pilothouse.domain.span import Span
from pilothouse.server.views import at
from pilothouse.store.telemetry.client import Telemetry
from tests.server.harness import Running, running
from tests.server.test_live import listening
from tests.spans import full_span


@pytest.fixture
async def real(tmp_path: Path, telemetry: Telemetry) -> AsyncIterator[Running]:
    async with running(tmp_path, telemetry=telemetry, clock=SystemClock()) as run:
        yield run


def fresh(run: Running, **changes: object) -> Span:
    started_at_ns = time.time_ns() - 3_000_000_000
    return msgspec.structs.replace(
        full_span(run.project.id), trace_id=new_trace_id(), started_at_ns=started_at_ns, wrapper=False, **changes
    )


async def test_a_call_is_listed_opened_counted_and_paged(real: Running, telemetry: Telemetry) -> None:
    spans = [fresh(real) for _ in range(5)]
    await telemetry.insert(spans, uuid.uuid4().hex)
    client = real.client(await real.key(Permission.READ))
    listed = (await client.get("/api/v1/traces")).json()
    assert {item["trace_id"] for item in listed["items"]} == {span.trace_id for span in spans}
    around = at(spans[0].started_at_ns).isoformat()
    opened = (await client.get(f"/api/v1/traces/{spans[0].trace_id}", params={"at": around})).json()
    assert opened["spans"][0]["span_id"] == spans[0].span_id
    assert opened["spans"][0]["cost_usd"] == str(spans[0].cost_usd)
    assert (await client.get("/api/v1/overview")).json()["totals"]["requests"] == 5
    assert (await client.get("/api/v1/traces/facets")).json()["models"]
    first = (await client.get("/api/v1/traces?limit=3")).json()
    second = (await client.get("/api/v1/traces", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert len(first["items"]) + len(second["items"]) == 5
    foreign = await client.get("/api/v1/traces?cursor=made-up")
    assert (foreign.status_code, foreign.json()["code"]) == (400, "invalid_request")
    ago = (at(time.time_ns()) - timedelta(hours=2)).isoformat()
    assert (await client.get("/api/v1/traces", params={"to": ago})).json()["items"] == []


async def test_another_project_sees_none_of_it(real: Running, telemetry: Telemetry) -> None:
    span = fresh(real)
    await telemetry.insert([span], uuid.uuid4().hex)
    other = await real.parts.registry.create_project("other", actor="test")
    client = real.client(await real.key(Permission.READ, project_id=other.id))
    assert (await client.get("/api/v1/traces")).json()["items"] == []
    assert (await client.get(f"/api/v1/traces/{span.trace_id}")).status_code == 404
    assert (await client.get("/api/v1/overview")).json()["totals"]["requests"] == 0


async def test_the_live_tail_shows_an_insert_within_a_second(real: Running, telemetry: Telemetry) -> None:
    async with listening(real.client(await real.key(Permission.READ))) as events:
        span = fresh(real)
        await telemetry.insert([span], uuid.uuid4().hex)
        name, data = await asyncio.wait_for(events.next(), 1.0)
    assert (name, data["trace_id"]) == ("trace", span.trace_id)


async def test_system_and_readiness(real: Running) -> None:
    assert (await real.client().get("/readyz")).status_code == 200
    store = (await real.local().get("/api/v1/system")).json()["store"]
    assert store["ok"]
    assert store["engine"]
    assert store["rows"] >= 0
