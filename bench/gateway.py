"""The gateway against TensorZero, Portkey and LiteLLM: throughput, added latency, streams, memory.

`python -m bench.gateway [--quick] [--no-peers]`. Needs nginx and wrk (Debian: nginx-light, wrk).
"""

import argparse
import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import httptools
import psutil
import uvloop

from bench import peers
from bench.peers import Running
from bench.report import Figure, machine, median, quantile, show
from bench.upstreams import nginx, stream_server

Gateway = Callable[[int], AbstractContextManager[Running]]
PEERS: dict[str, Gateway] = {
    "tensorzero": peers.tensorzero,
    "portkey": peers.portkey,
    "litellm": peers.litellm,
}
_LATENCY = re.compile(r"^\s+(50|99)(?:\.\d+)?%\s+([\d.]+)(us|ms|s)", re.MULTILINE)
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_COUNT = re.compile(r"(\d+) requests in")
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def _body(model: str, *, stream: bool = False, size_bytes: int = 700) -> bytes:
    document = {"model": model, "messages": [{"role": "user", "content": "x" * size_bytes}]}
    return json.dumps({**document, "stream": True} if stream else document).encode()


def _processor_s(target: Running) -> float:
    """Return the processor time that a gateway has taken so far, with all its processes; 0 where none is known."""
    if not target.pid:
        return 0.0
    process = psutil.Process(target.pid)
    return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))


def wrk(target: Running, seconds: int, connections: int) -> dict[str, float]:
    """Load one gateway; any answer but 200 is an error.

    Returns requests per second, p50 and p99 in milliseconds, and the gateway's processor time a call in microseconds,
    which other work on the machine changes far less than the rest.
    """
    processor_s = _processor_s(target)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        headers = {"Content-Type": "application/json", **target.headers}
        lines = ["wrk.method = 'POST'", f"wrk.body = {json.dumps(_body(target.model).decode())}"]
        lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()]
        script.write("\n".join(lines))
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script.name, target.url]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        raise RuntimeError(f"{target.name} answered with errors:\n{out}")
    quantiles = {share: float(value) * _UNITS[unit] for share, value, unit in _LATENCY.findall(out)}
    rate, count = _RATE.search(out), _COUNT.search(out)
    assert rate is not None, out
    assert count is not None, out
    took_us = (_processor_s(target) - processor_s) / int(count.group(1)) * 1e6
    return {"rps": float(rate.group(1)), "p50": quantiles["50"], "p99": quantiles["99"], "processor_us": took_us}


def in_turn(running: list[Running], rounds: int, seconds: int) -> dict[str, dict[str, float]]:
    """Load each gateway in turn, A B A B, after a warm-up; returns the medians of the rounds by name."""
    results: dict[str, list[dict[str, float]]] = {item.name: [] for item in running}
    for item in running:
        wrk(item, 2, 8)
    for _ in range(rounds):
        for item in running:
            results[item.name].append(wrk(item, seconds, 32))
    return {
        name: {key: median([found[key] for found in founds]) for key in ("rps", "p50", "p99", "processor_us")}
        for name, founds in results.items()
    }


def throughput(rounds: int, seconds: int, names: list[str]) -> None:
    """Measure ours and each peer in turn, A B A B."""
    with nginx() as upstream, contextlib.ExitStack() as stack:
        running = [stack.enter_context(peers.pilothouse(upstream))]
        running += [stack.enter_context(PEERS[name](upstream)) for name in names]
        results = in_turn(running, rounds, seconds)
        for connections in (1, 256):
            one = wrk(running[0], seconds, connections)
            note = f"{connections} connections, p50 {one['p50']:.2f} ms, p99 {one['p99']:.2f} ms"
            show(Figure("gateway", f"requests_per_s_c{connections}", round(one["rps"]), "1/s", note=note))
        floor = wrk(next(iter([Running("direct", f"http://127.0.0.1:{upstream}/", "m")])), 2, 32)
    ours = results["pilothouse"]
    note = f"1 kB, 32 connections, auth and recording on; p50 {ours['p50']:.2f} ms, p99 {ours['p99']:.2f} ms"
    show(Figure("gateway", "requests_per_s", round(ours["rps"]), "1/s", n=rounds, note=note))
    show(Figure("gateway", "processor_us_a_call", round(ours["processor_us"], 1), "us", n=rounds))
    show(Figure("gateway", "upstream_direct_requests_per_s", round(floor["rps"]), "1/s"))
    for name in names:
        peer = results[name]
        ratio = round(ours["rps"] / peer["rps"], 2)
        mine_us, theirs_us = round(ours["processor_us"], 1), round(peer["processor_us"], 1)
        cheaper = round(theirs_us / mine_us, 2)
        show(Figure("gateway", "processor_us_a_call", mine_us, "us", name, theirs_us, cheaper, rounds))
        note = f"peer p50 {peer['p50']:.2f} ms, p99 {peer['p99']:.2f} ms"
        figure = Figure(
            "gateway", "requests_per_s", round(ours["rps"]), "1/s", name, round(peer["rps"], 1), ratio, rounds
        )
        show(replace(figure, note=note))


