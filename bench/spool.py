"""Measure the spool and ingest; prints one JSON object a line.

Run: python -m bench.spool [--folder DIR] [--seconds N] [--rate RECORDS_PER_S]
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path

import msgspec
import uvloop

from pilothouse import instruments
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.call import Attempt, CallRecord, Outcome
from pilothouse.domain.ids import new_id, new_span_id, new_trace_id
from pilothouse.domain.span import Span
from pilothouse.domain.usage import Usage
from pilothouse.ingest.loop import IngestLoop
from pilothouse.ingest.spans import record_to_span
from pilothouse.spool import SpoolReader, SpoolWriter

WORDS = ("the", "spool", "keeps", "every", "call", "until", "the", "store", "has", "it", "and", "frees", "its", "disk")


def record(*, streamed: bool = False) -> CallRecord:
    """Return a call of about 3 kB with bodies like real ones."""
    prompt = " ".join(random.choices(WORDS, k=180))
    request = msgspec.json.encode({"model": "gpt-4o", "messages": [{"role": "user", "content": prompt}]})
    text = random.choices(WORDS, k=8 if streamed else 200)
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o-2024-11-20"}
    if streamed:
        chunks = [{**head, "choices": [{"index": 0, "delta": {"content": f"{word} "}}]} for word in text]
        chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        response = b"".join(b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    else:
        message = {"role": "assistant", "content": " ".join(text)}
        response = msgspec.json.encode({**head, "choices": [{"index": 0, "message": message}]})
    return CallRecord(
        id=new_id(), trace_id=new_trace_id(), span_id=new_span_id(), parent_span_id="", project_id=new_id(),
        key_id=new_id(), started_at_ns=time.time_ns(), duration_ns=800_000_000, overhead_ns=400_000,
        first_token_ns=None, last_token_ns=None, outcome=Outcome.ANSWERED, status=200, streamed=streamed,
        model_requested="gpt-4o", model_served="gpt-4o-2024-11-20", account="openai", provider="openai",
        usage=Usage(180, output_tokens=200), finish_reason="stop", request_body=request, response_body=response,
        request_size_bytes=len(request), response_size_bytes=len(response),
        attempts=(Attempt("openai", "openai", "gpt-4o", 100_000, 400_000_000, 800_000_000, 200),),
        request_headers={"user-agent": "OpenAI/Python 2.0", "content-type": "application/json"},
    )  # fmt: skip


def report(name: str, **figures: float) -> None:
    """Print one result line."""
    print(json.dumps({"bench": name, **{key: round(value, 3) for key, value in figures.items()}}), flush=True)


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which `part` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def wait_written(writer: SpoolWriter) -> None:
    """Block until nothing is queued."""
    while writer.queued_bytes:
        time.sleep(0.001)


async def heartbeat(lags: list[float]) -> None:
    """Note how late a 1 ms timer of this loop fires, for ever."""
    while True:
        due = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        lags.append(max(0.0, time.perf_counter() - due))


async def watch_durable(writer: SpoolWriter, took: list[float]) -> None:
    """Note how long an awaited append takes while others write, for ever."""
    payload = msgspec.msgpack.encode(record())
    while True:
        started = time.perf_counter()
        await writer.append("probe", payload)
        took.append(time.perf_counter() - started)
        await asyncio.sleep(0.01)


async def paced(writer: SpoolWriter | None, records: list[CallRecord], rate: float, seconds: float) -> tuple[int, int]:
    """Offer `rate` records a second in steps of the loop, as a gateway does; without a writer only the loop's work."""
    started = time.perf_counter()
    offered = dropped = 0
    while (now := time.perf_counter() - started) < seconds:
        while offered < now * rate:
            if writer is not None and not writer.offer(records[offered % len(records)]):
                dropped += 1
            offered += 1
        await asyncio.sleep(0.0005)
    return offered, dropped


