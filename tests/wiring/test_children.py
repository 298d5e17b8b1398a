"""Child processes and their supervisor, with small real processes."""

import asyncio
import sys
import time
from pathlib import Path

import psutil
import pytest

from pilothouse.errors import PlatformError
from pilothouse.wiring import ports
from pilothouse.wiring.children import Child, ChildSpec
from pilothouse.wiring.log_files import LogFile
from pilothouse.wiring.supervisor import Member, Supervisor

SERVER = """
import http.server, os, signal, sys
port, mode = int(sys.argv[1]), sys.argv[2]
if mode == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: (print("ended", flush=True), os._exit(0)))
print("hello from", mode, flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


class Told:
    """Remembers what the supervisor reports, and lets a test wait for it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, ...]] = []
        self.changed = asyncio.Event()

    def note(self, *event: str) -> None:
        self.events.append(event)
        self.changed.set()

    def line(self, role: str, line: bytes) -> None:
        self.note("line", role, line.decode())

    def ready(self, role: str, seconds: float) -> None:
        self.note("ready", role)

    def ended(self, role: str, code: int, again_s: float) -> None:
        self.note("ended", role)

    def failed(self, role: str, detail: str) -> None:
        self.note("failed", role)

    def up(self, seconds: float) -> None:
        self.note("up")

    def stopping(self) -> None:
        self.note("stopping")

    async def until(self, *event: str, times: int = 1) -> None:
        async with asyncio.timeout(20):
            while self.events.count(event) < times:
                self.changed.clear()
                await self.changed.wait()


def child(folder: Path, told: Told, role: str, mode: str = "good", code: str = SERVER, stop_s: float = 5.0) -> Child:
    port = ports.pick("127.0.0.1")
    spec = ChildSpec(
        role=role,
        argv=(sys.executable, "-c", code, str(port), mode),
        environment={},
        ready_url=f"http://127.0.0.1:{port}/",
        stop_s=stop_s,
    )
    return Child(spec, LogFile(folder / f"{role}.log"), told.line)


async def test_a_child_starts_logs_and_ends(tmp_path: Path) -> None:
    told = Told()
    one = child(tmp_path, told, "one")
    await one.start()
    assert await one.ready(10) > 0
    await one.stop()
    assert not one.running
    assert (tmp_path / "one.log").read_text() == "hello from good\nended\n"
    assert ("line", "one", "hello from good") in told.events


async def test_a_child_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    one = child(tmp_path, Told(), "one", "deaf", stop_s=0.2)
    await one.start()
    await one.ready(10)
    began = time.monotonic()
    await one.stop()
    assert not one.running
    assert time.monotonic() - began < 3


async def test_a_child_that_ends_while_starting_is_told_with_its_last_words(tmp_path: Path) -> None:
    one = child(tmp_path, Told(), "one", code="raise SystemExit('out of luck')")
    await one.start()
    with pytest.raises(PlatformError, match="out of luck"):
        await one.ready(10)
    await one.stop()


async def test_a_child_that_never_answers_is_told(tmp_path: Path) -> None:
    one = child(tmp_path, Told(), "one", code="import sys; sys.stdin.read()")
    await one.start()
    with pytest.raises(PlatformError, match="not ready"):
        await one.ready(0.3)
    await one.stop()


async def test_lines_without_end_are_cut_and_logged(tmp_path: Path) -> None:
    one = child(tmp_path, Told(), "one", code="print('x' * 3_000_000)")
    await one.start()
    await one.wait()
    await one.stop()
    assert (tmp_path / "one.log").stat().st_size > 3_000_000


async def test_all_start_together_and_end_in_their_turns(tmp_path: Path) -> None:
    told = Told()
    members = [Member(child(tmp_path, told, role), needed=True, stop_turn=turn) for turn, role in enumerate("abc")]
    supervisor = Supervisor(members, told, time.monotonic())
    running = asyncio.create_task(supervisor.run())
    await told.until("up")
    supervisor.stop()
    await running
    ended = [event[1] for event in told.events if event[0] == "line" and event[2] == "ended"]
    assert ended == ["a", "b", "c"]


async def test_a_dead_child_is_started_again(tmp_path: Path) -> None:
    told = Told()
    one = child(tmp_path, told, "one")
    supervisor = Supervisor([Member(one, needed=True, stop_turn=0)], told, time.monotonic())
    running = asyncio.create_task(supervisor.run())
    await told.until("up")
    before = one.pid
    psutil.Process(before).kill()
    await told.until("ready", "one", times=2)
    assert ("ended", "one") in told.events
    assert one.pid != before
    supervisor.stop()
    await running


async def test_a_needed_child_that_fails_ends_the_others(tmp_path: Path) -> None:
    told = Told()
    good = child(tmp_path, told, "good")
    bad = child(tmp_path, told, "bad", code="raise SystemExit('broken')")
    members = [Member(good, needed=True, stop_turn=0), Member(bad, needed=True, stop_turn=0)]
    with pytest.raises(PlatformError, match="broken"):
        await Supervisor(members, told, time.monotonic()).run()
    assert not good.running


async def test_a_child_that_is_not_needed_may_fail(tmp_path: Path) -> None:
    told = Told()
    good = child(tmp_path, told, "good")
    bad = child(tmp_path, told, "bad", code="raise SystemExit('broken')")
    members = [Member(good, needed=True, stop_turn=0), Member(bad, needed=False, stop_turn=0)]
    supervisor = Supervisor(members, told, time.monotonic())
    running = asyncio.create_task(supervisor.run())
    await told.until("up")
    assert ("failed", "bad") in told.events
    supervisor.stop()
    await running


async def test_a_stop_while_starting_ends_at_once(tmp_path: Path) -> None:
    told = Told()
    slow = child(tmp_path, told, "slow", code="import sys; print('here', flush=True); sys.stdin.read()")
    supervisor = Supervisor([Member(slow, needed=True, stop_turn=0)], told, time.monotonic())
    running = asyncio.create_task(supervisor.run())
    await told.until("line", "slow", "here")
    supervisor.stop()
    async with asyncio.timeout(10):
        await running
    assert ("up",) not in told.events
    assert not slow.running
