"""Saved views over HTTP: one's own and the project's, and with which a list opens."""

from typing import Any

import httpx
import pytest

from pilothouse.domain.access import Role
from tests.server.harness import Client, Running

STATE = {"q": "status:error", "sort": "cost", "descending": False, "range": "7d", "columns": ["time", "name"]}


async def save(client: Client, name: str = "Failures", **more: Any) -> httpx.Response:
    return await client.post("/api/v1/views", json={"list": "traces", "name": name, "state": STATE, **more})


async def names(client: Client) -> list[str]:
    return [one["name"] for one in (await client.get("/api/v1/views")).json()["items"]]


async def test_a_view_is_saved_changed_and_deleted(run: Running) -> None:
    editor = await run.browser(Role.EDITOR)
    made = (await save(editor)).json()
    assert (made["state"], made["shared"], made["version"], made["opens_first"]) == (STATE, False, 1, False)
    url = f"/api/v1/views/{made['id']}"
    body = {"list": "traces", "name": "All failures", "state": {"q": "status:error"}, "shared": True, "version": 1}
    changed = (await editor.put(url, json=body)).json()
    assert (changed["name"], changed["shared"], changed["version"]) == ("All failures", True, 2)
    assert (await editor.get(url)).json() == changed
    assert (await editor.put(url, json=body)).status_code == 412
    assert (await editor.put(url, json={**body, "list": "users", "version": 2})).status_code == 400
    assert (await editor.delete(url)).status_code == 204
    assert (await editor.get(url)).status_code == 404


async def test_ones_own_are_out_of_sight_and_the_projects_are_not(run: Running) -> None:
    ann, bob = await run.browser(Role.EDITOR), await run.browser(Role.EDITOR)
    own = (await save(ann, "Mine")).json()
    await save(ann, "Ours", shared=True)
    assert await names(ann) == ["Ours", "Mine"]
    assert await names(bob) == ["Ours"]
    assert (await bob.get(f"/api/v1/views/{own['id']}")).status_code == 404
    assert (await bob.delete(f"/api/v1/views/{own['id']}")).status_code == 404
    assert (await save(bob, "Mine")).status_code == 201
    assert (await save(ann, "Mine")).status_code == 409


async def test_a_viewer_keeps_views_of_their_own_only(run: Running) -> None:
    viewer, editor = await run.browser(Role.VIEWER), await run.browser(Role.EDITOR)
    ours = (await save(editor, "Ours", shared=True)).json()
    assert (await save(viewer, "Mine")).status_code == 201
    refused = await save(viewer, "Theirs", shared=True)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")
    assert (await viewer.delete(f"/api/v1/views/{ours['id']}")).status_code == 403
    body: dict[str, Any] = {"list": "traces", "name": "Ours", "state": {}, "shared": False, "version": 1}
    assert (await viewer.put(f"/api/v1/views/{ours['id']}", json=body)).status_code == 403


async def test_each_person_opens_a_list_with_a_view_of_their_choice(run: Running) -> None:
    ann, bob = await run.browser(Role.EDITOR), await run.browser(Role.VIEWER)
    ours = (await save(ann, "Ours", shared=True)).json()["id"]
    assert (await bob.put("/api/v1/views/first/traces", json={"view_id": ours})).status_code == 204
    first = {
        who: [one["opens_first"] for one in (await client.get("/api/v1/views")).json()["items"]]
        for who, client in (("ann", ann), ("bob", bob))
    }
    assert first == {"ann": [False], "bob": [True]}
    assert (await bob.put("/api/v1/views/first/users", json={"view_id": ours})).status_code == 400
    assert (await bob.put("/api/v1/views/first/nothing", json={"view_id": None})).status_code == 400
    assert (await bob.put("/api/v1/views/first/traces", json={"view_id": None})).status_code == 204
    await bob.put("/api/v1/views/first/traces", json={"view_id": ours})
    own: dict[str, Any] = {"list": "traces", "name": "Ours", "state": {}, "shared": False, "version": 1}
    assert (await ann.put(f"/api/v1/views/{ours}", json=own)).status_code == 200
    assert await names(bob) == []
    assert (await ann.delete(f"/api/v1/views/{ours}")).status_code == 204


@pytest.mark.parametrize(
    ("state", "pointer"),
    [
        ({"q": "status:"}, "#/state/q"),
        ({"q": "x" * 4_001}, "#/state/q"),
        ({"sort": "last"}, "#/state/sort"),
        ({"range": "soon"}, "#/state/range"),
        ({"from_at": "2026-01-01T00:00:00Z"}, "#/state/from_at"),
        ({"from_at": "2026-01-02T00:00:00Z", "to_at": "2026-01-01T00:00:00Z"}, "#/state/from_at"),
        ({"from_at": "2026-01-01T00:00:00", "to_at": "2026-01-02T00:00:00"}, "#/state/from_at"),
        ({"columns": ["A column"]}, "#/state/columns"),
        ({"colour": "red"}, "#/state/colour"),
    ],
)
async def test_what_no_list_could_show_is_refused_with_its_place(
    run: Running, state: dict[str, Any], pointer: str
) -> None:
    answer = await save(run.local(), state=state)
    assert answer.status_code == 400
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


async def test_another_project_has_views_of_its_own(run: Running) -> None:
    other = await run.parts.registry.create_project("other", actor="test")
    made = (await save(run.local(), shared=True)).json()
    there = {"x-pilothouse-project": other.id}
    assert (await run.local().get("/api/v1/views", headers=there)).json()["items"] == []
    assert (await run.local().get(f"/api/v1/views/{made['id']}", headers=there)).status_code == 404
