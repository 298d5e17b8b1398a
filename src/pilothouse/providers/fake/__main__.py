"""`python -m pilothouse.providers.fake --port 0` runs the fake provider and prints its base URL."""

import argparse
import asyncio
import signal
import sys

import uvloop

from pilothouse.providers.fake.server import FakeProvider


async def _serve(provider: FakeProvider) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with provider:
        sys.stdout.write(f"{provider.base_url}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Read the arguments and serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m pilothouse.providers.fake", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--expect-key", default=None, help="answer 401 to any other bearer key")
    parser.add_argument("--script", nargs="*", default=[], help="names of behaviours, the last one repeats")
    chosen = parser.parse_args()
    provider = FakeProvider(host=chosen.host, port=chosen.port, expect_key=chosen.expect_key)
    provider.script(*chosen.script)
    uvloop.run(_serve(provider))


if __name__ == "__main__":
    main()
