"""The contract of the upstream client, for every implementation: what goes out, how answers are framed, cuts, reuse."""

import asyncio

import msgspec
import pytest

from pilothouse.errors import (
    InvalidRequest,
    UpstreamCut,
    UpstreamProtocol,
)
from tests.transport.calling import Make, fail, fetch
from tests.transport.upstream import CHUNKED, HEAD, OK, Call, Upstream, answering, until

pytest_plugins = ("tests.transport.fixtures",)


# --- what goes out ---------------------------------------------------------------------------------------------------


async def test_head_and_body_arrive_as_given(make: Make) -> None:
    async with Upstream(answering(OK)) as upstream:
        headers = ((b"content-type", b"application/json"), (b"authorization", b"Bearer sk-1"))
        await fetch(make(), upstream.request(b"POST", b"/v1/chat?x=%20y", b'{"a":1}', headers))
    call = upstream.calls[0]
    assert call.lines[0] == b"POST /v1/chat?x=%20y HTTP/1.1"
    sent = {line.split(b": ", 1)[0].lower(): line.split(b": ", 1)[1] for line in call.lines[1:]}
    assert sent == {
        b"host": b"127.0.0.1:%d" % upstream.port,
        b"content-type": b"application/json",
        b"authorization": b"Bearer sk-1",
        b"accept-encoding": b"identity",
        b"content-length": b"7",
    }
    assert call.body == b'{"a":1}'


async def test_get_without_body_has_no_length_and_own_accept_encoding_is_kept(make: Make) -> None:
    async with Upstream(answering(OK)) as upstream:
        await fetch(make(), upstream.request(b"GET", b"/v1/models", b"", ((b"Accept-Encoding", b"gzip"),)))
    names = [line.split(b":")[0].lower() for line in upstream.calls[0].lines[1:]]
    assert sorted(names) == [b"accept-encoding", b"host"]


async def test_post_without_body_says_length_zero(make: Make) -> None:
    async with Upstream(answering(OK)) as upstream:
        await fetch(make(), upstream.request(b"POST", b"/", b""))
    assert b"content-length: 0" in upstream.calls[0].head.lower()


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": ((b"x-a", b"1\r\nx-b: 2"),)},
        {"headers": ((b"x-a", b"1\n"),)},
        {"headers": ((b"x-a", b"1\r"),)},
        {"headers": ((b"x-a", b"\0"),)},
        {"headers": ((b"x a", b"1"),)},
        {"headers": ((b"x-a:", b"1"),)},
        {"headers": ((b"", b"1"),)},
        {"headers": ((b"Content-Length", b"5"),)},
        {"headers": ((b"transfer-encoding", b"chunked"),)},
        {"headers": ((b"Host", b"other"),)},
        {"headers": ((b"connection", b"close"),)},
        {"target": b"/a b"},
        {"target": b"/a\r\nx: y"},
        {"target": b"http://other/"},
        {"target": b""},
        {"method": b"GE T"},
        {"method": b"GET\r\n"},
        {"method": b""},
    ],
)
async def test_a_head_that_could_smuggle_is_refused_before_a_byte_is_sent(make: Make, fields: dict[str, bytes]) -> None:
    async with Upstream(answering(OK)) as upstream:
        with pytest.raises(InvalidRequest):
            await make().send(upstream.request(**fields))
    assert not upstream.calls


async def test_headers_of_this_call_alone_go_out_behind_the_others_and_are_checked_too(make: Make) -> None:
    async with Upstream(answering(OK)) as upstream:
        transport = make()
        request = upstream.request(headers=((b"x-many", b"1"),))
        for number in (b"1", b"2"):
            await fetch(transport, msgspec.structs.replace(request, more_headers=((b"x-one", number),)))
        for bad in ((b"x-a", b"1\r\nx-b: 2"), (b"content-length", b"5")):
            with pytest.raises(InvalidRequest):
                await transport.send(msgspec.structs.replace(request, more_headers=(bad,)))
    for call, number in zip(upstream.calls, (b"1", b"2"), strict=True):
        lines = [line.lower() for line in call.lines]
        assert lines.index(b"x-one: " + number) == lines.index(b"x-many: 1") + 1


async def test_an_answer_read_to_its_end_gives_the_connection_back_without_a_close(make: Make) -> None:
    async with Upstream(answering(OK)) as upstream:
        transport = make()
        for reused in (False, True, True):
            response = await transport.send(upstream.request())
            assert await response.read(100) == b"hi"
            assert response.reused is reused
        await transport.close()


async def test_what_is_at_hand_is_the_whole_body_or_nothing(make: Make) -> None:
    async with Upstream(answering(OK)) as upstream:
        response = await make().send(upstream.request())
        body = response.at_hand(100)
        assert (await response.read(100) if body is None else body) == b"hi"
        early = await make().send(upstream.request())
        with pytest.raises(UpstreamProtocol):
            early.at_hand(1) or await early.read(1)