async def under_load(writer: SpoolWriter, records: list[CallRecord], rate: float, seconds: float) -> dict[str, float]:
    """Return what a paced load costs the loop and how soon records are durable."""
    lags: list[float] = []
    took: list[float] = []
    commits = commit_times()
    started = time.perf_counter()
    watchers = [asyncio.create_task(heartbeat(lags)), asyncio.create_task(watch_durable(writer, took))]
    offered, dropped = await paced(writer, records, rate, seconds)
    elapsed_s = time.perf_counter() - started
    for task in watchers:
        task.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)
    quiet: list[float] = []
    watcher = asyncio.create_task(heartbeat(quiet))
    await paced(None, records, rate, 1.0)
    watcher.cancel()
    return {
        "records_per_s": offered / elapsed_s, "dropped": dropped, **commit_times(since=commits),
        "durable_p50_ms": quantile(took, 0.5) * 1e3, "durable_p99_ms": quantile(took, 0.99) * 1e3,
        "loop_lag_p50_ms": quantile(lags, 0.5) * 1e3, "loop_lag_p99_ms": quantile(lags, 0.99) * 1e3,
        "loop_lag_without_spool_p99_ms": quantile(quiet, 0.99) * 1e3,
    }  # fmt: skip


def commit_times(since: dict[str, float] | None = None) -> dict[str, float]:
    """Return counts by bucket; with `since`, the upper bounds of the median and the 99th percentile after it."""
    series = instruments.SPOOL_COMMIT.values.get((), [0.0] * (len(instruments.SPOOL_COMMIT.bounds) + 2))
    counts = {f"{bound * 1e3:g}": count for bound, count in zip(instruments.SPOOL_COMMIT.bounds, series, strict=False)}
    if since is None:
        return counts
    new = {float(bound): count - since[bound] for bound, count in counts.items()}
    total, seen, out = sum(new.values()), 0.0, {}
    for bound, count in new.items():
        seen += count
        for name, part in (("commit_p50_below_ms", 0.5), ("commit_p99_below_ms", 0.99)):
            if seen >= total * part:
                out.setdefault(name, bound)
    return {"commits": total, **out}


def offer_cost(folder: Path, records: list[CallRecord]) -> None:
    """Measure `offer` alone: 400 records at a time, as come in 16 ms at 25k a second, with pauses for the writer."""
    took: list[float] = []
    with SpoolWriter(folder / "offer") as writer:
        for _ in range(100):
            started = time.perf_counter()
            for item in records[:400]:
                writer.offer(item)
            took.append((time.perf_counter() - started) / 400 * 1e9)
            wait_written(writer)
    report("offer", median_ns=statistics.median(took), p90_ns=quantile(took, 0.9))


def flat_out(folder: Path, records: list[CallRecord], seconds: float) -> None:
    """Measure how much the writer's thread gets through when the queue is never empty."""
    with SpoolWriter(folder / "flat") as writer:
        started = time.perf_counter()
        offered = 0
        while time.perf_counter() - started < seconds:
            if writer.offer(records[offered % len(records)]):
                offered += 1
            else:
                time.sleep(0.0005)
        wait_written(writer)
        elapsed_s = time.perf_counter() - started
        report("flat_out", records_per_s=offered / elapsed_s, megabytes=writer.size_bytes / 1e6)
        shrink(writer)


def shrink(writer: SpoolWriter) -> None:
    """Measure how fast a backlog is read, and how soon its disk space is given back."""
    file = writer.path / "spool.db"
    before = file.stat().st_size
    drained = 0
    started = time.perf_counter()
    with SpoolReader(writer.path) as reader:
        while (batch := reader.read()) is not None:
            drained += len(batch.items)
            reader.ack(batch)
        drained_s = time.perf_counter() - started
        while file.stat().st_size > 2_000_000 and time.perf_counter() - started < 30:
            time.sleep(0.01)
        shrunk_s = time.perf_counter() - started - drained_s
    report("shrink", drained_per_s=drained / drained_s, megabytes_before=before / 1e6, seconds_after_drain=shrunk_s,
           megabytes_after=file.stat().st_size / 1e6)  # fmt: skip


def drain(folder: Path, stop: Event, counted: "multiprocessing.Queue[tuple[int, float]]") -> None:
    """Drain a spool in a process of its own until told to stop."""
    records, busy_s = 0, 0.0
    with SpoolReader(folder) as reader:
        while not stop.is_set():
            started = time.perf_counter()
            batch = reader.read(linger_s=0.05)
            if batch is None:
                stop.wait(0.02)
                continue
            reader.ack(batch)
            records += len(batch.items)
            busy_s += time.perf_counter() - started
    counted.put((records, busy_s))


