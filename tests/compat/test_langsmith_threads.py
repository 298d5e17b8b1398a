"""Filters of whole threads in LangSmith's language, over threads that a page holds and over those it does not."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from pilothouse.compat.langsmith.v2 import thread_filters
from pilothouse.errors import InvalidRequest
from tests.compat.pipeline import Pipeline
from tests.compat.test_langsmith_reads import sdk

THREAD: dict[str, Any] = {
    "thread_id": "support-7", "count": 3, "num_errored_turns": 1, "total_tokens": 14, "total_cost": None,
    "start_time": datetime(2026, 11, 28, 15, tzinfo=UTC), "min_start_time": datetime(2026, 11, 28, 15, tzinfo=UTC),
    "latency_p50": 2.0, "latency_p99": None, "last_outputs": "Refund is on its way",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("eq(count, 3)", True),
        ("gt(turns, 3)", False),
        ("gte(turns, 3)", True),
        ("neq(num_errored_turns, 0)", True),
        ("in(count, [1, 3])", True),
        ("nin(count, [1, 3])", False),
        ("and(lt(total_tokens, 15), lte(total_tokens, 14))", True),
        ("or(gt(total_tokens, 14), not(eq(count, 3)))", False),
        ("gt(total_cost, 0)", False),
        ("eq(total_cost, null)", True),
        ("neq(total_cost, null)", False),
        ('lt(latency_p50, "1500ms")', False),
        ('gte(LATENCY_P50, "2s")', True),
        ("gt(latency_p99, 0)", False),
        ('gte(start_time, "2026-11-28T15:00:00Z")', True),
        ('lt(min_start_time, "2026-11-28T15:00:00Z")', False),
        ('eq(thread_id, "support-7")', True),
        ('eq(thread_id, "support")', False),
        ('like(thread_id, "support-%")', True),
        ('like(thread_id, "%-7")', True),
        ('like(thread_id, "s%port%7")', True),
        ('like(thread_id, "support")', False),
        ('like(thread_id, "support-7%7")', False),
        ('nlike(thread_id, "%support%")', False),
        ('search(last_outputs, "refund")', True),
        ('search(last_outputs, "return")', False),
    ],
)
def test_a_thread_fits_a_filter(text: str, fits: bool) -> None:
    assert thread_filters.of(text).fits(THREAD) is fits


@pytest.mark.parametrize(
    "text",
    [
        "count", "and()", "and(1)", "eq(count)", "eq(shoe, 1)", "eq(3, count)", 'gt(thread_id, "a")',
        "eq(thread_id, 1)", 'gt(count, "many")', "gt(count, true)", 'gt(start_time, "soon")', "has(count, 1)",
        "search(count, 1)", 'like(count, "1")', 'eq(max_start_time, "2026-11-28T15:00:00Z")', "max(count, 1)",
    ],
)  # fmt: skip
def test_what_is_not_understood_of_a_filter_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        thread_filters.of(text)
    assert raised.value.param == "thread_filter"


@pytest.mark.timeout(120)
async def test_threads_that_fit_are_found_behind_many_that_do_not(line: Pipeline) -> None:
    client = await sdk(line)

    def turn(number: int, thread: int, **more: Any) -> dict[str, Any]:
        # the longer threads began first, so they stand behind the others
        own = str(UUID(int=0x0199AAAA_0000_7000_8000_000000000000 + number))
        second = f"2026-11-28T{10 + number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}"
        return {
            "id": own, "trace_id": own, "name": f"n{number}", "run_type": "chain", "session_name": "talk",
            "start_time": f"{second}Z", "end_time": f"{second}.5Z", "extra": {"metadata": {"thread_id": f"t-{thread}"}},
            "dotted_order": f"{second.replace('-', '').replace(':', '')}000000Z{own}", **more,
        }  # fmt: skip

    runs = [turn(number, number % 5) for number in range(10)] + [turn(number, number) for number in range(10, 260)]
    for start in range(0, len(runs), 100):
        body = {"post": runs[start : start + 100], "patch": []}
        assert (await client.post("/runs/batch", json=body)).status_code == 202
    await line.drain()
    project = (await client.get("/sessions", params={"name": "talk"})).json()[0]["id"]
    asked = {"project_id": project, "min_start_time": "2026-11-28T00:00:00Z", "max_start_time": "2026-11-29T00:00:00Z"}

    async def pages(chosen: str, size: int) -> list[list[str]]:
        found: list[list[str]] = []
        body = {**asked, "thread_filter": chosen, "page_size": size}
        while True:
            answer = (await client.post("/api/v2/threads/query", json=body)).json()
            found.append([one["thread_id"] for one in answer["items"]])
            if answer["next_cursor"] is None:
                return found
            body["cursor"] = answer["next_cursor"]

    assert [one for page in await pages("gt(count, 1)", 2) for one in page] == ["t-4", "t-3", "t-2", "t-1", "t-0"]
    assert (await pages("gt(count, 1)", 2))[0] == ["t-4", "t-3"]
    assert await pages("gt(count, 2)", 20) == [[]]
    every = [one for page in await pages("gte(latency_p50, 0.5)", 70) for one in page]
    assert every == [f"t-{number}" for number in range(259, 9, -1)] + ["t-4", "t-3", "t-2", "t-1", "t-0"]

    async def figures(chosen: str) -> tuple[int, int]:
        body = {**asked, "thread_filter": chosen, "select": ["THREAD_COUNT", "TRACE_COUNT"]}
        answer = (await client.post("/api/v2/threads/stats", json=body)).json()
        return answer["thread_count"], answer["trace_count"]

    assert await figures("gt(count, 1)") == (5, 10)
    assert await figures("gte(count, 1)") == (255, 260)
    assert await figures("gt(count, 2)") == (0, 0)
