"""The contract of the upstream client, for every implementation: time, cancelling, load, reaching it."""

import asyncio
import contextlib

import pytest

from pilothouse.errors import (
    ShuttingDown,
    UpstreamCut,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from pilothouse.transport.base import Origin, Request, Timeouts
from tests.transport.calling import Make, fail, fetch
from tests.transport.upstream import CHUNKED, HEAD, OK, Call, Upstream, answering, full_listener, until

pytest_plugins = ("tests.transport.fixtures",)


# --- time ------------------------------------------------------------------------------------------------------------


async def test_no_answer_in_time(make: Make) -> None:
    await fail(make, lambda call: call.gone(), UpstreamTimeout, first_byte_s=0.05)


async def test_half_a_head_in_time_is_not_enough(make: Make) -> None:
    async def script(call: Call) -> None:
        await call.write(HEAD)
        await call.gone()

    await fail(make, script, UpstreamTimeout, first_byte_s=0.05)


async def test_silence_inside_a_body(make: Make) -> None:
    async def script(call: Call) -> None:
        await call.write(CHUNKED + b"5\r\nhello\r\n")
        await call.gone()

    await fail(make, script, UpstreamTimeout, between_bytes_s=0.05)


async def test_a_slow_drip_is_ended_by_the_total(make: Make) -> None:
    async def script(call: Call) -> None:
        await call.write(CHUNKED)
        with contextlib.suppress(ConnectionError):
            while not call.writer.is_closing():
                await call.write(b"1\r\nx\r\n")
                await asyncio.sleep(0.01)

    await fail(make, script, UpstreamTimeout, between_bytes_s=5, total_s=0.1)


async def test_a_slow_drip_within_the_limits_is_read_to_its_end(make: Make) -> None:
    async def script(call: Call) -> None:
        await call.write(CHUNKED)
        for _ in range(10):
            await call.write(b"1\r\nx\r\n")
            await asyncio.sleep(0.01)
        await call.write(b"0\r\n\r\n")

    async with Upstream(script) as upstream:
        assert (await fetch(make(), upstream.request(between_bytes_s=0.08)))[1] == b"x" * 10


async def test_a_slow_reader_is_not_a_slow_upstream(make: Make) -> None:
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"

    async def script(call: Call) -> None:
        await call.write(CHUNKED, *[piece] * 200, b"0\r\n\r\n")

    async with Upstream(script) as upstream:
        response = await make().send(upstream.request(between_bytes_s=0.05))
        size = 0
        async for chunk in response.chunks():
            if not size:
                await asyncio.sleep(0.2)
            size += len(chunk)
        await response.close()
        assert size == 200 * 65536


async def test_a_slow_reader_slows_the_upstream(make: Make) -> None:
    written = 0

    async def script(call: Call) -> None:
        nonlocal written
        await call.write(CHUNKED)
        for _ in range(1000):
            await call.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            written += 65536

    async with Upstream(script) as upstream:
        response = await make().send(upstream.request())
        await asyncio.sleep(0.3)
        # Socket buffers on both sides take some MB, the rest of the 65 MB has to wait.
        assert written < 30_000_000
        await response.close()


# --- cancelling and closing ------------------------------------------------------------------------------------------


async def test_cancelling_before_the_head_closes_the_connection(make: Make) -> None:
    async with Upstream(lambda call: call.gone()) as upstream:
        task = asyncio.ensure_future(make().send(upstream.request()))
        await until(lambda: len(upstream.calls) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: upstream.closed == 1)


@pytest.mark.parametrize("how", ["read", "chunks"])
async def test_cancelling_inside_the_body_closes_the_connection(make: Make, how: str) -> None:
    async def script(call: Call) -> None:
        await call.write(CHUNKED + b"5\r\nhello\r\n")
        await call.gone()

    async with Upstream(script) as upstream:
        response = await make().send(upstream.request())
        started = asyncio.Event()

        async def consume() -> None:
            started.set()
            if how == "read":
                await response.read(100)
            async for _ in response.chunks():
                pass

        task = asyncio.ensure_future(consume())
        await started.wait()
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: upstream.closed == 1)


async def test_closing_an_unread_answer_closes_its_connection_and_may_be_repeated(make: Make) -> None:
    async def script(call: Call) -> None:
        await call.write(CHUNKED + b"5\r\nhello\r\n")
        await call.gone()

    async with Upstream(script) as upstream:
        response = await make().send(upstream.request())
        await response.close()
        await response.close()
        await until(lambda: upstream.closed == 1)


