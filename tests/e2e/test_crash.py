"""Nothing acknowledged is lost: kill -9 at random moments under load, and every answered call is in the store once."""

import asyncio
import contextlib
import random
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.load import drained
from tests.e2e.stack import Stack, chat, running_stack
from tests.e2e.test_otlp import Exports

KILLS = 20
GRACE_S = 0.05
"""A call answered this long before the kill must be kept."""
LATE_S = 0.3
"""A dead gateway answers nothing; what the senders read in this time was sent just before the kill."""
SENDERS = 6
_DOOMED = (
    ("gateway",), ("platform",), ("store",), ("ingest",), ("up", "gateway", "platform", "ingest", "store"),
)  # fmt: skip


class Load:
    """Senders that call the gateway without pause and note when each answer came."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.answered: dict[str, float] = {}
        """Trace id to the moment at which the answer was there."""
        self._stop = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._send(number)) for number in range(SENDERS)]

    async def stop(self) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)

    async def _send(self, number: int) -> None:
        async with self._stack.gateway() as client:
            while not self._stop:
                with contextlib.suppress(httpx.TransportError):
                    answer = await client.post("/v1/chat/completions", json=chat(stream=number % 2 == 0))
                    if answer.status_code == 200 and b"error" not in answer.content:
                        self.answered[answer.headers["x-pilothouse-trace-id"]] = time.monotonic()
                        continue
                await asyncio.sleep(0.02)


async def _explain(stack: Stack, lost: dict[str, float], kills: list[tuple[float, str]]) -> list[str]:
    """Say for some lost calls which kill came next, how soon, and whether the trace can be had by its id."""
    said: list[str] = []
    async with stack.api() as api:
        for trace, at in sorted(lost.items(), key=lambda item: item[1])[:20]:
            after = [(f"{killed - at:.3f} s before", what) for killed, what in kills if killed > at][:1]
            answer = await api.get(f"/traces/{trace}")
            said.append(f"{trace} {after} by id: {answer.status_code}")
    return said


@pytest.mark.crash
@pytest.mark.timeout(400)
async def test_kill_at_random_moments(tmp_path: Path) -> None:
    chance = random.Random(20261125)
    async with running_stack(tmp_path) as (stack, _):
        load = Load(stack)
        load.start()
        excused: set[str] = set()
        kills: list[tuple[float, str]] = []
        for number in range(KILLS):
            await asyncio.sleep(chance.uniform(0.3, 1.2))
            roles = _DOOMED[number % len(_DOOMED)]
            before, after = await stack.kill(*roles)
            kills.append((before, "+".join(roles)))
            gone = after + LATE_S
            if "up" in roles:
                await stack.start()
            else:
                await stack.ready(stack.gateway_url)
                await stack.ready(stack.platform_url)
            if "gateway" in roles:
                excused |= {trace for trace, at in load.answered.items() if before - GRACE_S <= at <= gone}
        await load.stop()
        must_keep = set(load.answered) - excused
        assert len(must_keep) > 500, "the load was too small to prove anything"
        traces = await drained(stack, len(must_keep))
        kept = {str(trace["trace_id"]) for trace in traces}
        lost = {trace: load.answered[trace] for trace in must_keep - kept}
        assert not lost, f"{len(lost)} of {len(must_keep)} lost: {await _explain(stack, lost, kills)}"
        assert len(kept) == len(traces)
        assert all(trace["span_count"] == 1 for trace in traces)
        async with stack.api() as api:
            totals = (await api.get("/overview")).json()["totals"]
        assert totals["requests"] == len(traces), "a figure counts a call twice or not at all"


@pytest.mark.crash
@pytest.mark.timeout(240)
async def test_the_store_may_be_away(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as (stack, _):
        store = stack.processes("store")[0]
        store.suspend()
        exports = Exports(stack)
        exports.start()
        async with stack.gateway() as client:
            answers = [await client.post("/v1/chat/completions", json=chat()) for _ in range(50)]
            slowest = max(answer.elapsed.total_seconds() for answer in answers)
        assert all(answer.status_code == 200 for answer in answers)
        assert slowest < 1, "a stopped store must not be felt by callers"
        async with stack.api() as api:
            answer = await api.get("/traces", timeout=60)
            assert answer.status_code == 503, answer.text
            assert answer.json()["code"] == "store_unavailable"
        await exports.stop()
        assert len(exports.acknowledged) > exports.least, "a stopped store must not be felt by senders"
        store.resume()
        called = {answer.headers["x-pilothouse-trace-id"] for answer in answers}
        sent = called | exports.acknowledged
        traces = await drained(stack, len(sent))
        spans = {str(trace["trace_id"]): trace["span_count"] for trace in traces}
        assert len(spans) == len(traces), "a trace is listed twice"
        assert {trace: spans.get(trace) for trace in sent} == {
            **dict.fromkeys(called, 1), **dict.fromkeys(exports.acknowledged, exports.spans)
        }  # fmt: skip
