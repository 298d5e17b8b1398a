"""Single feedbacks over LangSmith's API: read, changed, deleted, given without a key; and how they are to be."""

from uuid import UUID, uuid4

from pilothouse.domain.access import Permission
from tests.compat.pipeline import Pipeline
from tests.compat.test_langsmith_reads import made
from tests.server.harness import Client

EVERY = (Permission.INGEST, Permission.READ, Permission.WRITE)


async def sdk(line: Pipeline, *permissions: Permission) -> Client:
    return line.run.client(headers={"x-api-key": await line.run.key(*(permissions or EVERY))})


async def test_a_feedback_is_read_changed_and_deleted(line: Pipeline) -> None:
    client, run = await sdk(line), made(1)
    child = made(2, UUID(run["id"]))
    await client.post("/runs/batch", json={"post": [run, child], "patch": []})
    body = {"id": str(uuid4()), "key": "quality", "score": 0.25, "comment": "so so", "run_id": child["id"],
            "trace_id": run["id"]}  # fmt: skip
    await client.post("/feedback", json=body)
    await line.drain()
    address = f"/feedback/{body['id']}"
    found = (await client.get(address)).json()
    assert (found["key"], found["score"], found["run_id"], found["trace_id"]) == (
        "quality", 0.25, child["id"], run["id"],
    )  # fmt: skip
    assert (await client.patch(address, json={"score": 0.75})).status_code == 200
    await line.drain()
    changed = (await client.get(address)).json()
    assert (changed["score"], changed["comment"], changed["created_at"]) == (0.75, "so so", found["created_at"])
    assert (await client.get(f"/feedback?run={child['id']}")).json()[0]["score"] == 0.75
    assert (await (await sdk(line, Permission.INGEST)).delete(address)).status_code == 403
    assert (await client.delete(address)).status_code == 200
    assert (await client.get(address)).status_code == 404
    assert (await client.get(f"/feedback?run={child['id']}")).json() == []


async def test_whoever_has_an_address_gives_feedback_of_one_name_to_one_run(line: Pipeline) -> None:
    client, run = await sdk(line, Permission.INGEST, Permission.READ), made(1)
    await client.post("/runs/batch", json={"post": [run], "patch": []})
    await line.drain()
    wanted = [{"run_id": run["id"], "feedback_key": name, "expires_in": {"hours": 1}} for name in ("up", "down")]
    up, down = (await client.post("/feedback/tokens", json=wanted)).json()
    listed = (await client.get(f"/feedback/tokens?run_id={run['id']}")).json()
    assert {one["id"] for one in listed} == {up["id"], down["id"]}
    assert len((await client.get(f"/feedback/tokens?run_id={run['id']}&limit=1&offset=x")).json()) == 1
    endless = {"run_id": run["id"], "feedback_key": "up", "expires_in": {"hours": "inf"}}
    assert (await client.post("/feedback/tokens", json=endless)).status_code == 400
    stranger = line.run.client()
    assert (await stranger.get(up["url"], params={"score": "1", "comment": "yes"})).status_code == 200
    assert (await stranger.post(down["url"], json={"score": 0, "metadata": {"page": 3}})).status_code == 200
    assert (await stranger.get(up["url"], params={"score": "much"})).status_code == 400
    assert (await stranger.get(up["url"].replace(up["id"], str(uuid4())))).status_code == 404
    await line.drain()
    found = {one["key"]: (one["score"], one["comment"]) for one in
             (await client.get(f"/feedback?run={run['id']}")).json()}  # fmt: skip
    assert found == {"up": (1.0, "yes"), "down": (0.0, None)}
    past = {"run_id": run["id"], "feedback_key": "late", "expires_at": "2020-01-01T00:00:00Z"}
    assert (await client.post("/feedback/tokens", json=past)).status_code == 400
    (key,) = [one for one in await line.run.parts.registry.list_keys(line.run.project.id) if "read" in one.permissions]
    await line.run.parts.registry.revoke_key(line.run.project.id, key.id, actor="test")
    assert (await stranger.get(down["url"], params={"score": "1"})).status_code == 404


async def test_how_feedback_of_a_key_is_to_be(line: Pipeline) -> None:
    client = await sdk(line)
    config = {"type": "categorical", "min": None, "max": None, "categories": [{"value": 1.0, "label": "good"}]}
    body = {"feedback_key": "mood", "feedback_config": config, "is_lower_score_better": False}
    first = (await client.post("/feedback-configs", json=body)).json()
    assert (first["feedback_config"], first["is_lower_score_better"]) == (config, False)
    assert (await client.post("/feedback-configs", json=body)).json()["id"] == first["id"]
    other = {**body, "feedback_config": {"type": "continuous", "min": 0, "max": 1}}
    assert (await client.post("/feedback-configs", json=other)).status_code == 409
    more = {"feedback_key": "mood", "add_categories": [{"value": 0, "label": "bad"}], "is_lower_score_better": True}
    changed = (await client.patch("/feedback-configs", json=more)).json()
    assert [one["label"] for one in changed["feedback_config"]["categories"]] == ["good", "bad"]
    less = {"feedback_key": "mood", "remove_categories": [{"value": 1}]}
    assert (await client.patch("/feedback-configs", json=less)).json()["is_lower_score_better"] is True
    assert [one["feedback_key"] for one in (await client.get("/feedback-configs?key=mood")).json()] == ["mood"]
    assert (await client.delete("/feedback-configs?feedback_key=mood")).status_code == 204
    assert (await client.get("/feedback-configs")).json() == []


async def test_a_prompt_is_liked_once_by_each(line: Pipeline) -> None:
    client = await sdk(line)
    assert (await client.post("/repos/", json={"repo_handle": "greet", "is_public": False})).status_code == 200
    for _ in range(2):
        assert (await client.post("/likes/-/greet", json={"like": True})).json() == {"likes": 1}
    repo = (await client.get("/repos/-/greet")).json()["repo"]
    assert (repo["num_likes"], repo["liked_by_auth_user"]) == (1, True)
    assert (await (await sdk(line)).get("/repos/-/greet")).json()["repo"]["liked_by_auth_user"] is False
    assert (await client.post("/likes/-/greet", json={"like": False})).json() == {"likes": 0}