async def test_chunks_come_without_waiting_for_the_next(make: Make) -> None:
    seen: asyncio.Queue[bytes] = asyncio.Queue()

    async def script(call: Call) -> None:
        await call.write(CHUNKED)
        for number in range(5):
            piece = b"data: %d\n\n" % number
            await call.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            assert await seen.get() == piece
        await call.write(b"0\r\n\r\n")

    async with Upstream(script) as upstream:
        response = await make().send(upstream.request())
        async for chunk in response.chunks():
            seen.put_nowait(chunk)
        await response.close()


async def test_close_ends_idle_connections_and_refuses_new_calls(make: Make) -> None:
    async with Upstream(answering(OK)) as upstream:
        transport = make()
        await fetch(transport, upstream.request())
        await transport.close()
        await until(lambda: upstream.closed == 1)
        with pytest.raises(ShuttingDown):
            await transport.send(upstream.request())


# --- many calls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 3])
async def test_many_calls_share_few_connections_in_turn(make: Make, limit: int) -> None:
    async def script(call: Call) -> None:
        await asyncio.sleep(0.002)
        await call.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(call.body), call.body)

    async with Upstream(script) as upstream:
        transport = make(max_connections_per_origin=limit)
        bodies = [b"%d" % number for number in range(30)]
        answers = await asyncio.gather(*(fetch(transport, upstream.request(body=body)) for body in bodies))
        assert [body for _, body in answers] == bodies
        assert upstream.connections == limit
        if limit == 1:
            assert [call.body for call in upstream.calls] == bodies


async def test_a_full_pool_is_waited_for_only_so_long(make: Make) -> None:
    async with Upstream(lambda call: call.gone()) as upstream:
        transport = make(max_connections_per_origin=1, queue_s=0.05)
        first = asyncio.ensure_future(transport.send(upstream.request()))
        await until(lambda: len(upstream.calls) == 1)
        with pytest.raises(UpstreamTimeout):
            await transport.send(upstream.request(connect_s=0.01))
        first.cancel()
        await asyncio.wait([first])


async def test_cancelled_and_broken_calls_free_their_places(make: Make) -> None:
    async def script(call: Call) -> None:
        if call.body == b"stall":
            await call.gone()
        elif call.body == b"cut":
            call.cut()
        else:
            await call.write(OK)

    async with Upstream(script) as upstream:
        transport = make(max_connections_per_origin=1)
        for _ in range(3):
            tasks = [
                asyncio.ensure_future(fetch(transport, upstream.request(body=body)))
                for body in (b"stall", b"cut", b"fine", b"stall", b"fine")
            ]
            count = len(upstream.calls)
            await until(lambda count=count: len(upstream.calls) > count)
            tasks[3].cancel()
            tasks[0].cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            kinds = [type(result) for result in results]
            cancelled = asyncio.CancelledError
            assert kinds == [cancelled, UpstreamCut, tuple, cancelled, tuple]


async def test_idle_connections_are_closed_in_time(make: Make) -> None:
    async with Upstream(answering(OK)) as upstream:
        transport = make(idle_s=0.1)
        await fetch(transport, upstream.request())
        await until(lambda: upstream.closed == 1)


# --- reaching the upstream -------------------------------------------------------------------------------------------


async def test_nobody_listens(make: Make) -> None:
    async with Upstream(answering(OK)) as upstream:
        request = upstream.request(target=b"/v1?key=sk-secret")
    with pytest.raises(UpstreamUnreachable) as caught:
        await make().send(request)
    assert f"127.0.0.1:{upstream.port}" in str(caught.value)
    assert "sk-secret" not in str(caught.value)


async def test_no_such_host(make: Make) -> None:
    origin, _ = Origin.parse("http://no-such-host.invalid/v1")
    with pytest.raises(UpstreamUnreachable):
        await make().send(Request(origin, b"GET", b"/", ()))


async def test_a_host_that_does_not_answer_in_time(make: Make) -> None:
    # A listener whose queue is full drops the SYN of the next client.
    with contextlib.ExitStack() as stack:
        port = full_listener(stack)
        request = Request(Origin("http", "127.0.0.1", port), b"GET", b"/", (), b"", Timeouts(connect_s=0.1))
        with pytest.raises(UpstreamTimeout):
            await make().send(request)


async def test_an_ipv6_literal(make: Make) -> None:
    async with Upstream(answering(OK), host="::1") as upstream:
        origin, _ = Origin.parse(f"http://[::1]:{upstream.port}/v1")
        assert (await fetch(make(), Request(origin, b"GET", b"/", ())))[1] == b"hi"
    assert b"host: [::1]:%d\r\n" % upstream.port in upstream.calls[0].head.lower()
