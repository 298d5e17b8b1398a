"""Projects, keys, providers, routes and models, as people and scripts work with them."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from pilothouse.domain.access import Permission, Role
from pilothouse.server.views import at
from tests.server.harness import PASSWORD, Client, Running

SECRET = "sk-upstream-0123456789-very-secret"


@pytest.fixture
async def client(run: Running) -> Client:
    return run.local()


async def make_provider(client: Client, **changes):
    body = {"name": "acme", "provider": "openai", "secret": SECRET, "models": ["m-1"], **changes}
    return await client.post("/api/v1/providers", json=body)


async def test_a_project_is_made_renamed_and_listed(client: Client) -> None:
    made = (await client.post("/api/v1/projects", json={"name": "Support"})).json()
    renamed = await client.patch(f"/api/v1/projects/{made['id']}", json={"name": "Help desk"})
    assert renamed.json() == {**made, "name": "Help desk"}
    listed = (await client.get("/api/v1/projects")).json()
    assert [item["name"] for item in listed["items"]] == ["default", "Help desk"]


async def test_whoever_makes_a_project_is_its_owner(run: Running) -> None:
    client = await run.browser(Role.OWNER)
    made = (await client.post("/api/v1/projects", json={"name": "Mine"})).json()
    key = await client.post("/api/v1/keys", json={"name": "k"}, headers={"x-pilothouse-project": made["id"]})
    assert key.status_code == 201


async def test_a_key_is_shown_once_and_works_at_once(run: Running, client: Client) -> None:
    expires_at = (at(run.clock.now_ns()) + timedelta(days=1)).isoformat()
    body = {"name": "ci", "permissions": ["read", "inference"], "models": ["gpt-*"], "expires_at": expires_at}
    made = (await client.post("/api/v1/keys", json=body)).json()
    key, secret = made["key"], made["secret"]
    assert key["permissions"] == ["inference", "read"]
    assert (key["status"], key["models"], key["revoked_at"]) == ("active", ["gpt-*"], None)
    assert key["expires_at"].endswith("Z")
    assert secret.startswith(key["hint"].removesuffix("…"))
    listed = await run.client(secret).get("/api/v1/keys")
    assert secret not in listed.text
    assert [item["name"] for item in listed.json()["items"]] == ["ci"]
    assert "digest" not in listed.text


async def test_keys_end_by_revocation_and_by_time(run: Running, client: Client) -> None:
    soon = (at(run.clock.now_ns()) + timedelta(hours=1)).isoformat()
    expiring = (await client.post("/api/v1/keys", json={"name": "short", "expires_at": soon})).json()
    revoked = (await client.post("/api/v1/keys", json={"name": "gone"})).json()
    answer = await client.delete(f"/api/v1/keys/{revoked['key']['id']}")
    assert (answer.status_code, answer.json()["status"]) == (200, "revoked")
    again = await client.delete(f"/api/v1/keys/{revoked['key']['id']}")
    assert again.json()["revoked_at"] == answer.json()["revoked_at"]
    run.clock.advance(3601)
    statuses = {item["name"]: item["status"] for item in (await client.get("/api/v1/keys")).json()["items"]}
    assert statuses == {"short": "expired", "gone": "revoked"}
    assert expiring["key"]["status"] == "active"


async def test_lists_come_in_pages_that_fit_together(run: Running, client: Client) -> None:
    for number in range(7):
        await run.key(Permission.READ)
        run.clock.advance(number)
    whole = [item["id"] for item in (await client.get("/api/v1/keys")).json()["items"]]
    assert len(whole) == 7
    found, cursor = [], ""
    while True:
        page = (await client.get("/api/v1/keys", params={"limit": 3, "cursor": cursor})).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == whole


async def test_a_provider_never_gives_its_secret_back(client: Client) -> None:
    made = await make_provider(client)
    assert made.status_code == 201
    assert made.json()["secret_hint"] == "sk-…cret"
    for answer in (made, await client.get("/api/v1/providers"), await client.get("/api/v1/models")):
        assert SECRET not in answer.text
        assert "sealed" not in answer.text


async def test_short_secrets_have_no_hint_of_them(client: Client) -> None:
    assert (await make_provider(client, secret="tiny")).json()["secret_hint"] == "…"
    none = await make_provider(client, name="own", provider="vllm", secret="")
    assert none.json()["secret_hint"] is None


async def test_several_keys_are_hinted_at_by_the_first_and_their_number(client: Client) -> None:
    both = f"3 {SECRET}\n1 sk-second-0123456789-abcdef"
    assert (await make_provider(client, secret=both)).json()["secret_hint"] == "sk-…cret and 1 more"
    weighted = await make_provider(client, name="weighted", secret=f"2 {SECRET}")
    assert weighted.json()["secret_hint"] == "sk-…cret"
    refused = await make_provider(client, name="refused", secret="0 sk-first\n1 sk-second")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "#/secret")


async def test_a_provider_is_changed_field_by_field(client: Client) -> None:
    made = (await make_provider(client)).json()
    url = f"/api/v1/providers/{made['id']}"
    changed = (await client.patch(url, json={"enabled": False, "models": ["m-2"]})).json()
    assert changed == {**made, "enabled": False, "models": ["m-2"]}
    assert (await client.patch(url, json={"secret": "another-secret-0123456789"})).json()["secret_hint"] == "ano…6789"
    needed = await client.patch(url, json={"secret": ""})
    assert needed.json()["errors"][0]["pointer"] == "#/secret"
    unknown = await client.patch(url, json={"name": "other"})
    assert unknown.json()["errors"][0]["pointer"] == "#/name"
    assert (await client.delete(url)).status_code == 204
    assert (await client.get("/api/v1/providers")).json()["items"] == []


async def test_a_stored_secret_is_not_sent_to_another_host(client: Client) -> None:
    made = (await make_provider(client)).json()
    moved = await client.patch(f"/api/v1/providers/{made['id']}", json={"base_url": "https://evil.example/v1"})
    assert (moved.status_code, moved.json()["errors"][0]["pointer"]) == (400, "#/secret")
    draft = {"provider": "openai", "base_url": "https://evil.example/v1", "account_id": made["id"]}
    tested = await client.post("/api/v1/providers/test", json=draft)
    assert (tested.status_code, tested.json()["errors"][0]["pointer"]) == (400, "#/secret")


UNUSABLE = [
    ({"provider": "nobody"}, "#/provider"),
    ({"secret": ""}, "#/secret"),
    ({"secret": "a b"}, "#/secret"),
    ({"base_url": "ftp://x"}, "#/base_url"),
    ({"base_url": "http://169.254.169.254/v1"}, "#/base_url"),
    ({"base_url": "https://user:pw@x.example"}, "#/base_url"),
    ({"provider": "openai_compatible"}, "#/base_url"),
    ({"name": "No Such Name"}, "#/name"),
    ({"models": [""]}, "#/models/0"),
]


async def test_an_unusable_provider_is_refused_with_the_field(client: Client) -> None:
    for changes, pointer in UNUSABLE:
        answer = await make_provider(client, **changes)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), changes
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_kinds_of_provider(client: Client) -> None:
    kinds = {item["name"]: item for item in (await client.get("/api/v1/provider-kinds")).json()["items"]}
    assert {"openai", "anthropic", "vllm", "ollama", "openai_compatible"} <= set(kinds)
    assert kinds["openai"]["needs_secret"]
    assert kinds["vllm"]["free"]
    assert (kinds["openai"]["several_keys"], kinds["vertex"]["several_keys"]) == (True, False)


async def test_routes_and_the_models_that_can_be_called(client: Client) -> None:
    await make_provider(client)
    body = {"targets": [{"account": "acme", "model": "m-1", "weight": 3}, {"account": "acme", "model": "m-2"}]}
    made = await client.put("/api/v1/routes/fast", json=body)
    assert made.status_code == 200
    assert [target["weight"] for target in made.json()["targets"]] == [3, 1]
    again = await client.put("/api/v1/routes/fast", json={"targets": body["targets"][:1]})
    assert again.json()["id"] == made.json()["id"]
    models = (await client.get("/api/v1/models")).json()["items"]
    assert [(model["name"], model["kind"]) for model in models] == [("fast", "route"), ("acme/m-1", "account_model")]
    assert models[0]["targets"] == ["acme/m-1"]
    used = await client.delete(f"/api/v1/providers/{(await client.get('/api/v1/providers')).json()['items'][0]['id']}")
    assert used.status_code == 409
    assert (await client.delete(f"/api/v1/routes/{made.json()['id']}")).status_code == 204
    assert (await client.get("/api/v1/routes")).json()["items"] == []
    missing = await client.put("/api/v1/routes/fast", json={"targets": [{"account": "none", "model": "m"}]})
    assert missing.json()["errors"][0]["pointer"] == "#/targets/0/account"


async def test_a_create_sent_twice_happens_once(run: Running, client: Client) -> None:
    headers = {"idempotency-key": "one-and-only"}
    first = await client.post("/api/v1/keys", json={"name": "once"}, headers=headers)
    again = await client.post("/api/v1/keys", json={"name": "once"}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len((await client.get("/api/v1/keys")).json()["items"]) == 1
    other = await client.post("/api/v1/keys", json={"name": "else"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    somebody = run.client(await run.key(Permission.ADMIN))
    theirs = await somebody.post("/api/v1/keys", json={"name": "theirs"}, headers=headers)
    assert theirs.json()["secret"] != first.json()["secret"]
    run.clock.advance(25 * 3600)
    later = await client.post("/api/v1/keys", json={"name": "else"}, headers=headers)
    assert later.status_code == 201


async def test_a_failed_create_can_be_sent_again(client: Client) -> None:
    headers = {"idempotency-key": "second-try"}
    await make_provider(client, name="taken")
    body = {"name": "taken", "provider": "vllm"}
    for _ in range(2):
        assert (await client.post("/api/v1/providers", json=body, headers=headers)).status_code == 409
    assert (await client.post("/api/v1/providers", json={"name": "Bad Name"}, headers=headers)).status_code == 400


async def test_the_audit_knows_who_did_it(run: Running) -> None:
    client = await run.browser(Role.ADMIN)
    person = (await client.get("/api/v1/session")).json()["person"]["id"]
    await client.post("/api/v1/keys", json={"name": "audited"})
    await run.local().post("/api/v1/projects", json={"name": "audited"})
    actors = {entry.action: entry.actor for entry in reversed(await run.parts.registry.list_audit())}
    assert actors["key.create"] == f"person:{person}"
    assert actors["project.create"] == "local"


@pytest.fixture
async def everything_logged(caplog: pytest.LogCaptureFixture) -> AsyncIterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


async def test_no_secret_in_any_log_or_answer(run: Running, everything_logged: pytest.LogCaptureFixture) -> None:
    browser, local = await run.browser(Role.OWNER), run.local()
    cookie = browser.cookies["pilothouse_session"]
    made = (await local.post("/api/v1/keys", json={"name": "a", "permissions": ["read"]})).json()["secret"]
    provider = (await make_provider(local)).json()
    await run.client().sign_in("somebody@example.com", PASSWORD + " wrong")
    link = await run.parts.people.first_run_link() or "phl_" + "a" * 46
    await run.client().post("/api/v1/session/first-run", json={"token": link, "password": PASSWORD})
    run.store.error = ValueError("broken")
    secrets = [SECRET, PASSWORD, cookie, made, run.parts.local_token, link]
    answers = [
        await client.request(method, path, json={"secret": SECRET} if method in ("POST", "PATCH") else None)
        for client in (browser, local, run.client(made))
        for method, path in [
            ("GET", "/api/v1/session"), ("GET", "/api/v1/keys"), ("GET", "/api/v1/providers"),
            ("GET", "/api/v1/traces"), ("GET", "/api/v1/system"), ("GET", "/metrics"), ("GET", "/readyz"),
            ("POST", "/api/v1/providers"), ("PATCH", f"/api/v1/providers/{provider['id']}"),
            ("POST", "/api/v1/providers/test"),
        ]
    ]  # fmt: skip
    assert len(answers) == 30
    server_side = [record for record in everything_logged.records if not record.name.startswith("http")]
    log = "\n".join(record.getMessage() + (record.exc_text or "") for record in server_side)
    assert "/api/v1/traces" in log
    for secret in secrets:
        assert secret not in log
        assert not [answer.url for answer in answers if secret in answer.text + str(answer.headers)]


async def test_an_accounts_own_headers_are_kept_and_checked(run: Running, client: Client) -> None:
    made = (await make_provider(client, headers={"OpenAI-Organization": "org-1"})).json()
    assert made["headers"] == {"openai-organization": "org-1"}
    changed = await client.patch(f"/api/v1/providers/{made['id']}", json={"headers": {"x-team": "a"}})
    assert changed.json()["headers"] == {"x-team": "a"}
    refused = await client.patch(f"/api/v1/providers/{made['id']}", json={"headers": {"Authorization": "Bearer x"}})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "#/headers")
    assert (await run.parts.registry.snapshot()).accounts[0].headers == (("x-team", "a"),)
