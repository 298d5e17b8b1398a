"""The files of the web UI: the browser's own routes, caching, compression, and nothing outside the folder."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.harness import Running, running

SCRIPT = "console.log('pilothouse');\n" * 200


@pytest.fixture
async def ui(tmp_path: Path) -> AsyncIterator[Running]:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text('<!doctype html><html><head lang="en"><title>P</title></head></html>')
    (static / "assets" / "app-1a2b3c.js").write_text(SCRIPT)
    (static / "assets" / "big-9f9f9f.js").write_text(SCRIPT)
    (static / "assets" / "big-9f9f9f.js.br").write_bytes(b"brotli bytes")
    (static / "favicon.svg").write_text("<svg/>")
    (static / ".hidden").write_text("hidden")
    (tmp_path / "secret.key").write_text("the secret key")
    (static / "link.txt").symlink_to(tmp_path / "secret.key")
    async with running(tmp_path, static=static) as run:
        yield run


async def test_without_a_build_the_page_says_so_and_the_api_works(run: Running) -> None:
    answer = await run.client().get("/")
    assert answer.status_code == 200
    assert "make web" in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert (await run.client().get("/api/v1/session")).status_code == 200
    assert (await run.client().get("/schema/openapi.json")).json()["openapi"].startswith("3.1")


async def test_the_browsers_own_routes_get_the_page(ui: Running) -> None:
    client = ui.client()
    for path in ("/", "/index.html", "/traces", "/traces/abc", "/first-run", "/models/gpt-4.1"):
        answer = await client.get(path, headers={"accept": "text/html,*/*"})
        assert answer.status_code == 200, path
        assert '<base href="/">' in answer.text
        assert answer.headers["cache-control"] == "no-cache"


async def test_files_that_are_missing_are_missing(ui: Running) -> None:
    for path in ("/assets/old-000000.js", "/robots.txt"):
        answer = await ui.client().get(path, headers={"accept": "*/*" if "assets" in path else "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (404, "endpoint_unknown"), path


async def test_hashed_files_are_kept_for_good_and_others_checked(ui: Running) -> None:
    client = ui.client()
    hashed = await client.get("/assets/app-1a2b3c.js")
    assert hashed.text == SCRIPT
    assert hashed.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in hashed.headers["cache-control"]
    plain = await client.get("/favicon.svg")
    assert plain.headers["cache-control"] == "no-cache"
    again = await client.get("/favicon.svg", headers={"if-none-match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_compression_is_what_the_browser_can_read(ui: Running) -> None:
    client = ui.client()
    async with client.stream("GET", "/assets/app-1a2b3c.js", headers={"accept-encoding": "gzip, br"}) as zipped:
        raw = b"".join([part async for part in zipped.aiter_raw()])
        assert zipped.headers["content-encoding"] == "gzip"
        assert gzip.decompress(raw).decode() == SCRIPT
    async with client.stream("GET", "/assets/big-9f9f9f.js", headers={"accept-encoding": "gzip, br"}) as brotli:
        assert brotli.headers["content-encoding"] == "br"
        assert b"".join([part async for part in brotli.aiter_raw()]) == b"brotli bytes"
    plain = await client.get("/assets/big-9f9f9f.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "accept-encoding"


OUTSIDE = [
    "/../secret.key", "/assets/../../secret.key", "/%2e%2e/secret.key", "/assets/%2e%2e/%2e%2e/secret.key",
    "/..%2fsecret.key", "/assets/..%2f..%2fsecret.key", "/..\\secret.key", "/..%5csecret.key", "//secret.key",
    "/link.txt", "/.hidden", "/assets/./../.hidden", "/secret.key%00.js", "/%00", "//etc/passwd",
    "/%252e%252e/secret.key",
]  # fmt: skip


async def test_nothing_outside_the_folder(ui: Running) -> None:
    host, port = ui.url.removeprefix("http://").split(":")
    for target in OUTSIDE:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert b"the secret key" not in answer
        assert b"hidden" not in answer
        assert b"root:" not in answer
        assert answer.split(b" ")[1] in (b"200", b"400", b"404")


async def test_a_new_build_is_served_without_a_restart(ui: Running, tmp_path: Path) -> None:
    client = ui.client()
    before = await client.get("/favicon.svg")
    (tmp_path / "static" / "favicon.svg").write_text("<svg>new</svg>")
    after = await client.get("/favicon.svg", headers={"if-none-match": before.headers["etag"]})
    assert after.text == "<svg>new</svg>"
