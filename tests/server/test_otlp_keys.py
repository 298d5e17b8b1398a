"""A key of ours works wherever an SDK puts it; a bad one is told apart; nothing is looked up in the database."""

import base64
from collections.abc import Callable

import pytest

from pilothouse.domain.access import Permission
from pilothouse.server.otlp.credentials import secret_of
from tests.server.harness import Running
from tests.server.otlp_requests import PROTOBUF, trace_request


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


SCHEMES: dict[str, Callable[[str], dict[str, str]]] = {
    "bearer": lambda key: {"authorization": f"Bearer {key}"},
    "bearer in capitals": lambda key: {"authorization": f"BEARER  {key}"},
    "bare": lambda key: {"authorization": key},
    "x-api-key": lambda key: {"x-api-key": key},
    "api-key": lambda key: {"api-key": key},
    "x-goog-api-key": lambda key: {"x-goog-api-key": key},
    "password": lambda key: {"authorization": basic(f"pk-lf-anything:{key}")},
    "user": lambda key: {"authorization": basic(f"{key}:")},
    "both halves": lambda key: {"authorization": basic(f"{key}:{key}")},
    "api and key": lambda key: {"authorization": basic(f"api:{key}")},
    "Helicone-Auth": lambda key: {"helicone-auth": f"Bearer {key}", "authorization": "Bearer sk-of-a-provider"},
}
BODY = trace_request(1).SerializeToString()


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_key_is_found_and_a_bad_one_is_refused(run: Running, scheme: str) -> None:
    client, secret = run.client(), await run.key(Permission.INGEST)
    put = SCHEMES[scheme]
    assert secret_of(put(secret)) == secret
    assert (await client.post("/v1/traces", content=BODY, headers={**PROTOBUF, **put(secret)})).status_code == 200
    wrong = secret[:-1] + ("0" if secret[-1] != "0" else "1")
    bad = await client.post("/v1/traces", content=BODY, headers={**PROTOBUF, **put(wrong)})
    assert (bad.status_code, bad.headers["x-pilothouse-error"]) == (401, "key_unknown")
    assert bad.headers["www-authenticate"].startswith("Bearer")
    assert secret not in bad.text


async def test_no_key_and_a_key_in_the_query_are_refused(run: Running) -> None:
    client, secret = run.client(), await run.key(Permission.INGEST)
    for url in ("/v1/traces", f"/v1/traces?key={secret}", f"/v1/traces?api_key={secret}"):
        answer = await client.post(url, content=BODY, headers=PROTOBUF)
        assert (answer.status_code, answer.headers["x-pilothouse-error"]) == (401, "key_missing"), url


@pytest.mark.parametrize("value", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff\xfe").decode(), "Bearer"])
async def test_headers_that_say_nothing_are_no_fault_of_ours(run: Running, value: str) -> None:
    answer = await run.client().post("/v1/traces", content=BODY, headers={**PROTOBUF, "authorization": value})
    assert answer.status_code == 401


async def test_another_permission_is_not_enough(run: Running) -> None:
    others = [permission for permission in Permission if permission is not Permission.INGEST]
    client = run.client(await run.key(*others))
    answer = await client.post("/v1/traces", content=BODY, headers=PROTOBUF)
    assert (answer.status_code, answer.headers["x-pilothouse-error"]) == (403, "permission_missing")
    assert b"ingest" in answer.content


async def test_a_revoked_key_is_refused_at_once_and_an_expired_one_at_its_time(run: Running) -> None:
    secret = await run.key(Permission.INGEST)
    short = await run.key(Permission.INGEST, expires_at_ns=run.clock.now_ns() + 10**10)
    client = run.client()

    async def code(of: str) -> str:
        headers = {**PROTOBUF, "x-api-key": of}
        answer = await client.post("/v1/traces", content=BODY, headers=headers)
        return answer.headers.get("x-pilothouse-error", "")

    assert [await code(secret), await code(short)] == ["", ""]
    key = run.door.keys.find(secret, Permission.INGEST)
    await run.parts.registry.revoke_key(run.project.id, key.id, actor="test")
    await run.door.keys.tick()
    run.clock.advance(11)
    assert [await code(secret), await code(short)] == ["key_revoked", "key_expired"]


async def test_requests_ask_the_database_nothing(run: Running) -> None:
    client = run.client(await run.key(Permission.INGEST))
    assert (await client.post("/v1/traces", content=BODY, headers=PROTOBUF)).status_code == 200
    await run.door.keys.stop()
    await run.metadata.close()
    for _ in range(3):
        assert (await client.post("/v1/traces", content=BODY, headers=PROTOBUF)).status_code == 200
    unknown = await client.post("/v1/traces", content=BODY, headers={**PROTOBUF, "authorization": "Bearer ph_x"})
    assert unknown.status_code == 401


async def test_a_person_is_no_way_in(run: Running) -> None:
    answer = await run.local().post("/v1/traces", content=BODY, headers=PROTOBUF)
    assert answer.status_code == 401
