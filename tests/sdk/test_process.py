"""Real processes: what they leave behind at their end, in children, and when the platform is not there."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pilothouse.sdk.outbox import EXIT_S, MOST_ITEMS
from tests.sdk.conftest import App, script
from tests.sdk.sent import sent

KEY = "ph_any"
CLOSED = "http://127.0.0.1:9"
WORK = """
from pilothouse import sdk
assert sdk.init()
with sdk.span("work"):
    pass
"""


@contextlib.asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """A server that takes connections and never answers."""
    held: list[asyncio.StreamWriter] = []

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in held:
            writer.close()
        server.close()
        await server.wait_closed()


async def test_the_end_of_a_process_sends_what_is_left(platform: App) -> None:
    assert await platform.script(WORK) == (0, "")
    assert [span.name for span in sent(platform.folder).spans] == ["work"]


async def test_an_app_that_dies_of_an_exception_sends_too(platform: App) -> None:
    code, said = await platform.script(WORK + "\n@sdk.trace\ndef boom():\n    raise KeyError('k')\nboom()\n")
    assert code == 1
    assert "KeyError" in said
    assert sent(platform.folder).named("boom").error_code == "KeyError"


async def test_service_environment_and_release_are_said(platform: App) -> None:
    text = WORK.replace("init()", "init(service='shop', environment='staging', release='7')")
    assert await platform.script(text) == (0, "")
    found = sent(platform.folder).named("work")
    assert (found.environment, found.release, found.resource["service.name"]) == ("staging", "7", "shop")


async def test_an_existing_provider_is_joined(platform: App) -> None:
    text = """
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
provider = TracerProvider(resource=Resource.create({"service.name": "theirs"}))
trace.set_tracer_provider(provider)
from pilothouse import sdk
assert sdk.init(service="ours", environment="staging", release="7")
assert trace.get_tracer_provider() is provider
with provider.get_tracer("app").start_as_current_span("outer"), sdk.span("inner"):
    pass
"""
    assert await platform.script(text) == (0, "")
    found = sent(platform.folder)
    inner, outer = found.named("inner"), found.named("outer")
    assert inner.parent_span_id == outer.span_id
    assert (outer.environment, outer.release, outer.resource["service.name"]) == ("staging", "7", "theirs")


async def test_sending_is_no_work_of_the_app_to_be_traced(platform: App) -> None:
    """An instrumentation of HTTP clients would else trace what is sent, and send that, without an end."""
    instrumented = """
import requests
from opentelemetry import context, trace
plain = requests.Session.send
def send(self, request, **more):
    if context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY):
        return plain(self, request, **more)
    with trace.get_tracer("http").start_as_current_span("POST"):
        return plain(self, request, **more)
requests.Session.send = send
"""
    assert await platform.script(f"{instrumented}{WORK}sdk.flush()\n") == (0, "")
    assert [span.name for span in sent(platform.folder).spans] == ["work"]


@pytest.mark.parametrize("joined", [False, True])
async def test_a_sample_is_of_whole_traces(platform: App, joined: bool) -> None:
    before = "from opentelemetry import trace\nfrom opentelemetry.sdk.trace import TracerProvider\n"
    text = """
from pilothouse import sdk
assert sdk.init(sample=0.5)
for _ in range(200):
    with sdk.span("outer"), sdk.span("inner"):
        pass
"""
    start = f"{before}trace.set_tracer_provider(TracerProvider())" if joined else ""
    assert await platform.script(start + text) == (0, "")
    spans = sent(platform.folder).spans
    outer = {span.trace_id for span in spans if span.name == "outer"}
    assert {span.trace_id for span in spans if span.name == "inner"} == outer
    assert 50 < len(outer) < 150


@pytest.mark.parametrize("way", ["fork", "process"])
async def test_children_send_their_own_and_not_their_parents(platform: App, way: str) -> None:
    children = {
        "fork": """
import os
child = os.fork()
if child == 0:
    with sdk.span("child"):
        pass
    raise SystemExit
os.waitpid(child, 0)
""",
        "process": """
