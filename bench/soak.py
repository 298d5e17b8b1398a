"""Hours of mixed load on the running product: does memory, disk, the number of parts or the time of a query creep up?

`python -m bench.soak [--minutes 120] [--rate 2000]`. OTLP at a steady rate, Langfuse's events, LangSmith's runs and
gateway calls beside it, while the API is read all the time. Prints a line of each figure per interval, and in the end
what became of each from the second quarter to the last one. Fails when a span that was acknowledged is not there.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from bench.report import Figure, machine, median, quantile, show
from bench.steady import exporting
from tests.e2e.stack import Stack, chat, running_stack, until
from tests.e2e.test_langfuse import SPANS as EVENTS
from tests.e2e.test_langfuse import begun, ended
from tests.e2e.test_telemetry_crash import CHILDREN
from tests.e2e.test_telemetry_crash import begun as runs_begun
from tests.e2e.test_telemetry_crash import ended as runs_ended

ROLES = ("up", "gateway", "platform", "ingest", "store")
_OF_LANGFUSE, _OF_LANGSMITH = EVENTS + 1, CHILDREN + 1
"""Spans of one trace."""
_INTERVALS = 24
"""Lines of each figure in a whole run."""


class Others:
    """What comes beside OTLP, each once every so often, and how many spans it makes."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.spans = 0

    async def calls(self) -> None:
        """Call the gateway 20 times a second, every second call streamed."""
        async with self._stack.gateway() as client:
            for number in itertools.count():
                answer = await client.post("/v1/chat/completions", json=chat(stream=number % 2 == 0))
                answer.raise_for_status()
                self.spans += 1
                await asyncio.sleep(0.05)

    async def events(self) -> None:
        """Send a Langfuse trace twice a second, in two requests."""
        auth = httpx.BasicAuth("pk-lf-soak", self._stack.key)
        async with httpx.AsyncClient(
            base_url=self._stack.platform_url, auth=auth, trust_env=False, timeout=60
        ) as client:
            while True:
                trace = str(uuid4())
                for batch in (begun(trace), ended(trace)):
                    (await client.post("/api/public/ingestion", json={"batch": batch})).raise_for_status()
                self.spans += _OF_LANGFUSE
                await asyncio.sleep(0.5)

    async def runs(self) -> None:
        """Send a LangSmith trace twice a second, in two requests."""
        headers = {"x-api-key": self._stack.key}
        async with httpx.AsyncClient(
            base_url=self._stack.platform_url, headers=headers, trust_env=False, timeout=60
        ) as client:
            while True:
                runs = runs_begun(str(uuid4()))
                for verb, part in (("post", runs), ("patch", runs_ended(runs))):
                    (await client.post("/runs/batch", json={verb: part})).raise_for_status()
                self.spans += _OF_LANGSMITH
                await asyncio.sleep(0.5)


async def read(stack: Stack, waits: dict[str, list[float]]) -> None:
    """Ask the API for one thing after the other, as people do, and note how long each answer takes."""
    async with stack.api() as api:
        for number in itertools.count():
            now = datetime.now(UTC)
            hour, day = ({"from": (now - timedelta(hours=ago)).isoformat()} for ago in (1, 24))
            page = await _timed(api, waits, "list", "/traces", {"limit": 50, **hour})
            traces = page["items"]
            if traces:
                first = traces[number % len(traces)]
                near = {"at": first["started_at"]}
                await _timed(api, waits, "trace", f"/traces/{first['trace_id']}", near)
            await _timed(api, waits, "overview", "/overview", day)
            await _timed(api, waits, "sessions", "/sessions", hour)
            await _timed(api, waits, "text", "/traces", {"q": f'"nothing {number}"', **hour})
            await asyncio.sleep(0.2)


async def _timed(
    api: httpx.AsyncClient, waits: dict[str, list[float]], name: str, path: str, query: dict[str, Any]
) -> dict[str, Any]:
    began = time.monotonic()
    answer = await api.get(path, params=query, timeout=60)
    waits.setdefault(name, []).append((time.monotonic() - began) * 1e3)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


async def look(stack: Stack) -> dict[str, float]:
    """Return what is held now: memory of each process, disk, parts, rows, and what waits in the spools."""
    found: dict[str, float] = {}
    for role in ROLES:
        found[f"rss_{role}_mb"] = sum(one.memory_info().rss for one in stack.processes(role)) / 1e6
    async with stack.api() as api:
        system = (await api.get("/system", timeout=60)).json()
    found["store_mb"] = (system["store"]["size_bytes"] or 0) / 1e6
    found["rows"] = system["store"]["rows"] or 0
    found["parts"] = system["store"]["parts"] or 0
    found["data_mb"] = size_of(stack.data) / 1e6
    return found


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder; what goes meanwhile counts nothing."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size += (Path(place) / name).stat().st_size
    return size


async def soak(folder: Path, minutes: float, rate: int) -> None:
    """Run the load and print what comes of it."""
    history: dict[str, list[float]] = {}
    async with running_stack(folder) as (stack, _):
        others, waits = Others(stack), dict[str, list[float]]()
        with exporting(stack, rate) as sent:
            at_work = [
                asyncio.ensure_future(one)
                for one in (others.calls(), others.events(), others.runs(), read(stack, waits))
            ]
            began = time.monotonic()
            for number in range(1, _INTERVALS + 1):
                left_s = began + minutes * 60 * number / _INTERVALS - time.monotonic()
                ended, _going = await asyncio.wait(at_work, timeout=left_s, return_when=asyncio.FIRST_EXCEPTION)
                for one in ended:
                    one.result()
                _note(history, await look(stack), waits, minutes * number / _INTERVALS)
            for one in at_work:
                one.cancel()
            await asyncio.gather(*at_work, return_exceptions=True)
        total = sent.value + others.spans
        await until(lambda: _there(stack, total), timeout_s=300, every_s=1.0)
    show(Figure("soak", "spans", total, "spans", note=f"{minutes:g} minutes, OTLP {rate}/s, all there"))
    for name, values in history.items():
        second, last = _quarter(values, 1), _quarter(values, 3)
        ratio = round(last / second, 2) if second else None
        show(Figure("soak", name, round(last, 1), "last quarter", ratio=ratio, note=f"second quarter {second:.1f}"))


def _note(history: dict[str, list[float]], held: dict[str, float], waits: dict[str, list[float]], at: float) -> None:
    for name, times in waits.items():
        held[f"{name}_p50_ms"], held[f"{name}_p95_ms"] = median(times), quantile(times, 0.95)
    waits.clear()
    for name, value in held.items():
        history.setdefault(name, []).append(value)
        show(Figure("soak", name, round(value, 1), "", note=f"after {at:.1f} minutes"))


def _quarter(values: list[float], which: int) -> float:
    size = max(1, len(values) // 4)
    return median(values[which * size : (which + 1) * size] or values[-1:])


async def _there(stack: Stack, count: int) -> bool:
    return (await look(stack))["rows"] >= count


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--rate", type=int, default=2_000, help="OTLP spans a second")
    options = parser.parse_args()
    show(Figure("soak", "machine", 0, "", note=machine()))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(soak(Path(folder), options.minutes, options.rate))


if __name__ == "__main__":
    main()