class _Client:
    """A lean loopback HTTP client that tells when each piece of an answer arrived."""

    def __init__(self, target: Running, body: bytes) -> None:
        host, port = target.url.split("/")[2].split(":")
        self._address = (host, int(port))
        path = "/" + target.url.split("/", 3)[3]
        head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in target.headers.items())
        self._request = head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body
        self.status = 0
        self._done = False

    def on_message_complete(self) -> None:
        self._done = True

    def on_body(self, data: bytes) -> None:
        self._pieces.append((time.perf_counter_ns(), data))

    async def connect(self) -> None:
        """Open the connection, kept alive over calls."""
        self._reader, self._writer = await asyncio.open_connection(*self._address)

    async def call(self) -> list[tuple[int, bytes]]:
        """Send one request; returns the pieces of its body with their arrival times."""
        self._pieces: list[tuple[int, bytes]] = []
        self._done = False
        parser = httptools.HttpResponseParser(self)
        self._writer.write(self._request)
        while not self._done:
            data = await self._reader.read(65536)
            if not data:
                raise ConnectionError("the gateway closed the connection")
            parser.feed_data(data)
        self.status = parser.get_status_code()
        if self.status != 200:
            raise RuntimeError(f"status {self.status}: {self._pieces}")
        return self._pieces

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


async def _clients(target: Running, body: bytes, count: int) -> AsyncIterator[_Client]:
    for _ in range(count):
        client = _Client(target, body)
        await client.connect()
        yield client


