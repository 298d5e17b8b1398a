"""TLS with verification and proxies, for every implementation."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pilothouse.errors import SettingsInvalid, UpstreamCut, UpstreamUnreachable
from pilothouse.transport.base import Origin, Request
from pilothouse.transport.options import TransportOptions
from pilothouse.transport.pool import PooledTransport
from tests.transport.authority import Authority
from tests.transport.calling import Make, fetch
from tests.transport.upstream import CHUNKED, OK, Call, Upstream, answering, until

pytest_plugins = ("tests.transport.fixtures",)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_tls_with_a_trusted_authority(make: Make, authority: Authority) -> None:
    answer = CHUNKED + b"".join(b"8000\r\n" + b"x" * 0x8000 + b"\r\n" for _ in range(20)) + b"0\r\n\r\n"
    async with Upstream(answering(answer), tls=authority.server("127.0.0.1")) as upstream:
        transport = make(ca_file=str(authority.ca_file))
        for reused in (False, True):
            response, body = await fetch(transport, upstream.request(body=b"y" * 300_000))
            assert (len(body), response.reused) == (20 * 0x8000, reused)
        assert upstream.calls[0].body == b"y" * 300_000
        await transport.close()


async def test_tls_by_host_name(make: Make, authority: Authority) -> None:
    async with Upstream(answering(OK), tls=authority.server("localhost")) as upstream:
        transport = make(ca_file=str(authority.ca_file))
        request = Request(Origin("https", "localhost", upstream.port), b"GET", b"/", ())
        assert (await fetch(transport, request))[1] == b"hi"
        await transport.close()


@pytest.mark.parametrize("host", ["169.254.169.254", "::ffff:169.254.169.254", "0xa9fea9fe"])
async def test_a_name_that_leads_to_credentials_is_refused(make: Make, host: str) -> None:
    with pytest.raises(UpstreamUnreachable, match="not one that may be reached"):
        await make().send(Request(Origin("http", host, 80), b"GET", b"/", ()))


@pytest.mark.parametrize(
    ("names", "days", "trusted"),
    [(("127.0.0.1",), 1, False), (("other.example",), 1, True), (("127.0.0.1",), -1, True)],
    ids=["unknown authority", "other name", "expired"],
)
async def test_a_certificate_that_does_not_hold_is_refused(
    make: Make, authority: Authority, names: tuple[str, ...], days: int, trusted: bool
) -> None:
    async with Upstream(answering(OK), tls=authority.server(*names, days=days)) as upstream:
        transport = make(ca_file=str(authority.ca_file) if trusted else "")
        with pytest.raises(UpstreamUnreachable) as caught:
            await transport.send(upstream.request())
        assert "certificate" in caught.value.detail
        assert not upstream.calls


async def test_tls_to_a_server_that_speaks_none(make: Make, authority: Authority) -> None:
    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        origin = Origin("https", "127.0.0.1", server.sockets[0].getsockname()[1])
        with pytest.raises(UpstreamUnreachable):
            await make(ca_file=str(authority.ca_file)).send(Request(origin, b"GET", b"/", ()))


async def test_a_cut_inside_an_answer_over_tls(make: Make, authority: Authority) -> None:
    script = answering(CHUNKED + b"2\r\nhi\r\n", then="cut")
    async with Upstream(script, tls=authority.server("127.0.0.1")) as upstream:
        with pytest.raises(UpstreamCut):
            await fetch(make(ca_file=str(authority.ca_file)), upstream.request())


async def test_cancelling_over_tls_closes_the_connection(make: Make, authority: Authority) -> None:
    async with Upstream(lambda call: call.gone(), tls=authority.server("127.0.0.1")) as upstream:
        task = asyncio.ensure_future(make(ca_file=str(authority.ca_file)).send(upstream.request()))
        await until(lambda: len(upstream.calls) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: upstream.closed == 1)


def test_a_ca_file_that_cannot_be_read_is_told_at_start(tmp_path: Path) -> None:
    (tmp_path / "junk.pem").write_text("junk")
    for name in ("none.pem", "junk.pem"):
        with pytest.raises(SettingsInvalid):
            PooledTransport(TransportOptions(ca_file=str(tmp_path / name)))


# --- proxies ---------------------------------------------------------------------------------------------------------


async def tunnel(call: Call, port: int) -> None:
    """Do what a proxy does on CONNECT, but always towards `port` on this machine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await call.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    try:
        await asyncio.gather(pump(call.reader, writer), pump(reader, call.writer))
    finally:
        writer.transport.abort()


