"""The lean HTTP protocol: framing, order, and what an application is told of its client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from pilothouse.wiring import ports
from pilothouse.wiring.joined_writes import SERVED, JoinedWritesProtocol

BROKEN = (b"x-bad", b"a\r\nset-cookie: b")
EXTRA = {"/broken": [BROKEN], "/answer-broken": [BROKEN], "/close": [(b"connection", b"close")]}
GET = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"


async def read_whole(receive: Callable[[], Awaitable[dict[str, Any]]]) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body += message["body"]
        more = message["more_body"]
    return body


class Echo:
    """Answers with what it was asked, as the path tells."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.go = asyncio.Event()
        self.scopes: list[dict[str, Any]] = []
        self.answered: list[bool] = []

    def answer(self, scope: dict[str, Any], headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Try the short way, which must not work twice."""
        answer = scope["extensions"][SERVED].answer
        status = 204 if scope["path"] == "/answer-204" else 200
        self.answered.append(answer(status, headers, body))
        return self.answered[-1] and not answer(status, headers, body)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        path = scope["path"]
        if path == "/raise":
            raise ValueError("as asked")
        if path == "/refuse":
            body = b""
        elif path == "/never":
            await read_whole(receive)
            assert await receive() == {"type": "http.disconnect"}
            self.gone.set()
            return
        else:
            body = await read_whole(receive)
        if path in ("/leave", "/answer-leave"):
            scope["extensions"][SERVED].when_gone(self.gone.set)
        if path in ("/wait", "/leave"):
            await self.go.wait()
        headers = [(b"x-path", path.encode()), *EXTRA.get(path, ())]
        if path.startswith("/answer") and self.answer(scope, headers, body):
            return
        if path == "/long":
            headers.append((b"content-length", b"1"))
        elif path != "/chunks":
            headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if path == "/chunks":
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
            await send({"type": "http.response.body", "body": b"two", "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await send({"type": "http.response.body", "body": b"xyz" if path == "/long" else body, "more_body": False})


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, int, uvicorn.Server]]:
    async with serving(5) as running:
        yield running


@asynccontextmanager
async def serving(keep_alive_s: float) -> AsyncIterator[tuple[Echo, int, uvicorn.Server]]:
    app = Echo()
    port = ports.pick("127.0.0.1")
    config: Any = uvicorn.Config(
        app, http=JoinedWritesProtocol, ws="none", lifespan="off", log_config=None, host="127.0.0.1", port=port,
        server_header=False, date_header=False, access_log=False,
    )  # fmt: skip
    config.timeout_keep_alive = keep_alive_s
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    yield app, port, server
    server.should_exit = True
    await task


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("waited in vain")


class Peer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.read()


@asynccontextmanager
async def peer(port: int, data: bytes) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    yield Peer(reader, writer)
    writer.close()


def post(path: bytes, body: bytes, more: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n%b\r\n%b" % (path, len(body), more, body)


async def test_an_answer_is_framed_by_its_length_and_the_connection_kept(echo):
    _, port, _ = echo
    async with peer(port, post(b"/a", b"body")) as client:
        head = await client.head()
        assert head == b"HTTP/1.1 200 OK\r\nx-path: /a\r\ncontent-length: 4\r\n\r\n"
        assert await client.reader.readexactly(4) == b"body"
        client.writer.write(post(b"/b", b"again"))
        assert b"x-path: /b" in await client.head()
        assert await client.reader.readexactly(5) == b"again"


async def test_an_answer_without_a_length_goes_out_in_chunks(echo):
    _, port, _ = echo
    async with peer(port, b"GET /chunks HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n") as client:
        assert (await client.rest()).endswith(
            b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        )


async def test_pipelined_requests_are_answered_one_after_the_other(echo):
    app, port, _ = echo
    async with peer(port, post(b"/wait", b"1") + post(b"/b", b"22") + post(b"/c", b"333")) as client:
        await until(lambda: bool(app.scopes))
        assert len(app.scopes) == 1
        app.go.set()
        for path, body in ((b"/wait", b"1"), (b"/b", b"22"), (b"/c", b"333")):
            assert b"x-path: %b\r\n" % path in await client.head()
            assert await client.reader.readexactly(len(body)) == body


async def test_a_body_of_many_pieces_arrives_whole(echo):
    _, port, _ = echo
    body = bytes(range(256)) * 8192
    async with peer(port, b"") as client:
        client.writer.write(b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        for start in range(0, len(body), 100_000):
            piece = body[start : start + 100_000]
            client.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await client.writer.drain()
        client.writer.write(b"0\r\n\r\n")
        await client.head()
        assert await client.reader.readexactly(len(body)) == body


async def test_a_client_that_waits_for_the_go_ahead_gets_it_once_the_body_is_wanted(echo):
    _, port, _ = echo
    start = b"POST %b HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    async with peer(port, start % b"/a") as client:
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.writer.write(b"ok")
        assert await client.head() == b"HTTP/1.1 200 OK\r\nx-path: /a\r\ncontent-length: 2\r\n\r\n"
    async with peer(port, start % b"/refuse") as client:
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("request_line", [b"GET /a HTTP/1.0", b"GET /close HTTP/1.1"])
async def test_a_connection_that_is_not_to_be_kept_is_closed(echo, request_line):
    _, port, _ = echo
    async with peer(port, request_line + b"\r\nhost: x\r\n\r\n") as client:
        answer = await client.rest()
        assert answer.count(b"connection: close\r\n") == 1


async def test_the_application_sees_the_parts_of_the_url(echo):
    app, port, _ = echo
    for target in (b"/v1/caf%C3%A9?q=1&r=%20", b"http://h.example/v1/caf%C3%A9?q=1&r=%20"):
        async with peer(port, b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % target) as client:
            await client.head()
        scope = app.scopes[-1]
        assert (scope["path"], scope["raw_path"]) == ("/v1/café", b"/v1/caf%C3%A9")
        assert (scope["query_string"], scope["method"]) == (b"q=1&r=%20", "GET")
        assert scope["headers"] == [(b"host", b"x")]
        assert scope["client"][0] == "127.0.0.1"


async def test_a_request_does_not_see_what_another_left_in_its_scope(echo):
    app, port, _ = echo
    async with peer(port, GET) as client:
        await client.head()
        app.scopes[0]["state"]["left"] = app.scopes[0]["left"] = True
        client.writer.write(GET)
        await client.head()
    assert "left" not in app.scopes[1]
    assert "left" not in app.scopes[1]["state"]


async def test_what_is_kept_of_a_connection_lives_as_long_as_that(echo):
    app, port, _ = echo
    async with peer(port, GET) as client:
        await client.head()
        kept = app.scopes[0]["extensions"][SERVED].kept
        kept["known"] = True
        client.writer.write(GET)
        await client.head()
        assert app.scopes[1]["extensions"][SERVED].kept is kept
    async with peer(port, GET) as client:
        await client.head()
    assert app.scopes[2]["extensions"][SERVED].kept == {}
    await until(lambda: not kept)


async def test_the_answer_to_head_has_no_body(echo):
    _, port, _ = echo
    async with peer(port, b"HEAD /a HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nxx" + GET) as client:
        assert b"content-length: 2" in await client.head()
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK")


async def test_an_application_is_told_that_its_client_went_away(echo):
    app, port, server = echo
    async with peer(port, post(b"/never", b"x")) as client:
        await until(lambda: bool(app.scopes))
        client.writer.close()
        async with asyncio.timeout(5):
            await app.gone.wait()
        await until(lambda: not server.server_state.tasks)


@pytest.mark.parametrize("size", [1, 300_000])
async def test_a_client_that_leaves_is_told_of_without_being_asked_for(echo, size):
    app, port, _ = echo
    async with peer(port, post(b"/leave", b"x" * size)) as client:
        await client.writer.drain()
        await until(lambda: bool(app.scopes))
        client.writer.close()
        async with asyncio.timeout(5):
            await app.gone.wait()
    app.go.set()


async def test_a_client_that_leaves_behind_its_answer_is_not_told_of(echo):
    app, port, server = echo
    async with peer(port, post(b"/answer-leave", b"x")) as client:
        await client.head()
    await until(lambda: not server.server_state.connections)
    assert not app.gone.is_set()


@pytest.mark.parametrize("path", [b"/raise", b"/broken", b"/long"])
async def test_an_application_that_fails_never_gives_a_whole_answer(echo, path):
    _, port, server = echo
    async with peer(port, post(path, b"")) as client:
        answer = await client.rest()
        assert b"set-cookie" not in answer
        assert answer.startswith(b"HTTP/1.1 500") == (path == b"/raise")
    await until(lambda: not server.server_state.tasks)


@pytest.mark.parametrize("data", [b"nonsense\r\n\r\n", b"GET /a HTTP/1.1\r\nhost: x\r\ncontent-length: z\r\n\r\n"])
async def test_what_is_not_http_is_answered_with_400(echo, data):
    _, port, _ = echo
    async with peer(port, data) as client:
        assert (await client.rest()).startswith(b"HTTP/1.1 400")


async def test_an_idle_connection_is_closed_after_its_time_and_one_at_work_is_not():
    async with serving(0.2) as (app, port, _), peer(port, GET) as idle, peer(port, GET) as busy:
        loop = asyncio.get_running_loop()
        await busy.head()
        busy.writer.write(post(b"/wait", b"x"))
        started = loop.time()
        await idle.head()
        assert await idle.rest() == b""
        assert 0.1 < loop.time() - started < 2
        await asyncio.sleep(0.3)
        app.go.set()
        assert b"x-path: /wait" in await busy.head()
        assert await busy.reader.readexactly(1) == b"x"
        assert await busy.rest() == b""


async def test_what_was_written_goes_out_before_a_shutdown_closes_the_connection(echo):
    _, port, server = echo
    async with peer(port, GET) as client:
        await client.head()
        (protocol,) = server.server_state.connections
        protocol.burst.write(protocol.transport, b"written")
        protocol.shutdown()
        assert await client.rest() == b"written"


async def test_a_whole_answer_may_be_given_in_one_step(echo):
    app, port, _ = echo
    async with peer(port, post(b"/answer", b"body") + post(b"/answer", b"more", b"connection: close\r\n")) as client:
        head = b"HTTP/1.1 200 OK\r\nx-path: /answer\r\ncontent-length: 4\r\n"
        assert await client.rest() == head + b"\r\nbody" + head + b"connection: close\r\n\r\nmore"
    assert app.answered == [True, True]


@pytest.mark.parametrize("request_line", [b"HEAD /answer", b"GET /answer-204"])
async def test_an_answer_without_a_body_is_sent_the_usual_way(echo, request_line):
    app, port, _ = echo
    async with peer(port, request_line + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n") as client:
        assert (await client.rest()).endswith(b"content-length: 0\r\nconnection: close\r\n\r\n")
    assert app.answered == [False]


async def test_a_whole_answer_whose_header_breaks_its_line_is_not_sent(echo):
    _, port, server = echo
    async with peer(port, post(b"/answer-broken", b"body")) as client:
        answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 500")
    assert b"set-cookie" not in answer
    await until(lambda: not server.server_state.tasks)


async def test_a_client_that_takes_nothing_is_waited_for(echo):
    app, port, server = echo
    async with peer(port, GET) as client:
        await client.head()
        (protocol,) = server.server_state.connections
        protocol.pause_writing()
        client.writer.write(post(b"/answer", b"body"))
        await until(lambda: app.answered == [False])
        protocol.resume_writing()
        assert b"x-path: /answer" in await client.head()
