"""Every kind of error has the one form, the right code, and says where the fault is."""

import logging
from typing import Any

import pytest

from pilothouse.domain.access import Permission
from pilothouse.errors import LoginThrottled, QueryRefused, StoreUnavailable
from tests.server.harness import Client, Running, running

MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "errors"}


def check(answer: Any, status: int, code: str) -> list[dict[str, str]]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert set(found) == MEMBERS
    assert (found["status"], found["code"]) == (status, code)
    assert found["request_id"] == answer.headers["x-request-id"]
    assert found["type"].endswith("#" + code)
    assert found["title"]
    assert found["detail"]
    return found["errors"]


@pytest.fixture
async def client(run: Running) -> Client:
    return run.local()


BODIES = [
    (b"", "invalid_request", "#"),
    (b"{", "invalid_json", None),
    (b'{"name": "a" "b"}', "invalid_json", None),
    (b'{"name": "\xff"}', "invalid_json", None),
    (b"[" * 100_000, "invalid_request", "#"),
    (b"[]", "invalid_request", "#"),
    (b"null", "invalid_request", "#"),
    (b"{}", "invalid_request", "#/name"),
    (b'{"name": 1}', "invalid_request", "#/name"),
    (b'{"name": "a", "modles": []}', "invalid_request", "#/modles"),
    (b'{"name": "a", "a/b~c": []}', "invalid_request", "#/a~1b~0c"),
    (b'{"name": "a", "models": ["x", 2]}', "invalid_request", "#/models/1"),
    (b'{"name": "a", "permissions": ["everything"]}', "invalid_request", "#/permissions/0"),
    (b'{"name": "a", "permissions": []}', "invalid_request", "#/permissions"),
    (b'{"name": "a", "expires_at": "tomorrow"}', "invalid_request", "#/expires_at"),
    (b'{"name": "a", "expires_at": "2090-01-01T00:00:00"}', "invalid_request", "#/expires_at"),
    (b'{"name": "a", "expires_at": "2001-01-01T00:00:00Z"}', "invalid_request", "#/expires_at"),
    (b'{"name": ""}', "invalid_request", "#/name"),
    (b'{"name": "a\\nb"}', "invalid_request", "#/name"),
]


async def test_bodies(client: Client) -> None:
    for body, code, pointer in BODIES:
        answer = await client.post("/api/v1/keys", content=body, headers={"content-type": "application/json"})
        errors = check(answer, 400, code)
        assert [error["pointer"] for error in errors] == ([] if pointer is None else [pointer]), body[:100]


async def test_a_fault_deep_in_a_body(client: Client) -> None:
    targets = [{"account": "a", "model": "m"}, {"account": "a", "model": "m", "wieght": 2}]
    errors = check(await client.put("/api/v1/routes/fast", json={"targets": targets}), 400, "invalid_request")
    assert errors[0]["pointer"] == "#/targets/1/wieght"


async def test_another_content_type_is_not_guessed_at(client: Client) -> None:
    answer = await client.post("/api/v1/keys", content=b"name=a", headers={"content-type": "text/plain"})
    check(answer, 400, "invalid_request")


async def test_a_large_body_is_refused(tmp_path) -> None:
    async with running(tmp_path, max_body_bytes=1000) as run:
        check(await run.local().post("/api/v1/keys", json={"name": "a" * 2000}), 413, "body_too_large")

        async def chunked():
            for _ in range(20):
                yield b"x" * 100

        headers = {"content-type": "application/json"}
        check(await run.local().post("/api/v1/keys", content=chunked(), headers=headers), 413, "body_too_large")


QUERIES = [
    ("from=yesterday", "from"),
    ("to=2026-01-01", "to"),
    ("from=2026-01-01T00:00:00", "from"),
    ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
    ("limit=0", "limit"),
    ("limit=201", "limit"),
    ("limit=ten", "limit"),
    ("limit=-1", "limit"),
    ("limit=1.5", "limit"),
    ("limit=%D9%A3", "limit"),
    ("sort=price", "sort"),
    ("order=up", "order"),
    ("status=fine", "status"),
    ("min_duration_ms=-1", "min_duration_ms"),
    ("min_duration_ms=nan", "min_duration_ms"),
    ("min_duration_ms=fast", "min_duration_ms"),
    ("modle=gpt", "modle"),
    ("text=" + "a" * 1001, "text"),
]


