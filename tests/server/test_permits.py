"""Who may do what: every route, as every kind of caller."""

import pytest

from pilothouse.domain.access import ROLE_PERMISSIONS, Permission, Role
from pilothouse.server.app import operations
from pilothouse.server.permits import PERMITS, Permit, Reach
from tests.server.harness import Client, Running

SOME_BODY = {"not": "a body of any route"}
REFUSED = {401, 403}


async def ask(client: Client, method: str, path: str, project_id: str) -> int:
    url = path.replace("{project_id}", project_id)
    for name in ("key_id", "provider_id", "route", "trace_id", "path"):
        url = url.replace("{" + name + "}", "nothing-of-that-name")
    body = {"json": SOME_BODY} if method in ("POST", "PUT", "PATCH") else {}
    async with client.stream(method, url, **body) as answer:
        return answer.status_code


def guarded() -> list[tuple[str, str, Permit]]:
    return [
        (method, path, permit)
        for (method, path), permit in PERMITS.items()
        if permit.reach in (Reach.PROJECT, Reach.INSTALLATION)
    ]


async def test_every_route_has_an_entry_and_every_entry_a_route(run: Running) -> None:
    served = set(operations(run.app.routes)) - run.app.routes.state["foreign"]
    assert served == set(PERMITS)


@pytest.mark.parametrize("permission", list(Permission))
async def test_a_key_may_do_what_its_permission_says(run: Running, permission: Permission) -> None:
    client = run.client(await run.key(permission))
    wrong = []
    for method, path, permit in guarded():
        status = await ask(client, method, path, run.project.id)
        allowed = permit.permission is permission and not permit.across_projects
        if (status not in REFUSED) is not allowed:
            wrong.append((method, path, status))
    assert not wrong


@pytest.mark.parametrize("role", list(Role))
async def test_a_person_may_do_what_the_role_says(run: Running, role: Role) -> None:
    client = await run.browser(role)
    wrong = []
    for method, path, permit in guarded():
        status = await ask(client, method, path, run.project.id)
        if (status not in REFUSED) is not (permit.permission in ROLE_PERMISSIONS[role]):
            wrong.append((method, path, status))
    assert not wrong


async def test_the_local_token_may_do_everything_and_nobody_nothing(run: Running) -> None:
    local, nobody, wrong_token = run.local(), run.client(), run.client("pho_" + "0" * 46)
    for method, path, _ in guarded():
        assert await ask(local, method, path, run.project.id) not in REFUSED, path
        assert await ask(nobody, method, path, run.project.id) == 401, path
        assert await ask(wrong_token, method, path, run.project.id) == 401, path


async def test_open_routes_need_nothing_and_look_at_no_credentials(run: Running) -> None:
    client = run.client("ph_nonsense")
    for path in ("/", "/healthz", "/readyz", "/schema/openapi.json", "/some/page"):
        assert (await client.get(path)).status_code == 200, path


async def test_ended_keys_are_refused_with_their_own_code(run: Running) -> None:
    day_ns = 86_400 * 10**9
    short = await run.key(Permission.READ, expires_at_ns=run.clock.now_ns() + day_ns)
    revoked = await run.key(Permission.READ)
    registry = run.parts.registry
    listed = await registry.list_keys(run.project.id)
    target = next(key for key in listed if revoked.startswith(key.hint.removesuffix("…")))
    await registry.revoke_key(run.project.id, target.id, actor="test")
    run.clock.advance(2 * 86_400)
    codes = {}
    for name, secret in {"expired": short, "revoked": revoked, "typo": revoked[:-1] + "?", "none": "ph_"}.items():
        answer = await run.client(secret).get("/api/v1/keys")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        codes[name] = answer.json()["code"]
    assert codes == {"expired": "key_expired", "revoked": "key_revoked", "typo": "key_unknown", "none": "key_unknown"}


async def test_other_projects_are_out_of_sight(run: Running) -> None:
    other = await run.parts.registry.create_project("other", actor="test")
    key = run.client(await run.key(*Permission))
    person = await run.browser(Role.OWNER)
    both = run.local()
    for client in (key, person):
        names = [item["name"] for item in (await client.get("/api/v1/projects")).json()["items"]]
        assert names == ["default"]
        hidden = await client.get("/api/v1/keys", headers={"x-pilothouse-project": other.id})
        assert hidden.status_code == 404
        renamed = await client.patch(f"/api/v1/projects/{other.id}", json={"name": "mine"})
        assert renamed.status_code == 404
    assert len((await both.get("/api/v1/projects")).json()["items"]) == 2
    assert (await both.get("/api/v1/keys", headers={"x-pilothouse-project": other.id})).json()["items"] == []


async def test_a_person_with_different_roles_is_judged_by_the_project(run: Running) -> None:
    other = await run.parts.registry.create_project("other", actor="test")
    client = await run.browser(Role.VIEWER)
    me = (await client.get("/api/v1/session")).json()["person"]["id"]
    await run.parts.people.set_role(me, other.id, Role.ADMIN, actor="test")
    here = await client.post("/api/v1/keys", json={"name": "a"})
    there = await client.post("/api/v1/keys", json={"name": "a"}, headers={"x-pilothouse-project": other.id})
    assert (here.status_code, there.status_code) == (403, 201)
    assert here.json()["code"] == "permission_missing"
    assert there.json()["key"]["project_id"] == other.id
