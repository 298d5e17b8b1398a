"""What passes through the gateway's wires: large bodies, converted streams, and thousands of open streams.

`python -m bench.wire [--quick] [--no-peers] [--only bodies|chunks|open]`. Needs nginx (Debian: nginx-light).
"""

import argparse
import asyncio
import contextlib
import json
import math
import resource
import time
from dataclasses import replace
from pathlib import Path

import httptools
import msgspec
import psutil
import uvloop

from bench import peers
from bench.peers import Running
from bench.report import Figure, machine, median, quantile, show
from bench.upstreams import nginx, stream_server
from pilothouse.domain.call import CallRecord
from pilothouse.spool import SpoolReader

_PICTURE_BYTES = 1_000_000
_OPENED_AT_ONCE = 200
_PEER_S = 240.0
"""How long a peer may take for its open streams; what has not ended by then counts as not delivered."""


class _Caller(asyncio.Protocol):
    """One connection for one call; counts the events of its answer and notes when each piece came."""

    def __init__(self, target: Running, body: bytes, mark: bytes) -> None:
        path = "/" + target.url.split("/", 3)[3]
        head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in target.headers.items())
        self._request = head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body
        self._mark = mark
        self._parser = httptools.HttpResponseParser(self)
        self._tail = b""
        self.events = 0
        self.delays_ms: list[float] = []
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        seen = self._tail + data
        self.events += seen.count(self._mark)
        # What may still become a mark with the next piece is kept for it.
        self._tail = seen[len(seen) - len(self._mark) + 1 :]

    def on_message_complete(self) -> None:
        if not self.done.done():
            self.done.set_result(self._parser.get_status_code())
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the gateway closed the connection"))


async def _call(target: Running, body: bytes, mark: bytes) -> _Caller:
    host, port = target.url.split("/")[2].split(":")
    loop = asyncio.get_running_loop()
    _, caller = await loop.create_connection(lambda: _Caller(target, body, mark), host, int(port))
    status = await caller.done
    if status != 200:
        raise RuntimeError(f"{target.name} answered {status}")
    return caller


def _picture(model: str) -> bytes:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0K" * (_PICTURE_BYTES // 8)}}
    content = [{"type": "text", "text": "What is this?"}, picture]
    return json.dumps({"model": model, "messages": [{"role": "user", "content": content}]}).encode()


def bodies(rounds: int, with_peers: bool) -> None:
    """Send 1 MB with a picture as a data URL, through each gateway and directly, in turn."""
    with nginx() as port, contextlib.ExitStack() as stack:
        running = [stack.enter_context(peers.direct(port)), stack.enter_context(peers.pilothouse(port))]
        if with_peers:
            running.append(stack.enter_context(peers.litellm(port)))
        took: dict[str, list[float]] = {item.name: [] for item in running}

        async def measure() -> None:
            for number in range(rounds):
                for item in running:
                    started = time.perf_counter()
                    await _call(item, _picture(item.model), b"{")
                    if number:
                        took[item.name].append((time.perf_counter() - started) * 1e3)

        uvloop.run(measure())
    floor, ours = took["direct"], took["pilothouse"]
    for share in (0.5, 0.99):
        added = round(quantile(ours, share) - quantile(floor, share), 2)
        note = f"through {quantile(ours, share):.2f} ms, direct {quantile(floor, share):.2f} ms; target < 15 at p50"
        figure = Figure("wire", f"added_ms_1mb_p{int(share * 100)}", added, "ms", n=len(ours), note=note)
        if with_peers:
            theirs = round(quantile(took["litellm"], share) - quantile(floor, share), 2)
            figure = replace(figure, peer="litellm", peer_value=theirs)
            if added > 1:  # below, the noise of the machine would be in the ratio more than the gateways
                figure = replace(figure, ratio=round(theirs / added, 1))
        show(figure)


def _asking(target: Running) -> bytes:
    return json.dumps({"model": target.model, "stream": True, "messages": [{"role": "user", "content": "x"}]}).encode()


def chunks(rounds: int, with_peers: bool) -> None:
    """Push streams of 2,000 events without gaps through the conversion OpenAI in, Anthropic out, in turn."""
    count = 2000
    with stream_server(count, 0, "anthropic") as port, contextlib.ExitStack() as stack:
        running = [stack.enter_context(peers.pilothouse(port, "anthropic"))]
        if with_peers:
            running.append(stack.enter_context(peers.litellm(port, "anthropic")))
        took: dict[str, list[float]] = {item.name: [] for item in running}

        async def measure() -> None:
            for number in range(rounds + 1):
                for item in running:
                    started = time.perf_counter()
                    caller = await _call(item, _asking(item), b'"content":"w')
                    if caller.events != count and item.name == "pilothouse":
                        raise RuntimeError(f"{item.name} delivered {caller.events} of {count} events")
                    if number:
                        took[item.name].append((time.perf_counter() - started) * 1e3 / count)

        uvloop.run(measure())
    value = round(median(took["pilothouse"]), 4)
    note = f"one stream of {count} events as fast as they go, OpenAI in, Anthropic out; target < 0.2"
    figure = Figure("wire", "converted_chunk_ms_p50", value, "ms", n=rounds, note=note)
    if with_peers:
        theirs = round(median(took["litellm"]), 4)
        figure = replace(figure, peer="litellm", peer_value=theirs, ratio=round(theirs / value, 1))
    show(figure)


