"""LangSmith's own SDKs fill datasets, evaluate over them, and push and pull prompts."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pilothouse.compat.langsmith.manifests import content_of, manifest_of
from pilothouse.domain.access import Permission
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.prompt import LATEST
from pilothouse.registry.prompts import NewPromptVersion
from pilothouse.store.metadata.experiments import ExperimentFilter
from tests.compat.test_langsmith_http import FORM, form
from tests.compat.test_langsmith_sdks import ENVIRONMENTS, ROOT
from tests.server.harness import Running, running

_NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, clock=SystemClock()) as found:
        yield found


async def told(
    run: Running,
    environment: str,
    folder: Path,
    below: str,
    story: str = "library",
    *more: str,
    permissions: Sequence[Permission] = (Permission.INGEST, Permission.READ, Permission.WRITE),
) -> dict[str, Any]:
    python = ROOT / ".venv" / environment / "bin/python"
    if not python.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{python} is missing; `make test` installs it")
    key = await run.key(*permissions)
    surroundings = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE,
        "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        str(python), "-W", "ignore", "-m", f"tests.compat.langsmith_{story}_story", run.url + below, key, *more,
        cwd=ROOT, env=surroundings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    return json.loads(out.splitlines()[-1])


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("environment", "below"), [(ENVIRONMENTS[0], ""), *((name, "/api/v1") for name in ENVIRONMENTS)]
)
async def test_a_library_of_an_sdk(run: Running, environment: str, below: str, tmp_path: Path) -> None:
    library, project = run.parts.library, run.project.id
    ours = [{"role": "system", "content": "Be {{mood}}"}, {"role": "user", "content": "Hi {{name}}"}]
    await library.prompts.create_version(
        NewPromptVersion(project_id=project, name="greet", content=ours[1:]), actor="test"
    )
    said = await told(run, environment, tmp_path, below)
    assert said["dataset"] == {
        "name": "qa", "count": 3, "now": [1, 2, 3], "first": [1, 2], "before": [1, 2], "test": [1],
        "splits": ["test", "train"], "updated": {"n": 6}, "versions": 6, "listed": ["qa"], "has": [True, False],
    }  # fmt: skip
    assert said["evaluation"] == {
        "outputs": [2, 4, 6], "scores": [1, 1, 1], "different": True, "prefix": True, "project": [True, "me"],
        "experiments": 2,
    }  # fmt: skip
    _files(said["files"])
    assert said["chosen"].pop("left", [[0, 2], [0, 2]]) == [[0, 2], [0, 2]]
    assert said["chosen"] == {"found": [[1], [0], [2], [0, 1]], "datasets": [["chosen"], ["chosen"], []]}
    assert said["uploaded"] == {
        "made": [["café.csv", None, "kv", 2], ["named", "d", "llm", 2], ["chat.csv", None, "chat", 1]],
        "again": "LangSmithConflictError",
        "examples": [[{"asked": "Why?"}, {"answer": "Because,\r\nyes"}], [{"asked": "How?"}, {"answer": ""}]],
        "chat": [{"messages": [{"role": "user", "content": "Hi"}]}, {"output": "Hello"}],
    }
    prompts = said["prompts"]
    assert (prompts["made"], prompts["hash"], prompts["commits"]) == (["ask", "greet"], 64, [True])
    assert [prompts[name] for name in ("same", "by hash", "tagged")] == [True] * 3
    assert (prompts["prompt"], prompts["missing"], prompts["left"]) == (["new", 1], None, None)
    assert said["gone"] is False
    if "pulled" in prompts:
        assert (prompts["pulled"], prompts["from us"]) == (["Be kind", "why"], ["Hi Ada"])
        pushed = await library.prompts.version(project, "pushed", LATEST)
        assert pushed.version.content == [ours[0], {"role": "user", "content": "{{q}}"}]
    assert (await library.experiments.page(ExperimentFilter(project_id=project)))[1] == 0


def _files(said: dict[str, Any]) -> None:
    every = {name: name for name in ("a", "b", "c", "d")}
    *changed, last = said.pop("changed")
    assert said == {"names": ["picture"], "same": True}
    assert changed == [
        every, every, every, {"a": "a", "b": "b", "see": "c"}, {"a": "a", "b": "new"}, {"b": "a", "e": "e"},
        {"f": "f"}, {},
    ]  # fmt: skip
    assert last == [{"q": 2}, {"a": 2}, {"m": 1, "dataset_split": ["train"]}, ["h"]]


async def test_a_change_of_examples_in_json_names_the_files_that_stay(run: Running) -> None:
    client = run.client(headers={"x-api-key": await run.key(Permission.READ, Permission.WRITE)})
    dataset = (await client.post("/datasets", json={"name": "qa"})).json()["id"]
    example = "01937F5E-0000-7000-8000-000000000001"
    names = ("a", "b", "c")
    parts = {f"{example}.attachment.{name}": name.encode() for name in names}
    sent = form({example: b'{"split":"test"}', f"{example}.inputs": b'{"q":1}', **parts}, "text/plain")
    place = f"/v1/platform/datasets/{dataset}/examples"
    assert (await client.post(place, content=sent, headers=FORM)).json()["example_ids"] == [example.lower()]

    async def left() -> list[str]:
        found = (await client.get(f"/examples/{example}")).json()
        assert (found["inputs"]["q"], found["metadata"]["dataset_split"]) == (1, ["test"])
        return list(found["attachment_urls"] or ())

    assert await left() == ["attachment.a", "attachment.b", "attachment.c"]
    for wrong in ([{"retain": ["a"]}], {"retain": ["b"], "rename": {"a": "b"}}):
        operations = {"attachments_operations": wrong}
        assert (await client.patch(f"/examples/{example}", json=operations)).status_code == 400
        changed = form({f"{example}.attachments_operations": wrong})
        assert (await client.patch(place, content=changed, headers=FORM)).status_code == 400
    assert len(await left()) == len(names)
    for body in ({"metadata": {"m": 1}}, {"attachments_operations": None}):
        assert (await client.patch(f"/examples/{example}", json=body)).status_code == 200
        assert (await client.patch("/examples/bulk", json=[{"id": example, **body}])).status_code == 200
    assert len(await left()) == len(names)
    renamed = {"attachments_operations": {"retain": ["a"], "rename": {"b": "bee"}}}
    assert (await client.patch(f"/examples/{example}", json=renamed)).status_code == 200
    assert await left() == ["attachment.a", "attachment.bee"]
    one = {"attachments_operations": {"retain": ["a", "none"]}}
    assert (await client.patch("/examples/bulk", json=[{"id": example, **one}])).json()["count"] == 1
    assert await left() == ["attachment.a"]


async def test_examples_and_datasets_are_chosen_by_what_is_understood(run: Running) -> None:
    client = run.client(headers={"x-api-key": await run.key(Permission.READ, Permission.WRITE)})
    dataset = (await client.post("/datasets", json={"name": "qa"})).json()["id"]
    for wrong in ('exists(inputs, "a")', "and()", "has(metadata, '[1]')", "eq(metadata, 1)", "exists(metadata)", "("):
        answer = await client.get("/examples", params={"dataset": dataset, "filter": wrong})
        assert (answer.status_code, bool(answer.json()["detail"])) == (400, True), wrong
    assert (await client.get("/datasets", params={"metadata": "{"})).status_code == 400
    found = [(await client.get("/datasets", params=asked)).json() for asked in (
        {"name": "qa", "data_type": "llm"}, {"name": "qa", "data_type": "kv"}, {"name": "qa", "id": str(uuid4())},
    )]  # fmt: skip
    assert [len(one) for one in found] == [0, 1, 0]
    place = "/v1/platform/datasets/examples/delete"
    gone = {"example_ids": [str(uuid4())], "hard_delete": True}
    assert (await client.post(place, json=gone)).status_code == 404
    assert (await client.post(place, json={"example_ids": [], "hard_delete": True})).status_code == 400
    reader = run.client(headers={"x-api-key": await run.key(Permission.READ)})
    assert (await reader.post(place, json=gone)).status_code == 403


@pytest.mark.timeout(60)
async def test_traces_of_an_evaluation_are_linked_to_its_examples(run: Running) -> None:
    client = run.client(headers={"x-api-key": await run.key(Permission.INGEST, Permission.READ, Permission.WRITE)})
    dataset = (await client.post("/datasets", json={"name": "qa"})).json()
    assert (await client.post("/datasets", json={"name": "qa"})).status_code == 409
    example = (await client.post("/examples", json={"dataset_id": dataset["id"], "inputs": {"n": 1}})).json()
    new = {"name": "e", "reference_dataset_id": dataset["id"], "extra": {"metadata": {"a": 1}}}
    session = (await client.post("/sessions", json=new)).json()
    assert (await client.post("/sessions", json=new)).status_code == 409
    assert (await client.post("/sessions?upsert=true", json=new)).json()["id"] == session["id"]
    root = "01937f5e-0000-7000-8000-000000000001"
    runs = [
        {"id": root, "trace_id": root, "session_name": "e", "reference_example_id": example["id"], "name": "r"},
        {"id": "01937f5e-0000-7000-8000-000000000002", "trace_id": root, "parent_run_id": root, "session_name": "e",
         "reference_example_id": example["id"], "name": "below"},
    ]  # fmt: skip
    assert (await client.post("/runs/batch", json={"post": runs, "patch": []})).status_code == 202
    items, total = await run.parts.library.experiments.items(run.project.id, session["id"], 10)
    assert ([(one.item_id, one.trace_id) for one in items], total) == ([(example["id"], root.replace("-", ""))], 1)
    shown = (await client.get(f"/sessions/{session['id']}")).json()
    assert (shown["run_count"], shown["extra"]) == (1, {"metadata": {"a": 1}})
    assert (await client.delete(f"/sessions/{session['id']}")).status_code == 200
    assert (await client.get("/sessions", params={"reference_dataset": dataset["id"]})).json() == []


def test_what_is_asked_is_read_from_langchains_documents_and_written_as_them() -> None:
    content = [
        {"role": "system", "content": "Be {{mood}}"},
        {"type": "placeholder", "name": "history"},
        {"role": "user", "content": "{{q}} {x}"},
        {"role": "assistant", "content": "fine"},
        {"role": "critic", "content": "hm"},
    ]
    assert content_of(manifest_of(content)) == content
    assert content_of(manifest_of("Hi {{name}}")) == "Hi {{name}}"
    plain = {
        "lc": 1,
        "type": "constructor",
        "id": ["x", "PromptTemplate"],
        "kwargs": {"template": "{a} {{b}} {c!r:>10}"},
    }
    assert content_of(plain) == "{{a}} {b} {{c}}"
    sequence = {"lc": 1, "id": ["x", "RunnableSequence"], "kwargs": {"first": plain, "last": {}}}
    assert content_of(sequence) == "{{a}} {b} {{c}}"
    strange = {"lc": 1, "id": ["x", "Other"], "kwargs": {}}
    assert content_of(strange) == '{"lc":1,"id":["x","Other"],"kwargs":{}}'
