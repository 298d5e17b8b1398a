"""Prompts, datasets and experiments over the platform's own API."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pilothouse.domain.access import Permission, Role
from tests.server.harness import Running, running


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as found:
        yield found


async def test_prompts_are_versioned_labelled_and_found_by_any_name(run: Running) -> None:
    browser = await run.browser(Role.EDITOR)
    first = await browser.post(
        "/api/v1/prompts", json={"name": "team/greet", "content": "Hi {{name}}", "labels": ["production"]}
    )
    assert first.status_code == 201, first.text
    made = first.json()
    assert (made["number"], made["labels"], made["variables"]) == (1, ["latest", "production"], ["name"])
    assert made["author"].startswith("person:")
    chat = [{"role": "user", "content": "Hello {{name}}"}]
    refused = await browser.post("/api/v1/prompts", json={"name": "team/greet", "content": chat})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "#/type")
    second = (
        await browser.post(
            "/api/v1/prompts", json={"name": "team/greet", "content": "Hello {{name}}", "config": {"t": 1}}
        )
    ).json()
    key = run.client(await run.key(Permission.READ))
    by_name = await key.get("/api/v1/prompts/-/versions/production", params={"name": "team/greet"})
    assert by_name.json()["content"] == "Hi {{name}}"
    prompt = made["prompt_id"]
    moved = await browser.put(f"/api/v1/prompts/{prompt}/labels/production", json={"version": 2})
    assert moved.json()["labels"] == {"production": 2, "latest": 2}
    assert (await key.get(f"/api/v1/prompts/{prompt}/versions/{second['digest'][:7]}")).json()["number"] == 2
    page = (await key.get("/api/v1/prompts", params={"q": "GREET", "limit": 1})).json()
    assert (page["total"], page["next_cursor"], page["items"][0]["versions"]) == (1, None, [1, 2])
    numbers = [one["number"] for one in (await key.get(f"/api/v1/prompts/{prompt}/versions")).json()["items"]]
    assert numbers == [2, 1]
    changed = await browser.patch(f"/api/v1/prompts/{prompt}", json={"tags": ["a"]})
    assert changed.json()["tags"] == ["a"]
    assert (await browser.delete(f"/api/v1/prompts/{prompt}/labels/production")).status_code == 204
    assert (await browser.delete(f"/api/v1/prompts/{prompt}/versions/1")).status_code == 204
    assert (await browser.delete(f"/api/v1/prompts/{prompt}")).status_code == 204
    assert (await key.get(f"/api/v1/prompts/{prompt}")).status_code == 404
    assert (await key.post("/api/v1/prompts", json={"name": "x", "content": "y"})).status_code == 403


async def test_a_prompt_that_names_others_is_shown_as_written_and_whole(run: Running) -> None:
    key = run.client(headers={"authorization": f"Bearer {await run.key(Permission.READ, Permission.WRITE)}"})
    mark = "@@@langfusePrompt:name=tone|label=production@@@"
    for name, content in (("tone", "Be {{mood}}."), ("rules", f"Rules: {mark}")):
        made = await key.post("/api/v1/prompts", json={"name": name, "content": content, "labels": ["production"]})
        assert made.status_code == 201, made.text
    address = "/api/v1/prompts/rules/versions/production"
    assert (await key.get(address)).json()["content"] == f"Rules: {mark}"
    whole = (await key.get(address, params={"composed": "true"})).json()
    assert (whole["content"], whole["variables"]) == ("Rules: Be {{mood}}.", ["mood"])
    assert (await key.get(address, params={"composed": "yes"})).status_code == 400


async def test_lists_are_paged_by_cursor(run: Running) -> None:
    writer = run.client(await run.key(Permission.READ, Permission.WRITE))
    for name in "abc":
        assert (await writer.post("/api/v1/datasets", json={"name": name})).status_code == 201
    page = (await writer.get("/api/v1/datasets", params={"limit": 2})).json()
    assert [one["name"] for one in page["items"]] == ["a", "b"]
    rest = (await writer.get("/api/v1/datasets", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert ([one["name"] for one in rest["items"]], rest["next_cursor"]) == (["c"], None)
    assert (await writer.get("/api/v1/datasets", params={"cursor": "what"})).status_code == 400


async def test_datasets_have_versions_and_experiments_lead_to_traces(run: Running) -> None:
    client = run.client(await run.key(Permission.READ, Permission.WRITE))
    dataset = (await client.post("/api/v1/datasets", json={"name": "qa", "metadata": {"a": 1}})).json()
    place = f"/api/v1/datasets/{dataset['id']}"
    items = [{"id": "one", "input": {"q": 1}, "splits": ["test"]}, {"id": "two", "input": None}]
    put = (await client.post(f"{place}/items", json={"items": items})).json()
    assert (put["version"], [one["id"] for one in put["items"]]) == (1, ["one", "two"])
    await client.post(f"{place}/items", json={"items": [{"id": "one", "status": "archived"}]})
    assert (await client.delete("/api/v1/dataset-items/two")).status_code == 204
    latest = (await client.get(f"{place}/versions/latest/items")).json()
    assert [(one["id"], one["status"], one["input"]) for one in latest["items"]] == [("one", "archived", {"q": 1})]
    assert (await client.get(f"{place}/versions/1/items", params={"split": "test"})).json()["total"] == 1
    await client.put(f"{place}/tags/prod", json={"version": 1})
    versions = (await client.get(f"{place}/versions")).json()["items"]
    assert [(one["number"], one["removed"], one["tags"]) for one in versions] == [
        (3, 1, []),
        (2, 0, []),
        (1, 0, ["prod"]),
    ]
    assert (await client.patch(place, json={"description": "d"})).json()["metadata"] == {"a": 1}
    made = await client.post("/api/v1/experiments", json={"name": "run", "dataset": "qa", "dataset_version": 1})
    experiment = made.json()
    link = {"item_id": "one", "trace_id": "t" * 32}
    await client.post(f"/api/v1/experiments/{experiment['id']}/items", json={"items": [link]})
    shown = (await client.get(f"/api/v1/experiments/{experiment['id']}")).json()
    assert (shown["item_count"], shown["dataset_version"]) == (1, 1)
    linked = (await client.get(f"/api/v1/experiments/{experiment['id']}/items")).json()["items"]
    assert [(one["item_id"], one["trace_id"]) for one in linked] == [("one", "t" * 32)]
    found = (await client.get("/api/v1/experiments", params={"dataset_id": dataset["id"]})).json()
    assert found["total"] == 1
    assert (await client.delete(f"/api/v1/experiments/{experiment['id']}")).status_code == 204
    assert (await client.delete(place)).status_code == 204
    assert (await client.get("/api/v1/datasets/qa")).status_code == 404