async def test_http_goes_through_a_proxy_in_absolute_form(make: Make) -> None:
    async with Upstream(answering(OK)) as proxy:
        transport = make(proxy_url=f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        request = Request(Origin("http", "models.example", 80), b"POST", b"/v1/chat?x=1", (), b"{}")
        for reused in (False, True):
            response, body = await fetch(transport, request)
            assert (body, response.reused) == (b"hi", reused)
        await transport.close()
    lines = [line.lower() for line in proxy.calls[0].lines]
    assert lines[0] == b"post http://models.example/v1/chat?x=1 http/1.1"
    assert b"host: models.example" in lines
    assert b"proxy-authorization: basic dxnlcjpwqhnz" in lines


async def test_https_goes_through_a_tunnel_and_is_verified_end_to_end(make: Make, authority: Authority) -> None:
    async with Upstream(answering(OK), tls=authority.server("models.example")) as upstream:

        async def script(call: Call) -> None:
            await tunnel(call, upstream.port)

        async with Upstream(script) as proxy:
            transport = make(proxy_url=f"http://user:secret@127.0.0.1:{proxy.port}", ca_file=str(authority.ca_file))
            request = Request(Origin("https", "models.example", 443), b"POST", b"/", ((b"authorization", b"Bearer k"),))
            for reused in (False, True):
                response, body = await fetch(transport, request)
                assert (body, response.reused) == (b"hi", reused)
            await transport.close()
            head = proxy.calls[0].head.lower()
        assert head.startswith(b"connect models.example:443 http/1.1\r\n")
        assert b"proxy-authorization: basic " in head
        assert b"bearer" not in head
        assert b"proxy-authorization" not in upstream.calls[0].head.lower()


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", b"junk\r\n\r\n", b""],
)
async def test_a_proxy_that_refuses(make: Make, answer: bytes) -> None:
    async with Upstream(answering(answer, then="cut")) as proxy:
        transport = make(proxy_url=f"http://user:sk-secret@127.0.0.1:{proxy.port}")
        with pytest.raises(UpstreamUnreachable) as caught:
            await transport.send(Request(Origin("https", "models.example", 443), b"GET", b"/", ()))
        assert "sk-secret" not in str(caught.value)
        assert "models.example:443" in str(caught.value)


async def test_a_proxy_nobody_listens_on(make: Make) -> None:
    async with Upstream(answering(OK)) as proxy:
        pass
    with pytest.raises(UpstreamUnreachable):
        await make(proxy_url=f"http://127.0.0.1:{proxy.port}").send(
            Request(Origin("http", "models.example", 80), b"GET", b"/", ())
        )


@pytest.fixture
async def direct() -> AsyncIterator[Upstream]:
    async with Upstream(answering(OK)) as upstream:
        yield upstream


@pytest.mark.parametrize("no_proxy", [("127.0.0.1",), ("*",), ("localhost", "0.0.1")])
async def test_hosts_without_proxy(make: Make, direct: Upstream, no_proxy: tuple[str, ...]) -> None:
    transport = make(proxy_url="http://127.0.0.1:1", no_proxy=no_proxy)
    assert (await fetch(transport, direct.request()))[1] == b"hi"
    await transport.close()


@pytest.mark.parametrize("url", ["https://proxy:1", "socks5://proxy:1", "http://", "http://h:x", "proxy:3128"])
def test_a_proxy_url_of_another_kind_is_told_at_start(url: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        PooledTransport(TransportOptions(proxy_url=url))
    assert caught.value.param == "proxy_url"
