"""Processes killed under load lose nothing that had time to reach the disk, and nothing arrives twice."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from pilothouse.domain.call import CallRecord
from pilothouse.spool import SpoolReader
from tests.spool.crash_writer import BEAT_S
from tests.spool.records import wait_until

pytestmark = pytest.mark.crash

LIFE_BEATS = round(0.05 / BEAT_S)
"""Of the process after an offer, after which the record must be durable: 50 ms when it gets its time."""
RATE = 3000


def start(module: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", f"tests.spool.{module}", *map(str, arguments)])


def offered(log: Path) -> list[tuple[int, int]]:
    """Return the noted records and the beats that the process had had by then."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [(int(number), int(beats)) for number, beats in (line.split() for line in lines)]


def stored(path: Path) -> list[tuple[str, list[int]]]:
    """Batches as the store has them: a token that came again changes nothing."""
    seen: dict[str, list[int]] = {}
    for line in path.read_text().splitlines():
        token, *numbers = line.split()
        batch = [int(number) for number in numbers]
        assert seen.setdefault(token, batch) == batch, "the same token for other records"
    return list(seen.items())


def kill_writers(folder: Path, log: Path, rounds: int) -> list[int]:
    """Kill a writer again and again under load; return the numbers that had their time to become durable."""
    durable: list[int] = []
    first = 0
    for _ in range(rounds):
        already = len(offered(log))
        process = start("crash_writer", folder, log, first, RATE)
        wait_until(lambda already=already: len(offered(log)) > already + 20, timeout_s=20)
        time.sleep(random.uniform(0.05, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        beats = int(log.with_suffix(".beats").read_text())
        new = offered(log)[already:]
        durable += [number for number, at in new if at <= beats - LIFE_BEATS]
        first = new[-1][0] + 10_000
    return durable


def test_a_killed_writer_loses_nothing_that_had_50_ms_to_live(tmp_path):
    folder, log = tmp_path / "one", tmp_path / "log"
    durable = kill_writers(folder, log, rounds=20)
    decoder = msgspec.msgpack.Decoder(CallRecord)
    numbers: list[int] = []
    with SpoolReader(folder) as reader:
        while (batch := reader.read()) is not None:
            numbers += [int(decoder.decode(item.payload).id) for item in batch.items]
            reader.ack(batch)
        assert reader.rejected() == []
    assert len(durable) > 500
    assert numbers == sorted(set(numbers)), "out of order or twice"
    assert not set(durable) - set(numbers)


def test_a_reader_killed_before_its_acknowledgement_sends_the_same_batch_again(tmp_path):
    folder, log, store = tmp_path / "one", tmp_path / "log", tmp_path / "store"
    writer = start("crash_writer", folder, log, 0, RATE)
    try:
        wait_until(lambda: len(offered(log)) > 50, timeout_s=20)
        for _ in range(10):
            reader = start("crash_reader", folder, store, random.randint(1, 3))
            assert reader.wait(20) in (0, -signal.SIGKILL)
    finally:
        writer.kill()
        writer.wait()
    assert start("crash_reader", folder, store, 10_000).wait(20) == 0
    lines = store.read_text().splitlines()
    batches = stored(store)
    numbers = [number for _, batch in batches for number in batch]
    assert len(lines) > len(batches), "no batch was ever sent twice: the test proves nothing"
    assert numbers == list(range(len(numbers)))
    assert numbers[-1] >= offered(log)[-1][0] - RATE


def test_a_full_disk_keeps_records_in_memory_until_it_has_room(tmp_path):
    folder = tmp_path / "one"
    assert start("disk_writer", folder).wait(30) == 0
    count = int((folder / "count").read_text())
    decoder = msgspec.msgpack.Decoder(CallRecord)
    kinds: list[str] = []
    numbers: list[int] = []
    with SpoolReader(folder) as reader:
        while (batch := reader.read()) is not None:
            kinds += [item.kind for item in batch.items if item.kind != "call"]
            numbers += [int(decoder.decode(item.payload).id) for item in batch.items if item.kind == "call"]
            reader.ack(batch)
    assert numbers == list(range(count))
    assert kinds == ["otlp"]