import multiprocessing
def work():
    with sdk.span("child"):
        pass
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
""",
    }
    text = f"{WORK}{children[way]}with sdk.span('after'):\n    pass\n"
    assert await platform.script(text) == (0, "")
    assert sorted(span.name for span in sent(platform.folder).spans) == ["after", "child", "work"]


async def test_without_a_key_one_line_says_that_it_is_off() -> None:
    code, said = await script(WORK.replace("assert sdk.init()", "assert not sdk.init()"))
    assert (code, said) == (0, "tracing is off: there is no key; set PILOTHOUSE_KEY, or say init(key=…)\n")


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1", "http://[", "http://127.0.0.1:99999"])
async def test_an_address_that_is_none_does_no_harm(url: str) -> None:
    code, said = await script(f"from pilothouse import sdk\nsdk.init({url!r}, {KEY!r})")
    assert code == 0
    assert said.count("\n") == (1 if url else 0)


async def test_a_platform_that_is_not_there_costs_nothing_but_a_warning() -> None:
    text = f"{WORK}for _ in range(3):\n    sdk.flush(0.05)\nprint('done')\n"
    began = time.monotonic()
    code, said = await script(text, PILOTHOUSE_URL=CLOSED, PILOTHOUSE_KEY=KEY)
    assert time.monotonic() - began < EXIT_S
    assert code == 0
    assert "done" in said
    assert said.count("does not take it now") == 1
    assert "dropped so far: 1" in said


async def test_a_platform_that_hangs_holds_the_end_up_for_no_longer_than_it_may() -> None:
    async with silent_server() as url:
        began = time.monotonic()
        code, said = await script(WORK, PILOTHOUSE_URL=url, PILOTHOUSE_KEY=KEY)
        assert time.monotonic() - began < EXIT_S + 2
    assert code == 0
    assert "the process ended before" in said


async def test_a_key_that_is_not_taken_is_said_once_and_counted(platform: App) -> None:
    text = f"{WORK}sdk.flush()\nwith sdk.span('more'):\n    pass\nsdk.flush()\nprint(sdk.dropped())\n"
    code, said = await script(text, PILOTHOUSE_URL=platform.run.url, PILOTHOUSE_KEY=KEY)
    assert code == 0
    assert said.count("is the key right") == 1
    assert said.endswith("2\n")


async def test_a_full_queue_drops_and_counts_and_never_waits() -> None:
    text = f"""
import time
from pilothouse import sdk
assert sdk.init()
began = time.monotonic()
for _ in range({MOST_ITEMS + 1500}):
    with sdk.span("work"):
        pass
assert time.monotonic() - began < 20
print(sdk.dropped())
"""
    async with silent_server() as url:
        code, said = await script(text, PILOTHOUSE_URL=url, PILOTHOUSE_KEY=KEY)
    assert code == 0
    assert said.count("the queue is full") == 1
    dropped = int(next(line for line in said.splitlines() if line.isdigit()))
    assert 500 <= dropped <= 1500


async def test_what_waited_is_sent_when_the_platform_is_back(platform: App, tmp_path: Path) -> None:
    port = platform.run.url.rpartition(":")[2]
    text = f"""
import socketserver, threading
from pilothouse import sdk
refusing = socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
from pilothouse.sdk import sending
wire = sending.Wire("http://127.0.0.1:%s" % refusing.server_address[1], "{platform.key}")
from pilothouse.sdk.outbox import Outbox
outbox = Outbox(wire)
refusing.server_close()
outbox.put(sending.ScoreItem("a", "helpful", 1.0, "NUMERIC", "2026-01-01T00:00:00Z", "1" * 32), 1)
assert not outbox.flush(1.0)
wire.url = "http://127.0.0.1:{port}"
assert outbox.flush(10.0)
assert outbox.dropped == 0
outbox.close()
"""
    code, said = await platform.script(text)
    assert code == 0, said
    assert [score.name for score in sent(tmp_path).scores] == ["helpful"]


async def test_without_the_extra_the_import_says_what_to_install() -> None:
    text = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import pilothouse
import pilothouse.sdk
"""
    code, said = await script(text)
    assert code == 1
    assert "pip install 'pilothouse[sdk]'" in said.splitlines()[-1]
