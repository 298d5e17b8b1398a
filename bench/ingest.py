"""From the spool into the telemetry store: spans a second, whole and in parts, until they can be queried.

`python -m bench.ingest [spans]`; prints JSON lines. Spans of about 3 kB, 8 a trace, 100 a record. Decoding, merging,
pricing, previews and the insert run here, the store in a process of its own.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bench.report import Figure, machine, show
from bench.store import Store
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.envelope import PATCHES, encode_patches
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.span import SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.ingest.loop import IngestLoop
from pilothouse.ingest.options import IngestOptions
from pilothouse.spool import SpoolWriter
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.wiring.spools import depths

_PER_RECORD = 100
_PER_TRACE = 8
_OPEN_SPANS = 8_000
_WORDS = tuple(f"word{number}"[: 3 + number % 7] for number in range(200))


class _Spans:
    """Makes traces of a model call, some steps and tools, as an instrumented application would."""

    def __init__(self, project: str) -> None:
        self._random = random.Random(7)
        self._project = project
        self._texts = [" ".join(self._random.choices(_WORDS, k=260)) for _ in range(500)]

    def trace(self, at_ns: int) -> Iterator[SpanPatch]:
        """Return the spans of one trace."""
        rnd = self._random
        trace_id, root = f"{rnd.getrandbits(128):032x}", f"{rnd.getrandbits(64):016x}"
        for number in range(_PER_TRACE):
            is_call = number in {2, 5}
            yield SpanPatch(
                project_id=self._project, trace_id=trace_id,
                span_id=root if number == 0 else f"{rnd.getrandbits(64):016x}",
                parent_span_id="" if number == 0 else root, source="otel", at_ns=at_ns + 2_000_000, whole=True,
                name=f"step {number}", kind=SpanKind.LLM if is_call else SpanKind.CHAIN, status=SpanStatus.OK,
                started_at_ns=at_ns + number, ended_at_ns=at_ns + 2_000_000, provider="openai" if is_call else None,
                model_requested="gpt-4o" if is_call else None, input=rnd.choice(self._texts),
                output=rnd.choice(self._texts), user_id="ann", usage=Usage(700, output_tokens=80) if is_call else None,
                attributes={f"gen_ai.attribute.{k}": rnd.choice(_WORDS) for k in range(12)},
                resource={"service.name": "shop", "telemetry.sdk.language": "python"},
            )  # fmt: skip


def _in_two(patch: SpanPatch) -> tuple[SpanPatch, SpanPatch]:
    """Return a span as its start and its end, as LangSmith sends it."""
    start = msgspec.structs.replace(
        patch, at_ns=patch.started_at_ns or 0, whole=False, ended_at_ns=None, output=None, usage=None, status=None
    )
    end = SpanPatch(
        project_id=patch.project_id, trace_id=patch.trace_id, span_id=patch.span_id, source=patch.source,
        at_ns=patch.at_ns, ended_at_ns=patch.ended_at_ns, output=patch.output, usage=patch.usage, status=patch.status,
    )  # fmt: skip
    return start, end


def _whole(patches: list[SpanPatch]) -> list[SpanPatch]:
    return patches


def _starts_then_ends(patches: list[SpanPatch]) -> list[SpanPatch]:
    """Return each span's end some batches behind its start."""
    pairs = [_in_two(patch) for patch in patches]
    found: list[SpanPatch] = []
    for at in range(0, len(pairs), _OPEN_SPANS):
        part = pairs[at : at + _OPEN_SPANS]
        found += [start for start, _ in part] + [end for _, end in part]
    return found


async def _drained(folder: Path) -> None:
    while not (found := depths(folder)) or any(depth.records for depth in found):
        await asyncio.to_thread(time.sleep, 0.05)


async def _drain(
    folder: Path, store: Store, count: int, name: str, order: Callable[[list[SpanPatch]], list[SpanPatch]]
) -> None:
    telemetry = Telemetry(store.options)
    await telemetry.migrate()
    spans, now_ns = _Spans(name), time.time_ns() - 3600 * 10**9
    made = [patch for number in range(count // _PER_TRACE) for patch in spans.trace(now_ns + number * 1_000_000)]
    patches = order(made)
    with SpoolWriter(folder / name / "bench") as writer:
        for at in range(0, len(patches), _PER_RECORD):
            await writer.append(PATCHES, encode_patches(patches[at : at + _PER_RECORD]))
        loop = IngestLoop(folder / name, telemetry, Catalog(), IngestOptions())
        rows_before = (await telemetry.stats()).rows
        began, cpu = time.perf_counter(), time.process_time()
        await loop.start()
        await _drained(folder / name)
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        await loop.stop()
    rows = (await telemetry.stats()).rows - rows_before
    note = f"{len(patches)} patches, {cpu_s / len(made) * 1e6:.0f} µs of our CPU a span, {rows} rows before merges"
    show(Figure("ingest", name, len(made) / took_s, "spans/s", n=len(made), note=note))
    await telemetry.close()


async def measure(count: int) -> None:
    """Run everything once in a temporary folder."""
    show(Figure("ingest", "machine", 0, "", note=machine()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store(folder)
        try:
            await _drain(folder, store, count, "whole", _whole)
            await _drain(folder, store, count, "starts_and_ends", _starts_then_ends)
        finally:
            store.stop()


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 40_000))
