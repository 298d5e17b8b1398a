"""Version 2 of LangSmith's API: what its newest SDK reads with it, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from pilothouse.domain.access import Permission
from tests.compat.pipeline import Pipeline
from tests.compat.test_langsmith_library import told
from tests.compat.test_langsmith_reads import sdk
from tests.compat.test_langsmith_sdks import ENVIRONMENTS
from tests.server.harness import Client, Running

RUNS = [f"0199aaaa-0000-7000-8000-00000000000{number}" for number in (1, 2, 3, 4)]


@pytest.mark.timeout(180)
async def test_the_newest_sdk_reads_what_it_sent(line: Pipeline, tmp_path: Path) -> None:
    newest = ENVIRONMENTS[0]
    sent = await told(line.run, newest, tmp_path, "/api/v1", "v2", "send", *RUNS)
    await line.drain()
    read = await told(line.run, newest, tmp_path, "/api/v1", "v2", "read", *RUNS, sent["experiment"])
    assert read["warned"] == []
    _runs(read["runs"])
    _traces(read["traces"])
    _threads(read["threads"])
    _sessions(read["sessions"])


def _runs(read: dict[str, Any]) -> None:
    assert read["runs"] == [
        ["alone", "CHAIN", "SUCCESS", True, None], ["second", "CHAIN", "ERROR", True, "t-1"],
        ["call", "LLM", "SUCCESS", False, "t-1"], ["first", "CHAIN", "SUCCESS", True, "t-1"],
    ]  # fmt: skip
    assert read["call"] == [[RUNS[0]], RUNS[0], 14, 0.25, 0.1, {"cache_read": 3}, {"q": "call"}]
    assert read["first"] == [["photo"], 1, 0.5, ["fine"], None]
    assert (read["plain"], read["streamed"]) == ([None] * 4, ["alone", "second", "call", "first"])
    assert read["filters"] == [
        ["first"], ["second"], ["call"], ["call"], ["call", "first"], ["alone"], ["first"], [], ["call", "first"],
    ]  # fmt: skip
    assert read["url"].endswith(f"/traces/{RUNS[0].replace('-', '')}")


def _traces(read: dict[str, Any]) -> None:
    assert read["traces"] == [["alone", 0, None], ["second", 0, None], ["first", 14, 0.25]]
    assert read["some"] == [[RUNS[2], None, None]]
    assert (read["inside"], read["calls"]) == (["first", "call"], [RUNS[1]])


def _threads(read: dict[str, Any]) -> None:
    assert read["thread"] == ["t-1", 2, 1, 14, 0.25]
    assert (read["ends"], read["last"]) == ([True] * 3, ["ValueError", 2.0, {"cache_read": 3}])
    assert read["found"] == [1, 0, 1, 0, 0, 0]
    assert read["traces"] == [["second", 2.0, "t-1", True], ["first", 2.0, "t-1", True]]
    assert (read["stats"], read["times"]) == ([2, 14, 0.25, 2.0, 0.5], [True, True])
    assert read["every"] == [1, 2, 0.5, 14, 0.25, 2.0, 10, 4, None]


def _sessions(read: dict[str, Any]) -> None:
    assert read["every"][0] == [True, "EXPERIMENT"]
    assert [False, "PROJECT"] in read["every"][1:]
    assert sum(one[0] for one in read["every"]) == 1
    assert (read["named"], read["resolved"]) == (["EXPERIMENT", 2, 2], True)
    assert read["shop"] == ["shop", "PROJECT", 3, 14, 0.25]
    assert read["of dataset"] == [[True, True]] * 2
    assert read["results"] == [[1, 2, 2, 1, True], [2, 5, 4, 0, True]]


async def asked(run: Running) -> tuple[Client, str]:
    client = run.client(headers={"x-api-key": await run.key(Permission.READ, Permission.INGEST, Permission.WRITE)})
    (named,) = (await client.get("/api/v1/sessions", params={"name": "shop"})).json()
    return client, named["id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("runs/query", {}),
        ("runs/query", {"project_ids": ["no"]}),
        ("runs/query", {"project_ids": [RUNS[0]], "reference_dataset_id": RUNS[0]}),
        ("runs/query", {"project_ids": [RUNS[0]], "selects": ["SHOE_SIZE"]}),
        ("runs/query", {"project_ids": [RUNS[0]], "ai_search": "slow ones"}),
        ("runs/query", {"project_ids": [RUNS[0]], "include_subtree_usage": True}),
        ("runs/query", {"project_ids": [RUNS[0]], "shoe": 1}),
        ("runs/query", {"project_ids": [RUNS[0]], "page_size": 1_001}),
        ("runs/query", {"project_ids": [RUNS[0]], "page_size": 0}),
        ("runs/query", {"project_ids": [RUNS[0]], "min_start_time": "soon"}),
        ("traces/query", {}),
        ("traces/query", {"project_id": RUNS[0], "page_size": 101}),
        ("threads/query", {"project_id": RUNS[0], "thread_filter": "gt(shoe, 1)"}),
        ("threads/query", {"project_id": RUNS[0], "filter": 'eq(name, "a")', "tree_filter": 'eq(name, "b")'}),
        ("threads/query", {"project_id": RUNS[0], "max_start_time": 5}),
        ("threads/stats", {"project_id": RUNS[0], "select": ["TURNS"]}),
        ("threads/stats", {"project_id": RUNS[0], "stride": {"unit": "DAY", "value": 1}}),
        ("sessions", {"type": "AGENT", "name": "a"}),
        ("sessions", {"type": "EXPERIMENT", "name": "a"}),
        (f"datasets/{RUNS[0]}/experiment-runs", {}),
        (f"datasets/{RUNS[0]}/experiment-runs", {"experiment_ids": [RUNS[0]], "sort": {"by": "feedback.a"}}),
        (f"datasets/{RUNS[0]}/experiment-runs", {"experiment_ids": [RUNS[0]], "cursor": "zz"}),
    ],
)
async def test_what_is_not_understood_is_refused(run: Running, path: str, body: dict[str, Any]) -> None:
    client, _ = await asked(run)
    answer = await client.post(f"/api/v2/{path}", json=body)
    assert (answer.status_code, bool(answer.json()["detail"])) == (400, True), answer.text


async def test_what_is_not_served_is_said(run: Running) -> None:
    client, project = await asked(run)
    for method, path, status in (
        ("GET", f"threads/t/traces?project_id={project}&selects=TURN_NUMBER", 400), ("GET", "datasets", 404),
        ("POST", f"runs/{RUNS[0]}/share", 501), ("POST", "sql/query", 501), ("GET", f"public/{RUNS[0]}/run", 404),
        ("GET", "sessions?sort_by=NAME", 400), ("GET", "sessions?metadata=%7B%7D", 400),
        ("GET", f"threads/t/stats?session_id={project}&selects=TURNS", 404),
        ("GET", f"runs/{RUNS[0]}?project_id={project}", 404), ("GET", f"runs/{RUNS[0]}", 400),
    ):  # fmt: skip
        answer = await client.request(method, f"/api/v2/{path}", json={} if method == "POST" else None)
        assert (answer.status_code, bool(answer.json()["detail"])) == (status, True), path
    for kind, status in (("AGENT", 404), ("EXPERIMENT", 400)):
        answer = await client.get("/api/v1/sessions/resolutions", params={"kind": kind})
        assert answer.status_code == status


async def test_reads_need_a_key_that_may_read(run: Running) -> None:
    body = {"project_ids": [RUNS[0]], "project_id": RUNS[0]}
    for path in ("runs/query", "traces/query", "threads/query", "threads/stats", f"datasets/{RUNS[0]}/experiment-runs"):
        assert (await run.client().post(f"/api/v2/{path}", json=body)).status_code == 401
        writer = run.client(headers={"x-api-key": await run.key(Permission.INGEST)})
        assert (await writer.post(f"/api/v2/{path}", json=body)).status_code == 403


async def test_a_run_of_another_project_is_not_found_there(line: Pipeline) -> None:
    client = await sdk(line)
    made = {"id": RUNS[0], "name": "a", "run_type": "chain", "session_name": "shop"}
    assert (await client.post("/runs/batch", json={"post": [made]})).status_code == 202
    await line.drain()
    ids = {
        name: (await client.get("/api/v1/sessions", params={"name": name})).json()[0]["id"] for name in ("shop", "bar")
    }
    found = await client.get(f"/api/v2/runs/{RUNS[0]}", params={"project_id": ids["shop"]})
    assert (found.status_code, found.json()) == (200, {"id": RUNS[0]})
    missing = await client.get(f"/api/v2/runs/{RUNS[0]}", params={"project_id": ids["bar"]})
    assert missing.status_code == 404


async def test_a_project_is_made_shown_and_not_renamed(run: Running) -> None:
    client, _ = await asked(run)
    made = (await client.post("/api/v2/sessions", json={"type": "PROJECT", "name": "new", "extra": {"a": 1}})).json()
    assert (made["type"], made["name"], made["extra"]) == ("PROJECT", "new", {"a": 1})
    dataset = (await client.post("/datasets", json={"name": "qa"})).json()
    body = {"type": "EXPERIMENT", "name": "e", "reference_dataset_id": dataset["id"]}
    experiment = (await client.post("/api/v2/sessions", json=body)).json()
    assert experiment["type"] == "EXPERIMENT"
    assert (await client.post("/api/v2/sessions", json=body)).status_code == 409
    place = f"/api/v2/sessions/{experiment['id']}"
    changed = await client.patch(place, json={"description": "d"})
    assert (changed.json()["description"], (await client.get(place)).json()["description"]) == ("d", "d")
    listed = await client.get("/api/v2/sessions", params={"reference_dataset_id": dataset["id"]})
    assert [one["id"] for one in listed.json()["items"]] == [experiment["id"]]
    runs = {"reference_dataset_id": (await client.post("/datasets", json={"name": "empty"})).json()["id"]}
    assert (await client.post("/api/v2/runs/query", json=runs)).json() == {"items": [], "next_cursor": None}
