"""Dashboards at a million spans over 30 days, while spans are ingested: every range, from rollups and from spans.

Run with `python -m bench.dashboards [spans] [spans a second]`; prints JSON lines. One project, spans of about 3 kB.
"""

import asyncio
import functools
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.report import Figure, median, quantile, show
from bench.store import DAYS, Spans, Store
from pilothouse.domain.activity import ActivityFilter
from pilothouse.domain.dashboard import Chart
from pilothouse.domain.query import aggregate
from pilothouse.domain.query.aggregate import Aggregate
from pilothouse.domain.query.parser import parse
from pilothouse.domain.reading import OverviewFilter
from pilothouse.registry.ready_dashboards import READY
from pilothouse.store.telemetry import overview
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.connection import Connection
from pilothouse.store.telemetry.writing import OVER_S

RANGES = {"1h": 1 / 24, "6h": 0.25, "1d": 1, "7d": 7, "30d": DAYS}
BATCH = 1_000
ROUNDS = 9
_STEPS_S = (60, 300, 900, 3600, 7200, 21600, 43200)


async def _fill(telemetry: Telemetry, spans: Spans, count: int, start_ns: int) -> None:
    step_ns = DAYS * 86_400 * 10**9 // count
    for made in range(0, count, 10_000):
        size = min(10_000, count - made)
        await telemetry.insert([spans.make(start_ns + (made + i) * step_ns) for i in range(size)], f"fill-{made}")


async def _ingest(telemetry: Telemetry, spans: Spans, per_s: int, end: asyncio.Event) -> int:
    """Insert at a steady rate until told to end; return how many came."""
    began, sent = time.perf_counter(), 0
    while not end.is_set():
        wait_s = began + sent / per_s - time.perf_counter()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        now_ns = time.time_ns()
        await telemetry.insert([spans.make(now_ns - i * 500_000) for i in range(BATCH)], f"steady-{sent}")
        sent += BATCH
    return sent


async def _build(telemetry: Telemetry, end: asyncio.Event) -> None:
    """Build rollups as the platform does."""
    while not end.is_set():
        built = await telemetry.build_rollups()
        await asyncio.sleep(1 if built >= 1000 else 20)


def _asked(chart: Chart, from_at: datetime, to_at: datetime) -> Aggregate:
    step_s = next(s for s in (*_STEPS_S, 86400) if (to_at - from_at).total_seconds() / s <= 120)
    over_time = (f"time:{step_s}s",) if chart.kind in ("line", "bars") else ()
    groups = (*over_time, *([chart.group_by] if chart.group_by else []))
    return Aggregate(
        project_id="bench", from_at=from_at, to_at=to_at, source=chart.source, query=parse(chart.q),
        groups=tuple(aggregate.group(one, chart.source) for one in groups),
        measures=tuple(aggregate.measure(one, chart.source) for one in chart.measures), limit=1000,
        top=chart.top if len(groups) > 1 else 0,
    )  # fmt: skip


async def _timed(name: str, ask: Callable[[], Awaitable[object]], note: str = "") -> None:
    took: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1e3)
    note = f"p95 {quantile(took, 0.95):.0f} ms" + (f"; {note}" if note else "")
    show(Figure("dashboards", name, median(took), "ms", n=len(took), note=note))


async def _read(telemetry: Telemetry, connection: Connection) -> None:
    for name, days in RANGES.items():
        to_at = datetime.now(UTC)
        from_at = to_at - timedelta(days=days)
        span = OverviewFilter(project_id="bench", from_at=from_at, to_at=to_at)
        await _timed(f"overview_{name}", lambda span=span: telemetry.overview(span))
        await _timed(f"overview_{name}_from_spans", lambda span=span: overview.fetch(connection, span, rolled=False))
        for ready in READY.values():
            wanted = [_asked(chart, from_at, to_at) for chart in ready.charts]
            whole = functools.partial(telemetry.figures_together, wanted)
            await _timed(f"{ready.id}_{name}", whole, f"all {len(wanted)} charts at once")
            slowest = 0.0
            for one in wanted:
                began = time.perf_counter()
                await telemetry.figures(one)
                slowest = max(slowest, (time.perf_counter() - began) * 1e3)
            show(Figure("dashboards", f"{ready.id}_{name}_slowest_chart", slowest, "ms"))
        people = ActivityFilter(project_id="bench", from_at=from_at, to_at=to_at)
        await _timed(f"users_{name}", lambda people=people: telemetry.users(people))
        await _timed(f"sessions_{name}", lambda people=people: telemetry.sessions(people))


async def measure(count: int, per_s: int) -> None:
    """Run everything once in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        telemetry, builder, reader = Telemetry(store.options), Telemetry(store.options), Telemetry(store.options)
        connection = Connection(store.options)
        await telemetry.migrate()
        spans, end = Spans(), asyncio.Event()
        await _fill(telemetry, spans, count, time.time_ns() - DAYS * 86_400 * 10**9)
        ingest = asyncio.create_task(_ingest(telemetry, spans, per_s, end))
        # What was inserted this lately is read from spans.
        await asyncio.sleep(OVER_S + 5)
        began = time.perf_counter()
        # The first only marks; after it, all but what is ingested meanwhile is due.
        built = await builder.build_rollups()
        while new := await builder.build_rollups():
            built += new
        show(
            Figure("dashboards", "build_all", time.perf_counter() - began, "s", n=built, note="five minutes and hours")
        )
        build = asyncio.create_task(_build(builder, end))
        began = time.perf_counter()
        await _read(reader, connection)
        took_s = time.perf_counter() - began
        end.set()
        sent = await ingest
        stats = await telemetry.stats()
        show(
            Figure("dashboards", "spans", stats.rows, "spans", note=f"{sent} of them came meanwhile, in {took_s:.0f} s")
        )
        show(Figure("dashboards", "rss", store.rss_mb(), "MiB"))
        await build
        for one in (telemetry, builder, reader, connection):
            await one.close()
        store.stop()


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    asyncio.run(measure(*(given + [1_000_000, 2_000][len(given) :])))
