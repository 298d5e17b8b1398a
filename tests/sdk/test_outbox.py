"""The queue: what it does with each answer of the platform, and how much it holds."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pilothouse.sdk.outbox import MOST_CHARS, Outbox
from pilothouse.sdk.sending import ScoreItem, Wire


@contextlib.contextmanager
def platform(answer: Callable[[list[Any]], int]) -> Iterator[tuple[Outbox, list[list[str]]]]:
    """Run a server that answers by what is sent; yields a queue before it, and the ids of each request."""
    asked: list[list[str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            items = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append([item["id"] for item in items])
            self.send_response(answer(items))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    wire = Wire(f"http://127.0.0.1:{server.server_port}", "ph_any")
    outbox = Outbox(wire)
    try:
        yield outbox, asked
    finally:
        outbox.close()
        wire.close()
        server.shutdown()
        thread.join()
        server.server_close()


def item(name: str) -> ScoreItem:
    return ScoreItem(name, "helpful", 1.0, "NUMERIC", "2026-01-01T00:00:00Z", "1" * 32)


def fill(outbox: Outbox, names: str) -> None:
    for name in names:
        outbox.put(item(name), 10)


def test_what_is_too_large_goes_in_halves() -> None:
    with platform(lambda items: 200 if len(items) < 3 else 413) as (outbox, asked):
        fill(outbox, "abcde")
        assert outbox.flush(5)
        assert [one for one in asked if len(one) < 3] == [["a", "b"], ["c"], ["d", "e"]]
        assert outbox.dropped == 0


def test_one_that_is_too_large_alone_is_lost_alone() -> None:
    with platform(lambda items: 413 if "b" in {one["id"] for one in items} else 200) as (outbox, asked):
        fill(outbox, "abc")
        assert outbox.flush(5)
        assert {"a", "c"} <= {name for one in asked for name in one}
        assert outbox.dropped == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_be_taken_later_is_sent_again(status: int) -> None:
    statuses = [status, 200]
    with platform(lambda _: statuses.pop(0)) as (outbox, asked):
        fill(outbox, "ab")
        assert outbox.flush(10)
        assert asked == [["a", "b"], ["a", "b"]]
        assert outbox.dropped == 0


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404])
def test_what_is_refused_is_lost_and_not_sent_again(status: int) -> None:
    with platform(lambda _: status) as (outbox, asked):
        fill(outbox, "ab")
        assert outbox.flush(5)
        assert asked == [["a", "b"]]
        assert outbox.dropped == 2


def test_what_waits_is_bounded_by_its_texts_too() -> None:
    with platform(lambda _: 200) as (outbox, _):
        outbox.put(item("a"), MOST_CHARS + 1)
        assert outbox.dropped == 1
        outbox.put(item("b"), MOST_CHARS)
        assert outbox.flush(5)
        assert outbox.dropped == 1


def test_after_its_end_it_takes_nothing() -> None:
    with platform(lambda _: 200) as (outbox, asked):
        fill(outbox, "a")
        outbox.close()
        fill(outbox, "b")
        outbox.close()
        assert (asked, outbox.dropped) == ([["a"]], 1)