def drain_while_writing(folder: Path, records: list[CallRecord], rate: float, seconds: float) -> None:
    """Measure a writer and a reader on one spool at the same time, and the file that is left."""
    context = multiprocessing.get_context("spawn")
    stop, counted = context.Event(), context.Queue()
    with SpoolWriter(folder / "both") as writer:
        reader = context.Process(target=drain, args=(writer.path, stop, counted))
        reader.start()
        figures = uvloop.run(under_load(writer, records, rate, seconds))
        deadline = time.perf_counter() + 10
        while writer.size_bytes and time.perf_counter() < deadline:
            time.sleep(0.01)
        stop.set()
        drained, busy_s = counted.get()
        reader.join()
        time.sleep(0.5)
        left = (writer.path / "spool.db").stat().st_size
    report("both", **figures, drained=drained, drained_per_busy_s=drained / busy_s, left_on_disk_megabytes=left / 1e6)


def convert() -> None:
    """Measure decode, fold and price, without spool and store."""
    catalog = Catalog()
    decoder = msgspec.msgpack.Decoder(CallRecord)
    for streamed in (False, True):
        payloads = [msgspec.msgpack.encode(record(streamed=streamed)) for _ in range(3000)]
        started = time.perf_counter()
        for payload in payloads:
            record_to_span(decoder.decode(payload), catalog)
        elapsed_s = time.perf_counter() - started
        report("convert_streamed" if streamed else "convert_whole", records_per_s=len(payloads) / elapsed_s,
               record_bytes=len(payloads[0]))  # fmt: skip
    usage, at = Usage(180, output_tokens=200), datetime.now(UTC)
    started = time.perf_counter()
    for _ in range(20_000):
        catalog.price("openai", "gpt-4o-2024-11-20", usage, at)
    report("price", microseconds=(time.perf_counter() - started) / 20_000 * 1e6)


class _Sink:
    def __init__(self, expected: int) -> None:
        self.seen = 0
        self.expected = expected
        self.full = asyncio.Event()
        self.ages_s: list[float] = []

    async def insert(self, spans: Sequence[Span], token: str) -> None:
        """Count, and note how old the spans are; `started_at_ns` is the time of the offer here."""
        now = time.time_ns()
        self.seen += len(spans)
        if self.seen >= self.expected:
            self.full.set()
        self.ages_s += [(now - span.started_at_ns) / 1e9 for span in spans]


async def ingest(folder: Path, records: list[CallRecord]) -> None:
    """Measure the whole loop over a full spool, how late the event loop gets, and the latency at a trickle."""
    with SpoolWriter(folder / "ingest" / "one") as writer:
        for item in records:
            writer.offer(item)
        await asyncio.to_thread(wait_written, writer)
        sink, lags = _Sink(len(records)), list[float]()
        loop = IngestLoop(folder / "ingest", sink, Catalog())
        watcher = asyncio.create_task(heartbeat(lags))
        started = time.perf_counter()
        await loop.start()
        await sink.full.wait()
        elapsed_s = time.perf_counter() - started
        watcher.cancel()
        report("ingest_backlog", records_per_s=len(records) / elapsed_s, loop_lag_p99_ms=quantile(lags, 0.99) * 1e3,
               loop_lag_max_ms=max(lags) * 1e3)  # fmt: skip
        sink.ages_s.clear()
        for _ in range(300):
            writer.offer(msgspec.structs.replace(records[0], started_at_ns=time.time_ns()))
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        report("ingest_latency", p50_ms=quantile(sink.ages_s, 0.5) * 1e3, p95_ms=quantile(sink.ages_s, 0.95) * 1e3,
               max_ms=max(sink.ages_s) * 1e3)  # fmt: skip
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(3.0)
        report("idle", cpu_percent=(time.process_time() - cpu) / (time.perf_counter() - started) * 100)
        await loop.stop()


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=25_000)
    chosen = parser.parse_args()
    records = [record() for _ in range(2000)]
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        offer_cost(folder, records)
        flat_out(folder, records, chosen.seconds)
        drain_while_writing(folder, records, chosen.rate, chosen.seconds)
        convert()
        uvloop.run(ingest(folder, [record(streamed=index % 2 == 0) for index in range(10_000)]))


if __name__ == "__main__":
    main()