# --- framing of answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (HEAD + b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (HEAD + b"Content-Length: 0\r\n\r\n", b""),
        (CHUNKED + b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\n\r\n", b"hello world"),
        (CHUNKED + b"5\r\nhello\r\n0\r\nx-trailer: 1\r\n\r\n", b"hello"),
        (CHUNKED + b"0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n", b""),
        (b"HTTP/1.1 500 \r\ncontent-length: 2\r\n\r\nno", b"no"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"hi"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK, b"hi"),
    ],
)
@pytest.mark.parametrize("bytewise", [False, True])
async def test_whole_answers_are_read_and_the_connection_is_used_again(
    make: Make, answer: bytes, body: bytes, bytewise: bool
) -> None:
    pieces = [answer[index : index + 1] for index in range(len(answer))] if bytewise else [answer]
    async with Upstream(answering(*pieces)) as upstream:
        transport = make()
        for reused in (False, True):
            response, got = await fetch(transport, upstream.request())
            assert (got, response.reused) == (body, reused)
        assert upstream.connections == 1


async def test_head_has_no_body_whatever_its_length_says(make: Make) -> None:
    async with Upstream(answering(HEAD + b"content-length: 999\r\n\r\n")) as upstream:
        transport = make()
        for _ in range(2):
            response, body = await fetch(transport, upstream.request(b"HEAD", b"/", b""))
            assert (response.status, body) == (200, b"")
        assert upstream.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"\r\nuntil the end",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
        HEAD + b"connection: close\r\n\r\nuntil the end",
        HEAD + b"connection: close\r\ncontent-length: 13\r\n\r\nuntil the end",
        b"HTTP/1.0 200 OK\r\ncontent-length: 13\r\n\r\nuntil the end",
    ],
)
async def test_answers_that_end_with_their_connection(make: Make, answer: bytes) -> None:
    async with Upstream(answering(answer, then="cut")) as upstream:
        transport = make()
        for _ in range(2):
            response, body = await fetch(transport, upstream.request())
            assert (body, response.reused) == (b"until the end", False)


async def test_connection_close_is_obeyed_by_a_client_whose_server_stays_open(make: Make) -> None:
    async with Upstream(answering(HEAD + b"connection: close\r\ncontent-length: 2\r\n\r\nhi")) as upstream:
        transport = make()
        await fetch(transport, upstream.request())
        await fetch(transport, upstream.request())
        await until(lambda: upstream.closed == 2)


async def test_http_1_0_with_keep_alive_is_used_again(make: Make) -> None:
    answer = b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nhi"
    async with Upstream(answering(answer)) as upstream:
        transport = make()
        await fetch(transport, upstream.request())
        await fetch(transport, upstream.request())
        assert upstream.connections == 1


async def test_headers_keep_order_and_have_lower_case_names(make: Make) -> None:
    answer = HEAD + b"Set-Cookie: a\r\nX-B:  two words \r\nSET-COOKIE: b\r\ncontent-length: 0\r\n\r\n"
    async with Upstream(answering(answer)) as upstream:
        response, _ = await fetch(make(), upstream.request())
    assert response.headers[:3] == [(b"set-cookie", b"a"), (b"x-b", b"two words"), (b"set-cookie", b"b")]


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>not http</html>\r\n\r\n",
        HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\nhi",
        HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        HEAD + b"content-length: -2\r\n\r\nhi",
        HEAD + b"content-length: 99999999999999999999999999\r\n\r\nhi",
        HEAD + b"x-a : 1\r\ncontent-length: 2\r\n\r\nhi",
        HEAD + b"x-a: \0\r\ncontent-length: 2\r\n\r\nhi",
        HEAD + b"no colon\r\n\r\n",
        CHUNKED + b"zz\r\nhi\r\n0\r\n\r\n",
        CHUNKED + b"fffffffffffffffffff\r\nhi\r\n0\r\n\r\n",
        CHUNKED + b"2\r\nhixx0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
        b"HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\nhi",
        HEAD + b"x-long: " + b"a" * 70000 + b"\r\ncontent-length: 2\r\n\r\nhi",
    ],
    ids=lambda answer: repr(answer[:70]),
)
async def test_broken_answers_are_refused_and_their_connection_is_closed(make: Make, answer: bytes) -> None:
    error = await fail(make, answering(answer), UpstreamProtocol, first_byte_s=5)
    assert "127.0.0.1:" in str(error)


@pytest.mark.parametrize("piece", [b"zz\r\n", b"2\r\nhixx", b"fffffffffffffffffff\r\n"])
async def test_framing_that_breaks_after_the_head(make: Make, piece: bytes) -> None:
    async def script(call: Call) -> None:
        await call.write(CHUNKED + b"5\r\nhello\r\n")
        await asyncio.sleep(0.02)
        await call.write(piece)

    async with Upstream(script) as upstream:
        response = await make().send(upstream.request())
        with pytest.raises(UpstreamProtocol):
            await response.read(100)
        await response.close()
        await until(lambda: upstream.closed == 1)


