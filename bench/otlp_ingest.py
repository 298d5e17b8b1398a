"""OpenTelemetry end to end: spans a second from the sender until they can be queried, in the running product.

`python -m bench.otlp_ingest [--spans N] [--senders N] [--together] [--peers]`. Each request holds 100 spans of about
3 kB, a model call each, and is acknowledged when it is on disk. The senders are processes of their own, but share the
machine's cores with the product. With `--peers` Phoenix and MLflow get the same
requests, fewer of them, and the engine the same rows directly; ours is measured before and after them.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from pathlib import Path

import psutil

from bench.otlp_peers import PEERS, Sending, engine_rate, rate, sending
from bench.otlp_requests import SPANS, request
from bench.report import Figure, machine, quantile, show
from pilothouse.wiring.spools import depths
from tests.e2e.stack import Stack, running_stack, until

ROLES = ("platform", "ingest", "store")
PEER_SPANS = 4_000
ENGINE_SPANS = 40_000


def cpu_s(stack: Stack, role: str) -> float:
    """Return the processor time that the processes of a role have taken."""
    times = [process.cpu_times() for process in _all(stack, role)]
    return sum(one.user + one.system for one in times)


def _all(stack: Stack, role: str) -> list[psutil.Process]:
    """Return the processes of a role, and those that they started."""
    return [one for process in stack.processes(role) for one in (process, *process.children(recursive=True))]


def resident(stack: Stack) -> dict[str, float]:
    """Return the MB of memory of each role."""
    return {role: sum(one.memory_info().rss for one in _all(stack, role)) / 1e6 for role in ROLES}


async def look(stack: Stack, waits: list[float]) -> None:
    """Ask the API for something small, ten times a second, until cancelled, and note how long each answer takes."""
    async with stack.api() as api:
        while True:
            began = time.monotonic()
            (await api.get("/keys")).raise_for_status()
            waits.append(time.monotonic() - began)
            await asyncio.sleep(0.1)


async def drained(stack: Stack) -> bool:
    """Return whether nothing waits for the store any more; seen on disk, so that asking takes nobody's time."""
    return not any(depth.records for depth in await asyncio.to_thread(depths, stack.data / "spool"))


async def measure(folder: Path, spans: int, senders: int, *, apart: bool) -> float:
    """Print the rate until acknowledged and until queryable, and what it took; returns the rate until queryable."""
    context = multiprocessing.get_context("spawn")
    each = spans // SPANS // senders
    total = each * senders * SPANS
    async with running_stack(folder, PILOTHOUSE_INGEST__APART=str(apart).lower()) as (stack, _):
        job = Sending(f"{stack.platform_url}/v1/traces", {"authorization": f"Bearer {stack.key}"}, each)
        with sending(context, job, senders) as begin:
            before, idle = {role: cpu_s(stack, role) for role in ROLES}, resident(stack)
            looks: list[float] = []
            onlooker = asyncio.create_task(look(stack, looks))
            began = time.monotonic()
            took = await asyncio.to_thread(begin)
            acknowledged_s = time.monotonic() - began
            await until(lambda: drained(stack), timeout_s=600, every_s=0.05)
            queryable_s = time.monotonic() - began
            onlooker.cancel()
            spent = {role: (cpu_s(stack, role) - start) / total * 1e6 for role, start in before.items()}
        memory = resident(stack)
        async with stack.api() as api:
            rows = (await api.get("/system")).json()["store"]["rows"]
        assert rows >= total, f"{rows} of {total} spans are there"
    note = f"{len(request(0)) / SPANS:.0f} B a span, {senders} senders"
    show(Figure("otlp", "until_acknowledged", round(total / acknowledged_s), "spans/s", n=total, note=note))
    show(Figure("otlp", "until_queryable", round(total / queryable_s), "spans/s", n=total, note=note))
    for role in ROLES:
        rss = Figure("otlp", f"rss_{role}", round(memory[role]), "MB", note=f"{idle[role]:.0f} MB idle")
        show(rss)
        show(Figure("otlp", f"cpu_{role}", round(spent[role], 1), "µs/span", note="whatever else runs"))
    show(Figure("otlp", "rss", round(sum(memory.values())), "MB", note=f"{sum(idle.values()):.0f} MB idle"))
    show(Figure("otlp", "cpu", round(sum(spent.values()), 1), "µs/span"))
    api_p95_ms = round(quantile(looks, 0.95) * 1e3, 1)
    show(Figure("otlp", "api_p95", api_p95_ms, "ms", n=len(looks), note="GET /keys meanwhile"))
    for share in (0.5, 0.95, 0.99):
        show(Figure("otlp", f"request_p{int(share * 100)}", round(quantile(took, share) * 1e3, 1), "ms", n=len(took)))
    return total / queryable_s


def run(spans: int, senders: int, *, apart: bool) -> float:
    """Measure ours in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measure(Path(folder), spans, senders, apart=apart))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--senders", type=int, default=2)
    parser.add_argument("--together", action="store_true", help="ingest in the platform's process")
    parser.add_argument("--peers", action="store_true", help="Phoenix, MLflow and the bare engine, too")
    options = parser.parse_args()
    show(Figure("otlp", "machine", 0, "", note=machine()))
    ours = [run(options.spans, options.senders, apart=not options.together)]
    if not options.peers:
        return
    theirs = {peer: (rate(peer, PEER_SPANS, options.senders), PEER_SPANS) for peer in PEERS}
    theirs["chdb"] = engine_rate(ENGINE_SPANS), ENGINE_SPANS
    ours.append(run(options.spans, options.senders, apart=not options.together))
    own = sum(ours) / len(ours)
    for peer, (value, count) in theirs.items():
        ratio = round(own / value, 2)
        figure = Figure("otlp", "against", round(own), "spans/s", peer, round(value), ratio, count, "until queryable")
        show(figure)


if __name__ == "__main__":
    main()
