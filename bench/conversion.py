"""Conversion between dialects: OpenAI's chat in, Anthropic's Messages out; pure cost, throughput, large bodies.

`python -m bench.conversion [--quick] [--no-peers]`. Needs nginx and wrk (Debian: nginx-light, wrk).
"""

import argparse
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import replace

from bench import peers
from bench.gateway import in_turn
from bench.peers import Running
from bench.report import Figure, machine, median, show
from bench.upstreams import REPLY_TEXT, nginx
from pilothouse.domain.chat import BlockEnded, BlockStarted, Ended, Finished, Started, StopReason, Text, TextDelta
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import table
from pilothouse.protocols.base import NO_ASK, ChatCodec, Echo
from pilothouse.protocols.conversion import Task, convert

ANTHROPIC_REPLY = json.dumps(
    {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": "bench-model",
        "content": [{"type": "text", "text": REPLY_TEXT}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 200, "output_tokens": 150},
    }
)
CHAT = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 700}], "stream": True}).encode()
CHUNKS = 2000


def _microseconds(work: Callable[[], object], rounds: int) -> float:
    took: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter_ns()
        work()
        took.append((time.perf_counter_ns() - started) / 1e3)
    return median(took)


def pure(rounds: int) -> None:
    """Print what converting costs without any network."""
    caller, upstream = table.dialect("openai_chat"), table.dialect("anthropic_messages")
    task = Task(caller, upstream, CHAT, NO_ASK, "m", ModelFacts(), "id", 1)
    whole = ANTHROPIC_REPLY.encode()

    def call() -> bytes:
        converted = convert(task)
        assert converted is not None
        return converted.reply(whole)

    show(
        Figure("conversion", "call_us", round(_microseconds(call, rounds), 1), "us", n=rounds, note="1 kB in, 1 kB out")
    )
    converted = convert(task)
    assert converted is not None
    assert isinstance(upstream.codec, ChatCodec)
    assert isinstance(caller.codec, ChatCodec)
    writer = upstream.codec.writer(Echo(caller.codec.read_request(CHAT, NO_ASK), "id", 1))
    events = [Started("a", "m", 1), BlockStarted(0, Text(""))]
    events += [TextDelta(0, "some words ") for _ in range(CHUNKS)]
    events += [BlockEnded(0), Finished(StopReason.END), Ended()]
    frames = [frame for event in events if (frame := writer.write(event))]
    scan = converted.scan()
    took: list[float] = []
    for frame in frames:
        started = time.perf_counter_ns()
        scan.feed(frame)
        took.append((time.perf_counter_ns() - started) / 1e6)
    show(Figure("conversion", "chunk_ms_p50", round(median(took), 4), "ms", n=len(frames), note="target < 0.2"))


def throughput(rounds: int, seconds: int, with_peers: bool) -> None:
    """Measure converted calls, ours and LiteLLM's in turn."""
    with nginx(ANTHROPIC_REPLY) as port, contextlib.ExitStack() as stack:
        running: list[Running] = [stack.enter_context(peers.pilothouse(port, "anthropic"))]
        if with_peers:
            running.append(stack.enter_context(peers.litellm(port, "anthropic")))
        results = in_turn(running, rounds, seconds)
    ours = results["pilothouse"]
    note = f"OpenAI in, Anthropic out; p50 {ours['p50']:.2f} ms, p99 {ours['p99']:.2f} ms; target 6,000"
    show(Figure("conversion", "processor_us_a_call", round(ours["processor_us"], 1), "us", n=rounds))
    if not with_peers:
        show(Figure("conversion", "requests_per_s", round(ours["rps"]), "1/s", n=rounds, note=note))
        return
    theirs = results["litellm"]["rps"]
    ratio = round(ours["rps"] / theirs, 1)
    figure = Figure(
        "conversion", "requests_per_s", round(ours["rps"]), "1/s", "litellm", round(theirs, 1), ratio, rounds
    )
    show(replace(figure, note=note))


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short rounds")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    options = parser.parse_args()
    print(machine())
    pure(200 if options.quick else 5000)
    throughput(1 if options.quick else 3, 3 if options.quick else 8, not options.no_peers)


if __name__ == "__main__":
    main()
