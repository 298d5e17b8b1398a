"""What every answer carries, whatever it answers."""

import re
from pathlib import Path

import httpx
import pytest

from pilothouse.domain.access import Permission
from tests.server.harness import Running, running

PATHS = [
    "/",
    "/healthz",
    "/readyz",
    "/api/v1/session",
    "/api/v1/keys",
    "/api/v1/nothing",
    "/assets/none.js",
    "/metrics",
]


async def test_security_headers_on_every_answer(run: Running) -> None:
    run.store.error = ValueError("broken")
    client = run.local()
    answers = [await client.get(path) for path in [*PATHS, "/api/v1/traces"]]
    answers += [await client.post("/api/v1/keys", content=b"{"), await client.request("TRACE", "/api/v1/keys")]
    answers += [await client.options("/api/v1/keys"), await client.get("/", headers={"host": "evil.example"})]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy, answer.url
        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert scripts == "script-src 'self'"
        assert "default-src 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"]
        assert answer.headers["traceparent"]


async def test_request_ids_are_taken_over_when_they_are_harmless(run: Running) -> None:
    client = run.client()
    assert (await client.get("/healthz", headers={"x-request-id": "abc-1.2_3"})).headers["x-request-id"] == "abc-1.2_3"
    for bad in ("", "a b", "a" * 129, "<script>"):
        assert (await client.get("/healthz", headers={"x-request-id": bad})).headers["x-request-id"] != bad


async def test_the_trace_goes_on_with_a_span_of_its_own(run: Running) -> None:
    client = run.client()
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    found = (await client.get("/healthz", headers={"traceparent": given})).headers["traceparent"]
    assert found.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert "b7ad6b7169203331" not in found
    assert found.endswith("-00")
    fresh = (await client.get("/healthz", headers={"traceparent": "junk"})).headers["traceparent"]
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", fresh)


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]", "10.0.0.1", ""]
)
async def test_other_names_for_this_machine_are_refused(run: Running, host: str) -> None:
    answer = await run.local().get("/api/v1/keys", headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:4100", "127.0.0.1:80", "[::1]:4100", "[::1]"])
async def test_the_machines_own_names_are_fine(run: Running, host: str) -> None:
    assert (await run.local().get("/api/v1/keys", headers={"host": host})).status_code == 200


async def test_the_public_name_is_fine_and_a_public_bind_takes_any(tmp_path: Path) -> None:
    async with running(tmp_path, public_url="https://ops.example.com") as run:
        fine = await run.client().get("/healthz", headers={"host": "ops.example.com"})
        assert fine.status_code == 200
    (tmp_path / "second").mkdir()
    async with running(tmp_path / "second", host="0.0.0.0") as run:
        assert (await run.client().get("/healthz", headers={"host": "anything"})).status_code == 200


async def test_head_is_get_without_a_body(run: Running) -> None:
    client = run.local()
    for path in ("/", "/healthz", "/api/v1/keys", "/api/v1/traces/live", "/metrics"):
        answer = await client.head(path)
        assert answer.status_code == 200, path
        assert answer.content == b""
    assert (await client.head("/api/v1/nothing")).status_code == 404
    assert (await client.head("/healthz")).headers["content-length"] == (await client.get("/healthz")).headers[
        "content-length"
    ]
    assert (await run.client().head("/api/v1/keys")).status_code == 401


async def test_options_lists_methods_and_allows_no_other_site(run: Running) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = await run.client().options("/api/v1/keys", headers=headers)
    assert answer.status_code == 204
    assert {"GET", "POST"} <= {part.strip() for part in answer.headers["allow"].split(",")}
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_prefix_works_whether_or_not_the_proxy_strips_it(tmp_path: Path) -> None:
    static = tmp_path / "static"
    static.mkdir()
    (static / "index.html").write_text("<html><head></head></html>")
    async with running(tmp_path, static=static, public_url="http://127.0.0.1/pilothouse") as run:
        client = run.local()
        for path in ("/pilothouse/api/v1/keys", "/api/v1/keys"):
            assert (await client.get(path)).status_code == 200
        for path in ("/pilothouse", "/pilothouse/", "/pilothouse/traces/x", "/"):
            assert '<base href="/pilothouse/">' in (await client.get(path)).text
        assert (await client.get("/pilothouseapi/v1/keys", headers={"accept": "text/html"})).status_code == 200


async def test_requests_are_counted_by_route_not_by_address(run: Running) -> None:
    client = run.local()
    await client.get("/api/v1/traces/some-secret-id")
    text = (await client.get("/metrics")).text
    assert 'pilothouse_api_requests_total{route="/api/v1/traces/{trace_id}",status="404"}' in text
    assert "some-secret-id" not in text


async def test_metrics_need_the_right_to_read_unless_public(run: Running, tmp_path: Path) -> None:
    assert (await run.client().get("/metrics")).status_code == 401
    assert (await run.client(await run.key(Permission.INFERENCE)).get("/metrics")).status_code == 403
    answer = await run.client(await run.key(Permission.READ)).get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    (tmp_path / "public").mkdir()
    async with running(tmp_path / "public", metrics_public=True) as public:
        assert (await public.client().get("/metrics")).status_code == 200


async def test_websockets_are_turned_away(run: Running) -> None:
    headers = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "x" * 24,
    }
    answer: httpx.Response = await run.client().get("/api/v1/traces/live", headers=headers)
    assert answer.status_code in (400, 401, 404, 426)
