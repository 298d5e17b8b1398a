"""The telemetry store over HTTP: ingest by batch size, reads at a million spans, memory and start-up of its process.

Run with `python -m bench.store [spans]`; prints JSON lines. One project, 30 days, spans of about 3 kB.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import psutil

from bench.report import Figure, median, show
from pilothouse.domain.money import CostStatus
from pilothouse.domain.reading import OverviewFilter, TraceFilter
from pilothouse.domain.span import AttemptDetail, Span, SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.options import StoreOptions

DAYS = 30
_SESSIONS, _TRACES = 50, 6
"""How many sessions go on at the same time, and how many traces one has on average."""
_BOOT = (
    "import sys; from pathlib import Path; from pilothouse.store.embedded.options import EmbeddedOptions as O;"
    "from pilothouse.store.embedded.server import run;"
    "run(O(path=Path(sys.argv[1]), port_file=Path(sys.argv[2]), secret=sys.stdin.read()))"
)
_MODELS = ("gpt-5", "gpt-5-mini", "claude-opus", "claude-sonnet", "llama-70b", "qwen-7b", "mistral", "smollm")


class Spans:
    """Makes realistic gateway spans: long-tailed latency, skewed models and users, JSON payloads."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)
        words = [
            "".join(self._random.choices("abcdefghijklmnopqrstuvwxyz", k=self._random.randint(2, 9)))
            for _ in range(5000)
        ]
        self._pairs = [self._pair(words) for _ in range(20_000)]
        self._sessions = list(range(_SESSIONS))
        self._begun = _SESSIONS

    def _pair(self, words: list[str]) -> tuple[str, str]:
        question = " ".join(self._random.choices(words, k=self._random.randint(15, 400)))
        answer = " ".join(self._random.choices(words, k=self._random.randint(15, 400)))
        messages = [
            {"role": "system", "content": "You are a helpful assistant. " * 8},
            {"role": "user", "content": question},
        ]
        choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
        return (
            json.dumps({"model": "gpt-5", "messages": messages, "stream": True}),
            json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice]}),
        )

    def _session(self) -> str:
        """Return one of those that go on at the same time; each ends after some traces."""
        place = self._random.randrange(_SESSIONS)
        if self._random.random() < 1 / _TRACES:
            self._sessions[place] = self._begun
            self._begun += 1
        return f"s-{self._sessions[place]}"

    def make(self, at_ns: int) -> Span:
        """Return one span that started at `at_ns`."""
        rnd = self._random
        model = rnd.choices(_MODELS, weights=[30, 20, 10, 15, 5, 5, 5, 10])[0]
        asked, answered = rnd.choice(self._pairs)
        failed = rnd.random() < 0.03
        duration_ns = int(rnd.lognormvariate(21, 0.8))
        usage = Usage(input_tokens=len(asked) // 4, cache_read_tokens=50, output_tokens=len(answered) // 4)
        attempt = AttemptDetail("openai", "openai", model, 0.3, 200.0, duration_ns / 1e6, 200)
        return Span(
            project_id="bench", trace_id=os.urandom(16).hex(), span_id=os.urandom(8).hex(), name=f"chat {model}",
            kind=SpanKind.LLM, source="gateway", started_at_ns=at_ns, duration_ns=duration_ns,
            first_token_ns=duration_ns // 5, last_token_ns=duration_ns - 1000, overhead_ns=300_000,
            status=SpanStatus.ERROR if failed else SpanStatus.OK, http_status=500 if failed else 200,
            outcome="upstream_error" if failed else "completed", error_code="upstream_fault" if failed else "",
            operation="chat", dialect="openai_chat", streamed=True, model_requested=f"openai/{model}",
            model_served=model, account="openai", provider="openai", finish_reason="stop", input=asked, output=answered,
            input_size_bytes=len(asked), output_size_bytes=len(answered), usage=None if failed else usage,
            cost_usd=None if failed else Decimal(len(asked) * 2 + len(answered) * 8) / 10**7,
            cost_status=CostStatus.UNMETERED if failed else CostStatus.PRICED, price_version="genai-prices",
            key_id=f"key-{rnd.randint(1, 20)}", user_id=f"user-{int(rnd.paretovariate(1.1))}",
            session_id=self._session(), environment="production", request_id=os.urandom(16).hex(),
            tags=("a", "b"), metadata={"team": "search", "feature": "chat"}, attempts=(attempt,),
            request_headers={"user-agent": "openai/python", "content-type": "application/json"},
            response_headers={"content-type": "text/event-stream", "x-request-id": os.urandom(8).hex()},
        )  # fmt: skip


class Store:
    """A store process on a folder."""

    def __init__(self, folder: Path) -> None:
        port_file = folder / "port"
        command = [sys.executable, "-c", _BOOT, str(folder / "telemetry"), str(port_file)]
        began = time.perf_counter()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert self.process.stdin is not None
        self.process.stdin.write(b"bench")
        self.process.stdin.close()
        while not port_file.exists():
            assert self.process.poll() is None
            os.sched_yield()
        self.ready_s = time.perf_counter() - began
        self.options = StoreOptions(url=f"http://127.0.0.1:{port_file.read_text().strip()}", secret="bench")

    def rss_mb(self) -> float:
        """Return the resident memory of the process."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20

    def stop(self) -> None:
        """End the process and wait for it."""
        self.process.terminate()
        self.process.wait(60)


async def _ingest(telemetry: Telemetry, spans: Spans, count: int, start_ns: int) -> None:
    """Measure batch sizes on the way, then fill up to `count` spans in order of time."""
    step_ns = DAYS * 86_400 * 10**9 // count
    made = 0
    for size, batches in ((100, 50), (1_000, 30), (10_000, count)):
        took: list[float] = []
        while made < count and len(took) < batches:
            batch = [spans.make(start_ns + (made + i) * step_ns) for i in range(min(size, count - made))]
            began = time.perf_counter()
            await telemetry.insert(batch, f"{size}-{len(took)}")
            took.append(time.perf_counter() - began)
            made += len(batch)
        if took:
            note = f"p50 {median(took) * 1e3:.0f} ms a batch, fsync on"
            show(Figure("store", f"insert_{size}", size * len(took) / sum(took), "rows/s", n=len(took), note=note))


async def _together(telemetry: Telemetry, spans: Spans) -> None:
    """Measure ingest while four readers ask all the time."""
    now = datetime.now(UTC)
    month = TraceFilter(project_id="bench", from_at=now - timedelta(days=DAYS), to_at=now)
    day = OverviewFilter(project_id="bench", from_at=now - timedelta(days=1), to_at=now)
    done, answers = asyncio.Event(), 0

    async def read(ask: Callable[[], Awaitable[object]]) -> None:
        nonlocal answers
        while not done.is_set():
            await ask()
            answers += 1

    asks = (lambda: telemetry.traces(month), lambda: telemetry.overview(day))
    readers = [asyncio.create_task(read(ask)) for ask in asks * 2]
    batches = [[spans.make(time.time_ns()) for _ in range(1000)] for _ in range(15)]
    began = time.perf_counter()
    for number, batch in enumerate(batches):
        await telemetry.insert(batch, f"together-{number}")
    took_s = time.perf_counter() - began
    done.set()
    await asyncio.gather(*readers)
    show(
        Figure(
            "store", "insert_1000_under_reads", 15_000 / took_s, "rows/s", n=15, note=f"{answers / took_s:.0f} reads/s"
        )
    )


async def _timed(name: str, ask: Callable[[], Awaitable[object]], n: int = 7) -> None:
    took: list[float] = []
    for _ in range(n):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1e3)
    show(Figure("store", name, median(took), "ms", n=n, note=f"first {took[0]:.0f} ms"))


async def _reads(telemetry: Telemetry, sample: Span) -> None:
    now = datetime.now(UTC)
    month = TraceFilter(project_id="bench", from_at=now - timedelta(days=DAYS), to_at=now)
    change = msgspec.structs.replace
    second = (await telemetry.traces(month)).next_cursor or ""
    started_at = datetime.fromtimestamp(sample.started_at_ns / 1e9, UTC)
    word = json.loads(sample.input)["messages"][1]["content"].split()[3:6]
    await _timed("list_30d", lambda: telemetry.traces(month))
    await _timed("list_30d_page_2", lambda: telemetry.traces(change(month, cursor=second)))
    await _timed(
        "list_30d_errors_of_model",
        lambda: telemetry.traces(change(month, models=("mistral",), statuses=(SpanStatus.ERROR,))),
    )
    await _timed("list_30d_none_match", lambda: telemetry.traces(change(month, user_id="nobody")))
    await _timed("list_30d_by_duration", lambda: telemetry.traces(change(month, sort="duration")))
    await _timed("list_30d_by_cost_of_model", lambda: telemetry.traces(change(month, sort="cost", models=("mistral",))))
    await _timed("trace_by_id", lambda: telemetry.trace("bench", sample.trace_id, None))
    await _timed("trace_by_id_near_time", lambda: telemetry.trace("bench", sample.trace_id, started_at))
    await _timed("facets_30d", lambda: telemetry.facets("bench", month.from_at, month.to_at))
    await _timed("newest_50", lambda: telemetry.newest("bench", now - timedelta(seconds=5), 50))
    for days in (1, 7, DAYS):
        span = OverviewFilter(project_id="bench", from_at=now - timedelta(days=days), to_at=now)
        await _timed(f"overview_{days}d", lambda span=span: telemetry.overview(span))
    day = change(month, from_at=now - timedelta(days=1))
    await _timed("text_1d_rare", lambda: telemetry.traces(change(day, text=" ".join(word))), 3)
    await _timed("text_30d_common", lambda: telemetry.traces(change(month, text="helpful ASSISTANT")), 3)
    await _timed("text_30d_none_match", lambda: telemetry.traces(change(month, text="no such text anywhere")), 3)


async def measure(count: int) -> None:
    """Run everything once in a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store(folder)
        show(Figure("store", "start_empty", store.ready_s * 1e3, "ms"))
        telemetry = Telemetry(store.options)
        await telemetry.migrate()
        show(Figure("store", "rss_empty", store.rss_mb(), "MiB"))
        spans = Spans()
        start_ns = time.time_ns() - DAYS * 86_400 * 10**9
        sample = spans.make(start_ns + 10 * 86_400 * 10**9)
        await telemetry.insert([sample], "sample")
        await _ingest(telemetry, spans, count, start_ns)
        show(Figure("store", "rss_after_load", store.rss_mb(), "MiB"))
        stats = await telemetry.stats()
        show(
            Figure(
                "store", "bytes_per_span", stats.size_bytes / stats.rows, "B", n=stats.rows, note=f"{stats.parts} parts"
            )
        )
        await _reads(telemetry, sample)
        await _together(telemetry, spans)
        show(Figure("store", "rss_after_reads", store.rss_mb(), "MiB"))
        await telemetry.close()
        store.stop()
        store = Store(folder)
        show(Figure("store", "start_full", store.ready_s * 1e3, "ms"))
        show(Figure("store", "rss_full_idle", store.rss_mb(), "MiB"))
        store.stop()


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
