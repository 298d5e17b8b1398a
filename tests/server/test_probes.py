"""Tests of provider accounts against real servers that answer well, badly, late or not at all."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pilothouse.providers.base import AccountOptions
from pilothouse.server import probes
from pilothouse.transport.base import Request, Response
from pilothouse.transport.options import TransportOptions
from pilothouse.transport.pool import PooledTransport
from tests.providers import service_account
from tests.server.harness import Client, Running

SECRET = "sk-right-0123456789abcdef"
MODELS = b'{"object":"list","data":[{"id":"m-1","object":"model"},{"id":"m-2","object":"model"}]}'


def reply(status: str, body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextlib.asynccontextmanager
async def upstream(answer: bytes | None, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that gives one answer to the right key; None never answers."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.read(5)
            head += b"" if head.startswith(b"\x16") else await reader.readuntil(b"\r\n\r\n")
            if answer is None:
                await ended.wait()
            elif b"HTTP/1.1 200" in answer and SECRET.encode() not in head:
                writer.write(reply("401 Unauthorized", b'{"error":{"message":"bad key","code":"invalid_api_key"}}'))
            else:
                writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        scheme = "https" if tls else "http"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        ended.set()
        server.close()


async def draft(client: Client, base_url: str, secret: str = SECRET) -> dict:
    body = {"provider": "openai", "base_url": base_url, "secret": secret}
    answer = await client.post("/api/v1/providers/test", json=body)
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    return answer.json()


async def test_a_right_account_lists_its_models(run: Running) -> None:
    async with upstream(reply("200 OK", MODELS)) as url:
        found = await draft(run.local(), url)
    assert found["ok"]
    assert found["models"] == ["m-1", "m-2"]
    assert found["error"] is None
    assert found["latency_ms"] > 0


async def test_an_account_that_needs_a_token_gets_one_first() -> None:
    tokens = service_account.TokenServer()

    class Both:
        async def send(self, request: Request) -> Response:
            if request.origin.host == "oauth2.googleapis.test":
                return await tokens.send(request)
            assert (b"authorization", b"Bearer ya29.token") in request.more_headers
            return service_account.Given(200, b'{"publisherModels":[{"name":"publishers/google/models/m-1"}]}')

        async def close(self) -> None:
            pass

    account = probes.open_account("vertex", AccountOptions("draft", secret=service_account.FILE))
    found = await probes.run(Both(), account)
    assert (found.error, found.models) == (None, ["m-1"])
    tokens.status = 400
    refused = await probes.run(Both(), probes.open_account("vertex", AccountOptions("d", secret=service_account.FILE)))
    assert refused.error is not None
    assert refused.error.code == "upstream_auth"


async def test_a_saved_account_is_tested_with_its_own_secret(run: Running) -> None:
    client = run.local()
    async with upstream(reply("200 OK", MODELS)) as url:
        body = {"name": "acme", "provider": "openai", "base_url": url, "secret": SECRET}
        made = (await client.post("/api/v1/providers", json=body)).json()
        assert (await client.post(f"/api/v1/providers/{made['id']}/test")).json()["ok"]
        again = {"provider": "openai", "base_url": url, "account_id": made["id"]}
        assert (await client.post("/api/v1/providers/test", json=again)).json()["ok"]


WRONG = [
    (reply("200 OK", b"<!DOCTYPE html><html></html>", "text/html"), "upstream_html"),
    (reply("404 Not Found", b"<html>nginx</html>", "text/html; charset=utf-8"), "upstream_html"),
    (reply("200 OK", b"  <html></html>", "application/json"), "upstream_html"),
    (reply("502 Bad Gateway", b"<html>nginx</html>", "text/html"), "upstream_fault"),
    (reply("200 OK", b"{}"), "upstream_protocol"),
    (reply("200 OK", b"not json"), "upstream_protocol"),
    (reply("404 Not Found", b"{}"), "upstream_not_found"),
    (reply("403 Forbidden", b"{}"), "upstream_auth"),
    (reply("429 Too Many Requests", b"{}"), "upstream_rate_limited"),
    (reply("500 Internal Server Error", b"{}"), "upstream_fault"),
    (reply("302 Found", b""), "upstream_protocol"),
    (b"SSH-2.0-OpenSSH_9.6\r\n", "upstream_protocol"),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", "upstream_cut"),
]


async def test_wrong_answers(run: Running) -> None:
    client = run.local()
    for answer, code in WRONG:
        async with upstream(answer) as url:
            found = await draft(client, url)
        assert not found["ok"]
        assert found["error"]["code"] == code, answer
        assert found["error"]["detail"]


async def test_a_wrong_key(run: Running) -> None:
    async with upstream(reply("200 OK", MODELS)) as url:
        found = await draft(run.local(), url, "sk-wrong-0123456789")
    assert found["error"]["code"] == "upstream_auth"
    assert "key" in found["error"]["detail"]


async def test_nothing_there(run: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = await draft(run.local(), f"http://127.0.0.1:{port}/v1")
    assert found["error"]["code"] == "upstream_unreachable"


async def test_no_such_host(run: Running) -> None:
    found = await draft(run.local(), "http://no-such-host.invalid/v1")
    assert found["error"]["code"] == "upstream_unreachable"


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_certificate_that_nobody_signed(run: Running, self_signed: ssl.SSLContext) -> None:
    async with upstream(reply("200 OK", MODELS), self_signed) as url:
        assert (await draft(run.local(), url))["error"]["code"] == "upstream_tls"


async def test_https_to_a_plain_server(run: Running) -> None:
    async with upstream(reply("200 OK", MODELS)) as url:
        found = await draft(run.local(), url.replace("http://", "https://"))
    assert found["error"]["code"] == "upstream_tls"


async def test_a_server_that_never_answers() -> None:
    transport = PooledTransport(TransportOptions())
    async with upstream(None) as url:
        account = probes.open_account("openai", AccountOptions("draft", url, SECRET))
        found = await probes.run(transport, account, timeout_s=0.2)
    await transport.close()
    assert found.error
    assert found.error.code == "upstream_timeout"
    assert 150 < found.latency_ms < 5000
