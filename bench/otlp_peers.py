"""What others do with the same OTLP requests, and what the engine does with the same rows handed to it directly."""

import contextlib
import multiprocessing
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from multiprocessing.context import SpawnContext
from multiprocessing.synchronize import Event
from pathlib import Path

import httpx
import msgspec

from bench import peers
from bench.otlp_requests import SPANS, Requests
from bench.peers import Running

PEERS: dict[str, Callable[[], AbstractContextManager[Running]]] = {"phoenix": peers.phoenix, "mlflow": peers.mlflow}
_GIVE_UP_S = 600.0


class Sending(msgspec.Struct, frozen=True):
    """Where requests go, and how many."""

    url: str
    headers: dict[str, str]
    count: int


def send(job: Sending, go: Event, ready: Event, waits: "multiprocessing.Queue[list[float]]") -> None:
    """Send requests one after the other, over one connection; what is refused for now comes again."""
    made = Requests()
    headers = {**job.headers, "content-type": "application/x-protobuf"}
    took: list[float] = []
    with httpx.Client(headers=headers, trust_env=False, timeout=120) as client:
        ready.set()
        go.wait()
        for _ in range(job.count):
            body = made.next()
            began = time.monotonic()
            while (answer := client.post(job.url, content=body)).status_code in (429, 503):
                time.sleep(float(answer.headers.get("retry-after", 0.1)))
            answer.raise_for_status()
            took.append(time.monotonic() - began)
    waits.put(took)


@contextlib.contextmanager
def sending(context: SpawnContext, job: Sending, senders: int) -> Generator[Callable[[], list[float]]]:
    """Give what lets the senders, whose requests are made by then, begin, and returns each request's time."""
    go, waits = context.Event(), context.Queue()
    ready = [context.Event() for _ in range(senders)]
    processes = [context.Process(target=send, args=(job, go, up, waits)) for up in ready]
    for process in processes:
        process.start()
    for up in ready:
        up.wait()

    def begin() -> list[float]:
        go.set()
        return [wait for _ in processes for wait in waits.get()]

    yield begin
    for process in processes:
        process.join()


def rate(peer: str, spans: int, senders: int) -> float:
    """Return the spans a second that a peer takes in until they stand in its database."""
    context = multiprocessing.get_context("spawn")
    with PEERS[peer]() as running:
        each = spans // SPANS // senders
        with sending(context, Sending(running.url, running.headers, each), senders) as begin:
            began = time.monotonic()
            begin()
            while _spans(running.data) < each * senders * SPANS:
                if time.monotonic() - began > _GIVE_UP_S:
                    raise TimeoutError(f"{peer} holds {_spans(running.data)} spans after {_GIVE_UP_S:.0f} s")
                time.sleep(0.2)
            return each * senders * SPANS / (time.monotonic() - began)


def engine_rate(spans: int) -> float:
    """Return the rows a second that the engine alone takes, in a process of its own, with no server before it."""
    command = [sys.executable, "-m", "bench.otlp_engine", str(spans)]
    return float(subprocess.run(command, check=True, capture_output=True, timeout=_GIVE_UP_S).stdout)


def _spans(database: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
            return int(connection.execute("SELECT count(*) FROM spans").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
