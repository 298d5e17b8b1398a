"""The upstreams that gateways are measured against: nginx for plain calls, a small uvloop server for streams."""

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

REPLY_TEXT = "All happy families are alike; each unhappy family is unhappy in its own way. " * 8
REPLY = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "bench-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": REPLY_TEXT},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 200, "completion_tokens": 150, "total_tokens": 350},
    }
)


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port: int, timeout_s: float = 60.0) -> None:
    """Return once something accepts connections on the port."""
    ends_at = time.monotonic() + timeout_s
    while time.monotonic() < ends_at:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        asyncio.run(asyncio.sleep(0.05))
    raise TimeoutError(f"nothing listens on port {port}")


@contextlib.contextmanager
def nginx(body: str = REPLY) -> Iterator[int]:
    """Run nginx that answers every request with `body`; yields its port."""
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(binary).exists():
        raise SystemExit("the gateway benchmark needs nginx: apt-get install nginx-light")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        escaped = body.replace("\\", "\\\\").replace("'", "\\'").replace("$", "")
        conf = f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; client_max_body_size 64m; client_body_buffer_size 4m;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{escaped}'; }} }}
}}"""
        path = Path(folder) / "nginx.conf"
        path.write_text(conf)
        process = subprocess.Popen([binary, "-c", str(path), "-e", f"{folder}/error.log"], stderr=subprocess.DEVNULL)
        try:
            wait_for_port(port)
            yield port
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def stream_server(chunks: int, gap_s: float, dialect: str = "openai") -> Iterator[int]:
    """Run a server in its own process that streams `chunks` deltas, `gap_s` apart, to every request."""
    port = free_port()
    command = [sys.executable, "-m", "bench.stream_server", str(port), str(chunks), str(gap_s), dialect]
    process = subprocess.Popen(command)
    try:
        wait_for_port(port)
        yield port
    finally:
        process.terminate()
        process.wait()
