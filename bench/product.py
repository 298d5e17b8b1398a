"""The product as a whole: start-up, idle memory, and how soon a call is in the trace list.

`python -m bench.product [--quick]`.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import httpx

from bench.report import Figure, machine, quantile, show
from tests.e2e.stack import Stack, chat, running_stack

ROLES = ("up", "gateway", "platform", "ingest", "store", "local-model")


async def start_up(folder: Path) -> None:
    """Print first and second start, and the memory of each process once it is idle."""
    stack = Stack(folder, PILOTHOUSE_LOCAL_MODEL__ENABLED="true")
    try:
        show(
            Figure("product", "first_start", round(await stack.start(), 2), "s", note="empty data folder, local model")
        )
        stack.stop()
        show(Figure("product", "second_start", round(await stack.start(), 2), "s"))
        await asyncio.sleep(10)
        for role in ROLES:
            for process in stack.processes(role):
                memory = process.memory_full_info()
                note = f"unshared {memory.uss / 1e6:.0f} MB"
                show(Figure("product", f"idle_rss_{role}", round(memory.rss / 1e6), "MB", note=note))
        began = time.monotonic()
        stack.stop()
        show(Figure("product", "stop", round(time.monotonic() - began, 2), "s"))
    finally:
        stack.kill_all()


async def _seen_after(api: httpx.AsyncClient, trace: str) -> float:
    began = time.monotonic()
    while True:
        page = (await api.get("/traces", params={"limit": "20"})).json()
        if any(item["trace_id"] == trace for item in page["items"]):
            return time.monotonic() - began
        await asyncio.sleep(0.01)


async def visible(folder: Path, calls: int) -> None:
    """Print how long after its answer a call is in the trace list."""
    async with running_stack(folder) as (stack, _), stack.gateway() as gateway, stack.api() as api:
        waits: list[float] = []
        for number in range(calls):
            answer = await gateway.post("/v1/chat/completions", json=chat(stream=number % 2 == 0))
            waits.append(await _seen_after(api, answer.headers["x-pilothouse-trace-id"]))
    for share in (0.5, 0.95, 1.0):
        value = round(quantile(waits, share) * 1e3)
        show(Figure("product", f"call_to_visible_p{int(share * 100)}", value, "ms", n=calls))


def main() -> None:
    """Run the whole area."""
    parser = argparse.ArgumentParser(prog="bench.product")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    show(Figure("product", "machine", 0, "", note=machine()))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(start_up(Path(folder)))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(visible(Path(folder), 20 if asked.quick else 200))


if __name__ == "__main__":
    main()
