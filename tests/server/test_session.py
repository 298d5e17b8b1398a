"""Signing in and out, the first person, CSRF, and what the cookie may be used for."""

import asyncio

import pytest

from pilothouse.domain.access import Permission, Role
from tests.server.harness import PASSWORD, Client, Running, running

COOKIE = "pilothouse_session"
FIRST = {"email": "Ada@Example.com", "name": "Ada", "password": PASSWORD}


async def redeem(run: Running, token: str, client: Client | None = None):
    return await (client or run.client()).post("/api/v1/session/first-run", json={**FIRST, "token": token})


async def link(run: Running) -> str:
    found = await run.parts.people.first_run_link()
    assert found
    return found


async def test_the_first_person_comes_in_by_the_link_once(run: Running) -> None:
    client = run.client()
    before = (await client.get("/api/v1/session")).json()
    assert before == {"person": None, "csrf_token": None, "first_run": True, "version": before["version"]}
    token = await link(run)
    made = await redeem(run, token, client)
    assert made.status_code == 201
    assert made.json()["person"]["role"] == "owner"
    after = (await client.get("/api/v1/session")).json()
    assert after["person"]["email"] == "ada@example.com"
    assert after["first_run"] is False
    again = await redeem(run, token)
    assert (again.status_code, again.json()["code"]) == (401, "sign_in_link_invalid")
    assert (await run.client().get("/api/v1/session")).json()["first_run"] is False


async def test_a_link_expires(run: Running) -> None:
    token = await link(run)
    run.clock.advance(25 * 3600)
    assert (await redeem(run, token)).json()["code"] == "sign_in_link_invalid"


async def test_a_weak_password_leaves_the_link_usable(run: Running) -> None:
    token = await link(run)
    weak = await run.client().post("/api/v1/session/first-run", json={**FIRST, "token": token, "password": "short"})
    assert weak.status_code == 400
    assert weak.json()["errors"][0]["pointer"] == "#/password"
    assert (await redeem(run, token)).status_code == 201


async def test_two_at_once_make_one_person(run: Running) -> None:
    token = await link(run)
    answers = await asyncio.gather(redeem(run, token), redeem(run, token))
    assert sorted(answer.status_code for answer in answers) == [201, 401]


