"""The whole product as a user runs it: `pilothouse up` in a folder of its own, with a fake provider behind it."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import httpx
import psutil

from pilothouse.providers.fake import FakeProvider
from pilothouse.wiring.ports import pick

UP_S = 60.0
_SECRET = re.compile(r"\b(ph_[0-9A-Za-z]{46})\b")
_LINK = re.compile(r"(http://\S+/first-run#token=phl_\w+)")


class Stack:
    """One data folder and the processes on it; may be killed and started again."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.data = folder / "data"
        self.gateway_port, self.platform_port = pick("127.0.0.1"), pick("127.0.0.1")
        self.otlp_port = pick("127.0.0.1")
        self.gateway_url = f"http://127.0.0.1:{self.gateway_port}"
        self.platform_url = f"http://127.0.0.1:{self.platform_port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PILOTHOUSE_")},
            "PILOTHOUSE_DATA": str(self.data),
            "PILOTHOUSE_GATEWAY_PORT": str(self.gateway_port),
            "PILOTHOUSE_PLATFORM_PORT": str(self.platform_port),
            "PILOTHOUSE_OTLP__GRPC_PORT": str(self.otlp_port),
            "PILOTHOUSE_LOCAL_MODEL__ENABLED": "false",
            **environment,
        }
        self.log = folder / "up.log"
        self.key = ""
        self.link = ""
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> float:
        """Run `pilothouse up` and return the seconds until it says that it is up."""
        began = time.monotonic()
        with self.log.open("wb") as out:
            self._process = _run_up(self.environment, out)
        async with asyncio.timeout(UP_S):
            while "is up in" not in (text := self.log.read_text()) or "Gateway" not in text:
                if self._process.poll() is not None:
                    raise AssertionError(f"`pilothouse up` ended:\n{text}")
                await asyncio.sleep(0.05)
        took_s = time.monotonic() - began
        await asyncio.sleep(0.1)
        text = self.log.read_text()
        key, link = _SECRET.search(text), _LINK.search(text)
        self.key = key.group(1) if key else self.key
        self.link = link.group(1) if link else ""
        return took_s

    def stop(self) -> int:
        """End it as Ctrl-C does; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(20)

    def processes(self, role: str) -> list[psutil.Process]:
        """Return the running processes of a role, such as `gateway`; `up` is the parent of all."""
        named = {"platform": ("platform", "api", "api,ingest")}.get(role, (role,))
        if self._process is None or self._process.poll() is not None:
            return []
        parent = psutil.Process(self._process.pid)
        if role == "up":
            return [parent]
        found: list[psutil.Process] = []
        for child in parent.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                command = child.cmdline()
                if "--roles" in command and command[command.index("--roles") + 1] in named:
                    found.append(child)
        return found

    async def kill(self, *roles: str) -> tuple[float, float]:
        """Kill -9 the processes of these roles, all at once; returns the moments just before and just after."""
        doomed = [process for role in roles for process in self.processes(role)]
        before = time.monotonic()
        for process in doomed:
            with contextlib.suppress(psutil.Error):
                process.kill()
        after = time.monotonic()
        if "up" in roles and self._process is not None:
            await asyncio.to_thread(self._process.wait, 10)
        return before, after

    def kill_all(self) -> None:
        """Leave nothing behind."""
        if self._process is not None and self._process.poll() is None:
            end(self._process.pid)
            self._process.wait(10)

    async def ready(self, url: str, timeout_s: float = UP_S) -> None:
        """Wait until `/readyz` of a process answers 200."""
        async with asyncio.timeout(timeout_s), httpx.AsyncClient(trust_env=False) as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"{url}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)

    def api(self) -> httpx.AsyncClient:
        """Return a client of the platform API that acts as the machine's owner."""
        token = (self.data / "run" / "local.token").read_text().strip()
        headers = {"authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=f"{self.platform_url}/api/v1", headers=headers, timeout=20, trust_env=False)

    def gateway(self) -> httpx.AsyncClient:
        """Return a client of the gateway with the first virtual key."""
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(base_url=self.gateway_url, headers=headers, timeout=20, trust_env=False)

    async def add_account(self, name: str, base_url: str, **fields: object) -> None:
        """Create a provider account and wait until the gateway serves its first model."""
        body = {"name": name, "provider": "openai_compatible", "base_url": base_url, "models": ["fake-chat"], **fields}
        async with self.api() as api:
            answer = await api.post("/providers", json=body)
            assert answer.status_code == 201, answer.text
            first = answer.json()["models"][0]
        async with asyncio.timeout(5), self.gateway() as gateway:
            served = ""
            while f"{name}/{first}" not in served:
                await asyncio.sleep(0.05)
                served = (await gateway.get("/v1/models")).text

    async def knows(self, secret: str, *, timeout_s: float = 5) -> float:
        """Wait until the gateway takes a key; returns the seconds it took."""
        began = time.monotonic()
        async with asyncio.timeout(timeout_s), self.gateway() as gateway:
            headers = {"authorization": f"Bearer {secret}"}
            while True:
                if (await gateway.get("/v1/models", headers=headers)).status_code != 401:
                    return time.monotonic() - began
                await asyncio.sleep(0.02)

    async def kept(self, project_id: str, count: int) -> list[dict[str, object]]:
        """Wait until a project has that many traces, and return them, newest first."""
        items: list[dict[str, object]] = []

        async def enough() -> bool:
            items[:] = await self.traces_of(project_id)
            return len(items) >= count

        await until(enough)
        assert len(items) == count, f"{len(items)} traces, and only {count} calls were made"
        return items

    async def traces_of(self, project_id: str) -> list[dict[str, object]]:
        """Return the first page of a project's traces, newest first."""
        async with self.api() as api:
            headers = {"x-pilothouse-project": project_id}
            answer = await api.get("/traces", params={"limit": "200"}, headers=headers)
            assert answer.status_code == 200, answer.text
            return answer.json()["items"]

    async def traces(self, **query: str) -> list[dict[str, object]]:
        """Return all traces of the last day, page by page."""
        found: list[dict[str, object]] = []
        async with self.api() as api:
            cursor = ""
            while True:
                answer = await api.get("/traces", params={"limit": "200", "cursor": cursor, **query})
                assert answer.status_code == 200, answer.text
                page = answer.json()
                found += page["items"]
                cursor = page["next_cursor"] or ""
                if not cursor:
                    return found


def _run_up(environment: dict[str, str], out: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pilothouse.cli.main", "up"]
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


async def until(holds: Callable[[], Awaitable[bool]], timeout_s: float = 20, every_s: float = 0.05) -> None:
    """Ask again and again until it holds; raises `TimeoutError`."""
    async with asyncio.timeout(timeout_s):
        while True:
            if await holds():
                return
            await asyncio.sleep(every_s)


def say(text: str) -> None:
    """Tell a measured figure to whoever runs pytest with `-s`."""
    sys.stdout.write(f"{text}\n")


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, decoded."""
        return json.loads(self.out)


async def pilothouse(environment: dict[str, str], *arguments: str, timeout_s: float = 30) -> Ended:
    """Run a command to its end, as a script does; one that does not end is killed with all that it started."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pilothouse.cli.main", *arguments, env=environment, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), timeout_s)
    finally:
        if process.returncode is None:
            end(process.pid)
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


def end(pid: int) -> None:
    """Kill a process and all that it started."""
    with contextlib.suppress(psutil.Error):
        tree = psutil.Process(pid)
        for process in [*tree.children(recursive=True), tree]:
            with contextlib.suppress(psutil.Error):
                process.kill()


@contextlib.asynccontextmanager
async def running_stack(folder: Path, **environment: str) -> AsyncIterator[tuple[Stack, FakeProvider]]:
    """Run the stack with an account `up` at a fake provider."""
    stack = Stack(folder, **environment)
    async with FakeProvider() as fake:
        try:
            await stack.start()
            await stack.add_account("up", fake.base_url)
            yield stack, fake
        finally:
            stack.kill_all()


def chat(**fields: object) -> dict[str, object]:
    """Return a small chat request to the fake provider."""
    return {"model": "up/fake-chat", "messages": [{"role": "user", "content": "Say hello."}], **fields}
