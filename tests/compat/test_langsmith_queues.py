"""LangSmith's annotation queues: its own SDKs fill and work them off, and what stands in them comes from anywhere."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from pilothouse.compat.langsmith import ids
from pilothouse.domain.access import Permission
from pilothouse.domain.review import ReviewPlace, ReviewState
from pilothouse.registry.reviews import Subject
from tests.compat.pipeline import Pipeline
from tests.compat.test_langsmith_library import told
from tests.compat.test_langsmith_reads import made
from tests.compat.test_langsmith_sdks import ENVIRONMENTS
from tests.server.harness import Client, Running

RUNS = [f"0199aaaa-0000-7000-8000-00000000000{number}" for number in (3, 1, 2)]
EVERY = (Permission.INGEST, Permission.READ, Permission.WRITE)


async def sdk(run: Running, *permissions: Permission) -> Client:
    return run.client(headers={"x-api-key": await run.key(*(permissions or EVERY))})


async def queue(client: Client, **more: Any) -> str:
    answer = await client.post("/annotation-queues", json={"name": "q", **more})
    assert answer.status_code == 200, answer.text
    return f"/annotation-queues/{answer.json()['id']}"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
async def test_queues_of_an_sdk(line: Pipeline, environment: str, tmp_path: Path) -> None:
    await told(line.run, environment, tmp_path, "/api/v1", "queues", "send", *RUNS)
    await line.drain()
    said = await told(line.run, environment, tmp_path, "/api/v1", "queues", "queue", *RUNS)
    assert said["read"] == ["day", "d", "look"]
    assert said["listed"] == [["day"], ["day"], ["day"], [], ["day"]]
    assert said["first"] == [RUNS[0], "n0", {"number": 0}, {"a": 0}, True]
    assert (said["left"], said["errors"], said["gone"]) == ([RUNS[0], RUNS[2]], ["not found"] * 4, [])
    if said["rubric"] is not None:
        asked = {"feedback_key": "right", "description": "Is it?", "is_required": True}
        assert said["rubric"] == {**asked, "value_descriptions": {"1": "yes"}, "feedback_config": None}
    if "all" in said:
        assert said["all"] == [["n0", "n2"], ["n0"], ["n0", "n2"], []]
    if "newer" in said:
        assert said["newer"] == {
            "added": [["RUN", RUNS[0], None], ["THREAD", None, "t-1"]], "done": [True, "completed"],
            "waiting": [RUNS[2], RUNS[1], "t-1"], "archived": [[RUNS[0], True]], "counts": [4, 1], "queues": ["day"],
            "listed": [["day", 3]], "placed": ["needs_my_review", 1], "changed": [{"a": 1}, "right", None], "left": 3,
            "several": [2, True, 3, RUNS[0], 1],
        }  # fmt: skip


async def filled(line: Pipeline) -> tuple[Client, str, list[str]]:
    """Return a client, and a queue with three runs in it, of which the last is below the first."""
    client = await sdk(line.run)
    runs = [made(1), made(2), made(3, UUID(made(1)["id"]), run_type="llm")]
    assert (await client.post("/runs/batch", json={"post": runs})).status_code == 202
    await line.drain()
    place = await queue(client)
    found = [one["id"] for one in runs]
    assert len((await client.post(f"{place}/runs", json=found)).json()) == 3
    return client, place, found


async def test_a_review_is_begun_done_taken_back_and_moved(line: Pipeline) -> None:
    client, place, runs = await filled(line)

    async def names(**asked: Any) -> list[str]:
        return [one["name"] for one in (await client.get(f"{place}/runs", params=asked)).json()]

    items = [one["queue_run_id"] for one in (await client.get(f"{place}/runs")).json()]
    status = f"/annotation-queues/status/{items[0]}"
    assert (await client.post(status, json={"status": "viewed"})).json()["last_reviewed_time"] is not None
    assert await names(status="needs_my_review") == ["n1", "n2", "n3"]
    assert (await client.post(status, json={"status": "completed"})).status_code == 200
    assert (await names(status="needs_my_review"), await names(archived="true")) == (["n2", "n3"], ["n1"])
    assert (await names(), await names(archived="false")) == (["n1", "n2", "n3"], ["n2", "n3"])
    assert await names(status="needs_others_review") == []
    sizes = [(await client.get(f"{place}/{one}")).json()["size"] for one in ("size", "total_size", "total_archived")]
    assert sizes == [2, 3, 1]
    assert (await client.get(f"{place}/run/0")).json()["name"] == "n2"
    assert (await client.post(status, json={"status": None})).status_code == 200
    assert (await client.get(f"{place}/run/0")).json()["last_reviewed_time"] is None
    later = {"added_at": "2099-01-01T00:00:00Z", "last_reviewed_time": "2026-11-28T00:00:00Z"}
    assert (await client.patch(f"{place}/runs/{runs[0]}", json=later)).status_code == 200
    assert await names() == ["n2", "n3", "n1"]
    for wrong in ({"status": "fine"}, {"status": 5}):
        assert (await client.post(status, json=wrong)).status_code == 400
    assert (await client.patch(f"{place}/runs/{runs[0]}", json={"added_at": "soon"})).status_code == 400
    assert (await client.get(f"{place}/runs", params={"status": "fine"})).status_code == 400


async def test_runs_are_taken_out_one_by_one_or_all_but_some(line: Pipeline) -> None:
    client, place, runs = await filled(line)
    assert (await client.post(f"{place}/runs/delete", json={})).status_code == 400
    assert (await client.post(f"{place}/runs/delete", json={"run_ids": [runs[2]]})).status_code == 200
    assert [one["id"] for one in (await client.get(f"{place}/runs")).json()] == runs[:2]
    gone = {"delete_all": True, "exclude_run_ids": [runs[1]]}
    assert (await client.post(f"{place}/runs/delete", json=gone)).status_code == 200
    assert [one["id"] for one in (await client.get(f"{place}/runs")).json()] == [runs[1]]
    assert [one["name"] for one in (await client.get(f"/annotation-queues/{runs[1]}/queues")).json()] == ["q"]
    assert (await client.get(f"/annotation-queues/{runs[0]}/queues")).json() == []


async def test_what_other_products_brought_or_is_gone_is_shown_too(line: Pipeline) -> None:
    client, place, runs = await filled(line)
    project, queue_id = line.run.project.id, place.rpartition("/")[2]
    reviews = line.run.parts.library.reviews
    root = UUID(runs[0])
    at_ns = 1_795_879_490_000_000_000
    await reviews.add(
        project, queue_id,
        [Subject(place=ReviewPlace(ids.trace_id(root)), at_ns=at_ns), Subject(place=ReviewPlace("f" * 32, "e" * 16),
         at_ns=at_ns)], actor="person:1",
    )  # fmt: skip
    shown = (await client.get(f"{place}/runs", params={"limit": 5})).json()
    assert [one["name"] for one in shown] == ["n1", "n2", "n3", "n1", "this run is not kept any more"]
    assert [UUID(one["id"]).version for one in shown] == [7, 7, 7, 7, 5]
    (item,) = await reviews.of_traces(project, ["f" * 32])
    assert (item.added_by, item.state) == ("person:1", ReviewState.WAITING)


async def test_the_runs_of_an_experiment_are_put_into_a_queue(line: Pipeline) -> None:
    client = await sdk(line.run)
    dataset = (await client.post("/datasets", json={"name": "qa"})).json()
    example = (await client.post("/examples", json={"dataset_id": dataset["id"], "inputs": {"n": 1}})).json()
    session = (await client.post("/sessions", json={"name": "e", "reference_dataset_id": dataset["id"]})).json()
    run = made(1, session_name="e", reference_example_id=example["id"])
    assert (await client.post("/runs/batch", json={"post": [run]})).status_code == 202
    await line.drain()
    place = await queue(client, session_ids=[session["id"]], default_dataset=dataset["id"])
    assert [one["id"] for one in (await client.get(f"{place}/runs")).json()] == [run["id"]]
    asked = {"queue_id": place.rpartition("/")[2], "session_ids": [session["id"]]}
    assert (await client.post("/annotation-queues/populate", json=asked)).status_code == 200
    assert (await client.get(f"{place}/size")).json() == {"size": 1}
    assert (await client.get(place)).json()["default_dataset"] == dataset["id"]
    listed = await client.get("/annotation-queues", params={"dataset_id": dataset["id"]})
    assert [one["total_runs"] for one in listed.json()] == [1]
    assert (await client.patch(place, json={"default_dataset": None})).json()["default_dataset"] is None


async def test_a_changed_rubric_keeps_its_conditions_and_shows_how_feedback_is_to_be(run: Running) -> None:
    client = await sdk(run)
    config = {"feedback_key": "right", "feedback_config": {"type": "continuous", "min": 0, "max": 1}}
    assert (await client.post("/feedback-configs", json=config)).status_code == 200
    rules = {"join": "all", "rules": [{"key": "a", "op": "is_empty"}]}
    place = await queue(client, rubric_items=[{"feedback_key": "right", "visible_if": rules, "regex_validator": "x"}])
    asked = [{"feedback_key": "right", "description": "d"}, {"feedback_key": "other"}]
    (right, other) = (await client.patch(place, json={"rubric_items": asked, "name": None})).json()["rubric_items"]
    assert (right["visible_if"], right.get("regex_validator"), right["description"]) == (rules, None, "d")
    assert (right["feedback_config"]["feedback_config"]["type"], other["feedback_config"]) == ("continuous", None)
    (right, _) = (
        await client.patch(place, json={"rubric_items": [{**asked[0], "visible_if": None}, asked[1]]})
    ).json()["rubric_items"]
    assert "visible_if" not in right


async def test_several_reviewers_work_off_a_queue(line: Pipeline) -> None:
    client, first, runs = await filled(line)
    assert (await client.delete(first)).status_code == 200
    place = await queue(client, num_reviewers_per_item=2, enable_reservations=True, reservation_minutes=5)
    shown = (await client.get(place)).json()
    assert (shown["num_reviewers_per_item"], shown["enable_reservations"], shown["reservation_minutes"]) == (2, True, 5)
    added = (await client.post(f"{place}/runs", json=runs[:2])).json()
    ada, bob, cy = [await sdk(line.run) for _ in range(3)]
    items = f"/api/v1/platform{place}/items"

    async def sections(who: Client) -> list[list[str]]:
        names = ("needs_my_review", "needs_others_review", "archived")
        found = [(await who.get(items, params={"status": one})).json()["items"] for one in names]
        counts = [(await who.get(f"{items}/count", params={"status": one})).json()["count"] for one in names]
        old = [(await who.get(f"{place}/runs", params={"status": one})).json() for one in names]
        assert [len(one) for one in found] == [len(one) for one in old] == counts
        return [[one["run_id"] for one in section] for section in found]

    async def say(who: Client, status: str | None, expected: int = 200) -> None:
        answer = await who.post(f"/annotation-queues/status/{added[0]['id']}", json={"status": status})
        assert answer.status_code == expected, answer.text

    async def reviewers() -> tuple[int, int]:
        (one, _) = (await client.get(f"{place}/runs")).json()
        return len(one["completed_by"]), len(one["reserved_by"])

    await say(ada, "viewed")
    await say(bob, "viewed")
    await say(cy, "viewed", 409)
    assert (await sections(cy), await reviewers()) == ([[runs[1]], [runs[0]], []], (0, 2))
    assert (await cy.get(f"{place}/run/0")).json()["id"] == runs[1]
    assert (await ada.get(f"{place}/run/0")).json()["id"] == runs[0]
    await say(ada, "completed")
    assert (await sections(ada), await reviewers()) == ([[runs[1]], [runs[0]], []], (1, 1))
    placed = (await ada.get(f"{items}/{added[0]['id']}/placement")).json()
    assert (placed["section"], placed["position"]) == ("needs_others_review", 0)
    sizes = [(await bob.get(f"{place}/{one}")).json()["size"] for one in ("size", "total_size", "total_archived")]
    assert sizes == [2, 2, 0]
    await say(bob, "completed")
    assert [await sections(one) for one in (ada, bob, cy)] == [[[runs[1]], [], [runs[0]]]] * 3
    assert await reviewers() == (2, 0)
    await say(bob, None)
    assert (await sections(bob), await reviewers()) == ([runs[:2], [], []], (1, 0))
    assert (await client.patch(place, json={"num_reviewers_per_item": 1})).status_code == 200
    assert await sections(bob) == [[runs[1]], [], [runs[0]]]
    changed = await client.patch(place, json={"enable_reservations": False, "num_reviewers_per_item": None})
    assert (changed.json()["enable_reservations"], changed.json()["num_reviewers_per_item"]) == (False, 1)


async def test_what_queues_cannot_do_here_is_refused(run: Running) -> None:
    client = await sdk(run)
    place = await queue(client, id=RUNS[0])
    assert (await client.post("/annotation-queues", json={"name": "q", "id": RUNS[0]})).status_code == 409
    bodies: list[dict[str, Any]] = [
        {"name": ""}, {"name": "a", "num_reviewers_per_item": 51}, {"name": "a", "reviewer_access_mode": "assigned"},
        {"name": "a", "num_reviewers_per_item": 0}, {"name": "a", "reservation_minutes": 0},
        {"name": "a", "id": "no"}, {"name": "a", "rubric_items": [{}]},
    ]  # fmt: skip
    for body in bodies:
        assert (await client.post("/annotation-queues", json=body)).status_code == 400, body
    assert (await client.get("/annotation-queues", params={"sort_by": "name"})).status_code == 400
    assert (await client.get("/annotation-queues", params={"queue_type": "pairwise"})).json() == []
    assert (await client.post(f"{place}/runs", json=["no"])).status_code == 400
    assert (await client.post(f"{place}/runs", json=[str(uuid4())])).status_code == 404
    assert (await client.post(f"{place}/export", json={})).status_code == 501
    items = f"/api/v1/platform{place}/items"
    for asked in ({"status": "all"}, {"status": "archived", "agreement": "disagreed"},
                  {"status": "archived", "direction": "backward"}, {"status": "archived", "cursor": "zz"}):  # fmt: skip
        assert (await client.get(items, params=asked)).status_code == 400, asked
    assert (await client.put(f"{items}/{RUNS[1]}/finals/right", json={"score": 1})).status_code == 501
    assert (await client.post(items, json={"items": [{"item_type": "OTHER"}]})).status_code == 400


async def test_who_may_only_read_fills_no_queue_and_nobody_sees_anothers(run: Running) -> None:
    place = await queue(await sdk(run))
    reader = await sdk(run, Permission.READ)
    assert (await reader.get(place)).status_code == 200
    for method, path in (
        ("post", "/annotation-queues"),
        ("patch", place),
        ("delete", place),
        ("post", f"{place}/runs"),
    ):
        assert (await reader.request(method, path)).status_code == 403
    other = await run.parts.registry.create_project("other", actor="test")
    stranger = run.client(headers={"x-api-key": await run.key(*EVERY, project_id=other.id)})
    assert (await stranger.get(place)).status_code == 404
    assert (await stranger.get("/annotation-queues")).json() == []
    assert (await stranger.delete(place)).status_code == 404
