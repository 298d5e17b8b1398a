"""Requests per second and latency of the upstream clients, side by side.

Starts nginx on a free loopback port, which answers each request with the same 1 kB of JSON, and drives it with 32
concurrent tasks on uvloop. Prints one JSON object a line. Run with: python -m bench.transport
"""

import argparse
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

import uvloop

from pilothouse.plugins import pick
from pilothouse.transport.base import Origin, Request, Transport
from pilothouse.transport.options import TransportOptions
from pilothouse.transport.table import TRANSPORTS

_ANSWER_BYTES = 1024
_REQUEST = json.dumps({"model": "bench", "messages": [{"role": "user", "content": "x" * 900}]}).encode()
_CONFIG = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi; default_type application/json;
  server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ return 200 '{answer}'; }} }}
}}
"""


@contextlib.contextmanager
def nginx() -> Iterator[Origin]:
    """Run nginx for as long as the context is open."""
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        answer = json.dumps({"content": ""})
        answer = json.dumps({"content": "y" * (_ANSWER_BYTES - len(answer))})
        config = Path(folder, "nginx.conf")
        config.write_text(_CONFIG.format(folder=folder, port=port, answer=answer))
        command = [binary, "-c", str(config), "-p", folder, "-e", f"{folder}/error.log"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            yield Origin("http", "127.0.0.1", port)
        finally:
            process.terminate()
            process.wait(10)


def wait_for(port: int) -> None:
    """Return once something listens on the port; raises `OSError` after ten seconds."""
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


async def drive(transport: Transport, origin: Origin, tasks: int, seconds: float) -> list[float]:
    """Return the latencies, in seconds, of all calls that ended within `seconds`."""
    latencies: list[float] = []
    clock = time.perf_counter
    until = clock() + seconds
    headers = ((b"content-type", b"application/json"), (b"authorization", b"Bearer sk-bench"), (b"traceparent", b"00"))

    async def one() -> None:
        while (begin := clock()) < until:
            request = Request(origin, b"POST", b"/v1/chat/completions", headers, _REQUEST)
            response = await transport.send(request)
            body = await response.read(1 << 20)
            await response.close()
            latencies.append(clock() - begin)
            assert len(body) == _ANSWER_BYTES

    await asyncio.gather(*(one() for _ in range(tasks)))
    return latencies


async def run(names: list[str], tasks: int, seconds: float, rounds: int) -> None:
    """Measure each implementation in turn, `rounds` times, so that a noisy neighbour hits all alike."""
    with nginx() as origin:
        transports = {
            name: pick("transport", TRANSPORTS, name)(TransportOptions(implementation=name)) for name in names
        }
        for transport in transports.values():
            await drive(transport, origin, tasks, 0.3)
        for number in range(1, rounds + 1):
            for name, transport in transports.items():
                latencies = sorted(await drive(transport, origin, tasks, seconds))
                line = {
                    "bench": "transport",
                    "client": name,
                    "round": number,
                    "tasks": tasks,
                    "requests_per_s": round(len(latencies) / seconds),
                    "p50_ms": round(latencies[len(latencies) // 2] * 1e3, 3),
                    "p99_ms": round(latencies[len(latencies) * 99 // 100] * 1e3, 3),
                }
                print(json.dumps(line), flush=True)
        for transport in transports.values():
            await transport.close()


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", nargs="+", default=["pool", "aiohttp"])
    parser.add_argument("--tasks", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    uvloop.run(run(options.clients, options.tasks, options.seconds, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
