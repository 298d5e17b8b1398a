"""Sessions and users: how a query becomes a question to the store."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pilothouse.domain.access import Permission
from pilothouse.domain.activity import (
    ActivityFilter,
    SessionDetail,
    SessionSummary,
    UserDetail,
    UserPoint,
    UserSummary,
)
from pilothouse.domain.usage import Usage
from pilothouse.server.views import at
from tests.server.harness import Client, Running, summary

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = SessionSummary(
    session_id="s", first_at=JANUARY, last_at=JANUARY, trace_count=1, call_count=1, users=("ann",), models=("m",),
    usage=Usage(input_tokens=3), cost_usd=Decimal("0.10"), unpriced_count=0, error_count=0, input_preview="hi",
    output_preview="ho",
)  # fmt: skip
USER = UserSummary(
    user_id="ann", first_at=JANUARY, last_at=JANUARY, session_count=1, trace_count=1, call_count=1, models=("m",),
    usage=Usage(input_tokens=3), cost_usd=None, unpriced_count=1, error_count=0,
)  # fmt: skip


@pytest.fixture
async def client(run: Running) -> Client:
    return run.client(await run.key(Permission.READ))


@pytest.mark.parametrize("which", ["sessions", "users"])
async def test_without_conditions_it_is_the_last_day_by_last_activity(run: Running, client: Client, which: str) -> None:
    run.store.met["s"] = SessionDetail(SESSION, [], None)
    run.store.people["ann"] = UserDetail(user=USER, step_s=60, series=[])
    answer = (await client.get(f"/api/v1/{which}")).json()
    now = at(run.clock.now_ns())
    assert run.store.asked == [ActivityFilter(project_id=run.project.id, from_at=now - timedelta(hours=24), to_at=now)]
    assert answer["next_cursor"] is None
    (item,) = answer["items"]
    assert item["first_at"] == "2026-01-01T00:00:00Z"
    assert item["cost_usd"] == ("0.10" if which == "sessions" else None)


async def test_every_condition_reaches_the_store(run: Running, client: Client) -> None:
    query = {
        "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "text": "50% off_", "user_id": "a/b@c",
        "sort": "cost", "order": "asc", "limit": "7", "cursor": "abc",
    }  # fmt: skip
    assert (await client.get("/api/v1/sessions", params=query)).status_code == 200
    wanted = ActivityFilter(
        project_id=run.project.id, from_at=JANUARY, to_at=JANUARY + timedelta(days=1), text="50% off_", user_id="a/b@c",
        sort="cost", descending=False, limit=7, cursor="abc",
    )  # fmt: skip
    assert run.store.asked == [wanted]


@pytest.mark.parametrize(
    "query", [{"sort": "name"}, {"order": "up"}, {"text": "x" * 1001}, {"limit": "0"}, {"session": "s"}]
)
@pytest.mark.parametrize("which", ["sessions", "users"])
async def test_what_makes_no_sense_is_refused(run: Running, client: Client, which: str, query: dict[str, Any]) -> None:
    answer = await client.get(f"/api/v1/{which}", params=query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] == next(iter(query))
    assert run.store.asked == []


@pytest.mark.parametrize("name", ["s", "order/1042", "a b+c%", "ä'"])
async def test_one_session_by_whatever_name_an_application_gave_it(run: Running, client: Client, name: str) -> None:
    run.store.met[name] = SessionDetail(SESSION, [summary("t1", run.clock)], "next")
    answer = await client.get(f"/api/v1/sessions/{_quoted(name)}", params={"limit": "3", "cursor": "c"})
    assert answer.status_code == 200, answer.text
    assert run.store.asked == [(run.project.id, name, 3, "c")]
    assert answer.json()["traces"][0]["trace_id"] == "t1"
    assert answer.json()["next_cursor"] == "next"


async def test_one_user_over_a_time_range(run: Running, client: Client) -> None:
    point = UserPoint(at=JANUARY, trace_count=1, error_count=0, cost_usd=Decimal("0.5"))
    run.store.people["ann@example.com"] = UserDetail(user=USER, step_s=60, series=[point])
    query = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    answer = (await client.get(f"/api/v1/users/{_quoted('ann@example.com')}", params=query)).json()
    assert answer["series"] == [{"at": "2026-01-01T00:00:00Z", "trace_count": 1, "error_count": 0, "cost_usd": "0.5"}]
    (asked,) = run.store.asked
    assert (asked.user_id, asked.from_at, asked.to_at) == ("ann@example.com", JANUARY, JANUARY + timedelta(days=1))


async def test_who_is_not_there_is_not_found(client: Client) -> None:
    for path in ("sessions/nobody", "users/nobody", "sessions/a/b"):
        answer = await client.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


def _quoted(name: str) -> str:
    return "".join(f"%{byte:02X}" for byte in name.encode())