class _Held(msgspec.Struct):
    """What came of streams that were open together."""

    callers: list[_Caller]
    """Those whose streams ended."""
    rss_bytes: int
    """The most memory that the gateway took."""
    seconds: float

    @property
    def events(self) -> int:
        return sum(caller.events for caller in self.callers)


async def _open(target: Running, streams: int, limit_s: float = math.inf) -> _Held:
    """Open streams and wait for their ends; raises the first failure, but with a limit only fewer of them end."""
    body = _asking(target)
    tasks: list[asyncio.Task[_Caller]] = []
    peak, started = 0, time.monotonic()
    process = psutil.Process(target.pid)
    for number in range(streams):
        tasks.append(asyncio.ensure_future(_call(target, body, b'"content":')))
        if number % _OPENED_AT_ONCE == 0:
            await asyncio.sleep(0.05)
    pending: set[asyncio.Task[_Caller]] = set(tasks)
    failed: BaseException | None = None
    ends_at = time.monotonic() + limit_s
    while pending and failed is None and time.monotonic() < ends_at:
        ended, pending = await asyncio.wait(pending, timeout=0.25)
        if limit_s == math.inf:
            failed = next((error for task in ended if (error := task.exception()) is not None), None)
        peak = max(peak, process.memory_info().rss)
    seconds = time.monotonic() - started
    for task in pending:
        task.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    if failed is not None:
        raise failed
    return _Held([caller for caller in found if isinstance(caller, _Caller)], peak, seconds)


def _metered(data: Path, streams: int) -> tuple[int, int]:
    """Return how many streams the gateway has recorded, and the tokens that it has metered in them."""
    reader = SpoolReader(data / "spool" / "gateway")
    decoder = msgspec.msgpack.Decoder(CallRecord)
    records = tokens = 0
    ends_at = time.monotonic() + 10
    while records < streams and time.monotonic() < ends_at:
        batch = reader.read()
        if batch is None:
            asyncio.run(asyncio.sleep(0.05))
            continue
        found = [decoder.decode(item.payload) for item in batch.items]
        records += sum(record.outcome == "answered" for record in found)
        tokens += sum(record.usage.output_total for record in found if record.usage is not None)
        reader.ack(batch)
    reader.close()
    return records, tokens


def open_streams(streams: int, count: int, gap_s: float, with_peers: bool) -> None:
    """Hold thousands of streams open at once on one worker, and count every token at both ends."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with stream_server(count, gap_s) as port, peers.pilothouse(port) as ours:
        idle = psutil.Process(ours.pid).memory_info().rss
        held = uvloop.run(_open(ours, streams))
        records, tokens = _metered(ours.data, streams)
    # The stop event carries no content of its own in this upstream.
    expected = streams * count
    note = f"{held.events} of {expected} events delivered, {tokens} tokens metered in {records} records"
    note = f"{note}, {held.seconds:.0f} s"
    if (held.events, tokens, records) != (expected, expected, streams):
        raise RuntimeError(note)
    show(Figure("wire", "open_streams", streams, "streams", note=note))
    per_stream = (held.rss_bytes - idle) / streams / 1e3
    note = f"{idle / 1e6:.0f} MB idle; {per_stream:.1f} kB a stream"
    figure = Figure("wire", "open_streams_rss_mb", round(held.rss_bytes / 1e6), "MB", n=streams, note=note)
    show(_beside_litellm(figure, held, (streams, count, gap_s)) if with_peers else figure)


def _beside_litellm(figure: Figure, ours: _Held, load: tuple[int, int, float]) -> Figure:
    streams, count, gap_s = load
    with stream_server(count, gap_s) as port, peers.litellm(port) as target:
        theirs = uvloop.run(_open(target, streams, _PEER_S))
    words = (
        f"LiteLLM ended {len(theirs.callers)} streams with {theirs.events} events in {theirs.seconds:.0f} s, "
        f"ours all in {ours.seconds:.0f} s"
    )
    ratio = round(theirs.rss_bytes / ours.rss_bytes, 2)
    value = round(theirs.rss_bytes / 1e6)
    return replace(figure, peer="litellm", peer_value=value, ratio=ratio, note=f"{figure.note}; {words}")


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(prog="bench.wire", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, for a look")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--only", choices=["bodies", "chunks", "open"])
    options = parser.parse_args()
    print(machine())
    with_peers = not options.no_peers
    if options.only in (None, "bodies"):
        bodies(20 if options.quick else 100, with_peers)
    if options.only in (None, "chunks"):
        chunks(3 if options.quick else 10, with_peers)
    if options.only in (None, "open"):
        open_streams(500 if options.quick else 5000, 20, 1.0, with_peers)


if __name__ == "__main__":
    main()
