"""What only the pooled client promises: strictness, order of reuse, places, shutdown."""

import asyncio
import contextlib
import random
import socket
import struct

import pytest

from pilothouse import instruments
from pilothouse.errors import (
    PilothouseError,
    ShuttingDown,
    UpstreamCut,
    UpstreamProtocol,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from pilothouse.transport.base import Origin, Request
from pilothouse.transport.options import TransportOptions
from pilothouse.transport.pool import OriginPool, PooledTransport
from tests.transport.calling import fetch
from tests.transport.upstream import CHUNKED, HEAD, OK, Call, Upstream, answering, full_listener, until


def only_pool(transport: PooledTransport) -> OriginPool:
    (pool,) = transport._pools.values()
    return pool


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"x-a: 1\r\n folded\r\ncontent-length: 2\r\n\r\nhi",
        HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: chunked, gzip\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: identity\r\n\r\nhi",
        b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\ncontent-length: 2\n\nhi",
        CHUNKED + b"2\nhi\n0\n\n",
    ],
)
async def test_sloppy_answers_are_refused(answer: bytes) -> None:
    transport = PooledTransport()
    async with Upstream(answering(answer)) as upstream:
        with pytest.raises(UpstreamProtocol):
            await fetch(transport, upstream.request())
        await transport.close()


