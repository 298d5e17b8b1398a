"""What goes wrong on an operator's machine: each is named, with what to do, and nothing is left half done."""

import asyncio
import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pilothouse.providers.fake import FakeProvider
from pilothouse.wiring.ports import pick
from tests.e2e.stack import Stack, chat, pilothouse, running_stack, say, until

DISK_MIB = 160


@pytest.fixture
def stopped(tmp_path: Path) -> Stack:
    """An installation that was never started."""
    return Stack(tmp_path)


async def _refused(stack: Stack, code: str, *words: str, exit_code: int = 1) -> None:
    """Check that `pilothouse up` ends at once with this error, one that names all of the words."""
    ended = await pilothouse(stack.environment, "up", timeout_s=20)
    assert ended.code == exit_code, ended
    assert f"error [{code}]" in ended.err, ended
    assert "Traceback" not in ended.err + ended.out
    for word in words:
        assert word in ended.err, (word, ended.err)


@pytest.mark.parametrize("which", ["gateway", "platform"])
async def test_a_port_in_use(stopped: Stack, which: str) -> None:
    port = stopped.gateway_port if which == "gateway" else stopped.platform_port
    with socket.create_server(("127.0.0.1", port)):
        await _refused(stopped, "port_in_use", str(port), f"process {os.getpid()}", f"PILOTHOUSE_{which.upper()}_PORT=")


async def test_the_suggested_port_works(stopped: Stack) -> None:
    with socket.create_server(("127.0.0.1", stopped.gateway_port)):
        ended = await pilothouse(stopped.environment, "up", timeout_s=20)
        suggested = re.search(r"PILOTHOUSE_GATEWAY_PORT=(\d+)", ended.err)
        assert suggested
        stopped.environment["PILOTHOUSE_GATEWAY_PORT"] = str(pick("127.0.0.1", int(suggested[1])))
        try:
            await stopped.start()
        finally:
            stopped.kill_all()


async def test_a_data_folder_that_is_a_file(stopped: Stack) -> None:
    stopped.data.write_text("I was here first")
    await _refused(stopped, "data_folder_unwritable", str(stopped.data), "PILOTHOUSE_DATA")
    assert stopped.data.read_text() == "I was here first"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_data_folder_without_write_access(stopped: Stack) -> None:
    stopped.data.mkdir(mode=0o500)
    await _refused(stopped, "data_folder_unwritable", str(stopped.data), "PILOTHOUSE_DATA")


@pytest.mark.skipif(not Path("/proc/1").is_dir(), reason="needs a folder that nobody can write")
async def test_a_data_folder_on_a_read_only_place(stopped: Stack) -> None:
    stopped.environment["PILOTHOUSE_DATA"] = "/proc/pilothouse"
    await _refused(stopped, "data_folder_unwritable", "/proc/pilothouse", "PILOTHOUSE_DATA")


async def test_a_data_folder_from_a_newer_version(stopped: Stack) -> None:
    stopped.data.mkdir()
    (stopped.data / "format-version").write_text("99\n")
    await _refused(stopped, "data_folder_newer", "99", "install the newer version")
    assert not (stopped.data / "pilothouse.db").exists()


async def test_a_data_folder_in_use(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as (stack, _):
        second = Stack(tmp_path)
        (up,) = stack.processes("up")
        await _refused(second, "data_folder_in_use", f"process {up.pid}", "PILOTHOUSE_DATA")
        async with stack.gateway() as client:
            assert (await client.post("/v1/chat/completions", json=chat())).status_code == 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[gateway]\nport = \n", ("line 2",)),
        ("log_level = 'info'\n\n[gateway]\nprot = 4000\n", (":4:", "unknown setting 'gateway.prot'", "gateway.port")),
        ("[gateway]\n\nport = 'many'\n", (":3:", "gateway.port", "many")),
        ("[gatway]\nport = 1\n", (":1:", "gatway")),
        ("[gateway]\nport = 70000\n", ("gateway.port", "65535")),
    ],
    ids=["broken", "unknown", "type", "section", "range"],
)
async def test_a_wrong_settings_file(stopped: Stack, text: str, words: tuple[str, ...]) -> None:
    del stopped.environment["PILOTHOUSE_GATEWAY_PORT"]
    (stopped.data.parent / "pilothouse.toml").write_text(text)
    await _refused(stopped, "settings_invalid", *words, exit_code=2)
    assert not stopped.data.exists(), "nothing is made before the settings are understood"