async def test_guessing_links_is_throttled(run: Running) -> None:
    statuses = [(await redeem(run, "phl_" + "0" * 46)).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    run.clock.advance(61)
    assert (await redeem(run, "phl_" + "0" * 46)).status_code == 401


async def test_the_cookie_is_for_our_own_pages_only(run: Running) -> None:
    email = await run.person(Role.VIEWER)
    answer = await run.client().sign_in(email)
    flags = {part.strip().split("=")[0].lower(): part for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite", "max-age", "path"} <= set(flags)
    assert "lax" in flags["samesite"].lower()
    assert "secure" not in flags
    assert answer.cookies[COOKIE].startswith("phs_")


async def test_behind_tls_the_cookie_is_secure_and_below_the_prefix(tmp_path) -> None:
    async with running(tmp_path, public_url="https://ops.example.com/pilothouse") as run:
        answer = await run.client().sign_in(await run.person(Role.VIEWER))
        cookie = answer.headers["set-cookie"].lower()
        assert "secure" in cookie
        assert "path=/pilothouse" in cookie


async def test_wrong_password_and_unknown_email_look_the_same(run: Running) -> None:
    email = await run.person(Role.VIEWER)
    wrong = await run.client().sign_in(email, "not the password")
    unknown = await run.client().sign_in("nobody@example.com", "not the password")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "login_failed")
    drop = {"request_id"}
    assert {k: v for k, v in wrong.json().items() if k not in drop} == {
        k: v for k, v in unknown.json().items() if k not in drop
    }


async def test_failed_sign_ins_are_throttled_with_a_time_to_wait(run: Running) -> None:
    email = await run.person(Role.VIEWER)
    for _ in range(5):
        await run.client().sign_in(email, "wrong password")
    throttled = await run.client().sign_in(email, PASSWORD)
    assert (throttled.status_code, throttled.json()["code"]) == (429, "login_throttled")
    assert int(throttled.headers["retry-after"]) >= 1
    run.clock.advance(int(throttled.headers["retry-after"]) + 1)
    assert (await run.client().sign_in(email)).status_code == 200


async def test_signing_in_ends_the_session_that_was_planted(run: Running) -> None:
    attacker = await run.browser(Role.VIEWER)
    planted = attacker.cookies[COOKIE]
    victim = run.client(cookies={COOKIE: planted})
    answer = await victim.post(
        "/api/v1/session",
        json={"email": await run.person(Role.OWNER), "password": PASSWORD},
        headers={"x-csrf-token": attacker.headers["x-csrf-token"]},
    )
    assert answer.status_code == 200
    assert answer.cookies[COOKIE] != planted
    assert (await run.client(cookies={COOKIE: planted}).get("/api/v1/session")).json()["person"] is None


async def test_signing_out_ends_the_session_on_the_server(run: Running) -> None:
    client = await run.browser(Role.VIEWER)
    secret = client.cookies[COOKIE]
    assert (await client.delete("/api/v1/session")).status_code == 204
    assert COOKIE not in client.cookies
    replayed = await run.client(cookies={COOKIE: secret}).get("/api/v1/keys")
    assert (replayed.status_code, replayed.json()["code"]) == (401, "session_missing")


async def test_sessions_end_by_themselves(run: Running) -> None:
    client = await run.browser(Role.VIEWER)
    run.clock.advance(15 * 24 * 3600)
    secret_kept = run.client(cookies={COOKIE: client.cookies.get(COOKIE) or ""})
    assert (await secret_kept.get("/api/v1/keys")).status_code == 401


@pytest.mark.parametrize("token", [None, "", "0" * 64])
async def test_a_write_needs_the_csrf_token(run: Running, token: str | None) -> None:
    client = await run.browser(Role.OWNER)
    good = client.headers.pop("x-csrf-token")
    headers = {} if token is None else {"x-csrf-token": token}
    refused = await client.post("/api/v1/projects", json={"name": "x"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_rejected")
    assert (await client.delete("/api/v1/session", headers=headers)).status_code == 403
    assert (await client.get("/api/v1/projects")).status_code == 200
    taken = await client.post("/api/v1/projects", json={"name": "x"}, headers={"x-csrf-token": good})
    assert taken.status_code == 201


async def test_the_token_of_another_session_is_not_good(run: Running) -> None:
    one, other = await run.browser(Role.OWNER), await run.browser(Role.OWNER)
    one.headers["x-csrf-token"] = other.headers["x-csrf-token"]
    assert (await one.post("/api/v1/projects", json={"name": "x"})).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_other_sites_cannot_sign_anybody_in(run: Running, headers: dict[str, str]) -> None:
    email = await run.person(Role.OWNER)
    answer = await run.client().post("/api/v1/session", json={"email": email, "password": PASSWORD}, headers=headers)
    assert answer.json()["code"] == "csrf_rejected"
    assert "set-cookie" not in answer.headers


async def test_our_own_origin_may_sign_in_and_a_form_cannot(run: Running) -> None:
    email = await run.person(Role.OWNER)
    fine = await run.client().post(
        "/api/v1/session", json={"email": email, "password": PASSWORD}, headers={"origin": run.url}
    )
    assert fine.status_code == 200
    form = await run.client().post("/api/v1/session", data={"email": email, "password": PASSWORD})
    assert form.status_code == 400


async def test_a_key_needs_no_csrf_token_but_a_bad_key_is_not_saved_by_a_cookie(run: Running) -> None:
    key = run.client(await run.key(Permission.ADMIN))
    assert (await key.post("/api/v1/keys", json={"name": "made"})).status_code == 201
    client = await run.browser(Role.OWNER)
    both = await client.get("/api/v1/keys", headers={"authorization": "Bearer ph_wrong"})
    assert both.status_code == 401


async def test_a_browser_with_a_dead_cookie_is_told_it_is_signed_out(run: Running) -> None:
    client = run.client(cookies={COOKIE: "phs_dead"})
    answer = await client.get("/api/v1/session")
    assert (answer.status_code, answer.json()["person"]) == (200, None)
    assert (await client.sign_in(await run.person(Role.VIEWER))).status_code == 200
