"""Media that requests name by address: what is fetched, from where, and above all what is not."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.call import CallRecord, Outcome
from pilothouse.domain.clock import SystemClock
from pilothouse.errors import MediaNotFetched, SettingsInvalid
from pilothouse.gateway.fetch import Fetched, Fetcher, Hosts, is_public
from pilothouse.gateway.options import GatewayOptions
from pilothouse.ingest.spans import record_to_span
from pilothouse.protocols.remote_media import PAPERS, PICTURES, Wanted, kind_of
from pilothouse.transport.options import TransportOptions
from tests.gateway.harness import chat, gateway
from tests.gateway.test_convert import Canned

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64
PDF = b"%PDF-1.7\n" + b"x" * 64
ANSWER = json.dumps({
    "output": {"message": {"role": "assistant", "content": [{"text": "A cat."}]}}, "stopReason": "end_turn",
    "usage": {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11}, "metrics": {"latencyMs": 5},
}).encode()  # fmt: skip


class Web:
    """A small web server: by path a status line, headers and a body; it keeps the heads of all requests."""

    def __init__(self, pages: dict[str, tuple[str, bytes]]) -> None:
        self.pages = pages
        self.heads: list[str] = []
        self.hangs = asyncio.Event()
        self.port = 0

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["Web"]:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.hangs.set()
            server.close()

    def at(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        path = head.split()[1].partition("?")[0]
        if path == "/hangs":
            await self.hangs.wait()
        first, body = self.pages.get(path, ("404 Not Found", b""))
        if path != "/hangs":
            writer.write(f"HTTP/1.1 {first}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()


def web() -> Web:
    return Web({
        "/cat.png": ("200 OK\r\ncontent-type: text/plain", PNG),
        "/paper": ("200 OK\r\ncontent-type: application/pdf", PDF),
        "/page": ("200 OK\r\ncontent-type: image/png", b"<html>not a picture at all</html>"),
        "/short": ("200 OK", b"GI"),
        "/once": ("302 Found\r\nlocation: /cat.png", b""),
        "/round": ("302 Found\r\nlocation: /round", b""),
        "/nowhere": ("302 Found", b""),
        "/metadata": ("302 Found\r\nlocation: http://169.254.169.254/latest/meta-data", b""),
        "/file": ("302 Found\r\nlocation: file:///etc/passwd", b""),
        "/big": ("200 OK", PNG + b"\x00" * 100_000),
    })  # fmt: skip


async def fetched(addresses: Sequence[str], kinds: frozenset[str] = PICTURES, **options: Any) -> Fetched:
    chosen = GatewayOptions(fetch_media="fetch", **options)
    fetcher = Fetcher(chosen, TransportOptions(), SystemClock().monotonic_ns)
    try:
        return await fetcher.fetch([Wanted("messages.0", address, kinds) for address in addresses])
    finally:
        await fetcher.close()


async def reason(served: Web, path: str, kinds: frozenset[str] = PICTURES, **options: Any) -> str:
    listed = {"fetch_hosts": (f"127.0.0.1:{served.port}",)}
    address = served.at(path) if path.startswith("/") else path
    found = await fetched([address], kinds, **{**listed, **options})
    assert not found.found
    return found.failures[address]


async def test_what_is_there_comes_as_bytes_whatever_the_server_calls_it() -> None:
    async with web().serve() as served:
        listed = (f"127.0.0.1:{served.port}",)
        found = await fetched([served.at("/cat.png?token=secret"), served.at("/once")], fetch_hosts=listed)
        papers = await fetched([served.at("/paper")], PAPERS, fetch_hosts=listed)
    assert [base64.b64decode(media.data) for media in found.found.values()] == [PNG, PNG]
    assert {media.mime_type for media in found.found.values()} == {"image/png"}
    assert all(note.startswith(f"127.0.0.1: image/png, {len(PNG)} bytes, ") for note in found.notes)
    assert "secret" not in repr(found.notes)
    assert [media.mime_type for media in papers.found.values()] == ["application/pdf"]
    assert "GET /cat.png?token=secret HTTP/1.1" in served.heads[0] + served.heads[1]
    assert not any("authorization" in head or "cookie" in head for head in served.heads)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/gone", "HTTP 404"),
        ("/page", "it is not image/gif or"),
        ("/short", "it is not image/gif or"),
        ("/paper", "it is not image/gif or"),
        ("/round", "leads on more than 3 times"),
        ("/nowhere", "without saying where"),
        ("/metadata", "does not fetch from that host"),
        ("/file", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("ftp://127.0.0.1/cat.png", "only http and https"),
        ("http://me:secret@127.0.0.1/cat.png", "only http and https"),
        ("http://[::1/cat.png", "malformed"),
    ],
)
async def test_what_will_not_do_is_told(path: str, told: str) -> None:
    async with web().serve() as served:
        assert told in await reason(served, path)


async def test_size_and_time_are_bounded() -> None:
    async with web().serve() as served:
        assert "larger than 1000 bytes" in await reason(served, "/big", fetch_max_bytes=1000)
        assert "took longer than 0.2 s" in await reason(served, "/hangs", fetch_timeout_s=0.2)
        listed = (f"127.0.0.1:{served.port}",)
        both = [served.at("/cat.png"), served.at("/once")]
        together = await fetched(both, fetch_hosts=listed, fetch_max_bytes=len(PNG) + 10)
        assert (len(together.found), len(together.failures)) == (1, 1)
        with pytest.raises(MediaNotFetched, match="16 addresses"):
            await fetched([served.at(f"/{number}") for number in range(17)], fetch_hosts=listed)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.0.0.1", "2130706433", "127.1", "[::ffff:127.0.0.1]"])
async def test_a_private_address_is_not_connected_to_by_any_name(host: str) -> None:
    async with web().serve() as served:
        told = await reason(served, served.at("/cat.png", host), fetch_hosts=(f"*:{served.port}",))
        assert "not one that may be reached" in told or "does not resolve" in told
        assert served.heads == []


async def test_a_private_host_is_reached_when_it_is_listed_by_name() -> None:
    async with web().serve() as served:
        found = await fetched([served.at("/cat.png", "localhost")], fetch_hosts=(f"localhost:{served.port}",))
        assert found.failures == {}


async def test_a_redirect_to_a_listed_host_at_a_private_address_is_refused_as_the_address_itself_is() -> None:
    async with web().serve() as served:
        served.pages["/inward"] = (f"302 Found\r\nlocation: http://localhost:{served.port}/cat.png", b"")
        listed = (f"127.0.0.1:{served.port}", f"*:{served.port}")
        assert "not one that may be reached" in await reason(served, "/inward", fetch_hosts=listed)
        assert len(served.heads) == 1


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "168.63.129.16", "192.0.0.192", "192.0.2.1", "::1", "::",
        "fe80::1", "fe80::1%eth0",
        "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1", "2002:7f00:1::1", "2002:c000:c0::1",
        "2001:db8::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "example.com", "",
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_addresses_of_the_internet(address: str) -> None:
    assert is_public(address)


def test_the_list_of_hosts() -> None:
    hosts = Hosts(("img.example.com", "*.cdn.example.com", "*.wide.example.com:8443", "10.0.0.5", "[fd00::1]:81"))
    assert hosts.allows("img.example.com", 443)
    assert not hosts.allows("img.example.com", 8080)
    assert not hosts.allows("xcdn.example.com", 443)
    assert not hosts.allows("cdn.example.com", 443)
    assert hosts.allows("a.b.cdn.example.com", 80)
    assert hosts.allows("a.wide.example.com", 8443)
    assert not hosts.allows("evilimg.example.com", 443)
    assert hosts.fit("10.0.0.5", 80, "10.0.0.5")
    assert hosts.fit("fd00::1", 81, "fd00::1")
    assert not hosts.fit("a.cdn.example.com", 80, "10.0.0.5"), "only a full name reaches inward"
    assert not Hosts(()).allows("example.com", 443)
    assert Hosts(("*",)).allows("example.com", 443)


@pytest.mark.parametrize(
    "entry", ["", "http://example.com", "example.com/path", "*x.example.com", "a.*.com", "u@h", "h:x"]
)
def test_an_entry_that_is_no_host(entry: str) -> None:
    with pytest.raises(SettingsInvalid):
        Hosts((entry,))


def test_files_are_told_by_their_first_bytes() -> None:
    assert kind_of(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert kind_of(b"RIFF\x00\x00\x00\x00WEBP") == "image/webp"
    assert kind_of(b"GIF89a") == "image/gif"
    assert kind_of(b"RIFF\x00\x00\x00\x00WAVE") == kind_of(b"<svg") == ""


def picture(*addresses: str) -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": {"url": address}} for address in addresses]
    said = [{"type": "text", "text": "What is it?"}, *parts]
    return {**chat("up/anthropic.claude-x"), "messages": [{"role": "user", "content": said}]}


async def asked(
    folder: Path, body: dict[str, Any], headers: dict[str, str] | None = None, **options: object
) -> tuple[httpx.Response, CallRecord, Canned]:
    canned = Canned("application/json", ANSWER)
    async with gateway(folder, **options) as running, running.client() as client, canned.serve() as url:
        running.accounts = [running.account("up", url, provider="bedrock")]
        running.publish()
        answer = await client.post("/v1/chat/completions", json=body, headers=headers)
        return answer, await running.record(), canned


async def test_nothing_is_fetched_unless_the_operator_says_so(tmp_path: Path) -> None:
    async with web().serve() as served:
        answer, record, canned = await asked(tmp_path, picture(served.at("/cat.png")))
    assert answer.status_code == 400
    assert "messages.0.content.1" in answer.json()["error"]["message"]
    assert (served.heads, canned.requests, record.fetched) == ([], [], ())


async def test_a_picture_is_fetched_for_a_provider_that_takes_bytes(tmp_path: Path) -> None:
    async with web().serve() as served:
        listed = (f"127.0.0.1:{served.port}",)
        address = served.at("/cat.png?token=secret")
        answer, record, canned = await asked(
            tmp_path, picture(address, address, served.at("/once")), fetch_media="fetch", fetch_hosts=listed
        )
    assert answer.json()["choices"][0]["message"]["content"] == "A cat."
    blocks = canned.requests[0][2]["messages"][0]["content"]
    shown = {"image": {"format": "png", "source": {"bytes": base64.b64encode(PNG).decode()}}}
    assert blocks[1:] == [shown, shown, shown]
    assert len(served.heads) == 3, "twice the same is fetched once; the other is led on once"
    assert "x-pilothouse-dropped" not in answer.headers
    assert record.losses == ()
    notes = record_to_span(record, Catalog()).attributes
    assert notes["pilothouse.fetched.0"].startswith("127.0.0.1: image/png, ")
    assert "secret" not in repr(record.fetched)


async def test_one_that_cannot_be_fetched_refuses_the_call(tmp_path: Path) -> None:
    async with web().serve() as served:
        listed = (f"127.0.0.1:{served.port}",)
        body = picture(served.at("/cat.png"), served.at("/gone"))
        answer, record, canned = await asked(tmp_path, body, fetch_media="fetch", fetch_hosts=listed)
    assert (answer.status_code, answer.headers["x-pilothouse-error"]) == (400, "media_not_fetched")
    assert answer.json()["error"]["param"] == "messages.0.content.2"
    assert "HTTP 404" in answer.json()["error"]["message"]
    assert (record.outcome, canned.requests, len(record.fetched)) == (Outcome.REFUSED, [], 2)


async def test_or_it_is_left_out_when_the_caller_allows_that(tmp_path: Path) -> None:
    async with web().serve() as served:
        listed = (f"127.0.0.1:{served.port}",)
        answer, record, canned = await asked(
            tmp_path, picture(served.at("/cat.png"), served.at("/gone")), {"x-pilothouse-unsupported": "drop"},
            fetch_media="fetch", fetch_hosts=listed,
        )  # fmt: skip
    assert answer.status_code == 200
    assert len(canned.requests[0][2]["messages"][0]["content"]) == 2
    assert [loss.partition(":")[0] for loss in record.losses] == ["messages.0.content.2"]


async def test_nothing_is_fetched_for_a_call_that_is_refused_anyway(tmp_path: Path) -> None:
    async with web().serve() as served:
        listed = (f"127.0.0.1:{served.port}",)
        body = {**picture(served.at("/cat.png")), "n": 2}
        answer, _record, _canned = await asked(tmp_path, body, fetch_media="fetch", fetch_hosts=listed)
    assert (answer.status_code, served.heads) == (400, [])


async def test_a_paper_is_fetched_for_chat_which_takes_none_by_address(tmp_path: Path) -> None:
    async with web().serve() as served:
        options: dict[str, Any] = {"fetch_media": "fetch", "fetch_hosts": (f"127.0.0.1:{served.port}",)}
        async with gateway(tmp_path, **options) as running, running.client() as client:
            source = {"type": "url", "url": served.at("/paper")}
            result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "document", "source": source}]}
            turns = [
                {"role": "user", "content": [{"type": "document", "source": source}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
                {"role": "user", "content": [result]},
            ]
            ask = {"model": "up/fake-chat", "max_tokens": 50, "messages": turns}
            answer = await client.post("/v1/messages", json=ask)
            assert answer.status_code == 200, answer.text
            sent = running.fake.requests[-1].json["messages"]
    data = f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"
    assert [turn["content"][0]["file"]["file_data"] for turn in (sent[0], sent[2])] == [data, data]