async def test_query_parameters(client: Client) -> None:
    for query, parameter in QUERIES:
        errors = check(await client.get(f"/api/v1/traces?{query}"), 400, "invalid_request")
        assert [error["parameter"] for error in errors] == [parameter], query


async def test_a_mistyped_parameter_is_answered_with_the_right_one(client: Client) -> None:
    assert "`model`" in (await client.get("/api/v1/traces?modle=gpt")).json()["detail"]


async def test_a_cursor_that_no_list_gave(client: Client) -> None:
    for cursor in ("nonsense", "bm90aGluZw==", "%00", "ü"):
        errors = check(await client.get("/api/v1/keys", params={"cursor": cursor}), 400, "invalid_request")
        assert errors[0]["parameter"] == "cursor"


async def test_addresses_that_do_not_exist(client: Client) -> None:
    for method, path in [
        ("GET", "/api/v1/nothing"), ("POST", "/api/v1/nothing"), ("DELETE", "/nothing"), ("GET", "/api"),
        ("GET", "/api/"), ("GET", "/api/v2/keys"), ("GET", "/v1/models"), ("POST", "/v1/chat/completions"),
    ]:  # fmt: skip
        check(await client.request(method, path), 404, "endpoint_unknown")


async def test_methods_that_do_not_exist(client: Client) -> None:
    answer = await client.put("/api/v1/keys", json={})
    check(answer, 405, "method_not_allowed")
    assert {part.strip() for part in answer.headers["allow"].split(",")} >= {"GET", "POST"}


async def test_things_that_do_not_exist(client: Client) -> None:
    for method, path in [
        ("DELETE", "/api/v1/keys/none"), ("DELETE", "/api/v1/providers/none"), ("DELETE", "/api/v1/routes/none"),
        ("POST", "/api/v1/providers/none/test"), ("GET", "/api/v1/traces/none"),
    ]:  # fmt: skip
        check(await client.request(method, path), 404, "not_found")
    check(await client.patch("/api/v1/providers/none", json={"enabled": False}), 404, "not_found")
    check(await client.patch("/api/v1/projects/none", json={"name": "x"}), 404, "not_found")


async def test_names_that_are_taken(client: Client) -> None:
    assert (await client.post("/api/v1/projects", json={"name": "twice"})).status_code == 201
    errors = check(await client.post("/api/v1/projects", json={"name": "twice"}), 409, "conflict")
    assert errors[0]["pointer"] == "#/name"


async def test_the_store_being_down_or_overtaxed(run: Running, client: Client) -> None:
    run.store.error = StoreUnavailable("The store restarts; calls wait meanwhile.")
    check(await client.get("/api/v1/traces"), 503, "store_unavailable")
    check(await client.get("/api/v1/overview"), 503, "store_unavailable")
    run.store.error = QueryRefused("Too slow.")
    check(await client.get("/api/v1/traces"), 422, "query_refused")
    assert (await client.get("/api/v1/keys")).status_code == 200
    run.store.error = LoginThrottled("wait", retry_after_s=2.4)
    assert (await client.get("/api/v1/traces")).headers["retry-after"] == "3"


async def test_a_fault_of_ours_shows_only_its_request_id(
    run: Running, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    run.store.error = ValueError("the inner workings")
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/api/v1/traces")
    check(answer, 500, "internal_error")
    assert "inner workings" not in answer.text
    logged = [record for record in caplog.records if answer.headers["x-request-id"] in record.getMessage()]
    assert len(logged) == 1
    assert logged[0].exc_info


async def test_signed_out_and_not_allowed(run: Running) -> None:
    check(await run.client().get("/api/v1/keys"), 401, "session_missing")
    check(await run.client(headers={"authorization": "Basic abc"}).get("/api/v1/keys"), 401, "key_missing")
    check(await run.client(await run.key(Permission.INFERENCE)).get("/api/v1/keys"), 403, "permission_missing")