async def test_a_body_over_the_readers_limit_is_refused(make: Make) -> None:
    async with Upstream(answering(HEAD + b"content-length: 1000\r\n\r\n", b"x" * 1000)) as upstream:
        transport = make()
        with pytest.raises(UpstreamProtocol):
            await fetch(transport, upstream.request(), limit=999)
        assert (await fetch(transport, upstream.request(), limit=1000))[1] == b"x" * 1000


async def test_an_answer_behind_an_answer_never_becomes_the_next(make: Make) -> None:
    evil = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nEVIL"
    async with Upstream(answering(OK + evil)) as upstream:
        transport = make()
        for _ in range(3):
            response, body = await fetch(transport, upstream.request())
            assert (body, response.reused) == (b"hi", False)


# --- cuts and reuse --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("then", ["cut", "reset"])
@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"HTTP/1.1 2",),
        (HEAD + b"content-length: 10\r\n",),
        (HEAD + b"content-length: 10\r\n\r\n",),
        (HEAD + b"content-length: 10\r\n\r\nhello",),
        (CHUNKED,),
        (CHUNKED + b"5\r\nhello\r\n",),
        (CHUNKED + b"5\r\nhel",),
        (CHUNKED + b"5\r\nhello\r\n0\r\n",),
        (b"HTTP/1.1 100 Continue\r\n\r\n",),
    ],
    ids=repr,
)
async def test_an_answer_that_ends_early_is_cut(make: Make, pieces: tuple[bytes, ...], then: str) -> None:
    await fail(make, answering(*pieces, then=then), UpstreamCut)


async def test_chunks_before_a_cut_are_handed_out(make: Make) -> None:
    async with Upstream(answering(CHUNKED + b"5\r\nhello\r\n", then="cut")) as upstream:
        response = await make().send(upstream.request())
        chunks = response.chunks()
        assert await anext(chunks) == b"hello"
        with pytest.raises(UpstreamCut):
            await anext(chunks)
        await response.close()


@pytest.mark.parametrize("then", ["cut", "reset"])
async def test_a_reused_connection_that_dies_unanswered_is_replaced_once(make: Make, then: str) -> None:
    async def script(call: Call) -> None:
        if len(upstream.calls) == 2:
            call.cut() if then == "cut" else call.reset()
        else:
            await call.write(OK)

    async with Upstream(script) as upstream:
        transport = make()
        await fetch(transport, upstream.request())
        response, body = await fetch(transport, upstream.request())
        assert (body, response.reused) == (b"hi", False)
        assert [call.connection for call in upstream.calls] == [1, 1, 2]


async def test_it_is_replaced_no_more_than_once(make: Make) -> None:
    async def script(call: Call) -> None:
        if len(upstream.calls) == 1:
            await call.write(OK)
        else:
            call.cut()

    async with Upstream(script) as upstream:
        transport = make()
        await fetch(transport, upstream.request())
        with pytest.raises(UpstreamCut):
            await fetch(transport, upstream.request())
        assert len(upstream.calls) == 3


@pytest.mark.parametrize("then", ["cut", "reset"])
async def test_a_request_that_goes_out_once_is_never_sent_again(make: Make, then: str) -> None:
    async def script(call: Call) -> None:
        if len(upstream.calls) == 2:
            call.cut() if then == "cut" else call.reset()
        else:
            await call.write(OK)

    async with Upstream(script) as upstream:
        transport = make()
        await fetch(transport, upstream.request())
        with pytest.raises(UpstreamCut):
            await fetch(transport, msgspec.structs.replace(upstream.request(), once=True))
        assert [call.connection for call in upstream.calls] == [1, 2]
        await fetch(transport, msgspec.structs.replace(upstream.request(), once=True))


async def test_a_fresh_connection_that_dies_is_not_replaced(make: Make) -> None:
    async with Upstream(answering(then="cut")) as upstream:
        with pytest.raises(UpstreamCut):
            await fetch(make(), upstream.request())
        assert len(upstream.calls) == 1


async def test_a_reused_connection_that_dies_after_a_byte_is_not_replaced(make: Make) -> None:
    async def script(call: Call) -> None:
        if len(upstream.calls) == 1:
            await call.write(OK)
        else:
            await call.write(b"HTTP/1.1 200")
            call.cut()

    async with Upstream(script) as upstream:
        transport = make()
        await fetch(transport, upstream.request())
        with pytest.raises(UpstreamCut):
            await fetch(transport, upstream.request())
        assert len(upstream.calls) == 2


async def test_an_answer_before_the_request_is_sent_whole_is_read_and_the_connection_closed(
    make: Make,
) -> None:
    answer = b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno"
    gate = asyncio.Event()

    async def script(call: Call) -> None:
        await call.write(answer)
        await gate.wait()
        await call.gone()

    async with Upstream(script, read_body=False) as upstream:
        response, body = await fetch(make(), upstream.request(body=b"x" * 30_000_000))
        assert (response.status, body) == (413, b"no")
        gate.set()
        await until(lambda: upstream.closed == 1)
