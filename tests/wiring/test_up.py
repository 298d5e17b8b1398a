"""`pilothouse up` as an operator runs it: real processes on real ports."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from pilothouse.wiring import ports
from tests.e2e.stack import Stack

ROLES = ("store", "platform", "ingest", "gateway")


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    one = Stack(tmp_path)
    yield one
    one.kill_all()


@pytest.mark.timeout(120)
async def test_it_starts_tells_stops_and_starts_again(stack: Stack) -> None:
    await stack.start()
    text = stack.log.read_text()
    assert stack.key.startswith("ph_")
    assert stack.link.startswith(f"{stack.platform_url}/first-run#token=phl_")
    assert f"curl {stack.gateway_url}/v1/chat/completions" in text
    assert "none yet: add a provider account" in text
    assert not (stack.data / "run" / "welcome.json").exists()
    processes = [process for role in ROLES for process in stack.processes(role)]
    assert len(processes) == len(ROLES)

    shown = " ".join(" ".join(process.cmdline()) for process in processes)
    secrets = [stack.key, stack.link.partition("=")[2], (stack.data / "run" / "local.token").read_text().strip()]
    assert not [secret for secret in secrets if secret in shown]
    logs = "".join(path.read_text() for path in (stack.data / "logs").iterdir())
    assert not [secret for secret in secrets if secret in logs]
    ours = [path for path in stack.data.rglob("*") if "telemetry" not in path.parts]
    assert [path for path in (*ours, stack.data / "telemetry") if path.stat().st_mode & 0o077] == []

    began = time.monotonic()
    assert await asyncio.to_thread(stack.stop) == 0
    assert time.monotonic() - began < 10
    assert [process for process in processes if process.is_running()] == []
    assert "stopped" in stack.log.read_text()
    assert list((stack.data / "run").glob("*.token")) == []

    assert await stack.start() < 15  # measured 2 s on two idle cores
    assert "shown once" not in stack.log.read_text()
    assert await asyncio.to_thread(stack.stop) == 0


@pytest.mark.timeout(120)
async def test_children_end_when_the_parent_is_killed(stack: Stack) -> None:
    await stack.start()
    children = [process for role in ROLES for process in stack.processes(role)]
    await stack.kill("up")
    _, left = await asyncio.to_thread(psutil.wait_procs, children, 20)
    assert left == []
    await stack.start()


@pytest.mark.timeout(120)
async def test_a_killed_process_comes_back_on_the_same_address(stack: Stack) -> None:
    await stack.start()
    address = (stack.data / "run" / "store.json").read_bytes()
    for role in ROLES:
        (process,) = stack.processes(role)
        await stack.kill(role)
        await asyncio.to_thread(psutil.wait_procs, [process], 10)
    await stack.ready(stack.gateway_url)
    await stack.ready(stack.platform_url)
    assert all(stack.processes(role) for role in ROLES)
    assert (stack.data / "run" / "store.json").read_bytes() == address
    assert stack.log.read_text().count("was killed by signal 9") == len(ROLES)


@pytest.mark.timeout(60)
async def test_a_taken_port_is_told_before_anything_starts(stack: Stack) -> None:
    with ports.listen("127.0.0.1", stack.gateway_port, "X"), pytest.raises(AssertionError) as caught:
        await stack.start()
    told = str(caught.value)
    assert f"error [port_in_use]: port {stack.gateway_port} is in use by" in told
    assert f"process {os.getpid()}" in told
    assert "PILOTHOUSE_GATEWAY_PORT=" in told
    assert "Traceback" not in told
    assert stack.processes("store") == []


@pytest.mark.timeout(90)
async def test_a_second_one_on_the_same_folder_is_refused(stack: Stack, tmp_path: Path) -> None:
    await stack.start()
    (first,) = stack.processes("up")
    other = Stack(tmp_path)
    other.log = tmp_path / "other.log"
    with pytest.raises(AssertionError, match=rf"data_folder_in_use\]: another Pilothouse \(process {first.pid}\)"):
        await other.start()


@pytest.mark.timeout(90)
async def test_a_needed_process_that_cannot_start_ends_the_others_and_says_why(stack: Stack) -> None:
    stack.data.mkdir(mode=0o700)
    (stack.data / "pilothouse.db").write_text("this is no database, and long enough to be taken for one" * 50)
    with pytest.raises(AssertionError) as caught:
        await stack.start()
    told = str(caught.value)
    assert "platform did not start" in told
    assert "logs/platform.log" in told
    assert "SQLITE_NOTADB" in told
    assert "Traceback" not in told