async def test_a_wrong_setting_in_the_environment(stopped: Stack) -> None:
    stopped.environment["PILOTHOUSE_GATEWAY__PROT"] = "1"
    await _refused(stopped, "settings_invalid", "PILOTHOUSE_GATEWAY__PROT", "PILOTHOUSE_GATEWAY__PORT", exit_code=2)


async def test_a_provider_key_that_fails_and_an_upstream_that_is_down(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as (stack, _), FakeProvider(expect_key="sk-right") as strict:
        secret = "sk-secret-that-is-wrong"
        await stack.add_account("wrong", strict.base_url, secret=secret)
        await stack.add_account("down", f"http://127.0.0.1:{pick('127.0.0.1')}/v1")
        async with stack.gateway() as client, stack.api() as api:
            for account, status, code in (("wrong", 502, "upstream_auth"), ("down", 502, "upstream_unreachable")):
                for stream in (False, True):
                    body = chat(model=f"{account}/fake-chat", stream=stream)
                    answer = await client.post("/v1/chat/completions", json=body)
                    assert (answer.status_code, answer.headers["x-pilothouse-error"]) == (status, code), answer.text
                    assert f"'{account}'" in answer.text or "127.0.0.1" in answer.text
                    assert secret not in answer.text
            assert (await client.post("/v1/chat/completions", json=chat())).status_code == 200
            accounts = {each["name"]: each["id"] for each in (await api.get("/providers")).json()["items"]}
            for name, code in (("wrong", "upstream_auth"), ("down", "upstream_unreachable")):
                told = (await api.post(f"/providers/{accounts[name]}/test")).json()
                assert (told["ok"], told["error"]["code"]) == (False, code)
        doctor = await pilothouse(stack.environment, "doctor", "--probe")
        assert doctor.code == 1
        assert "wrong" in doctor.out
        everything = b"".join(path.read_bytes() for path in (stack.data / "logs").iterdir())
        assert secret.encode() not in everything + stack.log.read_bytes()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own that a test may fill."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let anybody mount a disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _fill(place: Path) -> Path:
    """Take all the space that is left."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass
    return filler


async def _calls(client: httpx.AsyncClient, body: dict[str, object]) -> set[str]:
    """Make five calls and return their trace ids."""
    answers = [await client.post("/v1/chat/completions", json=body) for _ in range(5)]
    return {answer.headers["x-pilothouse-trace-id"] for answer in answers}


async def _spool(client: httpx.AsyncClient) -> str:
    """Return what `/readyz` of the gateway says about its spool."""
    return str((await client.get("/readyz")).json()["parts"]["spool"])


@pytest.mark.timeout(180)
async def test_a_full_disk(small_disk: Path) -> None:
    body = chat(messages=[{"role": "user", "content": "x" * 20_000}])
    options = {"PILOTHOUSE_SPOOL__MAX_QUEUE_BYTES": "2000000"}
    async with running_stack(small_disk, **options) as (stack, _), stack.gateway() as client:
        kept = await _calls(client, body)
        filler = await asyncio.to_thread(_fill, small_disk)
        for _ in range(300):
            answer = await client.post("/v1/chat/completions", json=body)
            assert answer.status_code == 200, answer.text
        said = await _spool(client)
        assert re.search("cannot write.*disk is full", said), said
        filler.unlink()

        async def writes() -> bool:
            return "cannot write" not in await _spool(client)

        await until(writes, timeout_s=20)
        kept |= await _calls(client, body)
        await stack.ready(stack.platform_url)

        async def all_kept() -> bool:
            return kept <= {str(trace["trace_id"]) for trace in await stack.traces()}

        await until(all_kept, timeout_s=40, every_s=0.5)
        traces = await stack.traces()
        assert all(trace["span_count"] == 1 and trace["status"] == "ok" for trace in traces)
        say(f"{len(traces)} of 310 calls were recorded over a full disk")


@pytest.mark.timeout(120)
async def test_a_disk_that_is_full_at_the_start(small_disk: Path) -> None:
    filler = await asyncio.to_thread(_fill, small_disk)
    stack = Stack(small_disk)
    stack.log = small_disk.parent / "up.log"
    await _refused(stack, "disk_full", str(stack.data), "PILOTHOUSE_DATA")
    filler.unlink()
    try:
        await stack.start()
    finally:
        stack.kill_all()
