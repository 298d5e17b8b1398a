"""OpenTelemetry requests read by the process beside ingest: as they are read here, whatever becomes of that process."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from pilothouse.domain.envelope import OTLP_TRACES
from pilothouse.ingest.decoding import SideReader
from pilothouse.ingest.loop import IngestLoop
from pilothouse.ingest.reading import Contents, read
from pilothouse.ingest.requests import read_request
from pilothouse.instruments import VOCABULARY_FAILURES
from pilothouse.spool import CALL, Item, SpoolOptions, SpoolWriter
from tests.ingest.patches import CATALOG
from tests.ingest.test_loop import QUICK, Store
from tests.ingest.test_reading import TRACE, a_span, otlp
from tests.spool.records import wait_until

BROKEN = """
class Broken:
    name = "broken"
    namespaces = frozenset()

    def claims(self, span):
        raise RuntimeError("no such word")
"""
HALF_A_PAIR = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"%s","name":"\\ud800"}]}]}]}' % (
    TRACE.hex().encode(), (b"\x07" * 8).hex().encode(),
)  # fmt: skip


def text(number: int, words: int = 40) -> KeyValue:
    said = f"question {number} " * words
    return KeyValue(key="gen_ai.input.messages", value=AnyValue(string_value=f'[{{"role":"user","content":"{said}"}}]'))


def requests(count: int, words: int = 40) -> list[bytes]:
    return [
        otlp(a_span(span_id=(number + 1).to_bytes(8, "big"), attributes=[text(number, words)]))
        for number in range(count)
    ]


def items(payloads: list[bytes]) -> list[Item]:
    return [Item(OTLP_TRACES, payload, 1, place) for place, payload in enumerate(payloads)]


def children() -> list[psutil.Process]:
    return [
        one for one in psutil.Process().children(recursive=True) if "pilothouse.ingest.side_reader" in one.cmdline()
    ]


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[SideReader]:
    found = SideReader(enabled=True, worth_bytes=1)
    yield found
    await found.close()


async def test_what_it_brings_is_what_is_read_here(reader: SideReader) -> None:
    payloads = [
        *requests(3), b"no request", otlp(body=b"\xff\xff"), otlp(a_span(trace_id=b"short")),
        otlp(content_type="application/json", body=HALF_A_PAIR),
    ]  # fmt: skip
    ready = await reader.read(items(payloads))
    assert {place: found for place, found in ready.items() if found != read_request(payloads[place])} == {}
    assert set(range(6)) <= set(ready)
    here, there = Contents({}, []), Contents({}, [])
    read(items(payloads), CATALOG, here)
    read(items(payloads), CATALOG, there, ready)
    assert (there.spans, there.unusable) == (here.spans, here.unusable)
    assert len(here.spans) == 4


async def test_other_records_stay_here() -> None:
    reader = SideReader(enabled=True, worth_bytes=1)
    mixed = [Item(CALL, b"a call", 1, 0), *items(requests(1)), Item("patches", b"some", 1, 2)]
    ready = await reader.read([mixed[0], Item(OTLP_TRACES, mixed[1].payload, 1, 1), mixed[2]])
    await reader.close()
    assert set(ready) == {1}


@pytest.mark.parametrize(("enabled", "worth_bytes"), [(True, 10**6), (False, 1)])
async def test_a_few_requests_start_no_process(enabled: bool, worth_bytes: int) -> None:
    reader = SideReader(enabled=enabled, worth_bytes=worth_bytes)
    assert await reader.read(items(requests(2))) == {}
    assert children() == []
    await reader.close()


async def test_when_the_process_dies_everything_is_read_here(
    reader: SideReader, caplog: pytest.LogCaptureFixture
) -> None:
    await reader.read(items(requests(1)))
    [process] = children()
    process.kill()
    process.wait(5)
    assert await reader.read(items(requests(1))) == {}
    assert "the process for it failed" in caplog.text
    assert await reader.read(items(requests(1))) == {}
    assert children() == [], "a process that failed is not started again at once"


async def test_what_a_vocabulary_fails_at_is_counted_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_broken_vocabulary.py").write_text(BROKEN)
    about = tmp_path / "broken-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[pilothouse.otlp]\nbroken = a_broken_vocabulary:Broken\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    before = VOCABULARY_FAILURES.values.get(("broken",), 0)
    reader = SideReader(enabled=True, worth_bytes=1)
    ready = await reader.read(items(requests(2)))
    await reader.close()
    assert len(ready) == 2
    assert VOCABULARY_FAILURES.values["broken",] - before == 2


async def test_a_load_comes_through_while_its_process_is_killed(tmp_path: Path) -> None:
    store, count = Store(), 400
    with SpoolWriter(tmp_path / "one", SpoolOptions()) as writer:
        for payload in requests(count, words=800):
            await writer.append(OTLP_TRACES, payload)
        loop = IngestLoop(tmp_path, store, CATALOG, QUICK)
        await loop.start()
        await asyncio.to_thread(wait_until, lambda: bool(children()))
        for process in children():
            process.kill()
        async with asyncio.timeout(30):
            await store.until(lambda: sum(map(len, store.batches.values())) >= count)
        await loop.stop()
    assert sorted(span.span_id for spans in store.batches.values() for span in spans) == [
        f"{number + 1:016x}" for number in range(count)
    ]
    assert children() == []


async def test_closing_does_not_wait_for_what_is_being_read() -> None:
    reader = SideReader(enabled=True, worth_bytes=1)
    payloads = [otlp(*[a_span(span_id=(n + 1).to_bytes(8, "big"), attributes=[text(n, 400)]) for n in range(3000)])]
    under_way = asyncio.create_task(reader.read(items(payloads * 4)))
    await asyncio.to_thread(wait_until, lambda: bool(children()))
    await reader.close()
    assert await under_way == {}
    assert children() == []


def test_it_ends_with_ingest_however_that_ended() -> None:
    program = (
        "import asyncio, psutil, sys, os\n"
        "from pilothouse.ingest.decoding import SideReader\n"
        "from pilothouse.spool import Item\n"
        "async def main():\n"
        "    reader = SideReader(enabled=True, worth_bytes=1)\n"
        "    await reader.read([Item('otlp_traces', b'some', 1, 0)])\n"
        "    print(psutil.Process().children()[0].pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(10)
    child.wait(10)
    assert not child.is_running()
