"""Langfuse's way in of the running product: an SDK's story, and nothing that was acknowledged is lost by kills."""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from pilothouse.compat.langfuse import ids
from tests.e2e.load import Load
from tests.e2e.stack import Stack, running_stack, until

SPANS = 3
"""Below each trace."""


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def event(kind: str, **body: Any) -> dict[str, Any]:
    return {"id": uuid.uuid4().hex, "type": kind, "timestamp": now(), "body": body}


def begun(trace: str) -> list[dict[str, Any]]:
    spans = [
        event("generation-create", id=f"{trace}/{number}", traceId=trace, name=f"step {number}", startTime=now(),
              model="gpt-4o-mini")
        for number in range(SPANS)
    ]  # fmt: skip
    return [event("trace-create", id=trace, timestamp=now(), name="checkout", userId="ada"), *spans]


def ended(trace: str) -> list[dict[str, Any]]:
    usage = {"input": 2, "output": 3}
    spans = [
        event("generation-update", id=f"{trace}/{number}", traceId=trace, endTime=now(), usageDetails=usage)
        for number in range(SPANS)
    ]
    return [*spans, event("score-create", id=f"{trace}/score", traceId=trace, name="quality", value=1)]


class Events(Load):
    """Traces begun in one request and ended in the next."""

    spans = SPANS + 1
    output_tokens = 3 * SPANS

    def client(self) -> httpx.AsyncClient:
        auth = httpx.BasicAuth("pk-lf-any", self.stack.key)
        return httpx.AsyncClient(base_url=self.stack.platform_url, auth=auth, trust_env=False, timeout=10)

    async def send_trace(self, client: httpx.AsyncClient) -> str:
        trace = f"order {uuid.uuid4()}"
        for batch in (begun(trace), ended(trace)):
            body = {"batch": batch}
            answer = await self.insist(lambda body=body: client.post("/api/public/ingestion", json=body), 207)
            if answer is None:
                return ""
            assert answer.json()["errors"] == []
        return ids.trace_id(trace)


async def whole(stack: Stack, trace_id: str) -> dict[str, Any]:
    """Wait until a trace has ended and return it."""
    found: dict[str, Any] = {}

    async def there() -> bool:
        async with stack.api() as api:
            answer = await api.get(f"/traces/{trace_id}")
        found.clear()
        found.update(answer.json())
        return answer.status_code == 200 and not found["summary"]["running"] and len(found.get("scores", [])) > 0

    await until(there)
    return found


@pytest.mark.timeout(120)
async def test_events_scores_and_the_ledger(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as (stack, _):
        auth = httpx.BasicAuth("pk-lf-any", stack.key)
        async with httpx.AsyncClient(base_url=stack.platform_url, auth=auth, trust_env=False) as client:
            for batch in (begun("order 1"), ended("order 1")):
                assert (await client.post("/api/public/ingestion", json={"batch": batch})).status_code == 207
        trace = await whole(stack, ids.trace_id("order 1"))
        assert (trace["summary"]["name"], trace["summary"]["user_id"]) == ("checkout", "ada")
        assert trace["summary"]["usage"]["output_tokens"] == 3 * SPANS
        assert [(one["name"], one["number"]) for one in trace["scores"]] == [("quality", 1.0)]

        async def balanced() -> bool:
            async with stack.api() as api:
                items = (await api.get("/receipts")).json()["items"]
            sums: dict[tuple[str, str], int] = {}
            for item in items:
                if item["surface"] == "langfuse":
                    place = item["signal"], item["outcome"]
                    sums[place] = sums.get(place, 0) + item["items"]
            # the root's end is told by the second batch too, so it is touched twice
            spans = 2 * (SPANS + 1)
            return sums == {
                ("traces", "accepted"): spans, ("traces", "merged"): spans,
                ("scores", "accepted"): 1, ("scores", "merged"): 1,
            }  # fmt: skip

        await until(balanced)
