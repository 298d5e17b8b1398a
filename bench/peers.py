"""Peers in throw-away environments under `bench/.peers`, and our own gateway beside them.

Each `with` block yields a `Running`: where to send a chat completion, and with which headers and model; of the peers
that take telemetry, where to send an OTLP request.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.upstreams import free_port, wait_for_port
from pilothouse.domain import access, snapshot
from pilothouse.domain.access import KeyKind, Permission, Project, VirtualKey
from pilothouse.domain.secret import KEY_BYTES, SecretBox

PEERS = Path(__file__).parent / ".peers"
LITELLM = "litellm[proxy]==1.108.7"
TENSORZERO = "tensorzero==2026.6.0"
PORTKEY = "1.15.2"
PHOENIX = "arize-phoenix==20.26.0"
MLFLOW = "mlflow==3.17.0"


@dataclass(frozen=True)
class Running:
    """A gateway that takes OpenAI chat completions, or a server that takes OTLP."""

    name: str
    url: str
    model: str
    headers: dict[str, str] = field(default_factory=dict)
    pid: int = 0
    data: Path = Path()
    """Of ours its data folder, of servers that take OTLP their database; gone when it has stopped."""


def _venv(name: str, requirement: str) -> Path:
    folder = PEERS / name
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", requirement], check=True)
        (folder / "installed").touch()
    return python


@contextlib.contextmanager
def _process(command: list[str], port: int, env: dict[str, str] | None = None) -> Iterator[int]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=log, stderr=log)
        try:
            wait_for_port(port, timeout_s=120)
            yield process.pid
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def write_snapshot(data: Path, upstream_port: int, provider: str = "openai_compatible") -> str:
    """Write the snapshot of one project with one account at the upstream; returns the secret of its virtual key."""
    secret = access.mint(KeyKind.VIRTUAL_KEY)
    key = VirtualKey(
        id="key", project_id="project", name="bench", digest=access.digest(secret), hint=access.hint(secret),
        permissions=(Permission.INFERENCE,), models=(), created_at_ns=1,
    )  # fmt: skip
    own_key = secrets.token_bytes(KEY_BYTES)
    (data / "secret.key").write_bytes(own_key)
    (data / "secret.key").chmod(0o600)
    box = SecretBox(own_key)
    account = snapshot.Account(
        id="account", name="up", provider=provider, base_url=f"http://127.0.0.1:{upstream_port}/v1",
        sealed_secret=box.seal("sk-upstream", "account:account", secrets.token_bytes(12)),
    )  # fmt: skip
    state = snapshot.Snapshot(
        version=1, made_at_ns=1, projects=(Project("project", "Bench", 1),), keys=(key,), accounts=(account,)
    )
    (data / "snapshot.msgpack").write_bytes(snapshot.encode(state))
    return secret


@contextlib.contextmanager
def pilothouse(upstream_port: int, provider: str = "openai_compatible") -> Iterator[Running]:
    """Our gateway as `pilothouse serve --roles gateway`: key check, full recording to a durable spool, no drain."""
    port = free_port()
    with tempfile.TemporaryDirectory(dir=PEERS.parent) as folder:
        data = Path(folder)
        secret = write_snapshot(data, upstream_port, provider)
        env = {"PILOTHOUSE_DATA": folder, "PILOTHOUSE_GATEWAY_PORT": str(port)}
        command = [sys.executable, "-m", "pilothouse.cli.main", "serve", "--roles", "gateway"]
        with _process(command, port, env) as pid:
            headers = {"Authorization": f"Bearer {secret}"}
            yield Running(
                "pilothouse", f"http://127.0.0.1:{port}/v1/chat/completions", "up/bench-model", headers, pid, data
            )


@contextlib.contextmanager
def tensorzero(upstream_port: int) -> Iterator[Running]:
    """TensorZero's Rust gateway with its observability off."""
    python = _venv("tensorzero", TENSORZERO)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "tensorzero.toml"
        config.write_text(
            f"""[gateway]
observability.enabled = false
[models.m]
routing = ["p"]
[models.m.providers.p]
type = "openai"
model_name = "bench-model"
api_base = "http://127.0.0.1:{upstream_port}/v1/"
api_key_location = "none"
"""
        )
        script = Path(folder) / "run.py"
        script.write_text(
            f"""import asyncio
from tensorzero.tensorzero import _start_http_gateway
async def main():
    gateway = await _start_http_gateway(
        config_file={str(config)!r}, clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=True)
    print("READY", gateway.base_url, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
        )
        env = {**os.environ, "TENSORZERO_DISABLE_PSEUDONYMOUS_USAGE_ANALYTICS": "1"}
        process = subprocess.Popen(
            [str(python), str(script)], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            assert process.stdout is not None
            ready = next(line for line in process.stdout if line.startswith(b"READY "))
            base = ready.decode().split()[1].rstrip("/")
            url = f"{base}/chat/completions"
            yield Running("tensorzero", url, "tensorzero::model_name::m", pid=process.pid)
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def portkey(upstream_port: int) -> Iterator[Running]:
    """Portkey's open-source gateway on Node."""
    folder = PEERS / "portkey"
    if not (folder / "node_modules").exists():
        folder.mkdir(parents=True, exist_ok=True)
        package = {
            "name": "peer", "private": True, "dependencies": {"@portkey-ai/gateway": PORTKEY},
            "overrides": {"@hono/node-server": "1.14.1"},
        }  # fmt: skip
        (folder / "package.json").write_text(json.dumps(package))
        subprocess.run(["npm", "install", "--ignore-scripts", "--silent"], cwd=folder, check=True)
    port = free_port()
    script = folder / "node_modules/@portkey-ai/gateway/build/start-server.js"
    command = [shutil.which("node") or "node", str(script), f"--port={port}", "--headless"]
    with _process(command, port) as pid:
        headers = {
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{upstream_port}/v1",
            "Authorization": "Bearer bench",
        }
        yield Running("portkey", f"http://127.0.0.1:{port}/v1/chat/completions", "bench-model", headers, pid)


@contextlib.contextmanager
def litellm(upstream_port: int, provider: str = "openai") -> Iterator[Running]:
    """LiteLLM's proxy, one worker, no database."""
    python = _venv("litellm", LITELLM)
    master_key = "sk-bench-0123456789abcdef0123456789abcdef"
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(
            f"""model_list:
  - model_name: bench-model
    litellm_params:
      model: {provider}/bench-model
      api_base: http://127.0.0.1:{upstream_port}{"/v1" if provider == "openai" else ""}
      api_key: sk-upstream
general_settings:
  master_key: {master_key}
"""
        )
        command = [str(python.parent / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
        command += ["--port", str(port), "--num_workers", "1"]
        env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
        with _process(command, port, env) as pid:
            url = f"http://127.0.0.1:{port}/v1/chat/completions"
            yield Running("litellm", url, "bench-model", {"Authorization": f"Bearer {master_key}"}, pid)


@contextlib.contextmanager
def direct(upstream_port: int) -> Iterator[Running]:
    """The upstream itself: the floor."""
    yield Running("direct", f"http://127.0.0.1:{upstream_port}/v1/chat/completions", "bench-model")


@contextlib.contextmanager
def phoenix() -> Generator[Running]:
    """Phoenix on SQLite, with its telemetry off."""
    python = _venv("phoenix", PHOENIX)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        env = {
            "PHOENIX_WORKING_DIR": folder, "PHOENIX_HOST": "127.0.0.1", "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(free_port()), "PHOENIX_TELEMETRY_ENABLED": "false",
            "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        }  # fmt: skip
        with _process([str(python.parent / "phoenix"), "serve"], port, env) as pid:
            database = Path(folder) / "phoenix.db"
            yield Running("phoenix", f"http://127.0.0.1:{port}/v1/traces", "", {}, pid, database)


@contextlib.contextmanager
def mlflow() -> Generator[Running]:
    """MLflow's server on SQLite, one worker, with its telemetry off."""
    python = _venv("mlflow", MLFLOW)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "mlflow.db"
        command = [str(python.parent / "mlflow"), "server", "--backend-store-uri", f"sqlite:///{database}"]
        command += ["--default-artifact-root", folder, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        with _process(command, port, {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}) as pid:
            headers = {"x-mlflow-experiment-id": "0"}
            yield Running("mlflow", f"http://127.0.0.1:{port}/v1/traces", "", headers, pid, database)
