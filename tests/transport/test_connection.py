"""Any split of an answer's bytes gives the same result, and leaves the connection in the same state."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.errors import PilothouseError, UpstreamProtocol
from pilothouse.transport.base import Origin, Request
from pilothouse.transport.burst import Burst
from pilothouse.transport.connection import Connection
from tests.transport.upstream import CHUNKED, HEAD, OK

REQUEST = Request(Origin("http", "127.0.0.1", 1), b"POST", b"/", (), b"{}")


class Straight(Burst):
    """Writes at once, also where no loop runs."""

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        transport.write(data)


class Wire(asyncio.Transport):
    """A socket that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Drop the data."""

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def get_write_buffer_size(self) -> int:
        return 0


class Owner:
    """A pool that only notes what it is told."""

    peer = "127.0.0.1:1"
    max_header_bytes = 4096
    buffer_bytes = 1 << 20

    def __init__(self) -> None:
        self.alive: set[Connection] = set()
        self.burst = Straight()
        self.notes: list[str] = []

    def release(self, connection: Connection) -> None:
        self.notes.append("released")

    def lost(self, connection: Connection) -> None:
        self.notes.append("lost")

    def vacate(self) -> None:
        self.notes.append("vacated")


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


Outcome = tuple[object, ...]


def play(loop: asyncio.AbstractEventLoop, pieces: list[bytes], closes: bool, method: bytes = b"POST") -> Outcome:
    """Return everything a caller could see of an answer that comes in these pieces."""
    owner = Owner()
    connection = Connection(loop, owner)
    wire = Wire()
    connection.connection_made(wire)
    request = Request(REQUEST.origin, method, b"/", (), b"{}")
    waiter = connection.start(b"", request, loop.time() + 60)
    for piece in pieces:
        if not wire.aborted:
            connection.data_received(piece)
    if closes:
        connection.connection_lost(None)
    try:
        return loop.run_until_complete(result(waiter, owner))
    finally:
        connection.abort()


async def result(waiter: asyncio.Future, owner: Owner) -> Outcome:
    if not waiter.done():
        return ("no answer",)
    try:
        response = await waiter
    except PilothouseError as error:
        return type(error), owner.notes
    body = b""
    try:
        if not response._complete and response._error is None:
            return response.status, response.headers, b"".join(response._parts), "goes on"
        async for chunk in response.chunks():
            body += chunk
    except PilothouseError as error:
        return response.status, response.headers, body, type(error), owner.notes
    return response.status, response.headers, body, "whole", owner.notes


bodies = st.binary(max_size=60)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Return an answer, whole or not, right or wrong."""
    kind = draw(st.sampled_from(["length", "chunked", "close", "given"]))
    interim = draw(st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 x\r\nlink: y\r\n\r\n"]))
    body = draw(bodies)
    if kind == "length":
        lie = draw(st.sampled_from([0, 0, 0, 3, -1]))
        answer = HEAD + b"content-length: %d\r\n\r\n" % (len(body) + lie) + body
    elif kind == "chunked":
        chunks = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4))
        answer = CHUNKED + b"".join(b"%x;e=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
        answer += draw(st.sampled_from([b"0\r\n\r\n", b"0\r\nx-trailer: 1\r\n\r\n", b"", b"zz\r\n"]))
    elif kind == "close":
        answer = HEAD + b"connection: close\r\n\r\n" + body
    else:
        answer = draw(
            st.sampled_from(
                [
                    b"HTTP/1.1 204 No Content\r\n\r\n",
                    b"HTTP/1.1 304 x\r\ncontent-length: 4\r\n\r\n",
                    b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi",
                    b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nhi",
                    HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
                    HEAD + b"x: 1\r\n folded\r\n\r\n",
                    HEAD + b"content-length: 2\r\ncontent-length: 2\r\n\r\nhi",
                    b"HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\nxx",
                    b"<html>",
                ]
            )
        )
    return interim + answer + draw(st.sampled_from([b"", b"", OK, b"HTTP/1.1 2", b"junk"]))


@settings(max_examples=400, deadline=None)
@given(
    answer=answers(),
    cuts=st.lists(st.integers(0, 300), max_size=12),
    closes=st.booleans(),
    method=st.sampled_from([b"POST", b"HEAD"]),
)
def test_any_split_gives_the_same_result(
    loop: asyncio.AbstractEventLoop, answer: bytes, cuts: list[int], closes: bool, method: bytes
) -> None:
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(answer)}), len(answer)]
    pieces = [answer[begin:end] for begin, end in pairwise(edges)]
    bytewise = [answer[index : index + 1] for index in range(len(answer))]
    whole = play(loop, [answer], closes, method)
    assert drop_state(play(loop, pieces, closes, method)) == drop_state(whole)
    assert drop_state(play(loop, bytewise, closes, method)) == drop_state(whole)


def drop_state(outcome: Outcome) -> Outcome:
    """Return the outcome without how the connection ended: bytes behind an answer may also come after its release."""
    return outcome[:-1] if isinstance(outcome[-1], list) else outcome


@pytest.mark.parametrize(
    "flood",
    [
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * 1000,
        [CHUNKED, *[b"1;" + b"x" * 1000] * 10],
        [CHUNKED, b"1;", *[b"x" * 1000] * 10],
        [CHUNKED, b"2\r\nhi\r\n0\r\n", *[b"x-t: 1\r\n"] * 1000],
        [CHUNKED, b"2\r\nhi\r\n0\r\n", b"x-t: ", *[b"1" * 1000] * 10],
        [HEAD, *[b"x-a: 1\r\n"] * 1000],
        [HEAD, b"x-a: ", *[b"1" * 1000] * 10],
        [HEAD + b"x-a: 1\r\n" * 1000 + b"\r\n"],
    ],
    ids=lambda flood: repr(flood[:2])[:60],
)
async def test_endless_heads_and_framing_are_refused(flood: list[bytes]) -> None:
    owner = Owner()
    connection = Connection(asyncio.get_running_loop(), owner)
    wire = Wire()
    connection.connection_made(wire)
    waiter = connection.start(b"", REQUEST, asyncio.get_running_loop().time() + 60)
    reader = asyncio.ensure_future(read(waiter))
    for piece in flood:
        if not wire.aborted:
            connection.data_received(piece)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    assert wire.aborted
    with pytest.raises(UpstreamProtocol):
        await reader


async def test_an_answer_that_meets_its_cancelled_call_does_not_free_the_connection_twice() -> None:
    owner = Owner()
    connection = Connection(asyncio.get_running_loop(), owner)
    connection.connection_made(Wire())
    waiter = connection.start(b"", REQUEST, asyncio.get_running_loop().time() + 60)
    waiter.cancel()
    connection.data_received(OK)
    connection.connection_lost(None)
    assert owner.notes == []
    assert connection.dead


async def read(waiter: asyncio.Future) -> bytes:
    response = await waiter
    return await response.read(1 << 20)