async def _open_loop(target: Running, rate: int, seconds: int) -> list[float]:
    """Send at a fixed rate whatever comes back; returns latencies in milliseconds from the planned moment."""
    free = [client async for client in _clients(target, _body(target.model), 64)]
    latencies: list[float] = []

    async def one(planned: float) -> None:
        client = free.pop() if free else await anext(_clients(target, _body(target.model), 1))
        await client.call()
        latencies.append((time.perf_counter() - planned) * 1e3)
        free.append(client)

    starts_at = time.perf_counter() + 0.1
    tasks: list[asyncio.Task[None]] = []
    for number in range(rate * seconds):
        planned = starts_at + number / rate
        delay = planned - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        tasks.append(asyncio.ensure_future(one(planned)))
    await asyncio.gather(*tasks)
    for client in free:
        client.close()
    return latencies[len(latencies) // 10 :]


def added_latency(rate: int, seconds: int) -> None:
    """Compare latencies through the gateway with those of the upstream itself, in turn, at a fixed rate."""
    with nginx() as upstream, peers.pilothouse(upstream) as ours, peers.direct(upstream) as floor:
        wrk(ours, 1, 8)
        rounds: dict[str, list[float]] = {"pilothouse": [], "direct": []}
        for _ in range(3):
            for item in (floor, ours):
                rounds[item.name] += uvloop.run(_open_loop(item, rate, seconds))
    for share in (0.5, 0.99):
        through, bare = (quantile(rounds[name], share) for name in ("pilothouse", "direct"))
        note = f"open loop, {rate}/s: {through:.3f} ms through, {bare:.3f} ms direct"
        name = f"added_latency_p{int(share * 100)}"
        show(Figure("gateway", name, round(through - bare, 3), "ms", n=len(rounds["direct"]), note=note))


async def _stream_once(client: _Client) -> tuple[float, list[float]]:
    """Return TTFT and the delay of every chunk on its way, in milliseconds."""
    starts_at = time.perf_counter_ns()
    pieces = await client.call()
    delays: list[float] = []
    for arrived_ns, piece in pieces:
        delays.extend((arrived_ns - int(sent)) / 1e6 for sent in re.findall(rb'"content": ?"(\d+) ', piece))
    first_ns = next(at for at, piece in pieces if b'"content"' in piece)
    return (first_ns - starts_at) / 1e6, delays


async def _streams(target: Running, count: int, rounds: int) -> tuple[list[float], list[float]]:
    clients = [client async for client in _clients(target, _body(target.model, stream=True), count)]
    ttfts: list[float] = []
    delays: list[float] = []

    async def staggered(client: _Client, number: int) -> None:
        await asyncio.sleep(number * 0.01)
        ttft, own = await _stream_once(client)
        ttfts.append(ttft)
        delays.extend(own)

    for _ in range(rounds):
        await asyncio.gather(*(staggered(client, number) for number, client in enumerate(clients)))
    for client in clients:
        client.close()
    return ttfts, delays


def streams(rounds: int) -> None:
    """Run 50 concurrent streams of 200 chunks, 10 ms apart, through the gateway and directly."""
    with stream_server(200, 0.01) as upstream, peers.pilothouse(upstream) as ours, peers.direct(upstream) as floor:
        results: dict[str, tuple[list[float], list[float]]] = {}
        for item in (ours, floor):
            uvloop.run(_streams(item, 2, 1))
        for item in (floor, ours):
            results[item.name] = uvloop.run(_streams(item, 50, rounds))
    expected = 50 * 200 * rounds
    for name, (_, delays) in results.items():
        if len(delays) != expected:
            raise RuntimeError(f"{name} delivered {len(delays)} of {expected} chunks")
    added = median(results["pilothouse"][0]) - median(results["direct"][0])
    show(Figure("gateway", "added_ttft_p50", round(added, 3), "ms", n=50 * rounds, note="50 streams of 200 chunks"))
    for share in (0.5, 0.99, 1.0):
        through, bare = (quantile(results[name][1], share) for name in ("pilothouse", "direct"))
        name = f"chunk_delay_p{int(share * 100)}"
        note = f"from upstream write to client read; direct {bare:.3f} ms"
        show(Figure("gateway", name, round(through, 3), "ms", n=expected, note=note))


def memory(calls: int) -> None:
    """Compare the gateway's memory after a tenth of the calls with that after all of them."""
    with nginx() as upstream, peers.pilothouse(upstream) as ours:
        process = psutil.Process(ours.pid)
        marks: list[tuple[int, float]] = []
        done = 0
        while done < calls:
            result = wrk(ours, 2, 32)
            done += int(result["rps"] * 2)
            marks.append((done, process.memory_info().rss / 1e6))
        early = next(rss for at, rss in marks if at >= calls * 0.1)
        late = marks[-1][1]
        note = f"{early:.0f} MB after {calls // 10}, {late:.0f} MB after {done} calls"
        show(Figure("gateway", "rss_growth", round(100 * (late - early) / early, 1), "%", n=done, note=note))


def main() -> None:
    """Run the whole area."""
    parser = argparse.ArgumentParser(prog="bench.gateway")
    parser.add_argument("--quick", action="store_true", help="short rounds, for a look")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS))
    parser.add_argument("--only", choices=["throughput", "latency", "streams", "memory"])
    asked = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("the gateway benchmark needs wrk: apt-get install wrk")
    show(Figure("gateway", "machine", 0, "", note=machine()))
    rounds, seconds = (1, 3) if asked.quick else (3, 8)
    areas: dict[str, Callable[[], None]] = {
        "throughput": lambda: throughput(rounds, seconds, [] if asked.no_peers else (asked.peers or list(PEERS))),
        "latency": lambda: added_latency(500, seconds),
        "streams": lambda: streams(1 if asked.quick else 3),
        "memory": lambda: memory(20_000 if asked.quick else 200_000),
    }
    for name, run in areas.items():
        if asked.only in (None, name):
            run()


if __name__ == "__main__":
    main()
