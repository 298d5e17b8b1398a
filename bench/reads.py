"""Reads through the API while spans come in: traces, lists, searches, dashboards, people; p50 and p95 of each.

`python -m bench.reads [--spans 200000] [--per-second 2000] [--rounds 15] [--folder F] [--only A,B]`. The whole product
runs; its store is filled with spans of 30 days, then OpenTelemetry requests come at the rate that is named while the
API is asked. A folder that is named stays, and the next run asks what it holds. Bench, product and sender share the
machine's cores.
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec

from bench.report import Figure, machine, median, quantile, show
from bench.steady import exporting
from bench.store import DAYS, Spans
from pilothouse.domain.dashboard import Chart
from pilothouse.domain.span import Span
from pilothouse.errors import StoreUnavailable
from pilothouse.registry.ready_dashboards import READY
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.options import StoreOptions
from pilothouse.store.telemetry.writing import OVER_S
from pilothouse.wiring import addresses
from pilothouse.wiring.data_folder import Layout
from tests.e2e.stack import Stack

AREA = "reads"
RANGES = {"1h": 1 / 24, "1d": 1, "7d": 7, "30d": DAYS}
_STEPS_S = (60, 300, 900, 1800, 3600, 7200, 21600)
_FILL = 10_000

Ask = Callable[[], Awaitable[httpx.Response]]


async def _fill(stack: Stack, project: str, count: int) -> list[str]:
    """Put spans of the last 30 days into the store; return the ids of some of their traces."""
    address = addresses.find(Layout(stack.data), addresses.STORE)
    assert address is not None
    telemetry, spans, known = Telemetry(StoreOptions(url=address.url, secret=address.secret)), Spans(), list[str]()
    step_ns = DAYS * 86_400 * 10**9 // count
    start_ns = time.time_ns() - DAYS * 86_400 * 10**9
    for made in range(0, count, _FILL):
        batch = [
            msgspec.structs.replace(spans.make(start_ns + (made + place) * step_ns), project_id=project)
            for place in range(min(_FILL, count - made))
        ]
        await _put(telemetry, batch, f"reads-{made}")
        known += [span.trace_id for span in batch[:: _FILL // 20]]
    await telemetry.close()
    return known


async def _put(telemetry: Telemetry, batch: list[Span], token: str) -> None:
    """Insert as ingest does: again and again while the store cannot."""
    while True:
        try:
            return await telemetry.insert(batch, token)
        except StoreUnavailable:
            await asyncio.sleep(1)


def _question(chart: Chart, days: float) -> dict[str, object]:
    """Return what the UI asks for a chart."""
    step_s = next((step for step in _STEPS_S if days * 86_400 / step <= 120), 86_400)
    by = [chart.group_by] if chart.group_by else []
    plain: dict[str, object] = {"source": chart.source, "q": chart.q, "measure": list(chart.measures)}
    if chart.kind not in ("line", "bars"):
        return {**plain, "group_by": by, "limit": chart.top}
    return {**plain, "group_by": [f"time:{step_s}s", *by], "limit": 1000, **({"top": chart.top} if by else {})}


def _asks(api: httpx.AsyncClient, known: list[str]) -> dict[str, Ask]:
    """Return what is measured, by name."""
    traces = iter(known * 10)

    def times(days: float) -> dict[str, str]:
        now = datetime.now(UTC)
        return {"from": (now - timedelta(days=days)).isoformat(), "to": now.isoformat()}

    def get(path: str, days: float, **more: str) -> Ask:
        return lambda: api.get(path, params={**times(days), **more})

    def dashboard(charts: tuple[Chart, ...], days: float) -> Ask:
        questions = [_question(one, days) for one in charts]
        return lambda: api.post("/query/together", json={**times(days), "questions": questions})

    found: dict[str, Ask] = {
        "trace_by_id": lambda: api.get(f"/traces/{next(traces)}"),
        "traces": get("/traces", 30),
        "traces_of_a_model": get("/traces", 30, q="model:gpt-5 latency:>2s"),
        "traces_by_cost_1d": get("/traces", 1, sort="cost"),
        "spans": get("/spans", 7, q="status:error"),
        "text_rare_7d": get("/traces", 7, q='"chatcmpl-1 zzzqqq"'),
        "text_word_7d": get("/traces", 7, q="helpful"),
    }
    for name, days in RANGES.items():
        found[f"overview_{name}"] = get("/overview", days)
        found |= {f"{one.id}_{name}": dashboard(one.charts, days) for one in READY.values()}
        found |= {f"{people}_{name}": get(f"/{people}", days) for people in ("users", "sessions")}
    return found


async def _timed(name: str, ask: Ask, rounds: int) -> None:
    took: list[float] = []
    failed = ""
    for _ in range(rounds):
        began = time.perf_counter()
        answer = await ask()
        took.append((time.perf_counter() - began) * 1e3)
        if answer.status_code != 200:
            failed = f"; answered {answer.status_code}"
    show(Figure(AREA, name, median(took), "ms", n=rounds, note=f"p95 {quantile(took, 0.95):.0f} ms{failed}"))


@contextlib.asynccontextmanager
async def _filled(folder: Path, count: int) -> AsyncIterator[tuple[Stack, list[str]]]:
    """Run the product on a folder, filled where it is empty; gives ids of some of its traces, too."""
    stack, noted = Stack(folder), folder / "filled.json"
    if noted.exists():
        stack.key, known = json.loads(noted.read_text())
    else:
        known = list[str]()
    try:
        await stack.start()
        if not known:
            async with stack.api() as api:
                project = (await api.get("/projects")).json()["items"][0]["id"]
            known = await _fill(stack, project, count)
            noted.write_text(json.dumps([stack.key, known]))
        yield stack, known
        stack.stop()
    finally:
        stack.kill_all()


async def measure(folder: Path, chosen: argparse.Namespace) -> None:
    """Ask a product that is filled."""
    per_s: int = chosen.per_second
    async with _filled(folder, chosen.spans) as (stack, known), stack.api() as api:
        api.timeout = httpx.Timeout(60)
        with exporting(stack, per_s):
            # Then all but what came lately is in rollups.
            await asyncio.sleep(OVER_S * 2)
            began_rows = (await api.get("/system")).json()["store"]["rows"]
            began = time.monotonic()
            for name, ask in _asks(api, known).items():
                if any(word in name for word in chosen.only.split(",")):
                    await _timed(name, ask, chosen.rounds)
            took_s = time.monotonic() - began
            rows = (await api.get("/system")).json()["store"]["rows"]
        note = f"{(rows - began_rows) / took_s:.0f} a second came meanwhile, of {per_s}"
        show(Figure(AREA, "spans", rows, "spans", note=note))


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.reads", description=__doc__)
    parser.add_argument("--spans", type=int, default=200_000)
    parser.add_argument("--per-second", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path, help="of the data, which stays; else a new one that goes")
    parser.add_argument("--only", default="", help="ask only what has one of these, between commas, in its name")
    chosen = parser.parse_args()
    show(Figure(AREA, "machine", 0, "", note=machine()))
    with contextlib.ExitStack() as stack:
        folder: Path = chosen.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(measure(folder, chosen))


if __name__ == "__main__":
    main()