@pytest.mark.parametrize(
    "evil", [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nEVIL", b"HTTP/1.1 200 OK\r\nx-evil: ", b"EVIL"]
)
async def test_bytes_behind_an_answer_never_become_the_next_answer(evil: bytes) -> None:
    async with Upstream(answering(OK + evil)) as upstream:
        transport = PooledTransport()
        for _ in range(3):
            response, body = await fetch(transport, upstream.request())
            assert (body, response.reused) == (b"hi", False)
        await transport.close()


async def test_an_answer_that_ends_with_its_connection_is_cut_by_a_reset() -> None:
    async def script(call: Call) -> None:
        await call.write(HEAD + b"\r\nhalf")
        await asyncio.sleep(0.02)
        # Without lingering, a close is sent as a reset.
        linger = struct.pack("ii", 1, 0)
        call.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        call.reset()

    transport = PooledTransport()
    async with Upstream(script) as upstream:
        with pytest.raises(UpstreamCut):
            await fetch(transport, upstream.request())
        await transport.close()


async def test_bytes_on_an_idle_connection_never_become_an_answer() -> None:
    sent = asyncio.Event()

    async def script(call: Call) -> None:
        await call.write(OK)
        if call.connection == 1:
            await asyncio.sleep(0.02)
            await call.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nEVIL")
            sent.set()

    async with Upstream(script) as upstream:
        transport = PooledTransport()
        await fetch(transport, upstream.request())
        await sent.wait()
        await asyncio.sleep(0.02)
        response, body = await fetch(transport, upstream.request())
        assert (body, response.reused) == (b"hi", False)
        await transport.close()


async def test_the_most_recently_used_connection_is_used_first() -> None:
    gate = asyncio.Event()

    async def script(call: Call) -> None:
        if len(upstream.calls) <= 3:
            await gate.wait()
        await call.write(OK)

    transport = PooledTransport()
    async with Upstream(script) as upstream:
        tasks = [asyncio.ensure_future(fetch(transport, upstream.request())) for _ in range(3)]
        await until(lambda: len(upstream.calls) == 3)
        gate.set()
        await asyncio.gather(*tasks)
        for _ in range(4):
            await fetch(transport, upstream.request())
        assert len({call.connection for call in upstream.calls[3:]}) == 1
        await transport.close()


async def test_a_stale_call_goes_out_on_a_new_connection_even_when_others_are_idle() -> None:
    gate = asyncio.Event()

    async def script(call: Call) -> None:
        if len(upstream.calls) <= 3:
            await gate.wait()
            await call.write(OK)
        elif call.connection <= 3:
            call.cut()
        else:
            await call.write(OK)

    transport = PooledTransport()
    async with Upstream(script) as upstream:
        tasks = [asyncio.ensure_future(fetch(transport, upstream.request())) for _ in range(3)]
        await until(lambda: len(upstream.calls) == 3)
        gate.set()
        await asyncio.gather(*tasks)
        response, _ = await fetch(transport, upstream.request())
        assert not response.reused
        assert upstream.calls[-1].connection == 4
        assert only_pool(transport).count == 3
        await transport.close()


async def test_a_connection_reserved_for_a_waiting_call_may_die_before_it_is_used() -> None:
    async def script(call: Call) -> None:
        if len(upstream.calls) == 1:
            await call.write(OK)
            call.reset()
        else:
            await call.write(OK)

    transport = PooledTransport(TransportOptions(max_connections_per_origin=1))
    async with Upstream(script) as upstream:
        answers = await asyncio.gather(*(fetch(transport, upstream.request()) for _ in range(4)))
        assert [body for _, body in answers] == [b"hi"] * 4
        await transport.close()
        assert only_pool(transport).count == 0


@pytest.mark.parametrize(
    ("head", "limit"),
    [(b"", "first_byte_s"), (CHUNKED, "between_bytes_s"), (b"", "total_s"), (CHUNKED + b"2\r\nhi\r\n", "total_s")],
)
async def test_each_call_on_a_connection_has_its_own_limits(head: bytes, limit: str) -> None:
    async def script(call: Call) -> None:
        if call.body == b"stall":
            await call.write(head)
            await call.gone()
        else:
            await asyncio.sleep(0.04 if call.body == b"slow" else 0)
            await call.write(OK)

    transport = PooledTransport(TransportOptions(max_connections_per_origin=1))
    async with Upstream(script) as upstream:
        await fetch(transport, upstream.request())
        await fetch(transport, upstream.request(first_byte_s=0.03))
        await fetch(transport, upstream.request(body=b"slow"))
        with pytest.raises(UpstreamTimeout):
            await fetch(transport, upstream.request(body=b"stall", **{limit: 0.05}))
        assert upstream.connections == 1
        await transport.close()


@pytest.mark.parametrize("dies", [False, True])
async def test_a_call_cancelled_as_it_is_handed_a_connection_passes_it_on(dies: bool) -> None:
    transport = PooledTransport(TransportOptions(max_connections_per_origin=1))
    async with Upstream(answering(OK)) as upstream:
        await fetch(transport, upstream.request())
        pool = only_pool(transport)
        connection = pool.idle.pop()
        task = asyncio.ensure_future(transport.send(upstream.request()))
        await until(lambda: len(pool.queue) == 1)
        pool.release(connection)
        if dies:
            connection.abort()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (pool.idle, pool.count) == (([], 0) if dies else ([connection], 1))
        await transport.close()


async def test_no_place_is_ever_lost_in_a_storm_of_faults_and_cancellations() -> None:
    chance = random.Random(7)

    async def script(call: Call) -> None:
        await asyncio.sleep(chance.random() * 0.002)
        kind = chance.randrange(6)
        if kind == 0:
            call.cut()
        elif kind == 1:
            await call.write(HEAD + b"content-length: 9\r\n\r\nhi")
            call.reset()
        elif kind == 2:
            await call.write(OK)
            call.cut()
        elif kind == 3:
            await call.write(OK + b"junk")
        else:
            await call.write(CHUNKED, b"2\r\nhi\r\n", b"0\r\n\r\n")

    transport = PooledTransport(TransportOptions(max_connections_per_origin=4))
    async with Upstream(script) as upstream:
        tasks = [asyncio.ensure_future(fetch(transport, upstream.request(first_byte_s=5))) for _ in range(400)]
        for task in chance.sample(tasks, 150):
            await asyncio.sleep(0.0005)
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        bad = [r for r in results if isinstance(r, Exception) and not isinstance(r, PilothouseError)]
        assert not bad
        pool = only_pool(transport)
        await until(lambda: len(pool.alive) == len(pool.idle))
        assert pool.count == len(pool.idle) <= 4
        assert not pool.queue
        await transport.close()
        assert pool.count == 0
        await until(lambda: not pool.alive)


async def test_close_lets_a_running_call_end() -> None:
    gate = asyncio.Event()

    async def script(call: Call) -> None:
        await call.write(CHUNKED + b"2\r\nhi\r\n")
        await gate.wait()
        await call.write(b"0\r\n\r\n")

    transport = PooledTransport()
    async with Upstream(script) as upstream:
        response = await transport.send(upstream.request())
        closing = asyncio.ensure_future(transport.close())
        await asyncio.sleep(0.01)
        with pytest.raises(ShuttingDown):
            await transport.send(upstream.request())
        gate.set()
        assert await response.read(10) == b"hi"
        await closing


async def test_close_ends_a_call_that_outlasts_the_grace_time() -> None:
    transport = PooledTransport(TransportOptions(close_grace_s=0.02))
    async with Upstream(lambda call: call.gone()) as upstream:
        task = asyncio.ensure_future(transport.send(upstream.request()))
        await until(lambda: len(upstream.calls) == 1)
        await transport.close()
        with pytest.raises(UpstreamUnreachable):
            await task


async def test_close_ends_calls_that_still_wait_for_a_connection() -> None:
    transport = PooledTransport(TransportOptions(close_grace_s=0.02, max_connections_per_origin=1))
    async with Upstream(lambda call: call.gone()) as upstream:
        tasks = [asyncio.ensure_future(transport.send(upstream.request())) for _ in range(3)]
        await until(lambda: len(upstream.calls) == 1)
        await transport.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [UpstreamUnreachable, ShuttingDown, ShuttingDown]


async def test_cancelling_while_connecting_frees_the_place() -> None:
    transport = PooledTransport()
    with contextlib.ExitStack() as stack:
        request = Request(Origin("http", "127.0.0.1", full_listener(stack)), b"GET", b"/", ())
        task = asyncio.ensure_future(transport.send(request))
        await asyncio.sleep(0.02)
        assert only_pool(transport).count == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert only_pool(transport).count == 0
    await transport.close()


async def test_a_name_with_several_addresses_is_reached_at_the_one_that_answers() -> None:
    transport = PooledTransport()
    async with Upstream(answering(OK)) as upstream:
        request = Request(Origin("http", "localhost", upstream.port), b"GET", b"/", ())
        assert (await fetch(transport, request))[1] == b"hi"
        await transport.close()


async def test_connections_are_counted() -> None:
    opened = instruments.TRANSPORT_CONNECTS.values.get(("ok",), 0)
    refused = instruments.TRANSPORT_CONNECTS.values.get(("refused",), 0)
    transport = PooledTransport()
    async with Upstream(answering(OK)) as upstream:
        before = instruments.TRANSPORT_OPEN.values.get((), 0)
        await fetch(transport, upstream.request())
        await fetch(transport, upstream.request())
        assert instruments.TRANSPORT_CONNECTS.values["ok",] == opened + 1
        assert instruments.TRANSPORT_OPEN.values[()] == before + 1
        request: Request = upstream.request()
        await transport.close()
        await until(lambda: instruments.TRANSPORT_OPEN.values[()] == before)
    transport = PooledTransport()
    with pytest.raises(UpstreamUnreachable):
        await transport.send(request)
    assert instruments.TRANSPORT_CONNECTS.values["refused",] == refused + 1
    await transport.close()


async def test_an_origin_without_connections_is_forgotten() -> None:
    transport = PooledTransport(TransportOptions(idle_s=0.05))
    async with Upstream(answering(OK)) as upstream:
        await fetch(transport, upstream.request())
        await until(lambda: not transport._pools)
        await fetch(transport, upstream.request())
        await transport.close()
